"""A bonus for questions that cannot be guessed: promised by a batch, paid once for an answer that is used.

Whether a question resists is looked at when its answer has come, before it is part of what the models learn from, by
the worker process of the blind check. The sweeper wakes both steps: what is away for a while is done later.
"""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotation.crowd.decisions import note
from annotation.crowd.workers import bonuses
from annotation.models import Assignment, Batch, BlindCheck
from annotation.models.crowd import Environment
from annotation.review import blind_check
from annotation.review.answer_forms import BROKEN
from annotation.task_names import CHECK_BLIND
from benchmark_site.jobs.listening import has_worker

REASON = "Your question cannot be guessed without watching"
AT_ONCE = 200  # checks that one sweep asks for; more wait for the next


def nobody_looks(batch: Batch) -> str:
    """Why the bonus that a batch promises would stay a promise, or nothing; on MTurk a worker has to be there."""
    if batch.blind_bonus is None:
        return ""
    promised = "a bonus is promised for what cannot be guessed, and nobody looks"
    if not settings.BLIND_IN_THE_LOOP:
        return f"{promised}: BLIND_IN_THE_LOOP is off"
    if batch.environment == Environment.LIVE and not has_worker(CHECK_BLIND):
        return f"{promised}: no worker of the queue “blind” is running"
    return ""


def expect(assignment: Assignment) -> None:
    """Keep that a valid question that has come is to be looked at, where its batch promises a bonus."""
    payload = assignment.payload
    if assignment.hit.batch.blind_bonus is not None and payload is not None and BROKEN not in payload:
        BlindCheck.objects.get_or_create(assignment=assignment)


def to_look_at() -> QuerySet[BlindCheck]:
    """Questions to be looked at, the first first; none where nobody looks."""
    waiting = BlindCheck.objects.filter(state=BlindCheck.State.WAITING)
    return waiting[:AT_ONCE] if settings.BLIND_IN_THE_LOOP else waiting.none()


def look(check_id: int) -> None:
    """See whether a question can be guessed, once. In a worker: it loads torch."""
    waiting = BlindCheck.objects.filter(pk=check_id, state=BlindCheck.State.WAITING)
    check = waiting.select_related("assignment").first()
    if check is None or check.assignment.payload is None:
        return
    guess = blind_check.judge(check.assignment.payload)
    state = BlindCheck.State.GUESSED if guess.why else BlindCheck.State.RESISTED
    waiting.update(state=state, chance=guess.chance, why=guess.why)


def due() -> QuerySet[BlindCheck]:
    """Questions that resisted, are paid and used, and whose use nobody takes back any more."""
    settled = Q(assignment__tell_at=None) | Q(assignment__tell_at__lte=timezone.now())
    paid = {"assignment__state": Assignment.State.APPROVED, "assignment__used": True}
    return BlindCheck.objects.filter(settled, state=BlindCheck.State.RESISTED, **paid)


def reward(check_id: int) -> None:
    """Order the bonus, once; where it cannot be ordered, the batch's page says why, and the next sweep tries again."""
    check = BlindCheck.objects.select_related("assignment__hit__batch").get(pk=check_id)
    amount = check.assignment.hit.batch.blind_bonus
    assert amount is not None  # a batch that is launched stays as it is
    try:
        with transaction.atomic():
            if due().select_for_update(of=("self",)).filter(pk=check_id).exists():
                BlindCheck.objects.filter(pk=check_id).update(state=BlindCheck.State.REWARDED)
                bonuses.promise(check.assignment_id, amount, REASON)
    except bonuses.BonusError as error:
        note(check.assignment, f"its question was not guessed, and the bonus is not ordered: {error}"[:500])
