"""A board as plain data, for the page and for its exports."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Prefetch

from benchmark_site.leaderboard.boards.ranking import Entry, best_per_team, ranked
from benchmark_site.leaderboard.models import Evaluation, Score, State, Submission, Task, Track
from benchmark_site.leaderboard.scoring.disclosed import DisclosedScore, digits, disclosed_score


@dataclass(frozen=True)
class Column:
    """One metric of a board."""

    key: str
    title: str


_RECALLS = {
    task: [Column(f"{task}.R@{k}.tiou0.7.nms0.5", f"{task} R@{k}") for k in (1, 10, 100)] for task in ("VCMR", "SVMR")
}
_ACCURACY = Column("QA.accuracy", "Accuracy")
_COLUMNS = {Task.MOMENT: [*_RECALLS["VCMR"], *_RECALLS["SVMR"]], Task.QA: [_ACCURACY]}


@dataclass(frozen=True)
class Row:
    """One submission on a board. `scores` stand in the order of the columns, None where there is none."""

    rank: int | None
    submission: Submission
    evaluation: Evaluation
    scores: list[DisclosedScore | None]
    primary: DisclosedScore | None


@dataclass(frozen=True)
class Board:
    track: Track
    columns: list[Column]
    rows: list[Row]
    digits: int

    @property
    def beaten_by_blind(self) -> bool:
        return any(row.primary and row.primary.beats_blind is False for row in self.rows)


def read_board(track: Track, every: bool = False) -> Board:
    """Rank the public submissions of a track: the best of each team, or every one; baselines always.

    Ranked, and chosen as a team's best, by what is shown: where the truth is hidden, the order of two exact values
    would be one more thing that is said about it.
    """
    columns = _columns(track)
    evaluations = {str(evaluation.submission_id): evaluation for evaluation in _latest(track, columns)}
    shown = {
        key: {score.key: disclosed_score(score, track) for score in evaluation.scores.all()}
        for key, evaluation in evaluations.items()
    }
    entries = [_entry(found.submission, shown[key].get(track.primary_metric)) for key, found in evaluations.items()]
    rows = []
    for place in ranked(entries if every else best_per_team(entries)):
        evaluation, scores = evaluations[place.entry.key], shown[place.entry.key]
        rows.append(
            Row(
                place.rank,
                evaluation.submission,
                evaluation,
                [scores.get(column.key) for column in columns],
                scores.get(track.primary_metric),
            )
        )
    # On test only the holder of the full release can name the videos, so SVMR may be missing altogether.
    used = [any(row.scores[place] for row in rows) or "SVMR" not in column.key for place, column in enumerate(columns)]
    for row in rows:
        row.scores[:] = [score for score, keep in zip(row.scores, used, strict=True) if keep]
    kept = [column for column, keep in zip(columns, used, strict=True) if keep]
    return Board(track, kept, rows, digits(track))


def _columns(track: Track) -> list[Column]:
    """The usual columns that the track shows; a primary metric that is none of them stands first."""
    columns = [column for column in _COLUMNS[Task(track.task)] if track.shows(column.key)]
    if any(column.key == track.primary_metric for column in columns):
        return columns
    return [Column(track.primary_metric, track.primary_metric), *columns]


def _latest(track: Track, columns: list[Column]) -> list[Evaluation]:
    """The newest finished evaluation of every public submission, with the scores that the board shows."""
    keys = [column.key for column in columns]
    return list(
        Evaluation.objects.filter(submission__track=track, submission__public=True, state=State.DONE)
        .order_by("submission_id", "-id")
        .distinct("submission_id")
        .select_related("submission__team")
        .prefetch_related(Prefetch("scores", Score.objects.filter(key__in=keys)))
        .defer("report")
    )


def _entry(submission: Submission, primary: DisclosedScore | None) -> Entry:
    value = primary.value if primary else None
    return Entry(str(submission.pk), submission.team_id, value, submission.created_at, submission.baseline)
