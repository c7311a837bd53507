"""What a reviewer decided reaches the marketplace; the ledger books what that paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event

from botocore.exceptions import ClientError
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from annotation.crowd.client import Crowd, is_refusal
from annotation.crowd.extra import ask_one_more
from annotation.crowd.standing import counts_after_verdict, wanted_in
from annotation.locks import locked_answers, locked_batches, locked_hits
from annotation.models import Assignment, Batch, Finding, Hit
from annotation.review import evidence, ledger
from annotation.review.verdicts import REJECTED, may_ask_again, shares_kept

TOLD_AT_ONCE = 4  # approvals that are on their way: most of it is waiting
DECIDING = frozenset({Assignment.State.APPROVING, Assignment.State.REJECTING})


def push_decision(assignment_id: int) -> None:
    """Tell the marketplace what was decided and book what it paid. Safe to repeat: it asks before it believes."""
    push_decisions([assignment_id])


def push_decisions(assignment_ids: Sequence[int]) -> None:
    """The same for several: approvals are booked together, what asks for one more answer is by itself.

    Where the marketplace says no to one, the others are told all the same, and its word is raised in the end.
    """
    rows = list(_deciding(assignment_ids).select_related("hit__batch").order_by("pk"))
    refusals: list[ClientError] = []
    _approve([row for row in rows if _is_plain(row)], refusals)
    for row in rows:
        if not _is_plain(row):
            with _noted(refusals):
                _push_alone(row)
    if refusals:
        raise refusals[0]


def _deciding(assignment_ids: Iterable[int]) -> QuerySet[Assignment]:
    return Assignment.objects.filter(pk__in=assignment_ids, state__in=DECIDING)


def _is_plain(assignment: Assignment) -> bool:
    """Whether nobody else is to be asked in its place."""
    return assignment.state == Assignment.State.APPROVING and not assignment.again


@contextmanager
def _noted(refusals: list[ClientError]) -> Iterator[None]:
    """Go on with the others where the marketplace has understood and says no; what else fails would fail again."""
    try:
        yield
    except ClientError as error:
        if not is_refusal(error):
            raise
        refusals.append(error)


def _approve(rows: Sequence[Assignment], refusals: list[ClientError]) -> None:
    """Tell of each, and book what was told, also where the marketplace fails halfway."""
    crowds = {environment: Crowd(environment) for environment in {row.hit.batch.environment for row in rows}}

    failed = Event()

    def tell(row: Assignment) -> str | ClientError | None:
        if failed.is_set():  # it would fail as well
            return None
        try:
            return crowds[row.hit.batch.environment].approve(row.assignment_id)
        except Exception as error:
            if isinstance(error, ClientError) and is_refusal(error):
                return error
            failed.set()
            raise

    with ThreadPoolExecutor(TOLD_AT_ONCE) as pool:
        calls = {row: pool.submit(tell, row) for row in rows}
    said = {row: call.result() for row, call in calls.items() if call.exception() is None}
    told = {row.pk: answer for row, answer in said.items() if isinstance(answer, str)}
    _book_approvals(told, [row.hit_id for row in rows if row.pk in told])
    refusals += [answer for answer in said.values() if isinstance(answer, ClientError)]
    for call in calls.values():
        call.result()  # raises what has failed


@transaction.atomic
def _book_approvals(told: Mapping[int, str], hit_ids: Sequence[int]) -> None:
    """Write what the marketplace said of approvals, by keys of answers. With the HITs locked, what is held for them
    and how many answers they have does not change.
    """
    hits = {hit.pk: hit for hit in locked_hits(hit_ids)}
    rows = [row for row in _locked_with_their_units(hits) if row.pk in told and row.state in DECIDING]
    approved = [row for row in rows if told[row.pk] == "Approved" and row.state == Assignment.State.APPROVING]
    ledger.pay(*approved)
    Assignment.objects.filter(pk__in=[row.pk for row in approved]).update(state=Assignment.State.APPROVED)
    for row in approved:
        row.hit.counts = counts_after_verdict(row.hit.counts)
    with shares_kept(rows, {hit.batch_id for hit in hits.values()}):
        for row in rows:
            if row not in approved:
                believe(row, told[row.pk])
    save_counts([hits[pk] for pk in {row.hit_id for row in rows}])
    finish(*{row.hit for row in rows})


def _locked_with_their_units(hits: Mapping[int, Hit]) -> list[Assignment]:
    """All answers to HITs, by keys: where one turns out to be rejected, what is said of the others is written, too."""
    rows = list(locked_answers(Q(hit__in=hits)))
    for row in rows:
        row.hit = hits[row.hit_id]
    return rows


def save_counts(hits: Sequence[Hit]) -> None:
    """Keep what is known of the marketplace's counters of these HITs, and that something of them was read or told."""
    for counts in {hit.counts for hit in hits}:
        alike = [hit.pk for hit in hits if hit.counts == counts]
        Hit.objects.filter(pk__in=alike).update(counts=counts, revision=F("revision") + 1)


