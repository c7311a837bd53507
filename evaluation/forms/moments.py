"""Forms of queries: a text, and where it happens."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec

from evaluation.forms.records import Fault, Id, Moment, Record, RowFault, Window, window
from evaluation.forms.sources import (
    Row,
    converted,
    csv_rows,
    field,
    json_members,
    json_rows,
    read_each,
    text_rows,
    typed,
)

Span = tuple[float, float]
DIDEMO_PIECE = 5.0  # seconds: annotators chose whole pieces
DIDEMO_DURATION = 30.0
_CHARADES = re.compile(r"(?P<video>\S+) (?P<start>\S+) (?P<end>[^\s#]+)##(?P<text>.*)")
_SPAN = re.compile(r"\[(\d+(?:\.\d*)?):(\d+(?:\.\d*)?)\]")


def read_tvr(path: Path) -> Iterator[Record | Fault]:
    """TVR, and VALUE's retrieval: `ts` may be missing where the video alone is asked for (YC2R, VATEX-EN-R)."""
    return read_each(json_rows(path), tvr_moment)


class TvrRow(msgspec.Struct, frozen=True):
    """What is read of a row; `windows` beside `ts` is the project's own, where a query has several."""

    desc_id: Id
    desc: str
    vid_name: str | None = None
    ts: Span | None = None
    windows: list[Span] | None = None
    duration: float | None = None
    type: Literal["v", "t", "vt"] | None = None


def tvr_moment(line: int, raw: Row) -> Moment:
    """One row as a query. Raises RowFault."""
    row = typed(raw, TvrRow)
    spans = row.windows or ([] if row.ts is None else [row.ts])
    if spans and row.vid_name is None:
        raise RowFault("vid_name", "is missing beside ts")
    return Moment(
        line=line,
        id=row.desc_id,
        text=row.desc,
        video=row.vid_name,
        windows=tuple(window(*span) for span in spans),
        duration=_positive(row.duration),
        type=row.type,
    )


class HighlightsRow(msgspec.Struct, frozen=True):
    """What is read of a row of QVHighlights."""

    qid: Id
    query: str
    vid: str
    relevant_windows: list[Span] | None = None
    duration: float | None = None


def read_qvhighlights(path: Path) -> Iterator[Record | Fault]:
    """QVHighlights and lighthouse (Charades-STA, ActivityNet, TACoS, Clotho-Moment, CASTELLA as it ships them)."""

    def moment(line: int, raw: Row) -> Moment:
        row = typed(raw, HighlightsRow)
        return Moment(
            line=line,
            id=row.qid,
            text=row.query,
            video=row.vid,
            windows=tuple(window(*span, "relevant_windows") for span in row.relevant_windows or ()),
            duration=_positive(row.duration),
        )

    return read_each(json_rows(path), moment)


def read_charades(path: Path) -> Iterator[Record | Fault]:
    """Charades-STA: `VIDEO START END##text`; durations are in Charades' own files."""

    def moment(line: int, row: str) -> Moment:
        found = _CHARADES.fullmatch(row)
        if not found:
            raise RowFault("line", "expected VIDEO START END##text")
        span = [_number(found[name], name) for name in ("start", "end")]
        return Moment(line=line, id=line, text=found["text"], video=found["video"], windows=_windows([span], "times"))

    return read_each(text_rows(path), moment)


def read_activitynet(path: Path) -> Iterator[Record | Fault]:
    """ActivityNet Captions: {video: {"duration", "timestamps": [[s, s], …], "sentences": […]}}; numbered in order."""
    return _numbered(path, lambda row: (_duration(row), 1.0))


def read_tacos(path: Path) -> Iterator[Record | Fault]:
    """TACoS (2D-TAN): as ActivityNet Captions, times in frames beside "num_frames" and "fps"."""

    def seconds(row: Row) -> tuple[float, float]:
        fps = field(row, "fps", float)
        if not fps > 0:
            raise RowFault("fps", f"is {fps:g}, expected frames a second")
        return field(row, "num_frames", float) / fps, fps

    return _numbered(path, seconds)


def _numbered(path: Path, timing: Callable[[Row], tuple[float | None, float]]) -> Iterator[Record | Fault]:
    """{video: {"timestamps", "sentences"}}; `timing(row)` gives the seconds of the video and the ticks a second."""
    number = 0
    for entry, (video, row) in json_members(path):
        try:
            duration, rate = timing(converted(row, video, dict[str, Any]))
            spans = field(row, "timestamps", list[Any])
            texts = field(row, "sentences", list[Any])
            if len(spans) != len(texts):
                raise RowFault(video, f"has {len(spans)} timestamps and {len(texts)} sentences")
        except RowFault as fault:
            yield Fault(entry, fault.what, fault.why)
            continue
        for span, text in zip(spans, texts, strict=True):
            number += 1
            try:
                (found,) = _windows([span], f"timestamps of {video}")
                words = converted(text, f"sentences of {video}", str)
            except RowFault as fault:
                yield Fault(entry, fault.what, fault.why)
                continue
            windows = (Window(found.start / rate, found.end / rate),)
            yield Moment(line=entry, id=number, text=words, video=video, windows=windows, duration=duration)


