"""What a participant looks for first: the own submissions, and what may still be sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Prefetch, QuerySet

from benchmark_site.leaderboard.models import Evaluation, Submission, Team, Track
from benchmark_site.leaderboard.submissions.quota import Quota, tries_left

_LATEST, _TEAMS = 5, 3  # on the home page; the page of one's submissions has all


@dataclass(frozen=True)
class Mine:
    """The latest submissions of a person's teams, and what is left of the tries on open tracks, by team."""

    latest: list[Submission]
    tries: list[tuple[Track, Team, Quota]]
    several_teams: bool


def mine(user: User | AnonymousUser, tracks: Sequence[Track], now: datetime) -> Mine | None:
    """The same for the home page; None for who is in no team."""
    teams = list(Team.objects.filter(memberships__user=user.pk)) if user.pk else []
    if not teams:
        return None
    tries = tries_left(teams[:_TEAMS], tracks, now)
    return Mine(list(sent_by_teams(teams)[:_LATEST]), tries, len(teams) > 1)


def sent_by_teams(teams: Collection[Team]) -> QuerySet[Submission]:
    """Everything of these teams, newest first, with the states of its scorings and without their long reports."""
    states = Evaluation.objects.defer("report", "log", "problems")
    sent = Submission.objects.filter(team__in=teams).select_related("team", "track__release")
    return sent.prefetch_related(Prefetch("evaluations", states))
