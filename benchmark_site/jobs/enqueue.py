"""Messages to workers: sent once the transaction is through, by name, so that no caller imports the task."""

from __future__ import annotations

from celery import current_app
from django.db import transaction


def enqueue(task: str, **ids: int | list[int]) -> None:
    """Send a task with these keyword arguments after the commit, to the queue that CELERY_TASK_ROUTES names.

    With the broker away the row stands all the same (hence robust) and the sweeper sends the message later.
    """
    transaction.on_commit(lambda: current_app.send_task(task, kwargs=ids, retry=False), robust=True)
