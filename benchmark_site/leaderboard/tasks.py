"""Wake-ups. Each takes a primary key; what there is to do stands in the row."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from celery import Task, shared_task
from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.leaderboard.boards.groups import compare_neighbours
from benchmark_site.leaderboard.models import Comparison, Evaluation, TrainingRun
from benchmark_site.leaderboard.scoring import deciding
from benchmark_site.leaderboard.scoring.compare import run_comparison
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from benchmark_site.leaderboard.scoring.score import score_evaluation, wake
from benchmark_site.leaderboard.scoring.tell import NotToldError, to_be_told
from benchmark_site.leaderboard.scoring.tell import tell as mail_result
from benchmark_site.leaderboard.submissions import deletion, pieces
from benchmark_site.leaderboard.submissions.uploads import incoming_folder
from benchmark_site.leaderboard.task_names import COMPARE, PREDICT, SCORE, SCORE_AGAIN, SEARCH, TELL, TELL_MEMBER, TRAIN
from benchmark_site.leaderboard.training.run import run_training

_DAY_S = 24 * 3600
# Again for an hour. Shorter than the broker's visibility timeout: a message that waits longer is delivered twice.
_TELL_AGAIN_S, _TOLD_AGAIN = 45, 80

logger = logging.getLogger(__name__)


@shared_task(name=SCORE)
def score(evaluation_id: int) -> None:
    """Score whatever has its turn, which need not be what the message names: many of one team delay no other's."""
    while turns := Evaluation.turns():
        if score_evaluation(turns[0]):
            return


@shared_task(name=SCORE_AGAIN)
def score_again(evaluation_id: int) -> None:
    """Score one evaluation of what was scored before: the same work in another queue."""
    score_evaluation(evaluation_id)


@shared_task(name=PREDICT)
def predict(evaluation_id: int) -> None:
    """Have a model that was sent predict."""
    predict_evaluation(evaluation_id)


@shared_task(name=COMPARE)
def compare(comparison_id: int) -> None:
    """Test whether two submissions can be told apart."""
    run_comparison(comparison_id)


@shared_task(name=TELL)
def tell(evaluation_id: int) -> None:
    """Have everybody of the team who wants it told of a result: a message each, so that nobody waits for another."""
    found = Evaluation.objects.filter(pk=evaluation_id).select_related("submission__team").first()
    if found is None:
        return
    for member in to_be_told(found):
        enqueue(TELL_MEMBER, evaluation_id=evaluation_id, membership_id=member.pk)


@shared_task(name=TELL_MEMBER, bind=True, max_retries=_TOLD_AGAIN)
def tell_member(self: Task, evaluation_id: int, membership_id: int) -> None:
    """Mail a result to one member. While the mail server is away the message in the broker waits, for an hour."""
    found = Evaluation.objects.select_related("submission__team", "submission__track").filter(pk=evaluation_id).first()
    member = to_be_told(found).filter(pk=membership_id).first() if found else None
    if found is None or member is None:  # told, or gone, or of another wish meanwhile
        return
    try:
        mail_result(found, member)
    except NotToldError as trouble:
        raise self.retry(exc=trouble, countdown=_TELL_AGAIN_S) from trouble


@shared_task(name=SEARCH)
def search(run_id: int, question: str, options: list[str]) -> None:
    """Answer from the model of a training run."""
    from benchmark_site.leaderboard.training import search as trained

    trained.answer(run_id, question, options)


@shared_task(name=TRAIN)
def train(run_id: int) -> None:
    """Train HERO on a release and submit it."""
    run_training(run_id)


@shared_task
def sweep() -> None:
    """Once a minute: send again what waits without a message or lost its worker, remove uploads that never ended,
    files that are due and sessions that have ended, write down by which submissions a private part has decided.

    Each step by itself: one that fails stops no other.
    """
    for step in (
        _wake_evaluations,
        _wake_comparisons,
        _wake_training_runs,
        _remove_left_overs,
        pieces.sweep,
        _delete_due_files,
        _decide,
        SessionStore.clear_expired,
        compare_neighbours,
    ):
        try:
            step()
        except Exception:  # whatever it is: the others wait for no programmer
            logger.exception("a step of the sweep failed: %s", step.__qualname__)


def _wake_evaluations() -> None:
    for row in Evaluation.objects.filter(pk__in=Evaluation.forgotten()).select_related("submission"):
        wake(row)


def _wake_comparisons() -> None:
    for pk in Comparison.forgotten():
        enqueue(COMPARE, comparison_id=pk)


def _wake_training_runs() -> None:
    for pk in TrainingRun.forgotten():
        enqueue(TRAIN, run_id=pk)


def _remove_left_overs() -> None:
    for left_over in incoming_folder().iterdir():
        with suppress(FileNotFoundError):  # its upload has ended meanwhile
            if left_over.stat().st_mtime < time.time() - _DAY_S:
                left_over.unlink()


def _decide() -> None:
    deciding.sweep(timezone.now())


def _delete_due_files() -> None:
    deletion.sweep(timezone.now())
