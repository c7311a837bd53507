"""Forms of questions: a text, its options, and which of them is right."""

import hashlib
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evaluation.forms.moments import absolute_span, clip_name, read_captions, relative_to, tvr_moment
from evaluation.forms.records import Fault, Id, Moment, Question, Record, RowFault, Window, window
from evaluation.forms.sources import Row, converted, csv_rows, field, json_members, json_rows, read_each

CLIP_SECONDS = 60.0
LONGEST_NUMBER = 18  # digits
MOST_OPTIONS = 1 << 16  # of a bare answer, beyond which it can be no place among some
TRUTH_VALUES = ("false", "true")  # VIOLIN's answers 0 and 1


def read_tvqa(path: Path) -> Iterator[Record | Fault]:
    """TVQA, How2QA of VALUE (JSON Lines) and TVQA+ (an array): a0, a1, … as many as there are."""
    return read_each(json_rows(path), _tvqa_question)


def _tvqa_question(line: int, row: Row) -> Iterator[Record | Fault]:
    names = list(itertools.takewhile(row.__contains__, (f"a{n}" for n in itertools.count())))
    answer = field(row, "answer_idx", int | str) if row.get("answer_idx") is not None else None  # type: ignore[arg-type]
    if isinstance(answer, str):  # TVQA+ writes numbers as text
        answer = _whole(answer, "answer_idx")
    span, fault = _question_window(line, row.get("ts"))
    if fault:
        yield fault
    yield question(
        line=line,
        id=field(row, "qid", Id),  # type: ignore[arg-type]
        text=field(row, "q", str),
        video=field(row, "vid_name", str),
        options=tuple(field(row, name, str) for name in names),
        answer=answer,
        windows=span,
    )


def question(**fields: Any) -> Question:
    """A question with two options or more, and an answer among them. Raises RowFault."""
    made = Question(**fields)
    if len(made.options) < 2:
        raise RowFault("options", f"are {len(made.options)}, expected two or more")
    if made.answer is not None and not 0 <= made.answer < len(made.options):
        raise RowFault("answer", f"is {made.answer}, expected 0..{len(made.options) - 1}")
    return made


def read_how2qa(path: Path) -> Iterator[Record | Fault]:
    """How2QA: video, [segment], three wrong answers, question, the right one, absolute seconds.

    The clip is the minute that holds the segment's middle. The right answer stands last in every row, so the options
    are put into an order that depends on their texts alone.
    """

    def read(line: int, cells: list[str]) -> Question:
        if len(cells) != 7:
            raise RowFault("line", f"has {len(cells)} cells, expected video, [segment], three wrong, question, right")
        video, segment, *wrong, text, right = cells
        span = absolute_span(segment, "segment")
        begin = (span.start + span.end) / 2 // CLIP_SECONDS * CLIP_SECONDS
        options = tuple(sorted((*wrong, right), key=lambda option: _lot(video, segment, text, option)))
        return question(
            line=line,
            id=line,
            text=text,
            video=clip_name(video, begin, begin + CLIP_SECONDS),
            options=options,
            answer=options.index(right),
            windows=(Window(relative_to(begin, span.start), relative_to(begin, span.end)),),
            duration=CLIP_SECONDS,
        )

    return read_each(csv_rows(path), read)


def _lot(*texts: str) -> bytes:
    return hashlib.sha256("\0".join(texts).encode()).digest()


def read_msrvtt(path: Path) -> Iterator[Record | Fault]:
    """MSR-VTT-QA: open questions; the one answer is the one option, and wrong ones are still to be written."""

    def read(line: int, row: Row) -> Question:
        answer = field(row, "answer", str) if row.get("answer") is not None else None
        return Question(
            line=line,
            id=field(row, "id", Id),  # type: ignore[arg-type]
            text=field(row, "question", str),
            video=_msrvtt_video(field(row, "video_id", int | str)),  # type: ignore[arg-type]
            options=() if answer is None else (answer,),
            answer=None if answer is None else 0,
        )

    return read_each(json_rows(path), read)


def _msrvtt_video(number: int | str) -> str:
    """MSR-VTT's own name of a video, which some files write whole."""
    return f"video{number}" if isinstance(number, int) or number.isdecimal() else number


