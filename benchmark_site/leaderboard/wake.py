"""Messages to workers: sent once the transaction is through, by name, so that no caller imports the task."""

from __future__ import annotations

from dataclasses import dataclass

from celery import current_app
from django.db import transaction


@dataclass(frozen=True)
class WakeUp:
    """A task and the queue its workers listen on."""

    task: str
    queue: str


SCORE = WakeUp("benchmark_site.leaderboard.tasks.score", "score")
TRAIN = WakeUp("benchmark_site.leaderboard.tasks.train", "train")


def wake(what: WakeUp, pk: int) -> None:
    """Wake a worker for this row after the commit.

    With the broker away the row stands all the same (hence robust) and the sweeper sends the message later.
    """
    transaction.on_commit(
        lambda: current_app.send_task(what.task, args=[pk], queue=what.queue, retry=False), robust=True
    )
