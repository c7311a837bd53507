"""Celery tasks of the collecting side. A message is only a wake-up: each takes an id and re-reads the row."""

from __future__ import annotations

from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.db.models import Q
from django.db.models.functions import Now

from annotation.crowd import decisions, extra, launch, reconcile, steering
from annotation.crowd.client import CrowdError
from annotation.crowd.workers import blind_bonuses, blocks, bonuses, enrolment, messages
from annotation.imports import runs
from annotation.media import feature_sets, links, uploads
from annotation.models import (
    AnnotationImport,
    Assignment,
    Batch,
    Bonus,
    ClipFeatures,
    FeatureSet,
    GroupQualification,
    Message,
    Reconciliation,
    Transcription,
    Video,
)
from annotation.models.crowd import Environment
from annotation.review import blind_check
from annotation.task_names import TOLD_TOGETHER
from benchmark_site.jobs.leases import available

SWEEP_S = 60
AT_REST = [Batch.State.DRAFT, Batch.State.CLOSED]
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
def describe_clips(feature_set_id: int) -> None:
    """Describe clips that a feature set lacks; whatever stops one is written on its row."""
    from annotation.media import describe  # decodes video and loads torch: workers only

    describe.describe_clips(feature_set_id)


@shared_task(**RETRY)
def transcribe_video(transcription_id: int) -> None:
    """Write down what is said in a video; whatever stops it is written on the transcription."""
    from annotation.media.speech import transcribe  # workers only, as above

    transcribe.transcribe(transcription_id)


@shared_task(**RETRY)
def take_import(import_id: int) -> None:
    """Take a file of annotations in; whatever stops it is written on its row."""
    runs.run_import(import_id)


@shared_task(**RETRY)
def launch_batch(batch_id: int) -> None:
    """Put the next units of the batch before the crowd; what stops it is written on the batch."""
    try:
        launch.launch(batch_id)
    except launch.LaunchError as error:
        Batch.objects.filter(pk=batch_id).update(error=str(error))
    except CrowdError as error:
        Batch.objects.filter(pk=batch_id).update(error=f"{launch.TROUBLE}: {error}")
        raise


@shared_task(**RETRY)
def steer_batch(batch_id: int) -> None:
    """Tell the marketplace how long the HITs of a batch may be accepted."""
    steering.steer(batch_id)


@shared_task(**RETRY)
def close_batch(batch_id: int) -> None:
    """Stop asking for the rest of a batch."""
    steering.close(batch_id)


@shared_task(**RETRY)
def push_block(worker_id: int) -> None:
    """Tell the marketplace that a worker is blocked, or no longer."""
    blocks.push_block(worker_id)


@shared_task
def follow_crowd(environment: str) -> None:
    """The minute's pass over what has changed at the marketplace; the next one comes in a minute anyway."""
    reconcile.follow(environment)


@shared_task(**RETRY)
def reconcile_everything(pass_id: int) -> None:
    """A complete pass."""
    reconcile.complete(pass_id)


@shared_task
def reconcile_nightly() -> None:
    """Begin a complete pass over every environment where we have had work done."""
    for environment in worked_in():
        reconcile_everything.delay(pass_id=Reconciliation.objects.create(environment=environment).pk)


def worked_in() -> list[str]:
    """Environments in which a HIT of ours was made: a draft makes nobody call anybody."""
    launched = Batch.objects.exclude(hit_type_id="").exclude(state=Batch.State.DRAFT)
    return list(launched.order_by().values_list("environment", flat=True).distinct())


@shared_task(**RETRY)
def push_decision(assignment_id: int) -> None:
    """Tell the marketplace a reviewer's verdict."""
    decisions.push_decision(assignment_id)


@shared_task(**RETRY)
def push_decisions(assignment_ids: list[int]) -> None:
    """Tell the marketplace several verdicts."""
    decisions.push_decisions(assignment_ids)


@shared_task(**RETRY)
def push_bonus(bonus_id: int) -> None:
    """Pay a bonus that was promised."""
    bonuses.push_bonus(bonus_id)


@shared_task(**RETRY)
def send_message(message_id: int) -> None:
    """Send a message to a worker."""
    messages.send(message_id)


@shared_task(**RETRY)
def admit_workers(environment: str) -> None:
    """Answer enrolment requests."""
    enrolment.admit_workers(environment)


