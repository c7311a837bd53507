"""Scores video moment retrieval and multiple-choice QA on a release: exact, refusing what cannot be meant."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.metrics.iou import tiou
    from evaluation.metrics.nms import nms
    from evaluation.metrics.protocol import ScoringOptions
    from evaluation.predictions.errors import PredictionError
    from evaluation.release import Release, ReleaseError
    from evaluation.reports.report import Report, score

__version__ = "1.2.0"
__all__ = ["PredictionError", "Release", "ReleaseError", "Report", "ScoringOptions", "nms", "score", "tiou"]

_HOMES = {
    "PredictionError": "evaluation.predictions.errors",
    "Release": "evaluation.release",
    "ReleaseError": "evaluation.release",
    "Report": "evaluation.reports.report",
    "ScoringOptions": "evaluation.metrics.protocol",
    "nms": "evaluation.metrics.nms",
    "score": "evaluation.reports.report",
    "tiou": "evaluation.metrics.iou",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when first asked for: whoever needs the version alone loads no numpy."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
