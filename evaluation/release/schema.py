"""What the files of a release hold, as they are read: nobody else spells a field of the format."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import msgspec

from evaluation.io.errors import Refusal

Task = Literal["moment", "qa"]
Hidden = Literal["sealed", "shared"]
Access = Literal["public", "held_out"]
Half = Literal["public", "private"]
Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]  # what a column of int64 holds
OPTION_COUNTS = (4, 5)  # of a question; all of a release have equally many
SUBTITLES_FORM = 'one line per video: {"vid_name": …, "sub": [{"text": …, "start": s, "end": s}]}'  # told to users


class ReleaseError(Refusal):
    """A release, or a ground-truth file, cannot be read; the message names file, line and what was expected."""


@dataclass(frozen=True)
class ManifestFile:
    """One file of the release, as a manifest lists it."""

    path: str
    bytes: int
    sha256: str
    rows: int | None
    access: Access


class Manifest(msgspec.Struct, frozen=True):
    """MANIFEST.json; version 1 does not say how the hidden split was cut."""

    format: str
    name: str
    version: str
    seed: int
    files: list[ManifestFile]
    hidden: Hidden | None = None


class HeldOutManifest(msgspec.Struct, frozen=True):
    """held_out/MANIFEST.json; the nonce keeps its hash, which is public, from telling what the truth is."""

    nonce: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    files: list[ManifestFile]


class MomentRow(msgspec.Struct, frozen=True):
    """One line of moment/tvr/*.jsonl; on the public test split everything but desc, desc_id and type is None."""

    withheld: ClassVar[tuple[str, ...]] = ()

    desc_id: Number
    desc: str
    type: Literal["v", "t", "vt"] | None = None
    vid_name: str | None = None
    duration: float | None = None
    ts: tuple[float, float] | None = None


class PublicMomentRow(MomentRow, frozen=True, forbid_unknown_fields=True):
    """The same on the public test split."""

    withheld = ("vid_name", "duration", "ts")


class QuestionRow(msgspec.Struct, frozen=True):
    """One line of qa/value/*.jsonl; `ts` is "start-end"; on the public test split it and `answer_idx` are None.

    All questions of a file have four options, or all have five.
    """

    withheld: ClassVar[tuple[str, ...]] = ()

    qid: Number
    vid_name: str
    q: str
    a0: str
    a1: str
    a2: str
    a3: str
    a4: str | None = None
    ts: str | None = None
    answer_idx: int | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """In the order in which `answer_idx` counts them."""
        four = (self.a0, self.a1, self.a2, self.a3)
        return four if self.a4 is None else (*four, self.a4)


class PublicQuestionRow(QuestionRow, frozen=True, forbid_unknown_fields=True):
    """The same on the public test split."""

    withheld = ("ts", "answer_idx")


class DifficultyRow(msgspec.Struct, frozen=True):
    """One line of the held-out difficulty.jsonl: how likely models without the video find the right answer, 0 to 1."""

    qid: Number
    blind_chance: Annotated[float, msgspec.Meta(ge=0, le=1)]


class LentRow(msgspec.Struct, frozen=True):
    """One line of the held-out lent.jsonl: an option that is the right answer of another question; what it replaced.

    `relevance` and `similarity`: the chances, 0 to 1, that it is on the question's topic and means its right answer.
    """

    qid: Number
    option: Annotated[int, msgspec.Meta(ge=0, le=4)]
    source_qid: Number
    replaced: str
    relevance: float
    similarity: float


class HalfRow(msgspec.Struct, frozen=True):
    """One line of the held-out halves.jsonl: in which half of test a clip lies, all clips of a video in the same."""

    vid_name: str
    half: Half


class LicenceRow(msgspec.Struct, frozen=True):
    """One line of licences.jsonl: what is stated of a clip's video; None where nothing is."""

    vid_name: str
    licence: str | None = None
    source: str | None = None
    title: str | None = None


class FeatureIndex(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which shard of a feature set holds a clip, as Hugging Face's loaders read it: {clip: file beside the index}."""

    metadata: dict[str, int]
    weight_map: dict[str, str]


class SubtitleLine(msgspec.Struct, frozen=True):
    """One subtitle; times in seconds relative to the clip."""

    text: str
    start: float
    end: float


class SubtitleRow(msgspec.Struct, frozen=True):
    """One line of subtitles.jsonl."""

    vid_name: str
    sub: list[SubtitleLine]
