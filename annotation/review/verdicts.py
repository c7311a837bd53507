"""Verdicts: a person accepts an answer, pays without using it, or rejects it. The marketplace hears of it later.

On the review page a verdict can be taken back for `UNDO_FOR`; the sweeper tells the marketplace after that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from annotation.locks import locked_answers, locked_batches, locked_hits
from annotation.models import Assignment, Batch, Hit, ReviewEvent
from annotation.models.crowd import MOST_WANTED
from annotation.review import arrival, evidence, ledger, quality_flags
from annotation.review.items.making import make_items
from annotation.review.items.removal import MADE, remove_items
from annotation.task_names import PUSH_DECISION, PUSH_DECISIONS, TOLD_TOGETHER
from benchmark_site.jobs.enqueue import enqueue

SECOND_FROM = 20  # verdicts of a batch, from which many rejections need a second person
SECOND_SHARE = 0.2  # rejected of these
UNDO_FOR = timedelta(minutes=10)
BULK = 40  # answers at once: one press, and taking it back, stay within 150 ms
PLACES = ("worker", "hit__batch")
COUNTED = 2000  # of what waits; a page says "more than" beyond
REJECTED = frozenset({Assignment.State.REJECTING, Assignment.State.REJECTED})


class Share(NamedTuple):
    """Of some answers of a batch: how many are reviewed, and how many of these rejected."""

    reviewed: int
    rejected: int


class Verdict(StrEnum):
    """What a reviewer says of an answer."""

    USE = "use"
    PAY = "pay"  # paid, left out of the data
    REJECT = "reject"
    AGAIN = "again"  # paid, left out of the data, and one more worker is asked


class ReviewError(Exception):
    """The decision is not possible; the message says why."""


class StaysError(ReviewError):
    """The last verdict cannot be taken back; those before that on `assignment_id` may be."""

    def __init__(self, reason: str, assignment_id: int) -> None:
        super().__init__(reason)
        self.assignment_id = assignment_id


def decide(
    assignment_id: int, verdict: Verdict, user: User | None, feedback: str = "", *, tell_at: datetime | None = None
) -> Assignment:
    """Record a verdict; items are made in the same transaction, the marketplace is told after it, or from `tell_at` on.

    Where much of a batch is rejected, a person's rejection is a proposal until another person rejects it, too. The
    first of two reviewers wins. What the marketplace has paid by itself, days after it came, can still be used or
    left out. Raises ReviewError on a second decision, on a rejection without a reason and on
    the use of an answer that is not valid, or of a worker who was blocked or belongs to another group.
    """
    if verdict == Verdict.REJECT and not feedback.strip():
        raise ReviewError("a rejection needs a reason: the worker reads it")
    with transaction.atomic():
        assignment = _locked(assignment_id, with_its_unit=verdict == Verdict.REJECT)
        _check_undecided(assignment, verdict)
        if verdict == Verdict.REJECT and _needs_second(assignment, user):
            return _propose(assignment, user, feedback)
        if verdict == Verdict.AGAIN:
            _check_again(assignment)
        if verdict == Verdict.USE:
            _use([assignment])
        paid, before = _paid_by_itself(assignment), share_of([assignment])
        _write([assignment], verdict, user, feedback, timezone.now(), tell_at)
        if verdict == Verdict.REJECT:
            evidence.look_at_unit(assignment.hit)
        _note([assignment], user, ReviewEvent.Act(verdict.value), feedback)
        keep_share(assignment.hit.batch_id, before, share_of([assignment]))
        if tell_at is None and not paid:
            enqueue(PUSH_DECISION, assignment_id=assignment_id)
    return assignment


def _locked(assignment_id: int, *, with_its_unit: bool) -> Assignment:
    """An answer, locked alone, or with the HIT and its other answers: a rejection changes what is said of those."""
    if not with_its_unit:
        return locked_answers(Q(pk=assignment_id)).select_related(*PLACES).get()
    hit = locked_hits(Assignment.objects.filter(pk=assignment_id).values("hit")).get()
    return {row.pk: row for row in locked_answers(Q(hit=hit)).select_related(*PLACES)}[assignment_id]


def _paid_by_itself(assignment: Assignment) -> bool:
    return assignment.state == Assignment.State.APPROVED and assignment.reviewed_at is None


def _check_undecided(assignment: Assignment, verdict: Verdict) -> None:
    """Raises ReviewError where the answer is decided, or paid by the marketplace and not to be paid."""
    paid = _paid_by_itself(assignment)
    if assignment.state != Assignment.State.SUBMITTED and not paid:
        raise ReviewError(f"{assignment} is already decided: {assignment.get_state_display()}")
    if paid and verdict in {Verdict.REJECT, Verdict.AGAIN}:
        raise ReviewError(f"the marketplace has approved and paid {assignment} by itself: leave it out instead")


def _use(rows: Sequence[Assignment]) -> None:
    """Make the items of answers. Raises ReviewError where one may not be used."""
    for row in rows:
        worker = row.worker
        if worker.blocked_at is not None and row.submitted_at >= worker.blocked_at:
            raise ReviewError(f"{worker} was blocked when it came: pay or reject it")
        if arrival.of_another_group(row):  # since it came, perhaps
            raise ReviewError(f"{worker} belongs to the group “{worker.group}”: pay or reject it")
        if row.payload is None:
            raise ReviewError(f"{row} holds no valid answer: pay or reject it")
    make_items(rows)


def _write(
    rows: Sequence[Assignment],
    verdict: Verdict,
    user: User | None,
    feedback: str,
    now: datetime,
    tell_at: datetime | None,
) -> None:
    """Save the verdict; what the marketplace has paid stays paid."""
    for row in rows:
        if not _paid_by_itself(row):
            rejecting = verdict == Verdict.REJECT
            row.state = Assignment.State.REJECTING if rejecting else Assignment.State.APPROVING
    _save(
        rows,
        again=verdict == Verdict.AGAIN,
        proposed_by=None,  # what was proposed is decided
        feedback="" if verdict == Verdict.USE else feedback,  # one may be picked and dropped
        reviewed_by_id=None if user is None else user.pk,
        reviewed_at=now,
        tell_at=tell_at,
    )


def _save(rows: Sequence[Assignment], **said: Any) -> None:
    """Save what is said of all of them, and the state and use of each: a statement for those that are alike."""
    for row in rows:
        for name, value in said.items():
            setattr(row, name, value)
    for state, used in {(row.state, row.used) for row in rows}:
        alike = [row.pk for row in rows if (row.state, row.used) == (state, used)]
        Assignment.objects.filter(pk__in=alike).update(state=state, used=used, **said)


def _note(rows: Sequence[Assignment], user: User | None, act: ReviewEvent.Act, reason: str = "") -> None:
    ReviewEvent.objects.bulk_create(ReviewEvent(assignment=row, user=user, act=act, reason=reason) for row in rows)


def share_of(rows: Sequence[Assignment]) -> Share:
    """What answers are among those of their batch that are reviewed, and rejected."""
    reviewed = [row for row in rows if row.reviewed_at is not None]
    return Share(len(reviewed), sum(row.state in REJECTED for row in reviewed))


def keep_share(batch_id: int, before: Share, now: Share) -> None:
    """Take a change of some answers over into the counts of their batch: to count them all takes ever longer.

    In the transaction that makes the change, and last in it, as locks go (`annotation.locks`).
    """
    if now != before:
        reviewed, rejected = now.reviewed - before.reviewed, now.rejected - before.rejected
        counts = {"reviewed": F("reviewed") + reviewed, "rejected": F("rejected") + rejected}
        Batch.objects.filter(pk=batch_id).update(**counts)


@contextmanager
def shares_kept(rows: Sequence[Assignment], batches: Collection[int]) -> Iterator[None]:
    """Take over what the block changes of answers to several batches.

    `batches`: keys of theirs, and of all others that the caller locks after that.
    """
    before = _shares(rows)
    yield
    now = _shares(rows)
    if now != before:
        list(locked_batches(batches))
        for batch_id, share in now.items():
            keep_share(batch_id, before[batch_id], share)


def _shares(rows: Sequence[Assignment]) -> dict[int, Share]:
    of_batch: dict[int, list[Assignment]] = {}
    for row in rows:
        of_batch.setdefault(row.hit.batch_id, []).append(row)
    return {batch_id: share_of(answers) for batch_id, answers in of_batch.items()}


def _needs_second(assignment: Assignment, user: User | None) -> bool:
    """Whether a person's rejection waits for another person: much of the batch was rejected, and no other agrees."""
    if user is None or assignment.proposed_by_id not in {None, user.pk}:
        return False
    batch = assignment.hit.batch
    return batch.reviewed >= SECOND_FROM and batch.rejected > SECOND_SHARE * batch.reviewed


