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

from annotation.models import Assignment, Batch, Clip, Hit, Query, Question, ReviewEvent, Segment
from annotation.models.crowd import MOST_WANTED, Kind
from annotation.review import corrections, evidence, ledger, quality_flags
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
        assignment.tell_at = tell_at
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
    now = timezone.now()
    shown = clean(batch_id).filter(pk__lte=up_to)
    found = list(shown.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)[:BULK])
    # Marks lock their clips one after the other: two bulks that cross would wait for each other.
    clips = Clip.objects.filter(pk__in=Hit.objects.filter(assignments__in=found).values("clip")).order_by("pk")
    list(clips.select_for_update().values_list("pk", flat=True))
    for pk in found:
        decide(pk, Verdict.USE, user, tell_at=now + UNDO_FOR)
    Assignment.objects.filter(pk__in=found).update(reviewed_at=now)  # what was given together is taken back together
    return len(found)


def undoable(batch_id: int, user: User, before: int = 0) -> QuerySet[Assignment]:
    """The person's verdicts of which the marketplace has not heard, the last first; those given `before` that on one.

    Of what it has paid by itself, days after it came, one says no more than whether it is used: that, too.
    """
    mine = Assignment.objects.filter(hit__batch=batch_id, reviewed_by=user, tell_at__gt=timezone.now())
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
        proposed = _locked().get(pk=proposed.pk)
        if proposed.proposed_by != user or proposed.state != Assignment.State.SUBMITTED:
            raise ReviewError(f"{proposed} is decided by now")
        proposed.proposed_by, proposed.feedback = None, ""
        proposed.save(update_fields=["proposed_by", "feedback"])
        _note(proposed, user, ReviewEvent.Act.UNDO)
        return [proposed], []
    if last is None:
        raise ReviewError("there is no verdict of yours that the marketplace has not been told")
    together = undoable(batch_id, user).filter(reviewed_at=last.reviewed_at).values_list("pk", flat=True)
    hits = Hit.objects.select_for_update(of=("self",)).filter(assignments__in=together, assignments__state="rejecting")
    list(hits.order_by("pk"))  # locked, as for a rejection
    rows = list(_locked().filter(pk__in=list(together)).order_by("-pk"))
    back, stay = [], []
    for assignment in rows:
        try:
            with transaction.atomic():
                _take_back(assignment)
                _note(assignment, user, ReviewEvent.Act.UNDO)
            back.append(assignment)
        except ReviewError as error:
            stay.append(str(error))
    if not back:
        raise StaysError(stay[0] if stay else "it is decided anew", last.pk)
    return back, stay


def proposed_since(batch_id: int, user: User, last: Assignment | None) -> Assignment | None:
    """The answer that the person proposed last to reject and that waits, where that was after the verdict on `last`."""
    standing = Assignment.objects.filter(hit__batch=batch_id, proposed_by=user, state=Assignment.State.SUBMITTED)
    acts = ReviewEvent.objects.filter(user=user, act=ReviewEvent.Act.PROPOSE, assignment__in=standing)
    act = acts.select_related("assignment").order_by("-pk").first()
    if act is None or (last is not None and last.reviewed_at is not None and last.reviewed_at > act.at):
        return None
    return act.assignment


def _take_back(assignment: Assignment) -> None:
    """Raises ReviewError where the marketplace knows or is being told by now, or other work rests on the item."""
    known = assignment.state in {Assignment.State.SUBMITTED, Assignment.State.REJECTED}
    if known or assignment.tell_at is None or assignment.tell_at <= timezone.now():
        raise ReviewError(f"{assignment} is on its way to the marketplace")
    items = [
        item for name in ("query", "question", "validation", "segment") if (item := getattr(assignment, name, None))
    ]
    if any(getattr(item, "withdrawn_by_id", None) for item in items):
        raise ReviewError("what it made was withdrawn meanwhile: it stays, withdrawn")
    if any(isinstance(item, Query | Question) and corrections.history(item) for item in items):
        raise ReviewError("what it made was corrected meanwhile: it stays, corrected")
    if any(getattr(item, "gold", False) for item in items):
        raise ReviewError("what it marks is a known answer (gold) by now: others are measured by it")
    rejected = assignment.state == Assignment.State.REJECTING
    try:
        for item in items:
            item.delete()
    except ProtectedError as error:
        raise ReviewError("other answers or tasks rest on this one by now: it stays") from error
    if assignment.vote_for is not None:
        Segment.objects.filter(pk=assignment.vote_for.pk).update(votes=F("votes") - 1)
    if assignment.state != Assignment.State.APPROVED:  # paid stays paid
        assignment.state = Assignment.State.SUBMITTED
    assignment.used, assignment.feedback, assignment.again = False, "", False
    assignment.reviewed_by = assignment.reviewed_at = assignment.tell_at = assignment.vote_for = None
    assignment.save()
    if rejected:
        evidence.look_at_unit(assignment.hit)


def _locked() -> QuerySet[Assignment]:
    return Assignment.objects.select_for_update(of=("self",)).select_related(
        "hit__batch", "hit__clip__video", "hit__segment__clip__video", "worker"
    )
