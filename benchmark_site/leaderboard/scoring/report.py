"""Reads what `python -m evaluation score --json` wrote: typed, so that a surprise is an error and not a score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

_MOST_BYTES = 64 * 2**20


class ReportError(Exception):
    """The evaluator's report is missing or is not one; the message says how."""


class Metric(msgspec.Struct):
    key: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None
    blind: float | None = None
    beats_blind: bool | None = None


class Problem(msgspec.Struct):
    message: str
    task: str | None = None
    id: int | str | None = None
    row: int | None = None
    column: int | None = None


class Report(msgspec.Struct):
    evaluator_version: str
    predictions_sha256: str
    task: str
    split: str
    metrics: list[Metric]
    manifest_sha256: str | None = None
    refused: list[Problem] | None = None


def read_report(path: Path) -> tuple[Report, dict[str, Any]]:
    """The parts the platform works with, and the whole. Raises ReportError."""
    if not path.exists():
        raise ReportError("the evaluator could not begin; the operator can see why")
    if path.stat().st_size > _MOST_BYTES:
        raise ReportError(f"the evaluator's report is larger than {_MOST_BYTES:,} bytes")
    text = path.read_bytes()
    try:
        return msgspec.json.decode(text, type=Report), msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ReportError(f"the evaluator's report is not one: {error}") from error
