"""A release directory as clips, queries and questions that a model can read."""

import html
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import safe_open
from transformers import PreTrainedTokenizerBase

from evaluation.release import SUBTITLES, Release, ReleaseError, Task
from evaluation.rows import ManifestFile, SubtitleLine, SubtitleRow, read_lines
from hero_model.config import HeroConfig
from hero_model.data.alignment import join_unmatched, pair
from hero_model.data.collate import Clip, Ids, span_of_seconds
from hero_model.errors import InputError, InputWarning, refusing
from hero_model.paths import check_input_file

LARGEST_FEATURE = 1e6  # networks give numbers below a thousand; squares of far larger ones leave float32
LONGEST_S = 86_400.0  # a subtitle beyond a day is in another unit
FLOATS = ("F16", "BF16", "F32", "F64")  # as safetensors calls them
FRAMES_OF_SILENT_SENTENCE = 5  # a clip without subtitles gets empty sentences of so many frames (released code)


@dataclass(frozen=True)
class Features:
    """A file of vectors, one per frame, read clip by clip: a feature file, or an index of `encode`."""

    path: Path
    interval: float
    size: int
    names: list[str]

    @classmethod
    def of_release(cls, release: Release, name: str | None) -> "Features":
        """The feature set `name`, or the only one there is. Raises InputError."""
        files = release.feature_files()
        if name is None and len(files) != 1:
            raise InputError(f"{release.root}: {len(files)} feature sets, name one of: {', '.join(files) or 'none'}")
        chosen = name if name is not None else next(iter(files))
        if chosen not in files:
            raise InputError(f"{release.root}: no feature set {chosen!r}, there are: {', '.join(files) or 'none'}")
        with reading_release():
            path = release.verified(files[chosen])
        return cls.open(path)

    @classmethod
    def open(cls, path: Path, expected: str = "a feature file, as `features` writes them") -> "Features":
        """Raises InputError where the file is none of ours."""
        check_input_file(path, expected)
        with refusing(f"{path}: not a readable safetensors file"), safe_open(path, "pt") as file:
            metadata, names = file.metadata() or {}, sorted(file.keys())
        if not names:
            raise InputError(f"{path}: holds nothing, expected {expected}")
        try:
            interval, size = float(metadata["interval_s"]), int(metadata["dim"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: metadata must hold interval_s and dim, got {metadata}") from error
        if not (0 < interval < float("inf") and size > 0):
            raise InputError(f"{path}: interval_s and dim must be above 0, got {interval} and {size}")
        return cls(path, interval, size, names)

    def check(self, size: int, interval: float) -> None:
        """Raises InputError where the vectors are not those a model expects."""
        if self.size != size:
            raise InputError(f"{self.path}: its vectors have {self.size} numbers, the model expects {size}")
        if self.interval != interval:
            raise InputError(f"{self.path}: one frame per {self.interval:g} s, the model expects {interval:g} s")

    def read(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """{name: float32 [frames, size]}. Raises InputError for a clip that is missing or has another form."""
        known, found = set(self.names), {}
        with safe_open(self.path, "pt") as file:
            for name in names:
                where = f"{self.path}: clip {name!r}"
                if name not in known:
                    raise InputError(f"{where}: not in it")
                kind = file.get_slice(name).get_dtype()
                if kind not in FLOATS:
                    raise InputError(f"{where}: numbers of type {kind}, expected one of {', '.join(FLOATS)}")
                found[name] = check_features(file.get_tensor(name).float().numpy(), self.size, where)
        return found


def check_features(features: object, size: int, where: str) -> np.ndarray:
    """float32 [frames, size], at least one frame, each number within LARGEST_FEATURE; all else is an InputError."""
    with refusing(f"{where}: no array of numbers"), np.errstate(over="ignore"):
        array = np.asarray(features, np.float32)
    if array.ndim != 2 or array.shape[1] != size or not len(array):
        raise InputError(f"{where}: has shape {list(array.shape)}, expected [frames, {size}]")
    if not np.isfinite(array).all():
        raise InputError(f"{where}: holds values that are not finite in float32")
    if np.abs(array).max() > LARGEST_FEATURE:
        raise InputError(f"{where}: holds values beyond {LARGEST_FEATURE:g}")
    return np.ascontiguousarray(array)


def check_subtitle(line: SubtitleLine, where: str) -> SubtitleLine:
    """Raises InputError unless 0 <= start <= end <= LONGEST_S (seconds) and the text is a string."""
    for name, value in (("start", line.start), ("end", line.end)):
        if not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
            raise InputError(f"{where}: {name} is {value!r}, expected seconds")
    if not 0 <= line.start <= line.end <= LONGEST_S:
        raise InputError(
            f"{where}: start is {line.start:g} and end {line.end:g}, expected 0 <= start <= end <= {LONGEST_S:g} s"
        )
    if not isinstance(line.text, str):
        raise InputError(f"{where}: text is {line.text!r}, expected a string")
    return line


def read_subtitles(path: Path, entry: ManifestFile | None = None) -> dict[str, list[SubtitleLine]]:
    """{video: its lines} of a file like a release's subtitles.jsonl, compared with its entry where it is one.

    Raises InputError that names line and field.
    """
    check_input_file(path, 'one line per video: {"vid_name": …, "sub": [{"text": …, "start": s, "end": s}]}')
    found: dict[str, list[SubtitleLine]] = {}
    with reading_release():
        for number, row in read_lines(path, SubtitleRow, entry):
            if row.vid_name in found:
                raise InputError(f"{path}:{number}: vid_name {row.vid_name!r} a second time")
            found[row.vid_name] = [
                check_subtitle(line, f"{path}:{number}: sub[{place}]") for place, line in enumerate(row.sub)
            ]
    return found


def warn_of_long_clips(frames: Mapping[str, int], config: HeroConfig) -> None:
    """An InputWarning where clips have more frames than the model has positions; it reads only the first ones."""
    cut = [name for name, count in frames.items() if count > config.max_frames]
    if cut:
        seconds = config.max_frames * config.frame_interval
        others = f" and {len(cut) - 1} more" if cut[1:] else ""
        warnings.warn(
            f"{cut[0]!r}{others}: longer than {config.max_frames} frames; only the first {seconds:g} s are read",
            InputWarning,
            stacklevel=3,
        )


def word_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> Ids:
    """Token ids without special ones. Text in capitals alone is lowercased, as subtitles of some shows are."""
    plain = text.lower() if text.isupper() else text
    return np.array(tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"], np.int64)


def make_clip(
    name: str,
    features: np.ndarray,
    subtitles: Sequence[SubtitleLine],
    tokenizer: PreTrainedTokenizerBase,
    config: HeroConfig,
) -> Clip:
    """Tokenise and pair one clip; frames beyond the position table are cut off."""
    features = features[: config.max_frames]
    times = [(line.start, line.end) for line in subtitles]
    sentences = [word_ids(html.unescape(line.text), tokenizer) for line in subtitles]
    frames = pair(times, len(features), config.frame_interval, config.last_sentence_limit).frames
    if config.join_unmatched:
        sentences, frames = join_unmatched(sentences, frames, times)
    if not any(len(own) for own in frames):
        frames = np.split(
            np.arange(len(features)), range(FRAMES_OF_SILENT_SENTENCE, len(features), FRAMES_OF_SILENT_SENTENCE)
        )
        sentences = [np.empty(0, np.int64)] * len(frames)
    return Clip(name, features, sentences, frames)


@dataclass(frozen=True)
class Query:
    """A moment query: words, and where its truth is known the clip and the span in frames."""

    desc_id: int
    words: Ids
    clip: str | None
    span: tuple[int, int]


@dataclass(frozen=True)
class Question:
    """A multiple-choice question; span and answer are -1 where unknown."""

    qid: int
    words: Ids
    options: tuple[Ids, ...]
    clip: str
    span: tuple[int, int]
    answer: int


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
        features = Features.of_release(release, feature_set)
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
        arrays = features.read(list(self.durations))
        warn_of_long_clips({name: len(array) for name, array in arrays.items()}, config)
        self.clips = {
            name: make_clip(name, arrays[name], subtitles.get(name, []), tokenizer, config) for name in self.durations
        }
        self.release = release
        self._tokenizer = tokenizer
        self._interval = features.interval

    def queries(self, split: str) -> list[Query]:
        """Moment queries of a split in the file's order. Raises InputError."""
        with reading_release():
            rows = self.release.moments(split)
        found = []
        for index, text in enumerate(rows.desc):
            clip = rows.videos.names[rows.video[index]] if rows.video[index] >= 0 else None
            span = self._span(clip, rows.start[index], rows.end[index])
            found.append(Query(int(rows.desc_ids[index]), word_ids(text, self._tokenizer), clip, span))
        return found

    def questions(self, split: str) -> list[Question]:
        """Questions of a split in the file's order. Raises InputError, also where a clip is not in the split."""
        with reading_release():
            rows = self.release.questions(split)
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


def open_release(path: Path) -> Release:
    """Raises InputError."""
    with reading_release():
        return Release.open(path)


@contextmanager
def reading_release() -> Iterator[None]:
    """A ReleaseError, which names its place already, becomes an InputError."""
    try:
        yield
    except ReleaseError as error:
        raise InputError(str(error)) from error
