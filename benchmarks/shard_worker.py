"""A Celery application whose one task matches one shard; broker and results at SHARD_BROKER (a redis:// URL).

SHARD_BROKER=redis://127.0.0.1:6379/0 celery -A benchmarks.shard_worker worker --pool solo
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task

from adversarial.negatives.shard_files import run_shard

app = Celery("shards", broker=os.environ["SHARD_BROKER"], backend=os.environ["SHARD_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    worker_prefetch_multiplier=1,
    # Short, because a killed worker's shard should come back soon; a shard delivered twice waits for its lock.
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("SHARD_VISIBILITY_S", "3600")),
        "unacked_restore_interval": 1,
    },
)


@app.task(bind=True)  # type: ignore[untyped-decorator]
def match_one(task: Task, work: str, shard: int) -> dict[str, Any]:
    """The numbers of one shard, see adversarial.negatives.shard_files.run_shard."""

    def report(stage: str, share: float) -> None:
        task.update_state(state="PROGRESS", meta={"stage": stage, "share": share})

    return run_shard(Path(work), shard, report)
