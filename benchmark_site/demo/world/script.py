"""What happens in a clip of the demo, and when: the format of ``script.json``.

The renderer draws a clip from its script, and the simulated annotators know a clip by finding its film in the
same script: to them it is what a person would see and hear. All times are seconds from the
start of the clip.
"""

from pathlib import Path
from typing import Literal

import msgspec

FORMAT = "hero-bench-world/1"

Kind = Literal[
    "slide",
    "bounce",
    "spin",
    "grow",
    "shrink",
    "collide",
    "recolour",
    "morph",
    "hide",
    "shine",
    "rain",
    "line_up",
    "written",
]
"""What a shape does; ``written`` marks a moment of a real film that a person has put into words."""

BasedOn = Literal["v", "t", "vt"]
"""What one needs to find a moment: the picture, the speech, or both."""


class Subject(msgspec.Struct, frozen=True):
    """A shape as a viewer would name it."""

    colour: str
    shape: str
    pattern: str


class WrittenQuery(msgspec.Struct, frozen=True):
    text: str
    based_on: BasedOn = "v"


class WrittenQuestion(msgspec.Struct, frozen=True):
    question: str
    correct: str
    wrong: tuple[str, str, str]


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """One moment. ``to`` is what the subject turns into (recolour, morph), ``partner`` what it collides with."""

    kind: Kind
    start: float
    end: float
    subject: Subject | None = None
    partner: Subject | None = None
    to: Subject | None = None
    direction: Literal["", "left", "right"] = ""
    count: int = 0
    queries: tuple[WrittenQuery, ...] = ()
    questions: tuple[WrittenQuestion, ...] = ()


class Topic(msgspec.Struct, frozen=True):
    """The parts of a spoken sentence, so that annotators can retell it in other words."""

    who: str
    did: str
    thing: str
    where: str


class Subtitle(msgspec.Struct, frozen=True, omit_defaults=True):
    """A spoken line: either about an unrelated ``topic``, or about the event with index ``about``."""

    start: float
    end: float
    text: str
    topic: Topic | None = None
    about: int | None = None


class Clip(msgspec.Struct, frozen=True):
    name: str
    sha256: str
    duration: float
    backdrop: str
    events: tuple[Event, ...]
    subtitles: tuple[Subtitle, ...]

    @property
    def file(self) -> str:
        return f"{self.name}.mp4"


class Script(msgspec.Struct, frozen=True):
    format: str
    seed: int
    clips: tuple[Clip, ...]


def read_script(path: Path) -> Script:
    """Read a ``script.json``; raises ValueError that names the file and the field when it is not one."""
    try:
        script = msgspec.json.decode(path.read_bytes(), type=Script)
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: not a script of events: {error}") from error
    if script.format != FORMAT:
        raise ValueError(f"{path}: format is {script.format!r}, expected {FORMAT!r}")
    return script


def write_script(script: Script, path: Path) -> None:
    """Write ``script.json`` whole or not at all."""
    part = path.with_suffix(".json.part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(script), indent=1) + b"\n")
    part.replace(path)


def overlap(start: float, end: float, other_start: float, other_end: float) -> float:
    """Temporal intersection over union of two spans, in [0, 1]."""
    both = min(end, other_end) - max(start, other_start)
    if both <= 0:
        return 0.0
    return both / (max(end, other_end) - min(start, other_start))
