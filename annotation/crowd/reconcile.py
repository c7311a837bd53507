"""Reconciling: the database is compared with the marketplace, from any state, and made to agree.

The marketplace is right about what it holds, has paid and has received; we are right about what was decided. What has
one meaning is mended (answers that came, approvals by its clock, HITs that ended, bonuses of another client, money that
is no longer held); the rest is left as a Finding on the page of its batch.

The minute's pass reads the list of HITs, 100 a call, and looks closer at those alone whose counters have changed. A
complete pass looks at everything. Both go page by page with a cursor; a page that fails is read again.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from dataclasses import dataclass

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from annotation.crowd.balance import compare_balance
from annotation.crowd.client import Bonus, Crowd, CrowdError, Submitted
from annotation.crowd.collect import store
from annotation.crowd.decisions import finish, record
from annotation.crowd.standing import Standing
from annotation.crowd.workers import bonuses
from annotation.crowd.workers.blocks import compare_blocks
from annotation.models import Assignment, Batch, Finding, Hit, Reconciliation, Walk
from annotation.review import ledger
from benchmark_site.jobs.alone import alone
from benchmark_site.jobs.leases import acquire, heartbeat, heartbeats, locked, still_leased

STRANGER = "a HIT of this batch's type that this batch did not make"
PLACES = ("clip__video", "segment__clip__video")
READ_AGAIN = 5
FOLLOW_S = 20.0  # a pass that takes longer goes on in the next minute


def follow(environment: str, seconds: float = FOLLOW_S) -> int:
    """The minute's pass: take over what has changed and return how many HITs had. Stops at a page after `seconds`.

    One at a time: a second one would read the same HITs again, while decisions wait for a worker.
    """
    with alone(f"follow {environment}") as mine:
        return _follow(environment, seconds) if mine else 0


def _follow(environment: str, seconds: float) -> int:
    crowd, began, changed = Crowd(environment), time.monotonic(), 0
    walk, _ = Walk.objects.get_or_create(environment=environment)
    token: str | None = walk.cursor
    while token is not None:
        page, token = crowd.hit_page(token)
        known = _known(environment, page)
        for standing in page:
            hit = known.get(standing.hit_id)
            if hit is not None and hit.counts != standing.counts:
                changed += mend(crowd, hit.pk)
        Walk.objects.filter(pk=walk.pk).update(cursor=token or "")
        if time.monotonic() - began > seconds:
            break
    return changed


def complete(pass_id: int) -> None:
    """A complete pass, by whichever worker gets its lease; one that was cut off goes on at its page."""
    row = acquire(Reconciliation, pass_id)
    if row is None:
        return
    try:
        with heartbeats(row):
            _read_everything(row)
    except CrowdError as error:  # given back: the sweeper has another worker try
        still_leased(row).update(error=str(error), claimed_by="")
        raise
    with locked(row) as done:
        done.state, done.error, done.ended_at = Reconciliation.State.DONE, "", timezone.now()
        done.save(update_fields=["state", "error", "ended_at"])


def _read_everything(row: Reconciliation) -> None:
    crowd = Crowd(row.environment)
    token: str | None = row.cursor
    while token is not None:
        page, token = crowd.hit_page(token)
        known = _known(row.environment, page)
        row.mended += sum(mend(crowd, hit.pk, everything=True) for hit in known.values())
        Hit.objects.filter(pk__in=[hit.pk for hit in known.values()]).update(checked_at=timezone.now())
        row.checked += len(known)
        heartbeat(row, cursor=token or "", checked=row.checked, mended=row.mended)
    # What the list no longer shows was deleted there, or is older than it keeps.
    ours = Hit.objects.filter(batch__environment=row.environment, state=Hit.State.OPEN)
    for hit in ours.exclude(checked_at__gte=row.created_at).order_by("pk"):
        row.mended += mend(crowd, hit.pk, everything=True)
        row.checked += 1
    compare_blocks(crowd, row.environment)
    compare_balance(crowd, row)
    heartbeat(row, cursor="", checked=row.checked, mended=row.mended)


def _known(environment: str, page: list[Standing]) -> dict[str, Hit]:
    """Our rows of these HITs, by HIT id; a HIT of ours whose row does not know its id yet is found by annotation."""
    rows = Hit.objects.filter(batch__environment=environment)
    known = {hit.hit_id: hit for hit in rows.filter(hit_id__in=[standing.hit_id for standing in page])}
    strangers = [standing for standing in page if standing.hit_id not in known]
    if strangers:
        lost = {hit.request_token: hit for hit in rows.filter(request_token__in=[hit.annotation for hit in strangers])}
        types = dict(
            Batch.objects.filter(environment=environment)
            .filter(hit_type_id__in={standing.hit_type_id for standing in strangers})
            .values_list("hit_type_id", "pk")
        )
        for standing in strangers:
            hit = lost.get(standing.annotation)
            if hit is not None and adopt(hit, standing.hit_id):
                known[standing.hit_id] = hit
            elif standing.hit_type_id in types:
                _find(
                    environment,
                    types[standing.hit_type_id],
                    standing.hit_id,
                    STRANGER,
                )
    return {hit_id: hit for hit_id, hit in known.items() if hit_id is not None}


def adopt(hit: Hit, hit_id: str) -> bool:
    """Give a row that waits the HIT that the marketplace has for it; False where the row has another one."""
    waiting = Hit.objects.filter(pk=hit.pk, hit_id=None, state__in=[Hit.State.WAITING, Hit.State.EXPIRED])
    if not waiting.update(hit_id=hit_id, state=Hit.State.OPEN, counts=""):
        return False
    hit.hit_id, hit.state = hit_id, Hit.State.OPEN
    return True


@dataclass(frozen=True)
class Read:
    """What the marketplace says of one HIT, read call by call and not all at one moment."""

    standing: Standing | None
    answers: list[Submitted]
    bonuses: list[Bonus]


def mend(crowd: Crowd, hit_pk: int, *, everything: bool = False) -> bool:
    """Take over one HIT: its answers, what became of them, its money, its end; True where something changed.

    With `everything` bonuses are read too: no counter tells of them. Nobody waits for a lock while the marketplace
    answers; where something else was taken over or told meanwhile, what was read is out of date and is read again.
    """
    for _ in range(READ_AGAIN):
        hit = Hit.objects.get(pk=hit_pk)
        assert hit.hit_id is not None
        read = _read(crowd, hit.hit_id, everything=everything)
        with transaction.atomic():
            rows = Hit.objects.select_for_update(of=("self",)).select_related("batch", *PLACES)
            locked_hit = rows.get(pk=hit_pk)
            if locked_hit.revision == hit.revision:
                return _take_over(locked_hit, read)
    return False  # it changes all the time: its counters are unlike ours, so the next pass comes back to it


def _read(crowd: Crowd, hit_id: str, *, everything: bool) -> Read:
    standing = crowd.standing(hit_id)
    if standing is None:
        return Read(None, [], [])
    answers = sorted(crowd.assignments(hit_id), key=lambda row: (row.submitted_at, row.assignment_id))
    return Read(standing, answers, list(crowd.bonuses(hit_id)) if everything else [])


def _take_over(hit: Hit, read: Read) -> bool:
    """Write what was read. The caller holds the lock of the HIT."""
    changes = [store(hit, answer) for answer in read.answers]
    rows = {
        (row.assignment_id, row.worker.worker_id): row
        for row in hit.assignments.select_for_update(of=("self",)).select_related("worker")
    }
    for row in rows.values():
        row.hit = hit
    for answer in read.answers:
        row = rows[answer.assignment_id, answer.worker_id]
        rejected = row.state == Assignment.State.REJECTING and answer.status == "Rejected"
        if rejected or (row.again and row.state == Assignment.State.APPROVING and answer.status == "Approved"):
            continue  # whoever tells our verdict ends it: after it one more is asked for
        changes.append(record(row, answer.status, answer.feedback))
    changes += _book_bonuses(hit, read.bonuses, rows)
    open_assignments = 0 if read.standing is None else read.standing.open
    changes.append(ledger.hold_for(hit, open_assignments))
    changes.append(_end(hit, open_assignments))
    counts = "gone" if read.standing is None else read.standing.counts
    Hit.objects.filter(pk=hit.pk).update(counts=counts, revision=F("revision") + 1)
    return any(changes)


def _book_bonuses(hit: Hit, paid: list[Bonus], rows: dict[tuple[str, str], Assignment]) -> list[bool]:
    """Book what was paid: ours by their tag, those of another client by number, since the protocol gives no ids."""
    seen: Counter[str] = Counter()
    changes = []
    for bonus in paid:
        assignment = rows.get((bonus.assignment_id, bonus.worker_id))
        if assignment is None:
            continue  # the answer came after we had read the list: the next pass sees both
        own = bonuses.is_own(assignment, bonus)
        what = own or f"{bonus.assignment_id}|{bonus.amount}|{bonus.reason}|{bonus.granted_at.timestamp()}"
        seen[what] += 1
        if own and seen[what] == 1:
            changes.append(bonuses.book(assignment, bonus.amount, own, bonuses.reason_of(bonus)))
            continue
        key = hashlib.sha256(f"{what}|{seen[what]}".encode()).hexdigest()[:50]
        if ledger.book_bonus(assignment, bonus.amount, key):
            whose = "this bonus of ours is paid again, of" if own else "another client paid a bonus of"
            _find(
                hit.batch.environment,
                hit.batch_id,
                bonus.assignment_id,
                f"{whose} ${bonus.amount}: {bonus.reason}"[:500],
            )
            changes.append(True)
    return changes


def _end(hit: Hit, open_assignments: int) -> bool:
    """End a HIT of which nothing can come any more; a paused one waits for its batch to go on."""
    before = hit.state
    over = before == Hit.State.OPEN and not open_assignments and hit.batch.state != Batch.State.PAUSED
    waiting = [Assignment.State.SUBMITTED, Assignment.State.APPROVING, Assignment.State.REJECTING]
    if over and not hit.assignments.filter(state__in=waiting).exists():
        Hit.objects.filter(pk=hit.pk).update(state=Hit.State.EXPIRED)
    finish(hit)
    hit.refresh_from_db(fields=["state"])
    return hit.state != before


def _find(environment: str, batch_id: int, subject: str, text: str) -> None:
    Finding.objects.get_or_create(environment=environment, subject=subject, text=text, defaults={"batch_id": batch_id})
