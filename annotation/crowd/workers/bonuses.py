"""Bonuses: promised within the budget, paid once, whatever is lost on the way.

A token of SendBonus lives for a day, so the marketplace's own list is asked before each try: what it shows with our
tag is paid. The tag is made of the answer and the reason alone, so that a database restored from yesterday's backup
knows today's payments.
"""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal

from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from annotation.crowd.client import TIME_ON_TASK, Crowd, is_refusal, lacks_funds
from annotation.crowd.client import Bonus as Paid
from annotation.locks import locked_batches, locked_hits
from annotation.models import Assignment, Bonus, Receipt, Worker
from annotation.review import ledger
from annotation.review.ledger import CENT
from annotation.task_names import PUSH_BONUS
from benchmark_site.jobs.enqueue import enqueue

TAG = re.compile(r"(?s)(?P<reason>.*) \[b:(?P<tag>[0-9a-f]{16})\]")


class BonusError(Exception):
    """A bonus that is not promised; the message says why."""


@transaction.atomic
def promise(
    assignment_pk: int,
    amount: Decimal,
    reason: str,
    user: User | None = None,
    *,
    lost_work: Receipt | None = None,
) -> tuple[Bonus, bool]:
    """Keep the order to pay a bonus; whether it is new. The marketplace hears of it after the commit.

    Raises BonusError for an amount that is no positive number of cents, a missing or too long reason, another amount
    for the same reason, and where the batch's budget has less left than bonus and fee.
    """
    reason = " ".join(reason.split())
    if not reason or len(reason) > 500:
        raise BonusError("a bonus needs a reason of at most 500 characters: the worker reads it")
    if not amount.is_finite() or not CENT <= amount < 100_000 or amount != amount.quantize(CENT):
        raise BonusError(f"the amount {amount} is no number of dollars and cents from 0.01 to 99999.99")
    batch = locked_batches(Assignment.objects.filter(pk=assignment_pk).values("batch")).get()
    assignment = Assignment.objects.select_related("worker", "hit__batch").get(pk=assignment_pk)
    known = Bonus.objects.filter(assignment=assignment, reason=reason).first()
    if known is not None and known.state != Bonus.State.REFUSED:
        if known.amount != amount:
            raise BonusError(f"{assignment} gets ${known.amount} for this reason already: give another reason")
        return known, False
    left = batch.budget - ledger.committed(batch)
    if amount + ledger.fee(amount) > left:
        raise BonusError(f"${amount} and its fee of ${ledger.fee(amount)}: ${left} of the budget of “{batch}” is left")
    values = {"amount": amount, "created_by": user, "lost_work": lost_work, "error": "", "state": Bonus.State.WAITING}
    bonus, _ = Bonus.objects.update_or_create(
        assignment=assignment,
        reason=reason,
        defaults=values,
        create_defaults={**values, "tag": tag(assignment, reason)},
    )
    enqueue(PUSH_BONUS, bonus_id=bonus.pk)
    return bonus, True


@transaction.atomic
def compensate(receipt: Receipt, amount: Decimal, user: User | None = None) -> tuple[Bonus, bool]:
    """Pay for work that our page received and the marketplace never did: a bonus on another answer of the worker.

    The protocol pays bonuses for answers alone. Once for each unit. Raises BonusError where the work has
    arrived, and where the worker has no answer.
    """
    key = {"environment": receipt.hit.batch.environment, "worker_id": receipt.worker_id}
    worker = Worker.objects.select_for_update(no_key=True).filter(**key).first()
    answers = Assignment.objects.filter(worker=worker).order_by("-pk") if worker else Assignment.objects.none()
    if answers.filter(assignment_id=receipt.assignment_id).exists():
        raise BonusError("this work has arrived: it is reviewed and paid like any other")
    # Once a unit: the ids are the worker's word, and nobody does a unit twice.
    before = Bonus.objects.filter(lost_work__hit=receipt.hit, lost_work__worker_id=receipt.worker_id).first()
    if before is not None and before.state != Bonus.State.REFUSED:
        return before, False
    # One of the same batch where there is one: its budget pays.
    answer = before.assignment if before else answers.filter(batch=receipt.hit.batch).first() or answers.first()
    if answer is None:
        raise BonusError(f"{receipt.worker_id} has no answer at the marketplace on which a bonus could be paid")
    reason = f"For work of yours that was lost: assignment {receipt.assignment_id}"
    return promise(answer.pk, amount, reason, user, lost_work=receipt)