def _propose(assignment: Assignment, user: User | None, feedback: str) -> Assignment:
    if assignment.proposed_by_id is not None:
        raise ReviewError("a second person has to agree: much of this batch is rejected")
    assignment.proposed_by, assignment.feedback = user, feedback
    assignment.save(update_fields=["proposed_by", "feedback"])
    _note([assignment], user, ReviewEvent.Act.PROPOSE, feedback)
    return assignment


def may_ask_again(hit: Hit) -> bool:
    """Whether a further worker could accept the unit: a HIT stays open while its answers wait, and nobody accepts it
    once its time is over or its batch is paused or closing.
    """
    offered = hit.state == Hit.State.OPEN and hit.batch.state in {Batch.State.LAUNCHING, Batch.State.OPEN}
    in_time = hit.ends_at is None or hit.ends_at > timezone.now()  # none: of before ends were kept
    return offered and in_time and hit.wanted < MOST_WANTED


def _check_again(assignment: Assignment) -> None:
    """Raises ReviewError where no further worker can be asked."""
    hit = assignment.hit
    if not may_ask_again(hit):
        raise ReviewError("nobody more can be asked about this unit: pay or use the answer, and ask in another batch")
    batch = locked_batches([hit.batch_id]).get()  # of two reviewers at once, one sees the other's
    asked = Assignment.objects.filter(batch=batch, again=True, state=Assignment.State.APPROVING).count()
    each = ledger.cost_per_assignment(batch) + ledger.blind_bonus_cost(batch)
    if ledger.left(batch) < (asked + 1) * each:
        raise ReviewError("the budget of the batch allows no further answer")


