"""A board as CSV and as JSON: the same rows and the same digits as the page."""

from __future__ import annotations

import csv
import io
from typing import Any

from benchmark_site.leaderboard.boards.board import Board, Row

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
        "rows": [_facts(row) | {"scores": _scores(board, row)} for row in board.rows],
    }


def board_csv(board: Board) -> str:
    """One line a submission; value, low and high of each metric in columns of their own, and of which part they are."""
    flat = [_facts(row) | {"part": board.part} | _flat(_scores(board, row)) for row in board.rows]
    names = list(dict.fromkeys(name for row in flat for name in row)) or ["rank"]
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in flat)
    return text.getvalue()


def _facts(row: Row) -> dict[str, Any]:
    submission = row.submission
    hidden = submission.track.hides_truth  # the hash of a small file tells the file, see shown.py
    return {
        "rank": row.rank,
        "method": submission.method,
        "team": submission.team.name,
        "baseline": submission.baseline,
        "late": submission.is_late,
        "beats_blind": row.primary.beats_blind if row.primary else None,
        "submitted_at": submission.created_at.isoformat(),
        "submission": str(submission.pk),
        **({} if hidden else {"predictions_sha256": submission.sha256}),
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
