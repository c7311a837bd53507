"""What every form is read into: queries with their windows, questions with their options, and rows that are neither.

Times are seconds of the video that the record names. An id is the form's own, a whole number or a text.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from evaluation.io.errors import Refusal
from evaluation.release.queries import NOISE_S
from evaluation.release.schema import Number

Id = Number | str


class FormError(Refusal):
    """A file is not of the form that was named; the message says where and what was expected."""


class Window(NamedTuple):
    """A stretch of a video, in seconds."""

    start: float
    end: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A query. Without `windows` its video alone is known (video retrieval), without `video` nothing is.

    `duration` is that of the video in seconds, `type` "v", "t" or "vt"; None where the form does not say.
    """

    line: int
    id: Id
    text: str
    video: str | None = None
    windows: tuple[Window, ...] = ()
    duration: float | None = None
    type: str | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A question; `answer` is the place of the right one among the `options`, None where it is withheld.

    At most one window; `duration` is that of the video in seconds, None where the form does not say.
    """

    line: int
    id: Id
    text: str
    video: str
    options: tuple[str, ...]
    answer: int | None = None
    windows: tuple[Window, ...] = ()
    duration: float | None = None


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row: its line (or entry) from 1, the field, and why. `lost` where the row was left out."""

    line: int
    what: str
    why: str
    lost: bool = True


class RowFault(Exception):
    """One row cannot be used; the others can."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what, self.why = what, why


Record = Moment | Question


def window(start: float, end: float, what: str = "ts") -> Window:
    """A window with 0 <= start < end. Raises RowFault."""
    if not 0 <= start < end < math.inf:
        raise RowFault(what, f"is [{start:g}, {end:g}], expected 0 <= start < end in seconds")
    return Window(start, end)


def inside(span: Window, duration: float) -> Window | None:
    """The part of a window that lies in its video; None where nothing does."""
    part = Window(max(span.start, 0.0), min(span.end, duration))
    return part if part.start < part.end else None


def fitted(record: Record) -> tuple[Record | None, list[Fault]]:
    """The record with its windows clamped to the video, and what that changed; None where all of them lie outside.

    One of several that does is left out. What floats add to a second is no fault.
    """
    faults, windows = [], []
    for span in record.windows:
        part = span if record.duration is None else inside(span, record.duration)
        where = f"[{span.start:g}, {span.end:g}] of a video of {record.duration:g} s" if record.duration else ""
        if part is None:
            faults.append(Fault(record.line, "ts", f"{where} lies outside it", lost=False))
            continue
        over = max(part.start - span.start, span.end - part.end)
        if over > NOISE_S:
            why = f"{where} reaches {over:.3g} s out of it, clamped to [{part.start:g}, {part.end:g}]"
            faults.append(Fault(record.line, "ts", why, lost=False))
        windows.append(part)
    if record.windows and not windows:
        return None, [replace(fault, lost=True) for fault in faults[:1]]
    return msgspec.structs.replace(record, windows=tuple(windows)), faults


def without_repeats(records: Iterator[Record | Fault]) -> Iterator[Record | Fault]:
    """The same records, each id once among queries and among questions, 1 and "1" being one: a second is a fault."""
    seen: dict[tuple[type[Record], str], int] = {}
    for record in records:
        if not isinstance(record, Fault):
            key = type(record), str(record.id)
            if key in seen:
                yield Fault(record.line, "id", f"{record.id!r} a second time, first in line {seen[key]}")
                continue
            seen[key] = record.line
        yield record
