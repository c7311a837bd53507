"""Accepted items corrected and withdrawn: the row says what is true now, the list of corrections what was, and why.

A frozen release keeps what it holds. Another text gets another id, since an id stands for one content for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction

from adversarial.text.normalise import canonical
from annotation.models import Answer, Assignment, Correction, Hit, Query, Question, Segment, Validation
from annotation.models.items import LONGEST_TEXT, free_id
from annotation.review.text.text_rules import normalise

LEAST_WORDS = 2
KINDS: dict[str, type[Query] | type[Question]] = {"moment": Query, "qa": Question}
Item = Query | Question


def find_item(kind: str, public_id: int) -> Item:
    """An item by its public id. Raises DoesNotExist of its model."""
    places = "segment__clip__video", "withdrawn_by"
    return KINDS[kind]._default_manager.select_related(*places).get(public_id=public_id)


@transaction.atomic
def withdraw(item: Item, reason: str, user: AbstractBaseUser) -> None:
    """Keep an item out of every release to come. Raises ValidationError."""
    item = _locked(item)
    reason = _checked(reason)
    if item.withdrawn_by is not None:
        raise ValidationError("it is withdrawn already")
    item.withdrawn_by = _write(item, Correction.What.WITHDRAWN, {}, {}, reason, user)
    item.save(update_fields=["withdrawn_by"])


@transaction.atomic
def correct(
    item: Item, *, text: str, start: float, end: float, options: Sequence[str], reason: str, user: AbstractBaseUser
) -> Item:
    """Change an item; times in seconds of its clip, the first option is the right one. Raises ValidationError."""
    item = _locked(item)
    reason = _checked(reason)
    before = state_of(item)
    after: dict[str, Any] = {"text": normalise(text), "start": round(start, 3), "end": round(end, 3)}
    if isinstance(item, Question):
        after["options"] = [normalise(option) for option in options]
    _check(item, after)
    changed = {name for name in after if after[name] != before[name]}
    if not changed:
        raise ValidationError("nothing is changed")
    old = {name: before[name] for name in changed}
    _write(item, Correction.What.CORRECTED, old, {name: after[name] for name in changed}, reason, user)
    if changed & {"start", "end"}:
        item.segment = _segment(item.segment, after["start"], after["end"])
    if "text" in changed:
        parts = (after["text"],) if isinstance(item, Query) else (item.segment.clip.name, after["text"])
        item.public_id = free_id(type(item), *parts)
        item.text = after["text"]
    if KINDS[kind_of(item)]._default_manager.filter(segment=item.segment, text=item.text).exclude(pk=item.pk).exists():
        raise ValidationError("this text stands on this moment already")
    item.save()
    if "options" in changed and isinstance(item, Question):
        _require_nobody_answers(item)
        _place_anew(item, before["options"], after["options"])
        item.answers.all().delete()
        Answer.objects.bulk_create(
            Answer(question=item, position=place, text=option, correct=place == 0)
            for place, option in enumerate(after["options"])
        )
    return item


def state_of(item: Item) -> dict[str, Any]:
    """What may be corrected: text, start and end in seconds of the clip, options with the right one first."""
    state: dict[str, Any] = {"text": item.text, "start": item.segment.start, "end": item.segment.end}
    if isinstance(item, Question):
        state["options"] = [answer.text for answer in item.answers.order_by("-correct", "position")]
    return state


def kind_of(item: Item) -> str:
    """As releases call it."""
    return "moment" if isinstance(item, Query) else "qa"


def history(item: Item) -> list[Correction]:
    """What was changed of it, the last first, over the ids that it had."""
    found: list[Correction] = []
    ids, text = {item.public_id}, item.text
    for row in Correction.objects.filter(kind=kind_of(item)).order_by("-id"):
        if row.public_id in ids or row.after.get("text") == text:
            found.append(row)
            ids.add(row.public_id)
            text = row.before.get("text", text)
    return found


def former_ids(kind: str) -> dict[str, set[int]]:
    """{text as it is now: the public ids that items had before they came to read so}."""
    found: dict[str, set[int]] = {}
    for row in Correction.objects.filter(kind=kind, after__has_key="text").order_by("id"):
        ids = found.setdefault(row.after["text"], set())
        ids |= {row.public_id} | found.get(row.before["text"], set())
    return found


def _locked(item: Item) -> Item:
    return type(item)._default_manager.select_for_update(of=("self",)).select_related("segment__clip").get(pk=item.pk)


def _checked(reason: str) -> str:
    if len(reason.split()) < LEAST_WORDS:
        raise ValidationError(f"a reason of at least {LEAST_WORDS} words is expected: the next release prints it")
    return normalise(reason)


def _check(item: Item, after: dict[str, Any]) -> None:
    length = item.segment.clip.duration
    if not after["text"]:
        raise ValidationError("a text is expected")
    if max(len(said.encode()) for said in (after["text"], *after.get("options", ()))) > LONGEST_TEXT:
        raise ValidationError(f"texts of at most {LONGEST_TEXT} bytes are expected")
    if not 0 <= after["start"] < after["end"] <= round(length, 3):
        raise ValidationError(f"a moment inside the clip is expected: 0 <= start < end <= {length:g} s")
    folded = [canonical(option) for option in after.get("options", ())]
    if len(set(folded)) < len(folded) or "" in folded:
        raise ValidationError("options that all differ are expected, none of them blank")


def _require_nobody_answers(question: Question) -> None:
    """Raises ValidationError while people look at these options, or their answers wait: they go by what was shown."""
    shown = question.hits.filter(state__in=[Hit.State.WAITING, Hit.State.OPEN])
    waiting = Assignment.objects.filter(Assignment.unreviewed(), hit__question=question)
    if shown.exists() or waiting.exists():
        raise ValidationError(
            "people are asked about these options: wait until the batch is closed and their answers are reviewed"
        )


def _place_anew(question: Question, before: Sequence[str], after: Sequence[str]) -> None:
    """Let what people chose follow its text to its new place; whose text is gone, with another in its place, said
    nothing of the options that there are now, and what was merely worded anew is the same option.
    """
    old = list(question.answers.order_by("position").values_list("text", flat=True))
    place = {Validation.NONE: Validation.NONE, Validation.DOUBTED: Validation.DOUBTED}
    for number, text in enumerate(before):
        if text in after:
            place[old.index(text)] = after.index(text)
        elif after[number] not in before:
            place[old.index(text)] = number
    for row in question.validations.all():
        if row.choice in place:
            row.choice, row.also = place[row.choice], place.get(row.also, Validation.NONE)
            row.save(update_fields=["choice", "also"])
        else:
            row.delete()


def _segment(segment: Segment, start: float, end: float) -> Segment:
    """The segment of these times: other items may rest on the one that was wrong for this one."""
    found = Segment.objects.filter(clip=segment.clip, start=start, end=end).first()
    number = free_id(Segment, segment.clip.name, start, end)
    return found or Segment.objects.create(clip=segment.clip, start=start, end=end, public_id=number)


def _write(
    item: Item, what: str, before: dict[str, Any], after: dict[str, Any], reason: str, user: AbstractBaseUser
) -> Correction:
    change = {"what": what, "before": before, "after": after, "reason": reason, "user_id": user.pk}
    return Correction.objects.create(kind=kind_of(item), public_id=item.public_id, **change)
