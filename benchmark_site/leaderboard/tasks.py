"""Wake-ups. Each takes a primary key; what there is to do stands in the row."""

from __future__ import annotations

import time

from celery import shared_task
from django.utils import timezone

from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.leaderboard.boards.groups import compare_neighbours
from benchmark_site.leaderboard.models import Comparison, Evaluation, TrainingRun
from benchmark_site.leaderboard.scoring import deciding
from benchmark_site.leaderboard.scoring.compare import run_comparison
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from benchmark_site.leaderboard.scoring.score import score_evaluation, wake
from benchmark_site.leaderboard.scoring.tell import tell as mail_result
from benchmark_site.leaderboard.submissions import deletion, pieces
from benchmark_site.leaderboard.submissions.uploads import incoming_folder
from benchmark_site.leaderboard.task_names import COMPARE, PREDICT, SCORE, SEARCH, TELL, TRAIN
from benchmark_site.leaderboard.training.run import run_training

_DAY_S = 24 * 3600


@shared_task(name=SCORE)
def score(evaluation_id: int) -> None:
    """Score one evaluation."""
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
    """Mail a result to the team that wants it."""
    found = Evaluation.objects.filter(pk=evaluation_id).select_related("submission__team", "submission__track").first()
    if found:
        mail_result(found)


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
    files that are due, write down by which submissions a private part has decided."""
    for row in Evaluation.objects.filter(pk__in=Evaluation.forgotten()).select_related("submission"):
        wake(row)
    for pk in Comparison.forgotten():
        enqueue(COMPARE, comparison_id=pk)
    for pk in TrainingRun.forgotten():
        enqueue(TRAIN, run_id=pk)
    for left_over in incoming_folder().iterdir():
        if left_over.stat().st_mtime < time.time() - _DAY_S:
            left_over.unlink(missing_ok=True)
    pieces.sweep()
    deciding.sweep(timezone.now())
    deletion.sweep(timezone.now())
    compare_neighbours()
