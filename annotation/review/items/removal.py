"""What an answer became is taken back, unless somebody has built on it since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from django.db.models import PROTECT, F, ManyToOneRel, Model, Q, Value

from annotation.models import Answer, Assignment, Correction, Query, Question, Segment, Validation
from annotation.review import corrections

MODELS = (Query, Question, Validation, Segment)  # texts first: they rest on the segment
MADE = ("query", "question", "validation", "segment")  # where an answer keeps what it became
Item = Query | Question | Validation | Segment
Key = tuple[str, int]  # of a row of any table: its model's label, its primary key


def remove_items(rows: Sequence[Assignment]) -> dict[Assignment, str]:
    """Delete what answers became, their votes included; of which it stays, and why.

    Of those that may go as many as can: one that others of them rest on goes if all these do. The caller has locked
    the rows. As many statements as for one.
    """
    stay = _changed(rows)
    going = [row for row in rows if row not in stay]
    _lock_segments(going)
    held = _held(going)
    free = [row for row in going if row not in held]
    _take_votes([row for row in free if row.vote_for_id is not None])
    _delete([item for row in free for item in _made(row)])
    return stay | dict.fromkeys(held, "other answers or tasks rest on this one by now: it stays")


def _made(row: Assignment) -> list[Item]:
    return [item for name in MADE if (item := getattr(row, name, None)) is not None]


def _changed(rows: Sequence[Assignment]) -> dict[Assignment, str]:
    """Whose items somebody has withdrawn, corrected, or declared to be known answers."""
    corrected = _corrected(rows)
    found = {}
    for row in rows:
        items = _made(row)
        if any(getattr(item, "withdrawn_by_id", None) for item in items):
            found[row] = "what it made was withdrawn meanwhile: it stays, withdrawn"
        elif corrected.intersection(items):
            found[row] = "what it made was corrected meanwhile: it stays, corrected"
        elif any(getattr(item, "gold", False) for item in items):
            found[row] = "what it marks is a known answer (gold) by now: others are measured by it"
    return found


def _corrected(rows: Sequence[Assignment]) -> set[Item]:
    """Which items of these answers were corrected since: known by the id that they had, or the text that they got."""
    texts = [item for row in rows for item in _made(row) if isinstance(item, Query | Question)]
    kinds = {corrections.kind_of(item) for item in texts}
    before = Q(public_id__in=[item.public_id for item in texts])
    changes = Correction.objects.filter(before | Q(after__text__in=[item.text for item in texts]), kind__in=kinds)
    known = list(changes.values_list("public_id", "after__text"))
    ids, said = {public_id for public_id, _ in known}, {text for _, text in known}
    return {item for item in texts if item.public_id in ids or item.text in said}


def _lock_segments(rows: Sequence[Assignment]) -> None:
    """Those that are deleted or lose a vote, by key as everywhere: who would use one waits, and finds it gone."""
    made = [item.pk for row in rows for item in _made(row) if isinstance(item, Segment)]
    voted = [row.vote_for_id for row in rows if row.vote_for_id is not None]
    if made or voted:
        list(Segment.objects.select_for_update().filter(pk__in=[*made, *voted]).order_by("pk").values_list("pk"))


def _held(rows: Sequence[Assignment]) -> set[Assignment]:
    """Those on whose items something rests that stays: other work, or what an answer has made that stays.

    Once round is enough: nothing rests on a vote or a sentence, and whoever made a moment has his sentence on it.
    """
    leaving = {key for row in rows for key in _keys(row)}
    resting = _resting([item for row in rows for item in _made(row)])
    staying = {item for item, other in resting if other not in leaving}
    return {row for row in rows if not staying.isdisjoint(_keys(row))}


def _keys(row: Assignment) -> Iterator[Key]:
    """Of an answer, which may be a vote, and of what it made."""
    return (_key(one) for one in (row, *_made(row)))


def _key(row: Model) -> Key:
    return row._meta.label, row.pk


def _resting(items: Sequence[Item]) -> Iterable[tuple[Key, Key]]:
    """Each of the items with each row that rests on it, of whatever table: one question of the database."""
    asked = []
    for model in MODELS:
        keys = [item.pk for item in items if type(item) is model]
        for relation in model._meta.get_fields(include_hidden=True) if keys else ():
            if isinstance(relation, ManyToOneRel) and relation.on_delete is PROTECT:
                name, other = relation.field.name, relation.related_model
                rows = other._base_manager.filter(**{f"{name}__in": keys}).order_by()
                pair = Value(model._meta.label), F(name), Value(other._meta.label), F("pk")
                asked.append(rows.values_list(*pair))
    found = asked[0].union(*asked[1:], all=True) if asked else ()
    return (((label, item), (other, pk)) for label, item, other, pk in found)


def _take_votes(voters: Sequence[Assignment]) -> None:
    """The caller has locked the segments."""
    if not voters:
        return
    votes = Counter(row.vote_for_id for row in voters)
    segments = [Segment(pk=pk, votes=F("votes") - count) for pk, count in votes.items()]
    Segment.objects.bulk_update(segments, ["votes"])
    Assignment.objects.filter(pk__in=[row.pk for row in voters]).update(vote_for=None)


def _delete(items: Sequence[Item]) -> None:
    """By their keys alone: `QuerySet.delete` would look for what rests on each once more, table by table.

    What was overlooked would break a foreign key, and the transaction with it.
    """
    for model in MODELS:
        if keys := [item.pk for item in items if type(item) is model]:
            rows = model._default_manager.filter(pk__in=keys)
            if model is Question:
                Answer.objects.filter(question__in=keys)._raw_delete(rows.db)
            rows._raw_delete(rows.db)
