"""Building a release: four steps, each of which commits whole, so that a killed build goes on where it stopped.

The steps compute with torch and scipy; they belong to workers and commands, never to the web process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import connection

from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeats, still_leased
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Release

logger = logging.getLogger(__name__)


def build_release(release_id: int, on_step: Callable[[Release.Step], None] = lambda step: None) -> None:
    """Take a waiting release and build it to the end; returns at once where another worker does so.

    What the rows forbid fails the release with a reason. Any other error gives it back for another attempt and is
    raised; the last attempt fails it.
    """
    lease = acquire(Release, release_id)
    if lease is None:
        return
    try:
        with heartbeats(lease):
            _run_steps(lease, on_step)
    except LeaseLost as lost:
        logger.warning("%s", lost)
    except BuildError as refused:
        _let_go(lease, str(refused), final=True)
    except BaseException as error:
        _let_go(lease, f"{type(error).__name__}: {error}", final=False)
        raise


def _run_steps(lease: Release, on_step: Callable[[Release.Step], None]) -> None:
    from benchmark_site.releases.building.matching import match_negatives
    from benchmark_site.releases.building.publish import audit_leaks, publish
    from benchmark_site.releases.building.snapshot import take_snapshot

    steps = {
        Release.Step.COLLECT: take_snapshot,
        Release.Step.MATCH: match_negatives,
        Release.Step.AUDIT: audit_leaks,
        Release.Step.WRITE: publish,
    }
    mine = still_leased(lease).values_list("step", flat=True)
    while step := mine.first():  # none once it is frozen, or taken over
        on_step(Release.Step(step))
        steps[Release.Step(step)](lease)


def _let_go(lease: Release, reason: str, *, final: bool) -> None:
    """Give the release back, or fail it. Where the database is away the lease just grows stale, as after a kill."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()  # the error may have been the loss of this connection
    mine = still_leased(lease)
    last = final or mine.filter(attempt__gte=MAX_ATTEMPTS).exists()
    mine.update(state=Release.State.FAILED if last else Release.State.BUILDING, claimed_by="", reason=reason)
