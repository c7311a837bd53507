"""One more answer than was ordered: where workers disagree about a unit, or a reviewer wants another one."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.db.models import Count, F, Q
from django.utils import timezone

from annotation.crowd.client import Crowd
from annotation.crowd.standing import wanted_in
from annotation.locks import locked_hits
from annotation.models import Assignment, Batch, Finding, Hit
from annotation.models.crowd import MOST_WANTED
from annotation.review import ledger

MOST = 5  # workers whom a unit is given to when they disagree; then a person looks


def ask_one_more(crowd: Crowd, hit: Hit, why: str) -> bool:
    """Have the marketplace ask one more worker; `why` makes a repeat the same request. False where it allows no more:
    there are as many as a HIT can have, or somebody has deleted it.

    Nobody waits for a lock meanwhile: the caller counts and holds it, once.
    """
    assert hit.hit_id is not None
    if hit.wanted >= MOST_WANTED:
        return False
    return crowd.extend(hit.hit_id, hashlib.sha256(f"{why}|{hit.pk}".encode()).hexdigest())


def disputed(batch: Batch) -> list[int]:
    """HITs whose answers are all in and agree too little, while another worker could accept and few were asked."""
    rejected = [Assignment.State.REJECTING, Assignment.State.REJECTED]
    standing = Count("assignments", filter=~Q(assignments__state__in=rejected))
    rows = batch.hits.filter(state=Hit.State.OPEN, agreement__lt=batch.agreement).annotate(standing=standing)
    rows = rows.filter(Q(ends_at=None) | Q(ends_at__gt=timezone.now()), extra__lt=MOST - batch.assignments_per_hit)
    rows = rows.filter(standing__gte=F("extra") + batch.assignments_per_hit)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def ask_where_they_disagree(batch_id: int) -> int:
    """Ask one more worker about each disputed unit, as far as the budget goes; return about how many."""
    batch = Batch.objects.get(pk=batch_id)
    if batch.agreement is None or batch.state != Batch.State.OPEN:
        return 0
    todo = disputed(batch)
    affordable = max(int(ledger.left(batch) // ledger.cost_per_assignment(batch)), 0)
    if len(todo) > affordable:
        Finding.objects.get_or_create(
            environment=batch.environment,
            subject=str(batch)[:64],
            text="workers disagree about units, and the budget allows no further answers",
            defaults={"batch": batch},
        )
    crowd = Crowd(batch.environment) if todo[:affordable] else None
    asked = 0
    for pk in todo[:affordable]:
        hit = Hit.objects.select_related("batch").get(pk=pk)
        if crowd is not None and hit.state == Hit.State.OPEN and ask_one_more(crowd, hit, f"disagree {hit.extra}"):
            asked += _count(hit)
    return asked


@transaction.atomic
def _count(hit: Hit) -> bool:
    """Count and hold what was asked for; of two passes one does."""
    locked = locked_hits([hit.pk]).get()
    if locked.extra != hit.extra:
        return False
    if wanted_in(locked.counts) <= locked.wanted:  # else a pass has read it meanwhile, and holds it
        ledger.hold_one_more(locked, f"disagree:{hit.pk}:{hit.extra}")
    Hit.objects.filter(pk=hit.pk).update(wanted=F("wanted") + 1, extra=F("extra") + 1, revision=F("revision") + 1)
    return True