@shared_task(**RETRY)
def ask_where_they_disagree(batch_id: int) -> None:
    """One more worker for each unit about which those who answered do not agree."""
    extra.ask_where_they_disagree(batch_id)


@shared_task
def measure_workers() -> None:
    """How reliable everybody is, from all that several people answered."""
    from annotation.review import reliability  # loads pandas: workers only

    reliability.measure_workers()


@shared_task(acks_late=False, time_limit=120)
def check_blind(texts: dict[str, str]) -> None:
    """Whether a question that is being written can be guessed. The first one of a process waits for the model."""
    blind_check.check(texts)


@shared_task(**RETRY)
def look_blind(check_id: int) -> None:
    """Whether a question that has come can be guessed."""
    blind_bonuses.look(check_id)


@shared_task(**RETRY)
def reward_unguessed(check_id: int) -> None:
    """Order the bonus for a question that could not be guessed."""
    blind_bonuses.reward(check_id)


@shared_task
def sweep() -> None:
    """Wake whatever waits: a lost message costs a minute, never a row."""
    for pk in available(Video).order_by("pk").values_list("pk", flat=True)[:INGESTS_A_SWEEP]:
        ingest_video.delay(video_id=pk)
    for feature_set in FeatureSet.objects.all():
        feature_sets.give_clips(feature_set)  # those made since
    lacking = available(ClipFeatures).order_by("feature_set").values_list("feature_set", flat=True).distinct()
    for pk in lacking:
        describe_clips.delay(feature_set_id=pk)
    for pk in available(Transcription).order_by("pk").values_list("pk", flat=True)[:INGESTS_A_SWEEP]:
        transcribe_video.delay(transcription_id=pk)
    launch.release_approved()
    for pk in available(AnnotationImport).values_list("pk", flat=True):
        take_import.delay(import_id=pk)
    for batch in Batch.objects.filter(state=Batch.State.LAUNCHING):
        launch_batch.delay(batch_id=batch.pk)
    running = Batch.objects.filter(state__in=[Batch.State.OPEN, Batch.State.PAUSED])
    for batch in running:
        if steering.untold(batch).exists():
            steer_batch.delay(batch_id=batch.pk)
        if batch.agreement is not None and batch.state == Batch.State.OPEN:
            ask_where_they_disagree.delay(batch_id=batch.pk)
    for batch in Batch.objects.filter(state=Batch.State.CLOSING):
        close_batch.delay(batch_id=batch.pk)
    undecided = Assignment.objects.filter(state__in=[Assignment.State.APPROVING, Assignment.State.REJECTING])
    due = Q(tell_at=None) | Q(tell_at__lte=Now())  # until then a reviewer may take the verdict back
    told = list(undecided.filter(due).order_by("pk").values_list("pk", flat=True))
    for first in range(0, len(told), TOLD_TOGETHER):
        push_decisions.delay(assignment_ids=told[first : first + TOLD_TOGETHER])
    for pk in blocks.untold().values_list("pk", flat=True):
        push_block.delay(worker_id=pk)
    for pk in Bonus.objects.filter(state=Bonus.State.WAITING).values_list("pk", flat=True):
        push_bonus.delay(bonus_id=pk)
    for pk in blind_bonuses.to_look_at().values_list("pk", flat=True):
        # Behind what people wait for while they write; who is not there in a minute is asked again.
        look_blind.apply_async(kwargs={"check_id": pk}, expires=SWEEP_S)
    for pk in blind_bonuses.due().values_list("pk", flat=True):
        reward_unguessed.delay(check_id=pk)
    for pk in Message.objects.filter(state=Message.State.WAITING).values_list("pk", flat=True):
        send_message.delay(message_id=pk)
    for pk in available(Reconciliation).values_list("pk", flat=True):
        reconcile_everything.delay(pass_id=pk)
    for environment in worked_in():
        if Batch.objects.filter(environment=environment).exclude(state__in=AT_REST).exists():
            # Where a pass has not begun before the next is due, one of the two is enough.
            follow_crowd.apply_async(kwargs={"environment": environment}, expires=SWEEP_S)
    # In our own marketplace people may enrol before there is work: somebody has opened enrolment there.
    enrolling = set(worked_in()) | set(
        GroupQualification.objects.filter(environment=Environment.LOCAL).values_list("environment", flat=True)
    )
    for environment in sorted(enrolling):
        admit_workers.delay(environment=environment)
    uploads.sweep()
    links.sweep()
