"""A release directory as clips, queries and questions that a model can read."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedTokenizerBase

from evaluation.release import Release, ReleaseError, SubtitleLine
from hero_model.collate import Clip, Ids, span_of_seconds
from hero_model.config import HeroConfig
from hero_model.errors import InputError
from hero_model.pairing import join_unmatched, pair

FRAMES_OF_SILENT_SENTENCE = 5  # a clip without subtitles gets empty sentences of so many frames (released code)


@dataclass(frozen=True)
class Features:
    """A feature file of the release, read clip by clip."""

    path: Path
    interval: float
    size: int

    @classmethod
    def of_release(cls, release: Release, name: str | None) -> "Features":
        """The feature set `name`, or the only one there is. Raises InputError."""
        files = release.feature_files()
        if name is None and len(files) != 1:
            raise InputError(f"{release.root}: {len(files)} feature sets, name one of: {', '.join(files) or 'none'}")
        chosen = name if name is not None else next(iter(files))
        if chosen not in files:
            raise InputError(f"{release.root}: no feature set {chosen!r}, there are: {', '.join(files) or 'none'}")
        return cls.open(files[chosen])

    @classmethod
    def open(cls, path: Path) -> "Features":
        """Raises InputError where the file is none of ours."""
        try:
            with safe_open(path, "numpy") as file:
                metadata = file.metadata() or {}
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path}: not a readable safetensors file: {error}") from error
        try:
            interval, size = float(metadata["interval_s"]), int(metadata["dim"])
        except (KeyError, ValueError) as error:
            raise InputError(f"{path}: metadata must hold interval_s and dim, got {metadata}") from error
        if not (0 < interval < float("inf") and size > 0):
            raise InputError(f"{path}: interval_s and dim must be above 0, got {interval} and {size}")
        return cls(path, interval, size)

    def read(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """{name: float32 [frames, size]}. Raises InputError for a clip that is missing or has another form."""
        found = {}
        with safe_open(self.path, "numpy") as file:
            known = set(file.keys())
            for name in names:
                if name not in known:
                    raise InputError(f"{self.path}: no features of clip {name!r}")
                found[name] = check_features(file.get_tensor(name), self.size, f"{self.path}: clip {name!r}")
        return found


def check_features(features: np.ndarray, size: int, where: str) -> np.ndarray:
    """float32 [frames, size], finite, at least one frame; anything else is an InputError."""
    if features.ndim != 2 or features.shape[1] != size or not len(features):
        raise InputError(f"{where}: features are {list(features.shape)}, expected [frames, {size}]")
    if not np.isfinite(features).all():
        raise InputError(f"{where}: features hold values that are not finite")
    return np.ascontiguousarray(features, np.float32)


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
    """The clips of some splits of a release, with their queries and questions."""

    def __init__(
        self,
        release: Release,
        splits: Sequence[str],
        tokenizer: PreTrainedTokenizerBase,
        config: HeroConfig,
        feature_set: str | None = None,
    ) -> None:
        features = Features.of_release(release, feature_set)
        if features.size != config.feature_size:
            raise InputError(f"{features.path}: features have {features.size} numbers, the model {config.feature_size}")
        if features.interval != config.frame_interval:
            raise InputError(
                f"{features.path}: one frame per {features.interval:g} s, the model expects {config.frame_interval:g} s"
            )
        try:
            self.durations = {
                name: float(duration)
                for split in splits
                for name, duration in zip(release.videos(split).names, release.videos(split).durations, strict=True)
            }
            subtitles = release.subtitles()
        except ReleaseError as error:
            raise InputError(str(error)) from error
        arrays = features.read(list(self.durations))
        self.clips = {
            name: make_clip(name, arrays[name], subtitles.get(name, []), tokenizer, config) for name in self.durations
        }
        self.release = release
        self._tokenizer = tokenizer
        self._interval = features.interval

    def queries(self, split: str) -> list[Query]:
        """Moment queries of a split in the file's order. Raises InputError."""
        try:
            rows = self.release.moments(split)
        except ReleaseError as error:
            raise InputError(str(error)) from error
        found = []
        for index, text in enumerate(rows.desc):
            clip = rows.videos.names[rows.video[index]] if rows.video[index] >= 0 else None
            span = self._span(clip, rows.start[index], rows.end[index])
            found.append(Query(int(rows.desc_ids[index]), word_ids(text, self._tokenizer), clip, span))
        return found

    def questions(self, split: str) -> list[Question]:
        """Questions of a split in the file's order. Raises InputError, also where a clip is not in the split."""
        try:
            rows = self.release.questions(split)
        except ReleaseError as error:
            raise InputError(str(error)) from error
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
    try:
        return Release.open(path)
    except ReleaseError as error:
        raise InputError(str(error)) from error