def clean(batch_id: int) -> QuerySet[Assignment]:
    """Valid answers that wait and that nothing speaks against, neither against them nor against their workers."""
    answers = waiting(batch_id).filter(payload__isnull=False, evidence=[], proposed_by=None)
    return answers.filter(arrival.of_own_group(batch_id)).exclude(worker__in=quality_flags.doubted())


def waiting(batch_id: int) -> QuerySet[Assignment]:
    """What waits for a verdict, in the order in which it is reviewed."""
    return Assignment.objects.filter(Assignment.unreviewed(), batch=batch_id).order_by("pk")


@transaction.atomic
def use_clean(batch_id: int, up_to: int, user: User) -> int:
    """Use every clean answer up to a primary key (what the reviewer was shown), together; return how many."""
    now = timezone.now()
    return len(_use_together(batch_id, clean(batch_id).filter(pk__lte=up_to), user, now, now + UNDO_FOR))


@transaction.atomic
def use(batch_id: int, assignment_ids: Sequence[int], user: User | None = None) -> int:
    """Use those of these answers that wait, together, tell the marketplace at once, return how many: `BULK` at most.

    Raises ReviewError where one may not be used, as `decide` does; then none is.
    """
    rows = _use_together(batch_id, waiting(batch_id).filter(pk__in=assignment_ids), user, timezone.now(), None)
    told = [row.pk for row in rows if row.state == Assignment.State.APPROVING]
    for first in range(0, len(told), TOLD_TOGETHER):
        enqueue(PUSH_DECISIONS, assignment_ids=told[first : first + TOLD_TOGETHER])
    return len(rows)


def _use_together(
    batch_id: int, answers: QuerySet[Assignment], user: User | None, now: datetime, tell_at: datetime | None
) -> list[Assignment]:
    """Use answers to one batch at one time, since what was given together is taken back together; which were used.

    Without those that somebody else is deciding at this moment.
    """
    rows = list(answers.select_related(*PLACES).select_for_update(of=("self",), no_key=True, skip_locked=True)[:BULK])
    before = share_of(rows)
    _use(rows)
    _write(rows, Verdict.USE, user, "", now, tell_at)
    _note(rows, user, ReviewEvent.Act.USE)
    keep_share(batch_id, before, share_of(rows))
    return rows


