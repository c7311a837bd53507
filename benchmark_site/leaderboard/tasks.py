"""Wake-ups. Each takes a primary key; what there is to do stands in the row."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from celery import Task, shared_task
from django.utils import timezone

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.leaderboard.boards.groups import compare_neighbours
from benchmark_site.leaderboard.models import Comparison, Evaluation, TrainingRun
from benchmark_site.leaderboard.scoring import deciding
from benchmark_site.leaderboard.scoring.compare import run_comparison
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from benchmark_site.leaderboard.scoring.score import score_evaluation, wake
from benchmark_site.leaderboard.scoring.tell import NotToldError
from benchmark_site.leaderboard.scoring.tell import tell as mail_result
from benchmark_site.leaderboard.submissions import deletion, pieces
from benchmark_site.leaderboard.submissions.uploads import incoming_folder
from benchmark_site.leaderboard.task_names import COMPARE, PREDICT, SCORE, SCORE_AGAIN, SEARCH, TELL, TRAIN
from benchmark_site.leaderboard.training.run import run_training

_DAY_S = 24 * 3600
# Again for an hour. Shorter than the broker's visibility timeout: a message that waits longer is delivered twice.
_TELL_AGAIN_S, _TOLD_AGAIN = 45, 80

logger = logging.getLogger(__name__)


@shared_task(name=SCORE)
def score(evaluation_id: int) -> None:
    """Score one evaluation."""
    score_evaluation(evaluation_id)


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


@shared_task(name=TELL, bind=True, max_retries=_TOLD_AGAIN)
def tell(self: Task, evaluation_id: int, only: list[int] | None = None) -> None:
    """Mail a result to the team that wants it, or to these memberships of it.

    No row remembers who was told: while the mail server is away, the message in the broker does, for an hour.
    """
    found = Evaluation.objects.filter(pk=evaluation_id).select_related("submission__team", "submission__track").first()
    if found is None:
        return
    try:
        mail_result(found, only)
    except NotToldError as trouble:
        again = {"evaluation_id": evaluation_id, "only": trouble.left}
        raise self.retry(args=(), kwargs=again, exc=trouble, countdown=_TELL_AGAIN_S) from trouble


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
    """Once a minute: send again what waits without a message or lost its worker, remove uploads that never ended and
    files that are due, write down by which submissions a private part has decided.

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