def read_youcook2(path: Path) -> Iterator[Record | Fault]:
    """YouCook2: {"database": {video: {"duration", "annotations": [{"segment", "sentence"}]}}}; numbered in order."""
    number = 0
    members = dict(member for _, member in json_members(path))
    try:
        database = field(members, "database", dict[str, Any])
    except RowFault as fault:
        yield Fault(1, fault.what, fault.why)
        return
    for entry, (video, row) in enumerate(database.items(), 1):
        try:
            duration = _duration(converted(row, video, dict[str, Any]))
            annotations = field(row, "annotations", list[Any])
        except RowFault as fault:
            yield Fault(entry, fault.what, fault.why)
            continue
        for annotation in annotations:
            number += 1
            try:
                said = converted(annotation, f"annotations of {video}", dict[str, Any])
                yield Moment(
                    line=entry,
                    id=number,
                    text=field(said, "sentence", str),
                    video=video,
                    windows=_windows([field(said, "segment", list[float])], f"segment of {video}"),
                    duration=duration,
                )
            except RowFault as fault:
                yield Fault(entry, fault.what, fault.why)


def read_didemo(path: Path) -> Iterator[Record | Fault]:
    """DiDeMo: pieces of five seconds that several annotators chose; the choice that most of them made is the truth."""

    def moment(line: int, row: Row) -> Moment:
        choices = field(row, "times", list[tuple[int, int]])
        if not choices or any(not 0 <= first <= last < DIDEMO_DURATION / DIDEMO_PIECE for first, last in choices):
            raise RowFault("times", f"is {choices}, expected pieces 0 .. 5 of five seconds, first and last")
        first, last = max(choices, key=choices.count)
        return Moment(
            line=line,
            id=field(row, "annotation_id", Id),  # type: ignore[arg-type]
            text=field(row, "description", str),
            video=field(row, "video", str),
            windows=(Window(first * DIDEMO_PIECE, (last + 1) * DIDEMO_PIECE),),
            duration=DIDEMO_DURATION,
        )

    return read_each(json_rows(path), moment)


def read_how2r(path: Path) -> Iterator[Record | Fault]:
    """How2R: video, [clip], [segment], query, and in one file a blank fifth; absolute seconds become the clip's."""

    def moment(line: int, cells: list[str]) -> Moment:
        if len(cells) not in (4, 5) or any(cell.strip() for cell in cells[4:]):
            raise RowFault("line", f"has {len(cells)} cells, expected video, [clip], [segment], query")
        video, clip, segment, text = cells[:4]
        begin, end = absolute_span(clip, "clip")
        span = absolute_span(segment, "segment")
        relative = Window(relative_to(begin, span.start), relative_to(begin, span.end))
        name = clip_name(video, begin, end)
        return Moment(line=line, id=line, text=text, video=name, windows=(relative,), duration=end - begin)

    return read_each(csv_rows(path), moment)


def absolute_span(text: str, what: str) -> Window:
    """The seconds of How2's "[a:b]". Raises RowFault."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise RowFault(what, f"is {text[:40]!r}, expected [start:end] in seconds")
    return window(float(found[1]), float(found[2]), what)


def relative_to(begin: float, second: float) -> float:
    """A second of the video as one of the clip that begins at `begin`; How2 counts milliseconds."""
    return round(second - begin, 3)


def clip_name(video: str, start: float, end: float) -> str:
    """VALUE's and the project's own name of a clip."""
    return f"{video}_{start:g}_{end:g}"


def read_captions(line: int, row: Row) -> Iterator[Record | Fault]:
    """One clip of VALUE's captioning tasks (TVC, YC2C): each caption is a query for its moment.

    A caption without an id is called by its clip's and its place there.
    """
    where = {name: row.get(name) for name in ("vid_name", "duration", "ts")}
    for number, caption in enumerate(field(row, "descs", list[Any]), 1):
        try:
            said = converted(caption, "descs", dict[str, Any])
            yield tvr_moment(line, {"desc_id": f"{row.get('clip_id', line)}_{number}", **where, **said})
        except RowFault as fault:
            yield Fault(line, fault.what, fault.why)


def _windows(spans: Any, what: str) -> tuple[Window, ...]:
    return tuple(window(*span, what) for span in converted(spans, what, list[Span]))


def _duration(row: Row) -> float | None:
    if row.get("duration") is None:
        return None
    return _positive(field(row, "duration", float))


def _positive(duration: float | None) -> float | None:
    if duration is not None and not 0 < duration < float("inf"):
        raise RowFault("duration", f"is {duration:g}, expected seconds above 0")
    return duration


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RowFault(what, f"is {text[:40]!r}, expected seconds") from None
