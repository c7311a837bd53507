"""Celery tasks of the releases. A message is only a wake-up: the row says what is to be done."""

from __future__ import annotations

from celery import shared_task

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import available
from benchmark_site.releases.models import Release
from benchmark_site.releases.task_names import BUILD, MATCH_SHARD


@shared_task(name=BUILD)
def build(release_id: int) -> None:
    """Build a release; does nothing where a worker is at it or it is no longer being built."""
    from benchmark_site.releases.building.pipeline import build_release

    build_release(release_id)


@shared_task(name=MATCH_SHARD)
def match_shard(release_id: int, fold: int) -> None:
    """Match one shard of a release that is being built; does nothing where that is done."""
    from benchmark_site.releases.building.match_shards import match_one

    match_one(release_id, fold)


@shared_task
def sweep() -> None:
    """Wake the releases that wait for a worker or whose worker has died. Run it once a minute."""
    for pk in available(Release).values_list("pk", flat=True):
        enqueue(BUILD, release_id=pk)
