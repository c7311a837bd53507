"""The clips, queries and questions of a release's splits."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedTokenizerBase

from evaluation.release import SUBTITLES, Release, Task
from hero_model.config import HeroConfig
from hero_model.data.alignment import span_of_seconds
from hero_model.data.examples import Query, Question, make_clip, warn_of_long_clips, word_ids
from hero_model.data.feature_file import FeatureFile, check_rate
from hero_model.data.release import reading_release
from hero_model.data.subtitles import check_times, read_subtitles
from hero_model.errors import InputError


class Corpus:
    """The clips of some splits of a release that serve `task` (or any), with their queries and questions."""

    def __init__(
        self,
        release: Release,
        splits: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        config: HeroConfig,
        feature_set: str | None = None,
        task: Task | None = None,
    ) -> None:
        features = FeatureFile.of_release(release, feature_set)
        features.check(config.feature_size, config.frame_interval)
        with reading_release():
            indexes = [release.videos(split, task) for split in splits]
            spoken = release.entry(SUBTITLES)
        self.durations = {
            name: float(duration)
            for videos in indexes
            for name, duration in zip(videos.names, videos.durations, strict=True)
        }
        if not self.durations:
            raise InputError(f"{release.root}: no clips in {', '.join(splits)}")
        subtitles = read_subtitles(release.root / SUBTITLES, spoken)
        check_times(subtitles, self.durations, str(release.root / SUBTITLES))
        arrays = features.read(list(self.durations))
        check_rate(arrays, self.durations, features.interval, str(features.path))
        warn_of_long_clips({name: len(array) for name, array in arrays.items()}, config)
        self.clips = {
            name: make_clip(name, arrays[name], subtitles.get(name, []), tokenizer, config) for name in self.durations
        }
        self.release = release
        self._tokenizer = tokenizer
        self._interval = features.interval

    def queries(self, split: str, *, truth: bool = True) -> list[Query]:
        """Moment queries of a split in the file's order; without ``truth`` what every participant may see of them.

        Raises InputError.
        """
        with reading_release():
            rows = self.release.moments(split, truth=truth)
        found = []
        for index, text in enumerate(rows.desc):
            clip = rows.videos.names[rows.video[index]] if rows.video[index] >= 0 else None
            span = self._span(clip, rows.start[index], rows.end[index])
            found.append(Query(int(rows.desc_ids[index]), word_ids(text, self._tokenizer), clip, span))
        return found

    def questions(self, split: str, *, truth: bool = True) -> list[Question]:
        """Questions of a split in the file's order, ``truth`` as in `queries`.

        Raises InputError, also where a clip is not in the split.
        """
        with reading_release():
            rows = self.release.questions(split, truth=truth)
        found = []
        for index, text in enumerate(rows.q):
            clip = rows.video[index]
            if clip not in self.clips:
                raise InputError(f"{self.release.root}: question {rows.qids[index]}: clip {clip!r} is not of {split}")
            found.append(
                Question(
                    qid=int(rows.qids[index]),
                    words=word_ids(text, self._tokenizer),
                    options=tuple(word_ids(option, self._tokenizer) for option in rows.options[index]),
                    clip=clip,
                    span=self._span(clip, *rows.span[index]),
                    answer=int(rows.answer[index]),
                )
            )
        return found

    def _span(self, clip: str | None, start: float, end: float) -> tuple[int, int]:
        if clip is None or not np.isfinite([start, end]).all():
            return (-1, -1)
        return span_of_seconds(start, end, len(self.clips[clip].features), self._interval)
