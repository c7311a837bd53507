"""What a model reads: clips as padded frames plus one packed sequence of [frames; words] per sentence.

Shapes: B clips, F frames of the longest, R rows (a clip, or a clip with one answer), S sentences,
P paired frames, W words, T = P + W places of the packed sequences, V feature size.
"""

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

Runs = tuple[tuple[int, int], ...]  # (number of sequences, their length): the packed sequences, by length


class TensorDataclass:
    """A dataclass of tensors, and of others like it, that moves as one."""

    def to(self, target: torch.device | torch.dtype | str) -> Self:
        """A copy with every tensor on the device, or every floating tensor of the dtype."""
        moved: dict[str, Tensor | TensorDataclass] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, Tensor):
                floats_only = isinstance(target, torch.dtype) and not value.is_floating_point()
                moved[field.name] = value if floats_only else value.to(target)
            elif isinstance(value, TensorDataclass):
                moved[field.name] = value.to(target)
        return replace(self, **moved)  # type: ignore[type-var]


@dataclass
class Packed(TensorDataclass):
    """Sequences laid end to end, sorted by length, so that equal ones form one dense block."""

    word_ids: Tensor  # [W]
    word_positions: Tensor  # [W] place of the word in its sentence, from 0
    frames: Tensor  # [P] index into the flat [B * F] frames
    frame_positions: Tensor  # [P] place of the frame in its sentence's group, from 0
    order: Tensor  # [T] index into [frames; words] that fills each place
    frame_places: Tensor  # [P] where each paired frame stands
    word_places: Tensor  # [W] where each word stands
    runs: Runs


@dataclass
class TextBatch(TensorDataclass):
    """N texts without frames (queries, or questions with an answer), and how to unpack them."""

    packed: Packed
    places: Tensor  # [N, L] place of each token in the packed sequence (0 where padded)
    mask: Tensor  # [N, L] bool, True at tokens


@dataclass
class PaddedTexts(TensorDataclass):
    """The same N texts, each at least one token long, as whoever knows nothing of packing has them."""

    ids: Tensor  # [N, L] leading token included, any id where padded
    mask: Tensor  # [N, L] bool, True at tokens, which come first


@dataclass
class SpokenBatch(TensorDataclass):
    """The sentences of B clips as texts alone, for the reader, and the frames at which each is said."""

    texts: TextBatch
    frames: Tensor  # [P] index into the flat [B * F] frames
    sentence_of: Tensor  # [P] index of the text


@dataclass
class ClipBatch(TensorDataclass):
    """B clips with their sentences."""

    features: Tensor  # [B, F, V] zero padded
    mask: Tensor  # [B, F] bool, True at frames
    packed: Packed
    targets: Tensor  # [P] index into the flat [R * F] of the row and frame that gets each paired frame's output
    row_clips: Tensor  # [R] the clip of each row
    sentence_of: Tensor  # [P] place among the packed sequences of each paired frame's sentence


@dataclass
class MaskedWordBatch(TensorDataclass):
    """MLM: clips whose sentences start with the leading token and hold masked words."""

    task: ClassVar[str] = "mlm"
    clips: ClipBatch
    places: Tensor  # [M] places of the masked words in the packed sequence
    labels: Tensor  # [M] their ids


@dataclass
class MaskedFrameBatch(TensorDataclass):
    """MFFR and MNCE: clips with their true features; `masked` says which the model does not see."""

    clips: ClipBatch
    masked: Tensor  # [B, F] bool
    contrast: bool = True  # MNCE, else MFFR
    negatives: Tensor | None = None  # [B, F] bool, the unmasked frames that MNCE compares with; None: all

    @property
    def task(self) -> str:
        return "mnce" if self.contrast else "mffr"


@dataclass
class FrameOrderBatch(TensorDataclass):
    """FOM."""

    task: ClassVar[str] = "fom"
    clips: ClipBatch
    order: Tensor  # [B, F] the new place of each frame
    labels: Tensor  # [B, F] at each place, the original place of the frame now there; -1 where it does not count


@dataclass
class MatchBatch(TensorDataclass):
    """Queries, sentences or written ones, and the clips among which each has one of its own."""

    task: ClassVar[str] = "vsm"  # also the objective of moment retrieval
    clips: ClipBatch
    queries: TextBatch
    query_clips: Tensor  # [N]
    spans: Tensor  # [N, 2] first and last frame; -1 where unknown
    with_span_loss: bool = True


@dataclass
class QuestionBatch(TensorDataclass):
    """Rows of the clips are (question, answer) pairs, A consecutive rows a question.

    Each sentence of a row ends with the question and the answer (early fusion); `appended` holds them again
    for the temporal transformer.
    """

    task: ClassVar[str] = "qa"
    clips: ClipBatch  # N * A rows
    appended: TextBatch  # N * A texts
    answers: Tensor  # [N]; -1 where unknown
    spans: Tensor  # [N, 2]; -1 where unknown
    unasked: ClipBatch | None = None  # N rows: the clip of each question, without it; where the model matches answers
    claims: TextBatch | None = None  # N * A queries: a question with one of its answers each


PretrainingBatch = MaskedWordBatch | MaskedFrameBatch | FrameOrderBatch | MatchBatch
