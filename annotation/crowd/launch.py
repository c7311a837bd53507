"""Launching: the units of a batch become HITs of the crowd."""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import MD5, Cast, Concat
from django.urls import reverse
from django.utils import timezone

from annotation.crowd.client import HIT_LIFETIME, Crowd, missing_keys
from annotation.crowd.standing import counts_of_new
from annotation.crowd.workers.blind_bonuses import nobody_looks
from annotation.crowd.workers.requirements import requirements
from annotation.locks import locked_batches
from annotation.models import Assignment, Batch, Clip, Doubt, Hit, Query, Question, Segment, Validation, Video
from annotation.models.crowd import MARKING, Environment, Kind
from annotation.review import ledger
from annotation.review.text.text_rules import MIN_SEGMENT_S
from annotation.task_names import CLOSE_BATCH, LAUNCH_BATCH
from benchmark_site.jobs.alone import alone
from benchmark_site.jobs.enqueue import enqueue

UNIT_SALT = "annotation.unit"
PAGE_OF_UNITS = 200  # launched by one task: seconds, where messages of tasks come again after a minute
ROWS_AT_ONCE = 1000
TROUBLE = "the marketplace did not do it, and is asked again"
EXTERNAL_QUESTION = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2006-07-14/ExternalQuestion.xsd"
WORDING = {
    Kind.SEGMENT: ("Mark an interesting moment of a short video", "Watch up to a minute, set start and end."),
    Kind.QUERY: ("Describe a moment of a short video", "Watch a few seconds and describe them in one sentence."),
    Kind.COMBINED: ("Mark a moment of a short video and describe it", "Set start and end, then write one sentence."),
    Kind.VALIDATE: ("Answer a question about a moment of a short video", "Watch a few seconds and choose an answer."),
    Kind.QA: ("Ask a question about a moment of a short video", "One question, one right and three wrong answers."),
}


class Unit(NamedTuple):
    """What a HIT asks about, by primary keys: a clip, a segment, its question, an answer to that which is doubted."""

    clip: int | None = None
    segment: int | None = None
    question: int | None = None
    doubt: int | None = None

    @classmethod
    def of(cls, hit: Hit) -> Unit:
        return cls(hit.clip_id, hit.segment_id, hit.question_id, hit.doubt_id)


class LaunchError(Exception):
    """A batch cannot be launched; the message tells the requester what to change."""


def units(batch: Batch) -> QuerySet[Clip] | QuerySet[Segment] | QuerySet[Question] | QuerySet[Doubt]:
    """What the batch will ask about: playable clips, or segments or questions accepted so far, or their doubts.

    As its fields choose, in a fixed order: by place in the video, or by the draw of the sample, which depends on the
    seed and the unit's public name alone. Not about the hidden split of a release: workers would be shown where its
    moments are.
    """
    found: QuerySet[Any]
    order: tuple[str, ...]
    if batch.kind in MARKING:
        found, video = askable_clips(), "video"
        name: Combinable = Concat("video__public_id", Value("_"), _text("start"))
        order = ("video__public_id", "start", "pk")
    elif batch.kind == Kind.VALIDATE and batch.doubted:
        found = Doubt.objects.filter(question__in=askable_questions())
        found = found.select_related("question__segment__clip__video")
        video, name = "question__segment__clip__video", Concat(_text("question__public_id"), Value("|"), "text")
        order = ("question__segment__clip__video__public_id", "question__public_id", "text")
    elif batch.kind == Kind.VALIDATE:
        found = askable_questions().select_related("segment__clip__video")
        video, name = "segment__clip__video", _text("public_id")
        order = ("segment__clip__video__public_id", "segment__clip__start", "segment__start", "pk")
    else:
        found = Segment.objects.filter(~Video.is_hidden("clip__video__"), clip__imported=False)
        found = found.select_related("clip__video")
        video, name = "clip__video", _text("public_id")
        order = ("clip__video__public_id", "clip__start", "start", "end", "pk")
        if batch.without_query:
            found = found.exclude(Exists(Query.objects.filter(segment=OuterRef("pk"), withdrawn_by=None)))
    drawn = MD5(Concat(Value(f"{batch.seed}|"), name))
    known: QuerySet[Any] = _known(found) if batch.gold_share else found.none()
    if batch.tag:
        found = found.filter(**{f"{video}__tags__contains": [batch.tag]})
    if batch.gold_share:
        found = found.exclude(pk__in=known)
    if batch.sample is not None:
        found = found.annotate(place=drawn).order_by("place", "pk")[: batch.sample]
    if not batch.gold_share:
        return found if batch.sample is not None else found.order_by(*order)
    wanted = math.ceil(found.count() * batch.gold_share / (1 - batch.gold_share))
    gold = known.annotate(place=drawn).order_by("place", "pk")[:wanted]
    either = Q(pk__in=found.values("pk")) | Q(pk__in=gold.values("pk"))
    return found.model._default_manager.filter(either).select_related(video).order_by(*order)


