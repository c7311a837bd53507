"""A Celery application whose one task matches one fold; broker and results at FOLD_BROKER (a redis:// URL).

FOLD_BROKER=redis://127.0.0.1:6379/0 celery -A benchmarks.fold_worker worker --pool solo
"""

import os
from pathlib import Path
from typing import Any

from celery import Celery, Task

from adversarial.negatives.shard_files import run_shard

app = Celery("folds", broker=os.environ["FOLD_BROKER"], backend=os.environ["FOLD_BROKER"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_track_started=True,
    worker_prefetch_multiplier=1,
    # Short, because a killed worker's fold should come back soon; a fold delivered twice waits for its lock.
    broker_transport_options={
        "visibility_timeout": int(os.environ.get("FOLD_VISIBILITY_S", "3600")),
        "unacked_restore_interval": 1,
    },
)


@app.task(bind=True)  # type: ignore[untyped-decorator]
def match_one(task: Task, work: str, fold: int) -> dict[str, Any]:
    """The numbers of one fold, see adversarial.negatives.shard_files.run_shard."""

    def report(stage: str, share: float) -> None:
        task.update_state(state="PROGRESS", meta={"stage": stage, "share": share})

    return run_shard(Path(work), fold, report)
