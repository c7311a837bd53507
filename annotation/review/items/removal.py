"""What an answer became is taken back, unless somebody has built on it since."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.db.models import ProtectedError, Q

from annotation.models import Assignment, Correction, Query, Question, Segment, Validation
from annotation.review import corrections

MODELS = (Query, Question, Validation, Segment)  # texts first: they rest on the segment
MADE = ("query", "question", "validation", "segment")  # where an answer keeps what it became
Item = Query | Question | Validation | Segment


def remove_items(rows: Sequence[Assignment]) -> dict[Assignment, str]:
    """Delete what answers became, their votes included; of which it stays, and why.

    `rows`: the last given first, since others of them may rest on the earlier ones; the caller has locked them.
    """
    stay = _changed(rows)
    going = [row for row in rows if row not in stay]
    held = dict.fromkeys(_delete_but_held(going), "other answers or tasks rest on this one by now: it stays")
    return stay | held


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


def _delete_but_held(rows: Sequence[Assignment]) -> list[Assignment]:
    """Delete the items of all but those on which other work rests, and return these: looked for by halves."""
    try:
        with transaction.atomic():
            _delete(rows)
    except ProtectedError:
        if len(rows) == 1:
            return list(rows)
        half = len(rows) // 2
        return _delete_but_held(rows[:half]) + _delete_but_held(rows[half:])
    return []


def _delete(rows: Sequence[Assignment]) -> None:
    """Raises ProtectedError where others rest on an item."""
    _take_votes([row for row in rows if row.vote_for_id is not None])
    items = [item for row in rows for item in _made(row)]
    for model in MODELS:
        if keys := [item.pk for item in items if type(item) is model]:
            model._default_manager.filter(pk__in=keys).delete()


def _take_votes(voters: Sequence[Assignment]) -> None:
    if not voters:
        return
    voted = [row.vote_for_id for row in voters if row.vote_for_id is not None]
    segments = list(Segment.objects.select_for_update().filter(pk__in=voted).order_by("pk"))
    for segment in segments:
        segment.votes -= voted.count(segment.pk)
    Segment.objects.bulk_update(segments, ["votes"])
    Assignment.objects.filter(pk__in=[row.pk for row in voters]).update(vote_for=None)
