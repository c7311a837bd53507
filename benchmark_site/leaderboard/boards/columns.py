"""Which columns a board has: metrics, the primary one first, and what teams say of their methods."""

from __future__ import annotations

from dataclasses import dataclass

from django.template.defaultfilters import floatformat

from benchmark_site.leaderboard.models import Score, State, Submission, Task, Track
from benchmark_site.leaderboard.models.choices import CardColumn

_USUAL = ".tiou0.7.nms0.5"  # what a title leaves out
_RECALLS = {task: [f"{task}.R@{k}{_USUAL}" for k in (1, 10, 100)] for task in ("VCMR", "SVMR")}
_KEYS = {Task.MOMENT: [*_RECALLS["VCMR"], *_RECALLS["SVMR"]], Task.QA: ["QA.accuracy"]}


@dataclass(frozen=True)
class Column:
    """One metric of a board."""

    key: str
    title: str


def columns_of(track: Track) -> list[Column]:
    """The primary metric first, then those that the organiser has chosen, or else the usual ones that somebody has.

    None that the track does not show.
    """
    others = [key for key in track.metric_columns or _usual(track) if track.shows(key)]
    keys = dict.fromkeys([track.primary_metric, *others])
    return [Column(key, _title(key)) for key in keys]


def card_titles(track: Track) -> list[str]:
    """Of the columns that hold what teams say of their methods."""
    return [CardColumn(name).label.capitalize() for name in track.card_columns]


def card_cells(track: Track, submission: Submission) -> list[str]:
    """What stands in them for a reader, empty where a team says nothing."""
    return [_said(CardColumn(name), getattr(submission, name)) for name in track.card_columns]


def _usual(track: Track) -> list[str]:
    keys = _KEYS[Task(track.task)]
    # On test only the holder of the full release can name the videos, so SVMR may be missing altogether.
    shown = Score.objects.filter(
        evaluation__submission__track=track, evaluation__submission__public=True, evaluation__state=State.DONE
    )
    if shown.filter(key__startswith="SVMR.").exists():
        return keys
    return [key for key in keys if key not in _RECALLS["SVMR"]]


def _title(key: str) -> str:
    """`VCMR R@1` for what boards usually have, at tIoU 0.7 after NMS 0.5; else with whatever differs from that."""
    if key == "QA.accuracy":
        return "Accuracy"
    task, _, metric = key.removesuffix(_USUAL).partition(".")
    for suffix, words in ((".raw", ", no NMS"), (".nms", ", NMS "), (".tiou", ", tIoU "), ("_tiou", " tIoU")):
        metric = metric.replace(suffix, words)
    return f"{task} {metric}"


def _said(column: CardColumn, value: str | float | None) -> str:
    if value is None or value == "":
        return ""
    if column == CardColumn.PARAMETERS:
        return f"{int(value):,}"
    return f"{floatformat(value, '-1')} s" if column == CardColumn.RUN_TIME else str(value)
