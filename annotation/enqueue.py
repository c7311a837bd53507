"""Messages to the workers of the collecting side, by name: who sends one does not import who does the work."""

from __future__ import annotations

from celery import current_app
from django.db import transaction

INGEST_VIDEO = "annotation.tasks.ingest_video"
LAUNCH_BATCH = "annotation.tasks.launch_batch"
CLOSE_BATCH = "annotation.tasks.close_batch"
PUSH_DECISION = "annotation.tasks.push_decision"


def enqueue(task: str, **ids: int) -> None:
    """Send the task with these ids once the transaction is through; a message that is lost the sweeper sends again."""
    transaction.on_commit(lambda: current_app.send_task(task, kwargs=ids))
