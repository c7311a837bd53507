"""What has become of a submission, step by step with its times: all that its sender may see of the machinery.

What the evaluator itself printed stays with the operator: it names places of this server, and on a hidden split it
could hold what is withheld.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet

from benchmark_site.leaderboard.models import Evaluation, State, Submission

_SCORINGS = 10  # the newest, where it was scored again and again


@dataclass(frozen=True)
class Step:
    """`at`: None where only the order is known."""

    at: datetime | None
    what: str


def steps(submission: Submission, scorings: Sequence[Evaluation] | QuerySet[Evaluation]) -> list[Step]:
    """Received, then of each of its scorings (the newest first): queued, attempts, its end and why; oldest first."""
    slow = submission.created_at - submission.began_at > timedelta(seconds=1)
    told = [Step(submission.began_at, "the upload began")] if slow else []
    told.append(Step(submission.created_at, f"received: {submission.size:,} bytes"))
    for evaluation in reversed(scorings[:_SCORINGS]):
        told += _of_scoring(submission, evaluation)
    if submission.file_deleted_at:
        told.append(Step(submission.file_deleted_at, "its file was deleted"))
    return told


def _of_scoring(submission: Submission, evaluation: Evaluation) -> list[Step]:
    told = [Step(evaluation.queued_at, _queued(submission, evaluation))]
    if evaluation.state == State.RUNNING:
        told.append(Step(evaluation.heartbeat, f"attempt {evaluation.attempt} is under way: its last sign of life"))
    if evaluation.is_finished:
        attempts = f" in attempt {evaluation.attempt}" if evaluation.attempt else ""
        reason = f": {evaluation.error}" if evaluation.error else ""
        told.append(Step(evaluation.finished_at, f"{evaluation.get_state_display()}{attempts}{reason}"))
    return told


def _queued(submission: Submission, evaluation: Evaluation) -> str:
    """A row is queued anew after each attempt that is repeated, and for the scorer once a model has predicted."""
    said = f"queued for evaluator {evaluation.evaluator_version}"
    if submission.kind == Submission.Kind.MODEL:
        predicted = submission.predicted or evaluation.state == State.DONE
        said += ", after the model has predicted" if predicted else ", the model predicts first"
    if evaluation.error and not evaluation.is_finished:  # of the attempt before
        said += f", again: {evaluation.error}"
    return said
