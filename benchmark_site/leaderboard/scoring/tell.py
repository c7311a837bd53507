"""Mail about a result, to those in the team who want it; it says no more than the page."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import send_mass_mail
from django.db.models import Q

from benchmark_site.leaderboard.models import Evaluation, Mail, State
from benchmark_site.leaderboard.scoring.disclosed import (
    DisclosedScore,
    digits,
    disclosed_private_scores,
    disclosed_scores,
)

_TOLD_OF = {State.DONE: [Mail.ALL], State.FAILED: [Mail.ALL, Mail.FAILED]}


def tell(evaluation: Evaluation) -> int:
    """Mail the end of a scoring to its team; returns to how many. Cancelled, dry runs and baselines are not told."""
    submission = evaluation.submission
    wishes = _TOLD_OF.get(State(evaluation.state), [])
    if submission.dry_run or submission.baseline or not wishes:
        return 0
    members = submission.team.memberships.filter(Q(mail__in=wishes), user__is_active=True).exclude(user__email="")
    subject = f"{submission.method}: {evaluation.get_state_display()}"
    text = f"{submission.track}\n\n{_said(evaluation)}\n\n{settings.SITE_URL}{submission.get_absolute_url()}\n\n" + (
        f"What you are told of is chosen at {settings.SITE_URL}/teams/\n"
    )
    addresses = members.values_list("user__email", flat=True)  # a mail each: members need not know each other's address
    return send_mass_mail([(subject, text, None, [address]) for address in addresses])


def _said(evaluation: Evaluation) -> str:
    if evaluation.state == State.FAILED:
        return evaluation.error + ("" if evaluation.submission.counts else "\nIt costs no try.")
    track = evaluation.submission.track
    scores = [*disclosed_scores(evaluation), *disclosed_private_scores(evaluation)]
    places = max(0, digits(track))
    return "\n".join(
        f"{score.key}: {score.value:.{places}f} % ({score.low:.{places}f} to {score.high:.{places}f}), n {score.n}"
        f"{_of(score)}"
        for score in scores
        if score.key == track.primary_metric
        if score.value is not None and score.low is not None and score.high is not None
    )


def _of(score: DisclosedScore) -> str:
    """Of what a value is, where that is not the whole split."""
    return "" if score.part == "all" else f", of the {score.part} part"
