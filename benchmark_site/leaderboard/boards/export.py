"""A board as CSV and as JSON: the same rows and the same digits as the page."""

from __future__ import annotations

import csv
import io
from typing import Any

from django.db.models.fields.json import KT

from benchmark_site.leaderboard.boards.board import Board, Row
from benchmark_site.leaderboard.models import Evaluation

# A spreadsheet takes a cell that begins so for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def board_json(board: Board) -> dict[str, Any]:
    """Everything a reader needs to recompute or cite the board."""
    track = board.track
    return {
        "track": track.path,
        "release": str(track.release),
        "release_sha256": track.release.sha256,
        "primary_metric": track.primary_metric,
        "part": board.part,
        "rows": [facts | {"scores": _scores(board, row)} for row, facts in _facts(board)],
    }


def board_csv(board: Board) -> str:
    """One line a submission; value, low and high of each metric in columns of their own, and of which part they are."""
    flat = [facts | {"part": board.part} | _flat(_scores(board, row)) for row, facts in _facts(board)]
    names = list(dict.fromkeys(name for row in flat for name in row)) or ["rank"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in flat)
    return text.getvalue()


def _facts(board: Board) -> list[tuple[Row, dict[str, Any]]]:
    """Each row with what it is beside its scores."""
    # The hash of a small file tells the file, see scoring/disclosed.py.
    hashes = None if board.track.hides_truth else _hashes(board)
    return [(row, _facts_of(row, hashes)) for row in board.rows]


def _hashes(board: Board) -> dict[int, str | None]:
    """Of what was scored, by evaluation; of a model whose predictions are deleted its report has it."""
    told: dict[int, str | None] = {row.evaluation.pk: row.submission.scored_sha256 for row in board.rows}
    lost = [pk for pk, sha256 in told.items() if not sha256]
    if lost:
        told |= dict(Evaluation.objects.filter(pk__in=lost).values_list("pk", KT("report__predictions_sha256")))
    return told


def _facts_of(row: Row, hashes: dict[int, str | None] | None) -> dict[str, Any]:
    submission = row.submission
    return {
        "rank": row.rank,
        "method": submission.method,
        "team": submission.team.name,
        "baseline": submission.baseline,
        "late": submission.is_late,
        "beats_blind": row.primary.beats_blind if row.primary else None,
        **{name: getattr(submission, name) for name in submission.track.card_columns},
        "submitted_at": submission.created_at.isoformat(),
        "submission": str(submission.pk),
        **({} if hashes is None else {"predictions_sha256": hashes.get(row.evaluation.pk)}),
        "evaluator_version": row.evaluation.evaluator_version,
        "manifest_sha256": row.evaluation.manifest_sha256,
    }


def _scores(board: Board, row: Row) -> dict[str, dict[str, float | int | None]]:
    return {
        column.key: {"value": score.value, "low": score.low, "high": score.high, "n": score.n}
        for column, score in zip(board.columns, row.scores, strict=True)
        if score
    }


def _flat(scores: dict[str, dict[str, float | int | None]]) -> dict[str, float | int | None]:
    return {f"{key}.{part}": value for key, parts in scores.items() for part, value in parts.items()}


def cell(value: Any) -> Any:
    """A value for a CSV that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
