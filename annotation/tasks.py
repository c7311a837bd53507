"""Celery tasks of the collecting side. A message is only a wake-up: each takes an id and re-reads the row."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError

from annotation.crowd import collect, decisions, enrolment, launch
from annotation.crowd.client import CrowdError
from annotation.models import Assignment, Batch, Transcription, Video
from benchmark_site.jobs.leases import available

INGESTS_A_SWEEP = 4  # behind a long film thousands may wait, each of which has its message already
RETRY = {
    "autoretry_for": (OperationalError, InterfaceError, *CrowdError),
    "retry_backoff": True,
    "retry_backoff_max": 60,
    "max_retries": 8,
}


@shared_task(**RETRY)
def ingest_video(video_id: int) -> None:
    """Measure a video, cut it, extract features; whatever stops it is written on the video."""
    from annotation.media import ingest  # decodes video and loads torch: workers only

    ingest.ingest(video_id)


@shared_task(**RETRY)
def transcribe_video(transcription_id: int) -> None:
    """Write down what is said in a video; whatever stops it is written on the transcription."""
    from annotation.media import transcribe  # workers only, as above

    transcribe.transcribe(transcription_id)


@shared_task(**RETRY)
def launch_batch(batch_id: int) -> None:
    """Put the batch before the crowd; what stops it is written on the batch."""
    try:
        launch.launch(batch_id)
    except launch.LaunchError as error:
        Batch.objects.filter(pk=batch_id).update(error=str(error))


@shared_task(**RETRY)
def close_batch(batch_id: int) -> None:
    """Stop asking for the rest of a batch."""
    launch.close(batch_id)


@shared_task(**RETRY)
def push_decision(assignment_id: int) -> None:
    """Tell the marketplace a reviewer's verdict."""
    decisions.push_decision(assignment_id)


@shared_task(**RETRY)
def admit_workers(environment: str) -> None:
    """Answer enrolment requests."""
    enrolment.admit_workers(environment)


@shared_task(**RETRY)
def collect_batch(batch_id: int, every_hit: bool = False) -> None:
    """Fetch the answers of one batch."""
    collect.collect(batch_id, every_hit=every_hit)


@shared_task
def sweep() -> None:
    """Wake whatever waits: a lost message costs a minute, never a row."""
    for pk in available(Video).order_by("pk").values_list("pk", flat=True)[:INGESTS_A_SWEEP]:
        ingest_video.delay(video_id=pk)
    for pk in available(Transcription).order_by("pk").values_list("pk", flat=True)[:INGESTS_A_SWEEP]:
        transcribe_video.delay(transcription_id=pk)
    for batch in Batch.objects.filter(state=Batch.State.LAUNCHING):
        launch_batch.delay(batch_id=batch.pk)
    for batch in Batch.objects.filter(state=Batch.State.OPEN):
        collect_batch.delay(batch_id=batch.pk, every_hit=True)
    for batch in Batch.objects.filter(state=Batch.State.CLOSING):
        close_batch.delay(batch_id=batch.pk)
    undecided = Assignment.objects.filter(state__in=[Assignment.State.APPROVING, Assignment.State.REJECTING])
    for pk in undecided.values_list("pk", flat=True):
        push_decision.delay(assignment_id=pk)
    for environment in Batch.objects.exclude(state=Batch.State.CLOSED).values_list("environment", flat=True).distinct():
        admit_workers.delay(environment=environment)
