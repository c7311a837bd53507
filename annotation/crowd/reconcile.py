"""Reconciling: the database is compared with the marketplace, from any state, and made to agree.

The marketplace is right about what it holds, has paid and has received; we are right about what was decided. What has
one meaning is mended (answers that came, approvals by its clock, HITs that ended, bonuses of another client, money that
is no longer held); the rest is left as a Finding on the page of its batch.

The minute's pass reads the list of HITs, 100 a call and the newest first, as far as anything of ours is open, and looks
closer at those alone whose counters have changed. A complete pass looks at everything. Both go page by page with a
cursor; a page that fails is read again.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation.crowd.balance import compare_balance
from annotation.crowd.client import Crowd, CrowdError, Submitted
from annotation.crowd.collect import PLACES, admit
from annotation.crowd.standing import Standing
from annotation.crowd.takeover import WAITING, Read, find, take_over
from annotation.crowd.workers.blocks import compare_blocks
from annotation.locks import locked_hits
from annotation.models import Assignment, Batch, Hit, Reconciliation, Walk
from benchmark_site.jobs.alone import alone
from benchmark_site.jobs.leases import acquire, heartbeat, heartbeats, locked, still_leased

STRANGER = "a HIT of this batch's type that this batch did not make"
READ_AGAIN = 5
READ_AT_ONCE = 4  # HITs whose answers are being read: most of it is waiting
TOGETHER = 40  # HITs that are taken over in one transaction: others wait for it no longer than for a page
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
    still_open = Hit.objects.filter(batch__environment=environment, state=Hit.State.OPEN).order_by()
    revisions = dict(still_open.values_list("pk", "revision"))
    awaited = _awaited(environment)
    token: str | None = walk.cursor
    while token is not None:
        page, token = crowd.hit_page(token)
        known = _known(environment, page)
        found = [(hit, standing) for standing in page if (hit := known.get(standing.hit_id)) is not None]
        news = [(hit, standing) for hit, standing in found if hit.counts != standing.counts]
        for first in range(0, len(news), TOGETHER):
            changed += _mend_together(crowd, news[first : first + TOGETHER], revisions)
        awaited -= {hit.pk for hit, _ in found}
        if not awaited:
            token = None
        Walk.objects.filter(pk=walk.pk).update(cursor=token or "")
        if time.monotonic() - began > seconds:
            break
    return changed


def _awaited(environment: str) -> set[int]:
    """Keys of HITs of which a pass may have news: that are open, or hold an answer that is not settled, or have been
    asked for and have no id yet. Of all others only what another client does could be new, which the night sees.
    """
    unsettled = Assignment.objects.filter(hit__batch__environment=environment, state__in=WAITING)
    asked = Q(hit_id=None, asked_at__isnull=False)
    hits = Hit.objects.filter(Q(state=Hit.State.OPEN) | asked, batch__environment=environment)
    return {*hits.order_by().values_list("pk", flat=True), *unsettled.order_by().values_list("hit_id", flat=True)}


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
            elif rows.filter(hit_id=standing.hit_id).exists():
                continue  # launched since we looked; the next pass reads it
            elif standing.hit_type_id in types:
                find(environment, types[standing.hit_type_id], standing.hit_id, STRANGER)
    return {hit_id: hit for hit_id, hit in known.items() if hit_id is not None}


def adopt(hit: Hit, hit_id: str) -> bool:
    """Give a row that waits the HIT that the marketplace has for it; False where the row has another one."""
    waiting = Hit.objects.filter(pk=hit.pk, hit_id=None, state__in=[Hit.State.WAITING, Hit.State.EXPIRED])
    if not waiting.update(hit_id=hit_id, state=Hit.State.OPEN, counts=""):
        return False
    hit.hit_id, hit.state = hit_id, Hit.State.OPEN
    return True


def mend(crowd: Crowd, hit_pk: int, *, everything: bool = False) -> bool:
    """Take over one HIT: its answers, what became of them, its money, its end; True where something changed.

    With `everything` bonuses are read too: no counter tells of them. Nobody waits for a lock while the marketplace
    answers; where something else was taken over or told meanwhile, what was read is out of date and is read again.
    """
    for _ in range(READ_AGAIN):
        hit = Hit.objects.get(pk=hit_pk)
        assert hit.hit_id is not None
        read = _read(crowd, hit.hit_id, everything=everything)
        admit(crowd.environment, read.answers)
        with transaction.atomic():
            locked_hit = locked_hits([hit_pk]).select_related(*PLACES).get()
            if locked_hit.revision == hit.revision:
                return take_over([(locked_hit, read)]) > 0
    return False  # it changes all the time: its counters are unlike ours, so the next pass comes back to it


def _mend_together(crowd: Crowd, found: list[tuple[Hit, Standing]], revisions: dict[int, int]) -> int:
    """Take over HITs that a list has shown, and return how many had changed; answers alone are asked for.

    `revisions`, by keys: what was taken over or told when the list had not been read yet. Where that has changed since,
    the standing is out of date and is read again, as by `mend`.
    """
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        answers = pool.map(lambda one: _answers(crowd, one[1].hit_id), found)
        reads = {hit.pk: Read(standing, given) for (hit, standing), given in zip(found, answers, strict=True)}
    admit(crowd.environment, [answer for read in reads.values() for answer in read.answers])
    with transaction.atomic():
        hits = list(locked_hits(list(reads)).select_related(*PLACES))
        current = [hit for hit in hits if revisions.get(hit.pk) == hit.revision]
        changed = take_over([(hit, reads[hit.pk]) for hit in current])
    return changed + sum(mend(crowd, hit.pk) for hit in hits if hit not in current)


def _read(crowd: Crowd, hit_id: str, *, everything: bool) -> Read:
    standing = crowd.standing(hit_id)
    if standing is None:
        return Read(None)
    answers = _answers(crowd, hit_id)
    return Read(standing, answers, list(crowd.bonuses(hit_id)) if everything else [])


def _answers(crowd: Crowd, hit_id: str) -> list[Submitted]:
    return sorted(crowd.assignments(hit_id), key=lambda row: (row.submitted_at, row.assignment_id))
