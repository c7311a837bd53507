"""Messages to workers. The marketplace delivers them to those whose work we have decided."""

from __future__ import annotations

from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from django.db import transaction

from annotation.crowd.client import Crowd, is_refusal
from annotation.models import Message, Worker
from annotation.task_names import SEND_MESSAGE
from benchmark_site.jobs.enqueue import enqueue


@transaction.atomic
def write(worker: Worker, subject: str, text: str, user: User | None = None) -> Message:
    """Keep a message; it is sent after the commit."""
    message = Message.objects.create(worker=worker, subject=subject, text=text, created_by=user)
    enqueue(SEND_MESSAGE, message_id=message.pk)
    return message


def send(message_id: int) -> None:
    """Send it. After a lost answer it is sent again: the protocol cannot tell."""
    message = Message.objects.select_related("worker").filter(pk=message_id, state=Message.State.WAITING).first()
    if message is None:
        return
    try:
        problem = Crowd(message.worker.environment).notify(message.worker.worker_id, message.subject, message.text)
    except ClientError as error:
        if not is_refusal(error):
            raise
        problem = str(error)
    state = Message.State.REFUSED if problem else Message.State.SENT
    Message.objects.filter(pk=message_id).update(state=state, error=problem)