def _push_alone(assignment: Assignment) -> None:
    """A rejection, or an approval after which one more is asked: of two who tell it the same, the second books nothing.

    Nobody waits for a lock while the marketplace answers.
    """
    crowd = Crowd(assignment.hit.batch.environment)
    if assignment.state == Assignment.State.APPROVING:
        now = crowd.approve(assignment.assignment_id)
        wished, why = now == "Approved", "again"
        possible = may_ask_again(assignment.hit)  # its time may have come to an end since the verdict
    else:
        now = crowd.reject(assignment.assignment_id, assignment.feedback)
        wished, why, possible = now == "Rejected", "replace", True
    more = wished and possible and ask_one_more(crowd, assignment.hit, f"{why} {assignment.pk}")
    with transaction.atomic():
        hit = locked_hits([assignment.hit_id]).get()
        unit = _locked_with_their_units({hit.pk: hit})
        waiting = next((row for row in unit if row == assignment and row.state in DECIDING), None)
        if waiting is None:
            return
        record(waiting, now)
        if wished and not more:
            why_not = "the unit has nine answers, its time is over, or it is gone at the marketplace"
            note(waiting, f"nobody else can be asked: {why_not}")
        another = more and why == "again"  # paid as well, where a rejected one is replaced
        if another and wanted_in(hit.counts) <= hit.wanted:  # else a pass has read it meanwhile, and holds it
            ledger.hold_one_more(hit, f"again:{assignment.pk}")
        Hit.objects.filter(pk=hit.pk).update(
            revision=F("revision") + 1,
            wanted=F("wanted") + int(more),
            extra=F("extra") + int(another),
            # What is held for a rejected one, the next pass has to read.
            counts=counts_after_verdict(hit.counts) if now == "Approved" and not more else hit.counts,
        )
        finish(hit)


def record(assignment: Assignment, now: str, feedback: str = "") -> bool:
    """Take over what the marketplace says of one answer, as `believe` does, and count it with its batch."""
    with shares_kept([assignment], [assignment.hit.batch_id]):
        return believe(assignment, now, feedback)


def believe(assignment: Assignment, now: str, feedback: str = "") -> bool:
    """Take over what the marketplace says of an answer: its word is final. False where we knew.

    The caller holds the locks of the HIT and of its answers, and counts with the batch what changes. What contradicts a
    verdict becomes a finding: nobody's rejection turns into a payment, and no accepted item loses its pay, without a
    line on the batch's page.
    """
    before = assignment.state
    if now == "Approved":
        ledger.pay(assignment)
        assignment.state = Assignment.State.APPROVED
        if before in REJECTED:
            note(assignment, "rejected too late: the marketplace had approved and paid it. It is not used")
    elif now == "Rejected" and before != Assignment.State.REJECTED:
        assignment.state = Assignment.State.REJECTED
        if before == Assignment.State.SUBMITTED:
            assignment.feedback, assignment.reviewed_at = feedback, timezone.now()
            note(assignment, "rejected at the marketplace, not by a reviewer here")
        elif before != Assignment.State.REJECTING:
            used = "; what it says is in the data" if assignment.used else ""
            note(assignment, f"accepted here and rejected at the marketplace: its worker is not paid{used}")
    elif now == "Submitted" and before == Assignment.State.APPROVED:
        assignment.state = Assignment.State.APPROVING  # it has forgotten our verdict, or we its clock: tell it again
    elif now == "Submitted" and before == Assignment.State.REJECTED:
        assignment.state = Assignment.State.REJECTING
    if assignment.state == before:
        return False
    assignment.save(update_fields=["state", "feedback", "reviewed_at"])
    if (assignment.state in REJECTED) != (before in REJECTED):  # its word about the unit's others counts, or no longer
        evidence.look_at_unit(assignment.hit)
    return True


def note(assignment: Assignment, text: str) -> None:
    """Leave a finding about an answer on the page of its batch, once."""
    batch = assignment.hit.batch
    Finding.objects.get_or_create(
        environment=batch.environment, subject=assignment.assignment_id, text=text, defaults={"batch": batch}
    )


def finish(*hits: Hit) -> None:
    """Close HITs of which as many answers as ordered are paid, and their batch when all its HITs are closed.

    The batch is locked, because two payments of one HIT that do not see each other would both leave it open.
    """
    for batch_id in sorted({hit.batch_id for hit in hits}):
        batch = locked_batches([batch_id]).get()
        paid = Count("assignments", filter=Q(assignments__state=Assignment.State.APPROVED))
        of_batch = Hit.objects.filter(pk__in=[hit.pk for hit in hits], batch=batch).annotate(paid=paid)
        done = of_batch.filter(paid__gte=F("extra") + batch.assignments_per_hit).order_by()
        Hit.objects.filter(pk__in=list(done.values_list("pk", flat=True))).update(state=Hit.State.DONE)
        if not batch.hits.filter(state__in=[Hit.State.WAITING, Hit.State.OPEN]).exists() and not unsettled(batch):
            running = [Batch.State.OPEN, Batch.State.PAUSED, Batch.State.CLOSING]
            Batch.objects.filter(pk=batch.pk, state__in=running).update(state=Batch.State.CLOSED)


def unsettled(batch: Batch) -> bool:
    """Whether an answer waits for a verdict, or the marketplace for ours."""
    settled = [Assignment.State.APPROVED, Assignment.State.REJECTED]
    return Assignment.objects.filter(batch=batch).exclude(state__in=settled).exists()
