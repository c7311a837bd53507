"""Verdicts: a person accepts an answer, pays without using it, or rejects it. The marketplace hears of it later.

On the review page a verdict can be taken back for `UNDO_FOR`; the sweeper tells the marketplace after that.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, ProtectedError, Q, QuerySet
from django.utils import timezone

from annotation.models import Assignment, Batch, Hit, ReviewEvent, Segment
from annotation.models.crowd import MOST_WANTED, Kind
from annotation.review import evidence, ledger, quality_flags
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.task_names import PUSH_DECISION
from benchmark_site.jobs.enqueue import enqueue

SECOND_FROM = 20  # verdicts of a batch, from which many rejections need a second person
SECOND_SHARE = 0.2  # rejected of these
UNDO_FOR = timedelta(minutes=10)
BULK = 500  # answers at once
COUNTED = 2000  # of what waits; a page says "more than" beyond


class Verdict(StrEnum):
    """What a reviewer says of an answer."""

    USE = "use"
    PAY = "pay"  # paid, left out of the data
    REJECT = "reject"
    AGAIN = "again"  # paid, left out of the data, and one more worker is asked


class ReviewError(Exception):
    """The decision is not possible; the message says why."""


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
        if verdict == Verdict.REJECT:  # it changes what is said of the unit's other answers: the HIT first, everywhere
            Hit.objects.select_for_update(of=("self",)).get(assignments=assignment_id)
        assignment = _locked().get(pk=assignment_id)
        paid = assignment.state == Assignment.State.APPROVED and assignment.reviewed_at is None
        if assignment.state != Assignment.State.SUBMITTED and not paid:
            raise ReviewError(f"{assignment} is already decided: {assignment.get_state_display()}")
        if paid and verdict in {Verdict.REJECT, Verdict.AGAIN}:
            raise ReviewError(f"the marketplace has approved and paid {assignment} by itself: leave it out instead")
        if verdict == Verdict.REJECT and _needs_second(assignment, user):
            return _propose(assignment, user, feedback)
        if verdict == Verdict.AGAIN:
            _check_again(assignment)
        if verdict == Verdict.USE:
            blocked_at = assignment.worker.blocked_at
            if blocked_at is not None and assignment.submitted_at >= blocked_at:
                raise ReviewError(f"{assignment.worker} was blocked when it came: pay or reject it")
            if quality_flags.of_another_group(assignment):  # since it came, perhaps
                raise ReviewError(
                    f"{assignment.worker} belongs to the group “{assignment.worker.group}”: pay or reject it"
                )
            if assignment.payload is None:
                raise ReviewError(f"{assignment} holds no valid answer: pay or reject it")
            form = ANSWER_FORMS[assignment.hit.batch.kind]
            assignment.used = form.make_item(assignment, assignment.payload)
        if not paid:
            rejecting = verdict == Verdict.REJECT
            assignment.state = Assignment.State.REJECTING if rejecting else Assignment.State.APPROVING
        assignment.again = verdict == Verdict.AGAIN
        assignment.proposed_by = None  # what was proposed is decided
        assignment.feedback = "" if verdict == Verdict.USE else feedback  # one may be picked and dropped
        assignment.reviewed_by_id = None if user is None else user.pk
        assignment.reviewed_at = timezone.now()
        assignment.tell_at = None if paid else tell_at
        assignment.save()
        if verdict == Verdict.REJECT:
            evidence.look_at_unit(assignment.hit)
        _note(assignment, user, ReviewEvent.Act(verdict.value), feedback)
        if tell_at is None and not paid:
            enqueue(PUSH_DECISION, assignment_id=assignment_id)
    return assignment


def _note(assignment: Assignment, user: User | None, act: ReviewEvent.Act, reason: str = "") -> None:
    ReviewEvent.objects.create(assignment=assignment, user=user, act=act, reason=reason)


def _needs_second(assignment: Assignment, user: User | None) -> bool:
    """Whether a person's rejection waits for another person: much of the batch was rejected, and no other agrees."""
    if user is None or assignment.proposed_by_id not in {None, user.pk}:
        return False
    rejected = Q(state__in=[Assignment.State.REJECTING, Assignment.State.REJECTED])
    rows = Assignment.objects.filter(hit__batch=assignment.hit.batch, reviewed_at__isnull=False)
    counts = rows.aggregate(all=Count("pk"), rejected=Count("pk", filter=rejected))
    return counts["all"] >= SECOND_FROM and counts["rejected"] > SECOND_SHARE * counts["all"]


def _propose(assignment: Assignment, user: User | None, feedback: str) -> Assignment:
    if assignment.proposed_by_id is not None:
        raise ReviewError("a second person has to agree: much of this batch is rejected")
    assignment.proposed_by, assignment.feedback = user, feedback
    assignment.save(update_fields=["proposed_by", "feedback"])
    _note(assignment, user, ReviewEvent.Act.PROPOSE, feedback)
    return assignment