def read_violin(path: Path) -> Iterator[Record | Fault]:
    """VIOLIN as its authors published it: {clip: {"statement": [[true, false], …]}}; numbered in order."""
    number = 0
    for entry, (video, row) in json_members(path):
        try:
            pairs = field(converted(row, video, dict[str, Any]), "statement", list[Any])
        except RowFault as fault:
            yield Fault(entry, fault.what, fault.why)
            continue
        for pair in pairs:
            try:
                true, false = converted(pair, "statement", tuple[str, str])
            except RowFault as fault:
                yield Fault(entry, fault.what, fault.why)
                continue
            for answer, text in ((1, true), (0, false)):
                number += 1
                yield Question(line=entry, id=number, text=text, video=video, options=TRUTH_VALUES, answer=answer)


def read_value(path: Path) -> Iterator[Record | Fault]:
    """VALUE's tasks, each known by a field that the others lack."""

    def read(line: int, row: Row) -> Iterator[Record | Fault]:
        for key, reader in VALUE_ROWS.items():
            if key in row:
                found = reader(line, row)
                return found if isinstance(found, Iterator) else iter([found])
        raise RowFault("row", f"has none of the fields {', '.join(VALUE_ROWS)}")

    return read_each(json_rows(path), read)


def _violin_question(line: int, row: Row) -> Question:
    return question(
        line=line,
        id=field(row, "example_id", Id),  # type: ignore[arg-type]
        text=field(row, "statement", str),
        video=field(row, "vid_name", str),
        options=TRUTH_VALUES,
        answer=field(row, "answer", int) if row.get("answer") is not None else None,
    )


def _vlep_question(line: int, row: Row) -> Iterator[Record | Fault]:
    span, fault = _question_window(line, row.get("ts"))
    if fault:
        yield fault
    yield question(
        line=line,
        id=field(row, "example_id", Id),  # type: ignore[arg-type]
        text="What happens next?",
        video=field(row, "vid_name", str),
        options=tuple(field(row, "events", list[str])),
        answer=field(row, "answer", int) if row.get("answer") is not None else None,
        windows=span,
    )


VALUE_ROWS: dict[str, Callable[[int, Row], Moment | Question | Iterator[Record | Fault]]] = {
    "statement": _violin_question,  # VIOLIN
    "events": _vlep_question,  # VLEP
    "descs": read_captions,  # TVC, YC2C
    "q": _tvqa_question,  # TVQA, How2QA
    "desc": tvr_moment,  # TVR, How2R, YC2R, VATEX-EN-R
}


def read_solution(path: Path) -> dict[str, int]:
    """{question id: answer index}, bare or inside {"solution": {…: {…}}} as VALUE packs TVQA's. Raises RowFault."""
    members = dict(member for _, member in json_members(path))
    if "solution" in members:
        parts = field(members, "solution", dict[str, dict[str, int]])
        members = {qid: answer for part in parts.values() for qid, answer in part.items()}
        if len(members) < sum(map(len, parts.values())):
            raise RowFault("solution", "answers a question in two of its parts")
    answers = converted(members, "answers", dict[str, int])
    if not answers or not 0 <= min(answers.values()) <= max(answers.values()) <= MOST_OPTIONS:
        raise RowFault("answers", 'expected {"qid": answer index from 0 on}, at least one')
    return answers


def _question_window(line: int, ts: object) -> tuple[tuple[Window, ...], Fault | None]:
    """Where a question is asked about, from "start-end" or [start, end]; a question is none the worse without."""
    if ts is None:
        return (), None
    try:
        times = ts.split("-") if isinstance(ts, str) else ts
        start, end = (float(part) for part in converted(times, "ts", tuple[float | str, float | str]))
        return (window(start, end),), None
    except (RowFault, ValueError):
        return (), Fault(line, "ts", f"is {str(ts)[:40]!r}, expected start and end in seconds; left out", lost=False)


def _whole(text: str, what: str) -> int:
    if not text.isdecimal() or len(text) > LONGEST_NUMBER:
        raise RowFault(what, f"is {text[:40]!r}, expected a whole number")
    return int(text)
