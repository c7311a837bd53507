"""Messages to workers: sent after the commit, to tasks that exist and take what they are sent."""

import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import current_app
from django.conf import settings

from annotation import task_names, tasks
from annotation.crowd.steering import request_close
from annotation.models import Hit
from annotation.models.crowd import Kind

assert tasks, "importing them registers them"


@pytest.mark.parametrize(
    ("task", "id_name"),
    [
        (task_names.INGEST_VIDEO, "video_id"),
        (task_names.DESCRIBE_CLIPS, "feature_set_id"),
        (task_names.TRANSCRIBE_VIDEO, "transcription_id"),
        (task_names.TAKE_IMPORT, "import_id"),
        (task_names.LAUNCH_BATCH, "batch_id"),
        (task_names.CLOSE_BATCH, "batch_id"),
        (task_names.PUSH_DECISION, "assignment_id"),
        (task_names.PUSH_DECISIONS, "assignment_ids"),
        (task_names.PUSH_BLOCK, "worker_id"),
        (task_names.STEER_BATCH, "batch_id"),
        (task_names.PUSH_BONUS, "bonus_id"),
        (task_names.SEND_MESSAGE, "message_id"),
    ],
)
def test_every_name_is_a_task_that_takes_the_id(task: str, id_name: str) -> None:
    inspect.signature(current_app.tasks[task].run).bind(**{id_name: 1})


@pytest.mark.django_db
def test_a_message_waits_for_the_commit(
    make_hit: Callable[..., Hit], django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    batch = make_hit(Kind.SEGMENT).batch
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete("default")
        with django_capture_on_commit_callbacks(execute=True):
            request_close(batch.pk)
            assert broker.llen("default") == 0
        (message,) = [json.loads(raw) for raw in broker.lrange("default", 0, -1)]
        broker.delete("default")
    assert message["headers"]["task"] == "annotation.tasks.close_batch"
    assert message["headers"]["kwargsrepr"] == f"{{'batch_id': {batch.pk}}}"