def _asks_about(batch: Batch) -> str:
    if batch.kind == Kind.VALIDATE:
        return "answer that a release doubts" if batch.doubted else "accepted question"
    return "clip of an ingested video" if batch.kind in MARKING else "accepted segment"


def _known(units: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the units whose answer is known: clips with a moment that somebody has marked as gold."""
    moments = Segment.objects.filter(gold=True, clip=OuterRef("pk"))
    return units.filter(Exists(moments)) if units.model is Clip else units.none()


def _text(field: str) -> Cast:
    return Cast(field, CharField())


def askable_clips() -> QuerySet[Clip]:
    """Clips in which a moment may be marked; in one shorter than a segment every answer would be refused."""
    ready = Clip.objects.filter(~Video.is_hidden("video__"), video__state=Video.State.READY, imported=False)
    return ready.filter(end__gte=F("start") + MIN_SEGMENT_S).select_related("video")


def askable_questions() -> QuerySet[Question]:
    """Accepted questions that workers may be shown: of more options than the task's form tells apart none."""
    own = Question.objects.filter(segment__clip__imported=False, withdrawn_by=None)
    return own.exclude(answers__position__gte=Validation.DOUBTED).exclude(Video.is_hidden("segment__clip__video__"))


def request_launch(batch_id: int, typed: str = "") -> None:
    """Check the price and wake the launcher. `typed`: the amount that was typed, needed where it is real money.

    Raises LaunchError where there is nothing to ask, where keys are missing, where nobody looks for what earns the
    bonus that is promised, where the worst case exceeds the budget.
    """
    with transaction.atomic():
        batch = locked_batches([batch_id]).get()
        if batch.state != Batch.State.DRAFT:
            raise LaunchError(f"“{batch}” is {batch.get_state_display()}: only a draft can be launched")
        todo = units(batch).count()
        if not todo:
            raise LaunchError(f"there is no {_asks_about(batch)} to ask about yet")
        if problem := missing_keys(batch.environment) or nobody_looks(batch):
            raise LaunchError(problem)
        cost = ledger.worst_case(batch, todo)
        if cost > batch.budget:
            raise LaunchError(f"{todo} units cost up to ${cost}, the budget is ${batch.budget}")
        if (typed or batch.environment == Environment.LIVE) and typed.strip().lstrip("$") != str(cost):
            real = "this spends real money: " if batch.environment == Environment.LIVE else ""
            raise LaunchError(f"{real}type the amount, {cost}, to launch it")
        batch.held_back = batch.canary is not None and batch.canary < todo
        batch.save(update_fields=["held_back"])
        _start(batch)


def request_relaunch(batch_id: int) -> int:
    """Ask again about the units that are over with answers missing, in new HITs; return how many there are.

    Raises LaunchError where there are none, where nobody looks for what earns the bonus that is promised, and where the
    budget does not allow it.
    """
    with transaction.atomic():
        batch = locked_batches([batch_id]).get()
        if batch.state not in {Batch.State.OPEN, Batch.State.CLOSED}:
            raise LaunchError(f"“{batch}” is {batch.get_state_display()}: an open or closed batch can ask again")
        if batch.held_back:
            raise LaunchError(f"units of “{batch}” wait behind its canaries: launch those first")
        todo = list(expired(batch).select_related("batch"))
        if not todo:
            raise LaunchError("no unit of this batch is over with answers missing")
        if problem := nobody_looks(batch):
            raise LaunchError(problem)
        cost, left = ledger.worst_case(batch, len(todo)), batch.budget - ledger.committed(batch)
        if cost > left:
            raise LaunchError(f"{len(todo)} units cost up to ${cost}, ${left} of the budget is left")
        _make_hits(batch, [(Unit.of(hit), hit.narration_hidden, hit.attempt + 1) for hit in todo])
        _start(batch)
    return len(todo)


def expired(batch: Batch) -> QuerySet[Hit]:
    """The last attempts at units of the batch that are over without all answers."""
    of_segment = Q(segment=OuterRef("segment"), question=None)
    of_question = Q(question=OuterRef("question"), doubt=None)
    same = Q(clip=OuterRef("clip")) | of_segment | of_question | Q(doubt=OuterRef("doubt"))
    later = Hit.objects.filter(same, batch=batch, attempt__gt=OuterRef("attempt"))
    return batch.hits.filter(~Exists(later), state=Hit.State.EXPIRED)


def launch(batch_id: int) -> None:
    """Put waiting HITs of the batch before the crowd, a page of them; then wake the next page. Safe to repeat.

    Whoever comes while somebody is at it goes: the sweeper wakes every launch each minute, and each of two that went on
    would take the other's page for that of a worker who died, and look through all HITs there are for it.
    """
    with alone(f"launch {batch_id}") as mine:
        if mine:
            _launch_page(batch_id)


def _launch_page(batch_id: int) -> None:
    batch = Batch.objects.get(pk=batch_id)
    if batch.state != Batch.State.LAUNCHING:
        return
    _make_first_hits(batch)
    crowd = Crowd(batch.environment)
    if not batch.hit_type_id:
        batch.hit_type_id = _hit_type(crowd, batch)
        batch.save(update_fields=["hit_type_id"])
    page = list(_may_go_out(batch).select_related("batch")[:PAGE_OF_UNITS])
    # Tokens die after a day, so what was asked for before is looked for by our own annotation.
    asked_before = any(hit.asked_at for hit in page)
    known = crowd.hits_by_annotation() if asked_before else {}
    _check_balance(crowd, batch, [hit for hit in page if hit.request_token not in known])
    Hit.objects.filter(pk__in=[hit.pk for hit in page]).update(asked_at=timezone.now())
    ends_at = batch.ends_at or timezone.now() + HIT_LIFETIME
    for hit, hit_id in _created(crowd, batch, page, known, ends_at):
        # A HIT that was stopped meanwhile is open for a moment; whoever stops the batch finds it.
        counts = counts_of_new(batch.assignments_per_hit)
        there = {"hit_id": hit_id, "state": Hit.State.OPEN, "ends_at": ends_at, "counts": counts}
        Hit.objects.filter(pk=hit.pk, hit_id=None).update(**there)
    with transaction.atomic():
        batch = locked_batches([batch_id]).get()
        if batch.state != Batch.State.LAUNCHING:  # stopped meanwhile, perhaps before these HITs were there
            Batch.objects.filter(pk=batch_id, state=Batch.State.CLOSED).update(state=Batch.State.CLOSING)
            enqueue(CLOSE_BATCH, batch_id=batch_id)
        elif _may_go_out(batch).exists():
            enqueue(LAUNCH_BATCH, batch_id=batch_id)
        else:
            Batch.objects.filter(pk=batch_id).update(state=Batch.State.OPEN, error="")


def _created(
    crowd: Crowd, batch: Batch, page: list[Hit], known: dict[str, str], ends_at: datetime
) -> Iterator[tuple[Hit, str]]:
    """Each unit with its HIT id, in order; those that are not known are created, some at once: most of it is waiting.

    Where one fails, what is on its way besides is found by its annotation at the next try.
    """

    def create(hit: Hit) -> str:
        return known.get(hit.request_token) or crowd.create_hit(
            hit_type_id=batch.hit_type_id,
            question=external_question(hit),
            token=hit.request_token,
            annotation=hit.request_token,
            assignments=batch.assignments_per_hit,
            lifetime=ends_at - timezone.now(),
        )

    pool = ThreadPoolExecutor(settings.LAUNCH_AT_ONCE)
    try:
        yield from zip(page, pool.map(create, page), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _may_go_out(batch: Batch) -> QuerySet[Hit]:
    """Units that wait to be launched, in order; beyond the canaries none, while the rest is held back."""
    waiting = batch.hits.filter(state=Hit.State.WAITING).order_by("pk")
    if batch.canary is None or not batch.held_back:
        return waiting
    launched = batch.hits.exclude(state=Hit.State.WAITING).count()
    return waiting[: max(batch.canary - launched, 0)]


def request_rest(batch_id: int) -> None:
    """Launch what waits behind the canaries. Raises LaunchError."""
    with transaction.atomic():
        batch = locked_batches([batch_id]).get()
        if batch.state != Batch.State.OPEN or not batch.held_back:
            raise LaunchError(f"“{batch}” is {batch.get_state_display()}: nothing of it is held back")
        _release(batch)


def release_approved() -> None:
    """Launch the rest of those batches of whose canaries as many answers are approved as there are canaries."""
    for batch in Batch.objects.filter(state=Batch.State.OPEN, held_back=True):
        with transaction.atomic():
            batch = locked_batches([batch.pk]).get()
            approved = Assignment.objects.filter(batch=batch, state=Assignment.State.APPROVED, used=True).count()
            if batch.state == Batch.State.OPEN and batch.held_back and approved >= (batch.canary or 0):
                _release(batch)


def _release(batch: Batch) -> None:
    batch.held_back = False
    batch.save(update_fields=["held_back"])
    _start(batch)


def _start(batch: Batch) -> None:
    batch.state, batch.error, batch.ends_at = Batch.State.LAUNCHING, "", timezone.now() + HIT_LIFETIME
    batch.save(update_fields=["state", "error", "ends_at"])
    enqueue(LAUNCH_BATCH, batch_id=batch.pk)


@transaction.atomic
def _make_first_hits(batch: Batch) -> None:
    """Choose the units, once: rows of the first attempt with the money that they hold."""
    locked_batches([batch.pk]).get()
    if batch.hits.exists():
        return
    todo: list[Clip | Segment | Question | Doubt] = list(units(batch))
    cost = ledger.worst_case(batch, len(todo))
    if cost > batch.budget:  # more was ingested or accepted since somebody pressed the button
        raise LaunchError(f"{len(todo)} units cost up to ${cost} by now, the budget is ${batch.budget}")
    keys = [_keys(unit) for unit in todo]
    hidden = _without_narration(batch, [clip for _, clip in keys])
    _make_hits(batch, [(unit, clip.name in hidden, 1) for unit, clip in keys])


def _keys(asked: Clip | Segment | Question | Doubt) -> tuple[Unit, Clip]:
    """What a unit is asked about by, and its clip."""
    if isinstance(asked, Clip):
        return Unit(clip=asked.pk), asked
    if isinstance(asked, Segment):
        return Unit(segment=asked.pk), asked.clip
    question = asked.question if isinstance(asked, Doubt) else asked
    doubt = asked.pk if isinstance(asked, Doubt) else None
    return Unit(segment=question.segment_id, question=question.pk, doubt=doubt), question.segment.clip


def _make_hits(batch: Batch, rows: list[tuple[Unit, bool, int]]) -> None:
    """HIT rows (unit, narration hidden, attempt) and their holds."""
    gold = set(_known(askable_clips()).values_list("pk", flat=True)) if batch.gold_share else set()
    asked: dict[int | None, bool] = dict(batch.hits.filter(attempt=1).values_list("clip", "gold"))
    for first in range(0, len(rows), ROWS_AT_ONCE):
        made = Hit.objects.bulk_create(
            Hit(
                batch=batch,
                clip_id=unit.clip,
                segment_id=unit.segment,
                question_id=unit.question,
                doubt_id=unit.doubt,
                order_seed=secrets.randbits(63) if unit.question else None,
                narration_hidden=hidden,
                attempt=attempt,
                request_token=_token(batch, unit, attempt),
                wanted=batch.assignments_per_hit,
                gold=asked.get(unit.clip, unit.clip in gold),  # asked again, a unit stays what it was
            )
            for unit, hidden, attempt in rows[first : first + ROWS_AT_ONCE]
        )
        ledger.hold(made)


def _token(batch: Batch, unit: Unit, attempt: int) -> str:
    key = f"doubt {unit.doubt}" if unit.doubt else str(unit.clip or unit.question or unit.segment)
    parts = [batch.environment, batch.name, key, *([str(attempt)] if attempt > 1 else [])]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()


def external_question(hit: Hit) -> str:
    """ExternalQuestion XML that leads the worker's frame to our task page."""
    unit = signing.dumps(hit.pk, salt=UNIT_SALT)
    root = Element("ExternalQuestion", xmlns=EXTERNAL_QUESTION)
    SubElement(root, "ExternalURL").text = settings.SITE_URL + reverse("task", args=[unit])
    SubElement(root, "FrameHeight").text = "0"
    return tostring(root, encoding="unicode")


def _hit_type(crowd: Crowd, batch: Batch) -> str:
    title, description = WORDING[Kind(batch.kind)]
    return crowd.hit_type(
        title=title,
        description=f"{description} ({batch.name})",
        keywords="video, annotation, english",
        reward=batch.reward,
        requirements=requirements(crowd, batch),
    )


def _check_balance(crowd: Crowd, batch: Batch, waiting: list[Hit]) -> None:
    """Before the first page, for the whole batch; the marketplace holds the money of a HIT as it is made."""
    launched = batch.hits.filter(hit_id__isnull=False).exists()
    count = len(waiting) if launched else batch.hits.filter(state=Hit.State.WAITING).count()
    need, have = ledger.worst_case(batch, count), crowd.balance()
    if have < need:
        raise LaunchError(f"the marketplace account holds ${have}, this batch may need ${need}: add ${need - have}")


def _without_narration(batch: Batch, clips: list[Clip]) -> set[str]:
    """Names of exactly the batch's share of these clips, rounded.

    In an order of seed and name alone, so that the stages of a series with one seed hide much the same clips.
    """
    names = {clip.name for clip in clips}
    drawn = sorted(names, key=lambda name: hashlib.sha256(f"{batch.seed}|{name}".encode()).digest())
    return set(drawn[: int(batch.hidden_share * len(names) + 0.5)])
