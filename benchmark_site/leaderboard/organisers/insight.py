"""What happens on a board, for those who run it: how much comes, why it fails, how long it waits."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track

_DAYS = 30
_NUMBERS = re.compile(r"\d[\d.,]*|'[^']*'|\"[^\"]*\"")
_MOST_REASONS = 20


@dataclass(frozen=True)
class Insight:
    """`days`: (day, sent, failed), the last 30, quiet ones left out. `reasons`: (why, how many, the first and the last
    day on which such a file was sent). Times in seconds, None where there is none.

    `median_s` and `slowest_s` are from what was asked for to its end; `waited_s` is the median to its first worker.
    """

    states: list[tuple[str, int]]
    days: list[tuple[date, int, int]]
    reasons: list[tuple[str, int, date, date]]
    people: int
    teams: int
    median_s: float | None
    slowest_s: float | None
    waited_s: float | None
    waiting: int
    oldest_s: float | None


def insight(track: Track, now: datetime) -> Insight:
    """Of the track's submissions without dry runs and baselines, by their latest scoring."""
    sent = Submission.objects.filter(track=track, dry_run=False, baseline=False)
    latest = (
        Evaluation.objects.filter(submission__in=sent)
        .order_by("submission_id", "-id")
        .distinct("submission_id")
        .select_related("submission")
        .defer("report", "log")
    )
    ends = list(latest)
    took = [(one.finished_at - one.asked_at).total_seconds() for one in ends if one.finished_at]
    waited = [(one.started_at - one.asked_at).total_seconds() for one in ends if one.started_at]
    waiting = [one for one in ends if not one.is_finished]
    days: dict[date, list[int]] = {}
    for one in ends:
        if one.submission.created_at > now - timedelta(days=_DAYS):
            counted = days.setdefault(one.submission.created_at.date(), [0, 0])
            counted[0] += 1
            counted[1] += one.state == State.FAILED
    return Insight(
        states=[(State(state).label, n) for state, n in Counter(one.state for one in ends).most_common()],
        days=[(day, *counted) for day, counted in sorted(days.items(), reverse=True)],  # type: ignore[misc]
        reasons=_counted(ends),
        people=sent.values("people").exclude(people=None).distinct().count(),
        teams=sent.values("team").distinct().count(),
        median_s=statistics.median(took) if took else None,
        slowest_s=max(took, default=None),
        waited_s=statistics.median(waited) if waited else None,
        waiting=len(waiting),
        oldest_s=max(((now - one.asked_at).total_seconds() for one in waiting), default=None),
    )


def _counted(ends: Sequence[Evaluation]) -> list[tuple[str, int, date, date]]:
    """The commonest reasons, with the days between which they came."""
    days: dict[str, list[date]] = {}
    for one in ends:
        for reason in _reasons(one):
            days.setdefault(reason, []).append(one.submission.created_at.date())
    common = sorted(days.items(), key=lambda reason: len(reason[1]), reverse=True)[:_MOST_REASONS]
    return [(reason, len(found), min(found), max(found)) for reason, found in common]


def _reasons(evaluation: Evaluation) -> set[str]:
    """Why it failed, without what differs from file to file, so that equal reasons can be counted."""
    if evaluation.state != State.FAILED:
        return set()
    said = [str(problem.get("message", "")) for problem in evaluation.problems] or [evaluation.error]
    return {_NUMBERS.sub("…", text) for text in said}
