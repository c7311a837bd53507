"""Verdicts: a person accepts an answer, pays without using it, or rejects it. The marketplace hears of it later.

On the review page a verdict can be taken back for `UNDO_FOR`; the sweeper tells the marketplace after that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, F, ProtectedError, Q, QuerySet
from django.utils import timezone

from annotation.models import (
    Assignment,
    Batch,
    Clip,
    Correction,
    Hit,
    Query,
    Question,
    ReviewEvent,
    Segment,
    Validation,
)
from annotation.models.crowd import MOST_WANTED, Kind
from annotation.review import arrival, corrections, evidence, ledger, quality_flags
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.task_names import PUSH_DECISION
from benchmark_site.jobs.enqueue import enqueue

SECOND_FROM = 20  # verdicts of a batch, from which many rejections need a second person
SECOND_SHARE = 0.2  # rejected of these
UNDO_FOR = timedelta(minutes=10)
BULK = 15  # answers at once: five queries each, so that one press stays within 150 ms
PLACES = ("worker", "hit__batch", "hit__clip__video", "hit__segment__clip__video", "hit__question", "hit__doubt")
ITEMS = ("query", "question", "validation", "segment")
Item = Query | Question | Validation | Segment
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
        _check_undecided(assignment, verdict)
        if verdict == Verdict.REJECT and _needs_second(assignment, user):
            return _propose(assignment, user, feedback)
        if verdict == Verdict.AGAIN:
            _check_again(assignment)
        if verdict == Verdict.USE:
            _use(assignment)
        paid = _paid_by_itself(assignment)
        _write(assignment, verdict, user, feedback, timezone.now(), tell_at)
        if verdict == Verdict.REJECT:
            evidence.look_at_unit(assignment.hit)
        _note(assignment, user, ReviewEvent.Act(verdict.value), feedback)
        if tell_at is None and not paid:
            enqueue(PUSH_DECISION, assignment_id=assignment_id)
    return assignment


def _paid_by_itself(assignment: Assignment) -> bool:
    return assignment.state == Assignment.State.APPROVED and assignment.reviewed_at is None


def _check_undecided(assignment: Assignment, verdict: Verdict) -> None:
    """Raises ReviewError where the answer is decided, or paid by the marketplace and not to be paid."""
    paid = _paid_by_itself(assignment)
    if assignment.state != Assignment.State.SUBMITTED and not paid:
        raise ReviewError(f"{assignment} is already decided: {assignment.get_state_display()}")
    if paid and verdict in {Verdict.REJECT, Verdict.AGAIN}:
        raise ReviewError(f"the marketplace has approved and paid {assignment} by itself: leave it out instead")


def _use(assignment: Assignment) -> None:
    """Make the item of an answer. Raises ReviewError where it may not be used."""
    worker = assignment.worker
    if worker.blocked_at is not None and assignment.submitted_at >= worker.blocked_at:
        raise ReviewError(f"{worker} was blocked when it came: pay or reject it")
    if arrival.of_another_group(assignment):  # since it came, perhaps
        raise ReviewError(f"{worker} belongs to the group “{worker.group}”: pay or reject it")
    if assignment.payload is None:
        raise ReviewError(f"{assignment} holds no valid answer: pay or reject it")
    assignment.used = ANSWER_FORMS[assignment.hit.batch.kind].make_item(assignment, assignment.payload)


def _write(
    assignment: Assignment, verdict: Verdict, user: User | None, feedback: str, now: datetime, tell_at: datetime | None
) -> None:
    """Save the verdict; what the marketplace has paid stays paid."""
    if not _paid_by_itself(assignment):
        rejecting = verdict == Verdict.REJECT
        assignment.state = Assignment.State.REJECTING if rejecting else Assignment.State.APPROVING
    assignment.again = verdict == Verdict.AGAIN
    assignment.proposed_by = None  # what was proposed is decided
    assignment.feedback = "" if verdict == Verdict.USE else feedback  # one may be picked and dropped
    assignment.reviewed_by_id = None if user is None else user.pk
    assignment.reviewed_at = now
    assignment.tell_at = tell_at
    assignment.save()


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
    now = timezone.now()  # one time: what was given together is taken back together
    shown = clean(batch_id).filter(pk__lte=up_to).select_related(*PLACES)
    rows = list(shown.select_for_update(of=("self",), skip_locked=True)[:BULK])
    # Else items lock these one after the other: two bulks that cross would wait for each other.
    clips = Clip.objects.filter(pk__in={row.hit.clip_id for row in rows}).order_by("pk")
    segments = Segment.objects.filter(pk__in={row.hit.segment_id for row in rows}).order_by("pk")
    for places in (clips, segments):
        list(places.select_for_update().values_list("pk", flat=True))
    for row in rows:
        _use(row)
        _write(row, Verdict.USE, user, "", now, now + UNDO_FOR)
    ReviewEvent.objects.bulk_create(ReviewEvent(assignment=row, user=user, act=ReviewEvent.Act.USE) for row in rows)
    return len(rows)


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
    rows = list(_locked().select_related(*ITEMS).filter(pk__in=list(together)).order_by("-pk"))
    corrected = _corrected(rows)
    back, stay = [], []
    for assignment in rows:
        try:
            with transaction.atomic():
                _take_back(assignment, corrected)
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


def _made(assignment: Assignment) -> list[Item]:
    """The items that an answer became, texts first: they rest on its segment."""
    return [item for name in ITEMS if (item := getattr(assignment, name, None)) is not None]


def _corrected(rows: Sequence[Assignment]) -> set[Item]:
    """Which items of these answers were corrected since: known by the id that they had, or the text that they got."""
    texts = [item for row in rows for item in _made(row) if isinstance(item, Query | Question)]
    kinds = {corrections.kind_of(item) for item in texts}
    before = Q(public_id__in=[item.public_id for item in texts])
    changes = Correction.objects.filter(before | Q(after__text__in=[item.text for item in texts]), kind__in=kinds)
    known = list(changes.values_list("public_id", "after__text"))
    ids, said = {public_id for public_id, _ in known}, {text for _, text in known}
    return {item for item in texts if item.public_id in ids or item.text in said}


def _take_back(assignment: Assignment, corrected: set[Item]) -> None:
    """Raises ReviewError where the marketplace knows or is being told by now, or other work rests on the item."""
    known = assignment.state in {Assignment.State.SUBMITTED, Assignment.State.REJECTED}
    if known or assignment.tell_at is None or assignment.tell_at <= timezone.now():
        raise ReviewError(f"{assignment} is on its way to the marketplace")
    items = _made(assignment)
    if any(getattr(item, "withdrawn_by_id", None) for item in items):
        raise ReviewError("what it made was withdrawn meanwhile: it stays, withdrawn")
    if corrected.intersection(items):
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
    return Assignment.objects.select_for_update(of=("self",)).select_related(*PLACES)