def push_bonus(bonus_id: int) -> None:
    """Pay, and book what was paid. Safe to repeat, also at once by two and after days: it looks before it pays."""
    waiting = Bonus.objects.filter(pk=bonus_id, state=Bonus.State.WAITING)
    bonus = waiting.select_related("assignment__worker", "assignment__hit__batch").first()
    if bonus is None:
        return
    assignment = bonus.assignment
    crowd = Crowd(assignment.hit.batch.environment)
    try:
        if not any(is_own(assignment, paid) == bonus.tag for paid in crowd.bonuses_of(assignment.assignment_id)):
            crowd.send_bonus(
                worker_id=assignment.worker.worker_id,
                assignment_id=assignment.assignment_id,
                amount=bonus.amount,
                reason=f"{bonus.reason} [b:{bonus.tag}]",
                token=bonus.tag,
            )
    except ClientError as error:
        final = is_refusal(error) and not lacks_funds(error)
        state = Bonus.State.REFUSED if final else Bonus.State.WAITING
        waiting.update(state=state, error=str(error))
        if final or lacks_funds(error):  # the sweeper tries again each minute
            return
        raise
    with transaction.atomic():
        locked_hits([assignment.hit_id]).get()
        book(assignment, bonus.amount, bonus.tag, bonus.reason)


def book(assignment: Assignment, amount: Decimal, own_tag: str, reason: str) -> bool:
    """Take over that a bonus of ours was paid; False where we knew. The caller holds the lock of the HIT."""
    values = {"assignment": assignment, "amount": amount, "reason": reason}
    bonus, made = Bonus.objects.get_or_create(tag=own_tag, defaults={**values, "state": Bonus.State.PAID})
    if not made:
        Bonus.objects.filter(pk=bonus.pk).update(state=Bonus.State.PAID, error="")
    return ledger.book_bonus(assignment, amount, own_tag)


def is_own(assignment: Assignment, paid: Paid) -> str:
    """The tag, where this payment is one of ours: its reason ends with the tag that answer and reason make."""
    found = TAG.fullmatch(paid.reason)
    if found is None or paid.worker_id != assignment.worker.worker_id:
        return ""
    return found["tag"] if found["tag"] == tag(assignment, found["reason"]) else ""


def reason_of(paid: Paid) -> str:
    """Our reason without the tag behind it."""
    found = TAG.fullmatch(paid.reason)
    return found["reason"] if found else paid.reason


def tag(assignment: Assignment, reason: str) -> str:
    """16 hexadecimal digits."""
    parts = [assignment.hit.batch.environment, assignment.assignment_id, assignment.worker.worker_id, reason]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def lost_work(worker: Worker) -> list[Receipt]:
    """What our page received of this worker and the marketplace has not, after the time for it; the newest 50."""
    sent = Receipt.objects.filter(worker_id=worker.worker_id, hit__batch__environment=worker.environment)
    arrived = Assignment.objects.filter(worker=worker).values("assignment_id")
    first = Receipt.objects.filter(assignment_id=OuterRef("assignment_id"), worker_id=worker.worker_id).order_by("pk")
    late = sent.filter(received_at__lt=timezone.now() - TIME_ON_TASK, pk=Subquery(first.values("pk")[:1]))
    return list(
        late.exclude(assignment_id__in=arrived).select_related("hit__batch", "compensation").order_by("-pk")[:50]
    )
