"""What the API answers about tracks and submissions."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.http import HttpRequest
from ninja import Schema

from benchmark_site.leaderboard.models import Evaluation, Reveal, State, Submission, Track
from benchmark_site.leaderboard.scoring.disclosed import disclosed_private_scores, disclosed_scores
from benchmark_site.leaderboard.scoring.steps import steps
from benchmark_site.leaderboard.submissions.forms import CARD
from benchmark_site.leaderboard.submissions.quota import Quota

CARD_FIELDS = ["method", "description", "paper_url", "code_url", *CARD]


class QuotaOut(Schema):
    per_day: int
    total: int
    used_day: int
    used_total: int
    left: int
    next_slot: datetime | None
    person: str
    teams: list[str]


class TrackOut(Schema):
    track: str
    release: str
    release_sha256: str
    task: str
    split: str
    opens_at: datetime
    closes_at: datetime | None
    primary_metric: str
    reveal: str
    public_percent: int
    reveals_at: datetime | None
    finals: int
    board: str
    quota: QuotaOut


class ScoreOut(Schema):
    key: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    blind: float | None
    beats_blind: bool | None
    part: str


class StepOut(Schema):
    at: datetime | None
    what: str


class SubmissionOut(Schema):
    id: uuid.UUID
    track: str
    team: str
    kind: str
    method: str
    description: str
    paper_url: str
    code_url: str
    parameters: int | None
    training_data: str
    external_data: bool
    hardware: str
    run_time_s: float | None
    public: bool
    baseline: bool
    dry_run: bool
    final: bool
    decides: bool
    late: bool
    hidden_reason: str
    hidden_at: datetime | None
    file_name: str
    file_deleted_at: datetime | None
    sha256: str
    size: int
    began_at: datetime
    created_at: datetime
    state: str
    queue_place: int | None
    error: str
    problems: list[dict[str, Any]]
    evaluator_version: str
    release_sha256: str
    scores: list[ScoreOut]
    private_scores: list[ScoreOut]
    steps: list[StepOut]
    page: str


def track_out(request: HttpRequest, track: Track, left: Quota) -> TrackOut:
    """A track, and what one team may still submit to it."""
    return TrackOut(
        track=track.path,
        release=str(track.release),
        release_sha256=track.release.sha256,
        task=track.task,
        split=track.split,
        opens_at=track.opens_at,
        closes_at=track.closes_at,
        primary_metric=track.primary_metric,
        reveal=track.reveal if track.hides_truth else Reveal.REPORT,
        public_percent=track.public_percent,
        reveals_at=track.reveals_at,
        finals=track.finals if track.has_private_part else 0,
        board=request.build_absolute_uri(track.get_absolute_url()),
        quota=QuotaOut.from_orm(left),
    )


def submissions_out(request: HttpRequest, submissions: Sequence[Submission]) -> list[SubmissionOut]:
    """The same of submissions with their teams and tracks, by few queries and without the evaluator's long reports."""
    scorings = Evaluation.objects.defer("report", "log").prefetch_related("scores", "private_scores")
    prefetch_related_objects(submissions, Prefetch("evaluations", scorings))
    return [_out(request, submission, list(submission.evaluations.all())) for submission in submissions]


def _out(request: HttpRequest, submission: Submission, scorings: list[Evaluation]) -> SubmissionOut:
    """`scorings`: the newest first."""
    evaluation = next((one for one in scorings if one.state == State.DONE), scorings[0])
    private = disclosed_private_scores(evaluation)  # first: it may be what writes down by which it decides
    return SubmissionOut(
        id=submission.pk,
        track=submission.track.path,
        team=submission.team.name,
        kind=submission.kind,
        **{name: getattr(submission, name) for name in CARD_FIELDS},
        public=submission.public,
        baseline=submission.baseline,
        dry_run=submission.dry_run,
        final=submission.final,
        decides=submission.decides,
        late=submission.is_late,
        hidden_reason=submission.hidden_reason,
        hidden_at=submission.hidden_at,
        file_name=submission.file_name,
        file_deleted_at=submission.file_deleted_at,
        sha256=submission.sha256,
        size=submission.size,
        began_at=submission.began_at,
        created_at=submission.created_at,
        state=evaluation.state,
        queue_place=evaluation.queue_place,
        error=evaluation.error,
        problems=evaluation.problems,
        evaluator_version=evaluation.evaluator_version,
        release_sha256=evaluation.manifest_sha256,
        scores=[ScoreOut.from_orm(score) for score in disclosed_scores(evaluation)],
        private_scores=[ScoreOut.from_orm(score) for score in private],
        steps=[StepOut.from_orm(step) for step in steps(submission, scorings)],
        page=request.build_absolute_uri(submission.get_absolute_url()),
    )
