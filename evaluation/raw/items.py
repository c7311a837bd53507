"""The rows of a raw folder as the queries and questions of a release; each that cannot be one is listed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from evaluation.forms.records import Fault, FormError, Id, Moment, Question, Record, Window, fitted
from evaluation.predictions.ids import CANONICAL_ID
from evaluation.raw.annotations import Problem, Row
from evaluation.release import SPLITS, writer
from evaluation.release.schema import OPTION_COUNTS

_UNTOLD = Window(math.nan, math.nan)


@dataclass
class Items:
    """What a release holds of the rows, in their order, and what is wrong with others or was changed."""

    queries: list[writer.Query] = field(default_factory=list)
    questions: list[writer.Question] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def make_items(rows: Sequence[Row], durations: Mapping[str, float]) -> Items:
    """The rows on clips of so many seconds. The truth of test is not kept: who has the file scores on the file.

    Moments are clamped to their clip. Raises FormError for questions of four options among others of five.
    """
    items = Items()
    for kind in (Moment, Question):
        for split in SPLITS:
            usable: list[Record] = []
            for row in rows:
                if row.source.split == split and isinstance(row.record, kind):
                    kept, faults = _usable(row, durations)
                    items.problems += [Problem(row.source.path.name, fault) for fault in faults]
                    usable += [] if kept is None else [kept]
            numbers = _numbers([record.id for record in usable])
            for number, record in zip(numbers, usable, strict=True):
                if isinstance(record, Moment):
                    items.queries.append(_query(record, number, split, durations))
                else:
                    items.questions.append(_question(record, number, split))
    counts = {len(question.options) for question in items.questions}
    if len(counts) > 1:
        raise FormError("questions of four options and of five: a release has either, make two")
    return items


def _usable(row: Row, durations: Mapping[str, float]) -> tuple[Record | None, list[Fault]]:
    record, hidden = row.record, row.source.split == "test"
    if record.video is not None and record.video not in durations:
        return None, [Fault(record.line, "vid_name", f"is {record.video!r}, which has no features that can be used")]
    if isinstance(record, Question) and len(record.options) not in OPTION_COUNTS:
        return None, [Fault(record.line, "options", f"are {len(record.options)}, a release has four or five")]
    if hidden:
        return record, []
    if isinstance(record, Question) and record.answer is None:
        return None, [Fault(record.line, "answer", "is withheld")]
    duration = durations[str(record.video)]
    if isinstance(record, Moment) and not record.windows and row.source.form.whole_clips:
        record = msgspec.structs.replace(record, windows=(Window(0.0, duration),))
    if isinstance(record, Moment) and len(record.windows) != 1:
        has = f"is {len(record.windows)} moments" if record.windows else "is missing"
        return None, [Fault(record.line, "ts", f"{has}, a query of a release has one moment")]
    return fitted(msgspec.structs.replace(record, duration=duration))


def _numbers(ids: Sequence[Id]) -> list[int]:
    """The ids as whole numbers; where one is a text that is none, they are counted from 1."""
    if all(isinstance(id, int) or CANONICAL_ID.fullmatch(id) for id in ids):
        return [int(id) for id in ids]
    return list(range(1, len(ids) + 1))


def _query(moment: Moment, number: int, split: str, durations: Mapping[str, float]) -> writer.Query:
    start, end = moment.windows[0] if moment.windows else _UNTOLD
    video = moment.video or ""
    return writer.Query(
        id=number,
        split=split,
        published=True,
        clip=video,
        text=moment.text,
        start=start,
        end=end,
        duration=durations.get(video, math.nan),
        type=moment.type,
    )


def _question(question: Question, number: int, split: str) -> writer.Question:
    start, end = question.windows[0] if question.windows else _UNTOLD
    return writer.Question(
        id=number,
        split=split,
        published=True,
        clip=question.video,
        text=question.text,
        start=start,
        end=end,
        options=question.options,
        answer=-1 if question.answer is None else question.answer,
    )
