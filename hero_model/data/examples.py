"""A clip, a query and a question as token ids and frames, each on its own; batches are made of them."""

import html
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from evaluation.release import SubtitleLine
from hero_model.config import HeroConfig
from hero_model.data.alignment import align_frames, join_unmatched
from hero_model.errors import InputWarning

Ids = NDArray[np.int64]
FRAMES_OF_SILENT_SENTENCE = 5  # a clip without subtitles gets empty sentences of so many frames (released code)


@dataclass(frozen=True)
class Clip:
    """One clip: features [F, V], sentences as token ids without special ones, the frames of each sentence."""

    name: str
    features: NDArray[np.float32]
    sentences: Sequence[Ids]
    frames: Sequence[Ids]

    @property
    def matched(self) -> list[int]:
        """Sentences that have frames."""
        return [index for index, own in enumerate(self.frames) if len(own)]


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


def make_clip(
    name: str,
    features: np.ndarray,
    subtitles: Sequence[SubtitleLine],
    tokenizer: PreTrainedTokenizerBase,
    config: HeroConfig,
) -> Clip:
    """Tokenise one clip and align its frames; frames beyond the position table are cut off."""
    features = features[: config.max_frames]
    times = [(line.start, line.end) for line in subtitles]
    sentences = [word_ids(html.unescape(line.text), tokenizer) for line in subtitles]
    frames = align_frames(times, len(features), config.frame_interval, config.last_sentence_limit).frames
    if config.join_unmatched:
        sentences, frames = join_unmatched(sentences, frames, times)
    if not any(len(own) for own in frames):
        frames = np.split(
            np.arange(len(features)), range(FRAMES_OF_SILENT_SENTENCE, len(features), FRAMES_OF_SILENT_SENTENCE)
        )
        sentences = [np.empty(0, np.int64)] * len(frames)
    return Clip(name, features, sentences, frames)


def word_ids(text: str, tokenizer: PreTrainedTokenizerBase) -> Ids:
    """Token ids without special ones. Text in capitals alone is lowercased, as subtitles of some shows are."""
    plain = text.lower() if text.isupper() else text
    return np.array(tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"], np.int64)


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
