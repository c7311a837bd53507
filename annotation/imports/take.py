"""Records of the field's forms become films, clips, segments, queries and questions; all of a file, or none.

What is there already stays as it is, so a second run adds nothing. A row that the tables cannot hold is a fault of that
row; one that they can hold and a release will not take is kept, and the release's own gate says why.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.db import connection, models, transaction

from annotation.imports.places import OVER_S, Place, place_of
from annotation.models import Answer, Clip, Query, Question, Segment, Video
from annotation.models.items import LONGEST_TEXT, free_ids
from annotation.review.text.text_rules import normalise
from evaluation.forms.records import Fault, Moment, Record, RowFault, Window
from evaluation.forms.records import Question as AskedRecord
from evaluation.forms.table import FORMS
from evaluation.release.schema import OPTION_COUNTS

AT_ONCE = 1000  # rows of a statement
WHOLE_CLIPS = f"Of whole clips speak {', '.join(name for name, form in FORMS.items() if form.whole_clips)}"
Kind = TypeVar("Kind", Query, Question)


@dataclass
class Taken:
    """What one file has added, what it held that was here already, and the faults of its other rows, in its order."""

    added: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class About:
    """What is true of every row of a file."""

    source: str = ""
    licence: str = ""
    durations: Mapping[str, float] = field(default_factory=dict)
    segments_only: bool = False  # of queries and questions only where they happen: for batches that write new ones
    whole_clips: bool = False  # a query that says no moment describes the whole of its clip


@dataclass(frozen=True)
class _Planned:
    """A record that has its place. `span` is in seconds of the clip; no text where only the segment is wanted."""

    line: int
    place: Place
    span: Window
    kind: type[Query] | type[Question]
    text: str = ""
    type: str = ""
    options: tuple[str, ...] = ()
    answer: int = 0
    public_id: int | None = None


def take(records: Iterable[Record | Fault], about: About, *, keep_ids: bool = False) -> Taken:
    """Take records in, in one transaction. With `keep_ids` they come from a release, whose ids for items stay."""
    taken = Taken()
    planned = _planned(records, about, taken, keep_ids)
    taken.faults += _of_other_options(planned)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE annotation_segment IN SHARE ROW EXCLUSIVE MODE")  # one import after the other
        placed = _in_segments(_in_clips(planned, about, taken), taken)
        written = [(row, segment) for row, segment in placed if row.text]
        _add_items(Query, [pair for pair in written if pair[0].kind is Query], taken)
        _add_items(Question, [pair for pair in written if pair[0].kind is Question], taken)
    taken.faults.sort(key=lambda fault: fault.line)
    return taken


def _planned(records: Iterable[Record | Fault], about: About, taken: Taken, keep_ids: bool) -> list[_Planned]:
    planned: list[_Planned] = []
    for record in records:
        if isinstance(record, Fault):
            taken.faults.append(record)
            continue
        try:
            planned += _plan(record, about, taken, keep_ids)
        except RowFault as fault:
            taken.faults.append(Fault(record.line, fault.what, fault.why))
    return planned


def _plan(record: Record, about: About, taken: Taken, keep_ids: bool) -> list[_Planned]:
    """The rows of a record: one, or the segments alone of a query with several moments. Raises RowFault."""
    place = place_of(record, about.durations)
    length = round(place.end - place.start, 3)
    spans = [Window(round(span.start, 3), round(span.end, 3)) for span in record.windows]
    kind: type[Query] | type[Question] = Query if isinstance(record, Moment) else Question
    if not spans:
        if kind is Query and not about.whole_clips:
            raise RowFault("ts", f"is missing: where it happens is not known. {WHOLE_CLIPS}")
        spans = [Window(0.0, length)]
    for span in spans:
        _check_span(record.line, span, length, taken)
    segments = [_Planned(record.line, place, span, kind) for span in spans]
    if about.segments_only:
        return segments
    if len(spans) > 1:
        why = f"are {len(spans)}, a query here has one: its segments are taken, its text is not"
        taken.faults.append(Fault(record.line, "moments", why))
        return segments
    text = _text(record.line, "text", record.text, taken)
    number = record.id if keep_ids and isinstance(record.id, int) else None
    if isinstance(record, Moment):
        asked_by = record.type or Query.Type.BOTH  # nobody says that one of the two is enough
        return [_Planned(record.line, place, spans[0], kind, text, asked_by, public_id=number)]
    options = _options(record, taken)
    assert record.answer is not None  # _options has looked
    return [_Planned(record.line, place, spans[0], kind, text, "", options, record.answer, public_id=number)]


def _check_span(line: int, span: Window, length: float, taken: Taken) -> None:
    """Raises RowFault on what no table holds; what a release will leave out is told, and kept."""
    where = f"[{span.start:g}, {span.end:g}]"
    if not 0 <= span.start < span.end:
        raise RowFault("ts", f"{where} begins before its clip")
    if span.end > length + OVER_S:
        why = f"{where} reaches {span.end - length:.3g} s out of its clip of {length:g} s: kept, no release takes it"
        taken.faults.append(Fault(line, "ts", why, lost=False))


def _text(line: int, what: str, text: str, taken: Taken) -> str:
    """Raises RowFault on a blank one."""
    clean = normalise(text)
    if not clean:
        raise RowFault(what, "is blank")
    if (size := len(clean.encode())) > LONGEST_TEXT:
        raise RowFault(what, f"is {size} bytes long, expected {LONGEST_TEXT} at most: {clean[:40]!r}")
    if "".join(clean.split()) != "".join(text.split()):
        taken.faults.append(Fault(line, what, f"is now {clean[:40]!r}: control marks out, Unicode's NFC", lost=False))
    return clean


def _options(record: AskedRecord, taken: Taken) -> tuple[str, ...]:
    """The options as they are stored. Raises RowFault where they cannot be."""
    if record.answer is None:
        raise RowFault("answer", "is withheld")
    options = tuple(_text(record.line, f"option {n}", text, taken) for n, text in enumerate(record.options))
    repeated = [option for option, n in Counter(options).items() if n > 1]
    if repeated:
        raise RowFault("options", f"hold {repeated[0][:40]!r} twice")
    return options


def _of_other_options(planned: Iterable[_Planned]) -> Iterator[Fault]:
    """A note for each number of options that no release takes: one line says it for a file of a hundred thousand."""
    lines: dict[int, list[int]] = defaultdict(list)
    for row in planned:
        if row.options and len(row.options) not in OPTION_COUNTS:
            lines[len(row.options)].append(row.line)
    expected = " or ".join(map(str, OPTION_COUNTS))
    for count, found in lines.items():
        more = f" and in {len(found) - 1} other questions" if len(found) > 1 else ""
        why = f"are {count} here{more}: kept, no release takes other than {expected}"
        yield Fault(found[0], "options", why, lost=False)


def _in_clips(planned: Sequence[_Planned], about: About, taken: Taken) -> list[tuple[_Planned, Clip]]:
    """Each row with its clip; films that are not here are entered by name. Rows past the end of a film are faults."""
    films = _films({row.place.film: row.place for row in planned}, about, taken)
    there = _in_parts(Clip.objects.select_related("video"), "video__in", [film.pk for film in films.values()])
    clips = {(clip.video_id, clip.start, clip.end): clip for clip in there}
    new: list[Clip] = []
    found = []
    for row in planned:
        film, place = films[row.place.film], row.place
        if film.duration is not None and place.end > film.duration + OVER_S:
            why = f"ends at {place.end:g} s, the film {film.public_id} lasts {film.duration:g} s"
            taken.faults.append(Fault(row.line, "clip", why))
            continue
        key = (film.pk, place.start, place.end)
        if key not in clips:
            clips[key] = Clip(video=film, start=place.start, end=place.end, imported=True)
            new.append(clips[key])
        found.append((row, clips[key]))
    _add(Clip, new, taken)
    return found


def _films(places: Mapping[str, Place], about: About, taken: Taken) -> dict[str, Video]:
    films = {film.public_id: film for film in _in_parts(Video.objects.all(), "public_id__in", list(places))}
    new = [
        Video(public_id=name, title=place.title, source=about.source, licence=about.licence, state=Video.State.READY)
        for name, place in places.items()
        if name not in films
    ]
    _add(Video, new, taken)
    return films | {film.public_id: film for film in new}


def _in_segments(placed: Sequence[tuple[_Planned, Clip]], taken: Taken) -> list[tuple[_Planned, Segment]]:
    there = _in_parts(Segment.objects.all(), "clip__in", list({clip.pk for _, clip in placed}))
    segments = {(segment.clip_id, segment.start, segment.end): segment for segment in there}
    new: list[Segment] = []
    found = []
    for row, clip in placed:
        key = (clip.pk, row.span.start, row.span.end)
        if key not in segments:
            segments[key] = Segment(clip=clip, start=row.span.start, end=row.span.end)
            new.append(segments[key])
        found.append((row, segments[key]))
    _number(Segment, new, [(segment.clip.name, segment.start, segment.end) for segment in new])
    _add(Segment, new, taken)
    return found


def _add_items(kind: type[Kind], placed: Sequence[tuple[_Planned, Segment]], taken: Taken) -> None:
    """Add the items that are not there. Of one segment and text there is one; another with other answers is a fault."""
    there = _in_parts(_with_answers(kind), "segment__in", list({segment.pk for _, segment in placed}))
    known = {(item.segment_id, item.text): _answers_of(item) for item in there}
    first: dict[tuple[int, str], _Planned] = {}
    new: list[tuple[_Planned, Kind]] = []
    for row, segment in placed:
        key, answers = (segment.pk, row.text), _answers(row)
        if key in first:
            other = "" if answers == _answers(first[key]) else ", with other answers"
            taken.faults.append(Fault(row.line, "text", f"on this moment stands in line {first[key].line}{other}"))
            continue
        if known.get(key, answers) != answers:
            taken.faults.append(Fault(row.line, "text", "on this moment is here already, with other answers"))
            continue
        first[key] = row
        if key in known:
            taken.known[_name(kind)] += 1
        else:
            fields = {"type": row.type} if kind is Query else {}
            new.append((row, kind(segment=segment, text=row.text, **fields)))
    _number_items(kind, new, taken)
    items = [item for _, item in new if item.public_id is not None]
    _add(kind, items, taken)
    if kind is Question:
        Answer.objects.bulk_create(
            (
                Answer(question_id=item.pk, position=position, text=text, correct=position == row.answer)
                for row, item in new
                if item.public_id is not None
                for position, text in enumerate(row.options)
            ),
            batch_size=AT_ONCE,
        )


def _with_answers(kind: type[Query] | type[Question]) -> models.QuerySet[Any]:
    return Question.objects.prefetch_related("answers") if kind is Question else Query.objects.all()


def _answers_of(item: Query | Question) -> Hashable:
    if isinstance(item, Query):
        return None
    return frozenset((answer.text, answer.correct) for answer in item.answers.all())


def _answers(row: _Planned) -> Hashable:
    if row.kind is Query:
        return None
    return frozenset((text, place == row.answer) for place, text in enumerate(row.options))


def _number_items(kind: type[Kind], new: Sequence[tuple[_Planned, Kind]], taken: Taken) -> None:
    """Ids as the crowd's items get theirs, or those of the release where they are free."""
    brought = {row.public_id for row, _ in new if row.public_id is not None}
    used = set(_in_parts(kind._default_manager.values_list("public_id", flat=True), "public_id__in", list(brought)))
    for row, item in new:
        if row.public_id is None:
            continue
        if row.public_id in used:
            taken.faults.append(Fault(row.line, "id", f"{row.public_id} is that of another item here"))
            item.public_id = None  # type: ignore[assignment]  # left out
        else:
            item.public_id = row.public_id
    free = [item for row, item in new if row.public_id is None]
    _number(kind, free, [(item.text,) if kind is Query else (item.segment.clip.name, item.text) for item in free])


def _number(
    kind: type[models.Model], rows: Sequence[Segment | Query | Question], parts: Sequence[tuple[object, ...]]
) -> None:
    """Give each row the content id of its parts, or the next that is free."""
    for row, number in zip(rows, free_ids(kind, parts), strict=True):
        row.public_id = number


def _in_parts(rows: models.QuerySet[Any], column: str, values: Sequence[object]) -> Iterator[Any]:
    """The rows whose column is one of these values, asked for in statements of a bounded size."""
    for first in range(0, len(values), AT_ONCE):
        yield from rows.filter(**{column: values[first : first + AT_ONCE]})


def _add(kind: type[models.Model], rows: Sequence[Any], taken: Taken) -> None:
    kind._default_manager.bulk_create(rows, batch_size=AT_ONCE)
    taken.added[_name(kind)] += len(rows)


def _name(kind: type[models.Model]) -> str:
    return str(kind._meta.verbose_name_plural)