def undoable(batch_id: int, user: User, before: int = 0) -> QuerySet[Assignment]:
    """The person's verdicts of which the marketplace has not heard, the last first; those given `before` that on one.

    Of what it has paid by itself, days after it came, one says no more than whether it is used: that, too.
    """
    mine = Assignment.objects.filter(batch=batch_id, reviewed_by=user, tell_at__gt=timezone.now())
    if before:
        mine = mine.filter(reviewed_at__lt=Assignment.objects.filter(pk=before).values("reviewed_at"))
    return mine.exclude(state=Assignment.State.REJECTED).order_by("-reviewed_at", "-pk")


@transaction.atomic
def undo(batch_id: int, user: User, before: int = 0) -> tuple[list[Assignment], list[str]]:
    """Take the person's last verdict back, or the last that were given together, of those given `before` that on one.

    Returns what waits again, and why the others of those given together stay. Where the last thing that the person did
    was to propose a rejection, that is taken back. Raises ReviewError where there is nothing to take back, StaysError
    where all of it stays, as where other work rests on what it made.
    """
    last = undoable(batch_id, user, before).first()
    if (proposed := proposed_since(batch_id, user, last)) is not None:
        proposed = _locked(proposed.pk, with_its_unit=False)
        if proposed.proposed_by != user or proposed.state != Assignment.State.SUBMITTED:
            raise ReviewError(f"{proposed} is decided by now")
        proposed.proposed_by, proposed.feedback = None, ""
        proposed.save(update_fields=["proposed_by", "feedback"])
        _note([proposed], user, ReviewEvent.Act.UNDO)
        return [proposed], []
    if last is None:
        raise ReviewError("there is no verdict of yours that the marketplace has not been told")
    together = undoable(batch_id, user).filter(reviewed_at=last.reviewed_at).values_list("pk", flat=True)
    rows = _locked_together(set(together), last)
    stay = {row: f"{row} is on its way to the marketplace" for row in rows if _is_told(row)}
    stay |= remove_items([row for row in rows if row not in stay])
    back = [row for row in rows if row not in stay]
    if not back:
        raise StaysError(next(iter(stay.values()), "it is decided anew"), last.pk)
    counted = share_of(back)
    _put_back(back)
    _note(back, user, ReviewEvent.Act.UNDO)
    keep_share(batch_id, counted, share_of(back))
    return back, [stay[row] for row in rows if row in stay]


def _locked_together(keys: set[int], last: Assignment) -> list[Assignment]:
    """These answers with what they became, the last first; that of a rejection with its unit, as for the rejection."""
    which = Q(pk__in=keys)
    if last.state == Assignment.State.REJECTING:
        list(locked_hits([last.hit_id]))
        which |= Q(hit=last.hit_id)
    rows = locked_answers(which).select_related(*PLACES, *MADE)
    return [row for row in reversed(rows) if row.pk in keys]


def proposed_since(batch_id: int, user: User, last: Assignment | None) -> Assignment | None:
    """The answer that the person proposed last to reject and that waits, where that was after the verdict on `last`."""
    standing = Assignment.objects.filter(batch=batch_id, proposed_by=user, state=Assignment.State.SUBMITTED)
    acts = ReviewEvent.objects.filter(user=user, act=ReviewEvent.Act.PROPOSE, assignment__in=standing)
    act = acts.select_related("assignment").order_by("-pk").first()
    if act is None or (last is not None and last.reviewed_at is not None and last.reviewed_at > act.at):
        return None
    return act.assignment


def _is_told(row: Assignment) -> bool:
    """Whether the marketplace knows of the verdict, or is being told."""
    known = row.state in {Assignment.State.SUBMITTED, Assignment.State.REJECTED}
    return known or row.tell_at is None or row.tell_at <= timezone.now()


def _put_back(rows: Sequence[Assignment]) -> None:
    """Let answers wait again; what the marketplace has paid stays paid."""
    rejected = [row for row in rows if row.state == Assignment.State.REJECTING]
    for row in rows:
        row.used = False
        if row.state != Assignment.State.APPROVED:
            row.state = Assignment.State.SUBMITTED
    _save(rows, feedback="", again=False, reviewed_by_id=None, reviewed_at=None, tell_at=None)
    for row in rejected:
        evidence.look_at_unit(row.hit)