def _check_again(assignment: Assignment) -> None:
    """Raises ReviewError where no further worker can be asked."""
    hit = assignment.hit
    if hit.state != Hit.State.OPEN or hit.wanted >= MOST_WANTED:
        raise ReviewError("nobody more can be asked about this unit: pay or use the answer, and ask in another batch")
    batch = Batch.objects.select_for_update().get(pk=hit.batch_id)  # of two reviewers at once, one sees the other's
    asked = Assignment.objects.filter(hit__batch=batch, again=True, state=Assignment.State.APPROVING).count()
    if ledger.left(batch) < (asked + 1) * ledger.cost_per_assignment(batch):
        raise ReviewError("the budget of the batch allows no further answer")


def clean(batch_id: int) -> QuerySet[Assignment]:
    """Valid answers that wait and that nothing speaks against, neither against them nor against their workers."""
    group = Kind(Batch.objects.values_list("kind", flat=True).get(pk=batch_id)).group
    answers = waiting(batch_id).filter(payload__isnull=False, evidence=[], proposed_by=None)
    answers = answers.filter(worker__group__in=["", group])
    return answers.exclude(worker__in=quality_flags.doubted())


def waiting(batch_id: int) -> QuerySet[Assignment]:
    """What waits for a verdict, in the order in which it is reviewed."""
    return Assignment.objects.filter(Assignment.unreviewed(), hit__batch=batch_id).order_by("pk")


@transaction.atomic
def use_clean(batch_id: int, up_to: int, user: User) -> int:
    """Use every clean answer up to a primary key (what the reviewer was shown), together; return how many.

    Without those that somebody else is deciding at this moment.
    """
    tell_at = timezone.now() + UNDO_FOR
    shown = clean(batch_id).filter(pk__lte=up_to)
    found = list(shown.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:BULK])
    for pk in found:
        decide(pk, Verdict.USE, user, tell_at=tell_at)
    return len(found)


def undoable(batch_id: int, user: User) -> QuerySet[Assignment]:
    """The person's verdicts of which the marketplace has not heard, the last first."""
    undecided = [Assignment.State.APPROVING, Assignment.State.REJECTING]
    mine = Assignment.objects.filter(hit__batch=batch_id, reviewed_by=user, state__in=undecided)
    return mine.filter(tell_at__gt=timezone.now()).order_by("-tell_at", "-pk")


@transaction.atomic
def undo(batch_id: int, user: User) -> list[Assignment]:
    """Take the person's last verdict back, or the last that were given together; return what waits again.

    Where the last thing that the person did was to propose a rejection, that. Raises ReviewError where there is
    nothing to take back, or where other work rests on what it made.
    """
    if (proposed := _proposed_last(batch_id, user)) is not None:
        proposed.proposed_by, proposed.feedback = None, ""
        proposed.save(update_fields=["proposed_by", "feedback"])
        _note(proposed, user, ReviewEvent.Act.UNDO)
        return [proposed]
    last = undoable(batch_id, user).first()
    if last is None:
        raise ReviewError("there is no verdict of yours that the marketplace has not been told")
    together = undoable(batch_id, user).filter(tell_at=last.tell_at).values_list("pk", flat=True)
    hits = Hit.objects.select_for_update(of=("self",)).filter(assignments__in=together, assignments__state="rejecting")
    list(hits.order_by("pk"))  # locked, as for a rejection
    rows = list(_locked().filter(pk__in=list(together)).order_by("-pk"))
    for assignment in rows:
        _take_back(assignment)
        _note(assignment, user, ReviewEvent.Act.UNDO)
    return rows


def _proposed_last(batch_id: int, user: User) -> Assignment | None:
    """The answer that the person has proposed to reject and done nothing since, while nobody has decided about it."""
    acts = ReviewEvent.objects.filter(user=user, assignment__hit__batch=batch_id).order_by("-pk")
    act = acts.first()
    if act is None or act.act != ReviewEvent.Act.PROPOSE:
        return None
    return _locked().filter(pk=act.assignment_id, proposed_by=user, state=Assignment.State.SUBMITTED).first()


def _take_back(assignment: Assignment) -> None:
    """Raises ReviewError where the marketplace knows or is being told by now, or other work rests on the item."""
    untold = assignment.state in {Assignment.State.APPROVING, Assignment.State.REJECTING}
    if not untold or assignment.tell_at is None or assignment.tell_at <= timezone.now():
        raise ReviewError(f"{assignment} is on its way to the marketplace")
    items = [
        item for name in ("query", "question", "validation", "segment") if (item := getattr(assignment, name, None))
    ]
    if any(getattr(item, "withdrawn_by_id", None) for item in items):
        raise ReviewError("what it made was withdrawn meanwhile: it stays, withdrawn")
    rejected = assignment.state == Assignment.State.REJECTING
    try:
        for item in items:
            item.delete()
    except ProtectedError as error:
        raise ReviewError("other answers or tasks rest on this one by now: it stays") from error
    if assignment.vote_for is not None:
        Segment.objects.filter(pk=assignment.vote_for.pk).update(votes=F("votes") - 1)
    assignment.state, assignment.used, assignment.feedback = Assignment.State.SUBMITTED, False, ""
    assignment.again = False
    assignment.reviewed_by = assignment.reviewed_at = assignment.tell_at = assignment.vote_for = None
    assignment.save()
    if rejected:
        evidence.look_at_unit(assignment.hit)


def _locked() -> QuerySet[Assignment]:
    return Assignment.objects.select_for_update(of=("self",)).select_related(
        "hit__batch", "hit__clip__video", "hit__segment__clip__video", "worker"
    )
