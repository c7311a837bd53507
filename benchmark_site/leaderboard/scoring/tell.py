"""Mail about a result, to those in the team who want it; it says no more than the page."""

from __future__ import annotations

import logging
from smtplib import SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import send_mail
from django.db.models import Q, QuerySet

from benchmark_site.leaderboard.models import Evaluation, Mail, Membership, State
from benchmark_site.leaderboard.scoring.disclosed import (
    DisclosedScore,
    digits,
    disclosed_private_scores,
    disclosed_scores,
)

_TOLD_OF = {State.DONE: [Mail.ALL], State.FAILED: [Mail.ALL, Mail.FAILED]}

logger = logging.getLogger(__name__)


class NotToldError(Exception):
    """The mail server takes nothing now. `left`: keys of the memberships that are still to be told."""

    def __init__(self, reason: OSError, left: list[int]) -> None:
        super().__init__(f"{len(left)} are not told yet: {reason}")
        self.left = left


def tell(evaluation: Evaluation, only: list[int] | None = None) -> None:
    """Mail the end of a scoring to its team, or to these memberships of it; not of dry runs, baselines, cancelled ones.

    Raises NotToldError where the mail server is away: from whom on it has to be done again.
    """
    submission = evaluation.submission
    subject = f"{submission.method}: {evaluation.get_state_display()}"
    text = f"{submission.track}\n\n{_said(evaluation)}\n\n{settings.SITE_URL}{submission.get_absolute_url()}\n\n" + (
        f"What you are told of is chosen at {settings.SITE_URL}/teams/\n"
    )
    members = list(_to_be_told(evaluation, only))
    for place, member in enumerate(members):
        try:  # a mail each: members need not know each other's address
            send_mail(subject, text, None, [member.user.email])
        except SMTPRecipientsRefused as refusal:  # of this address, whenever it is tried
            logger.warning("%s is not told of a result: %s", member, refusal)
        except OSError as reason:
            raise NotToldError(reason, [one.pk for one in members[place:]]) from reason


def _to_be_told(evaluation: Evaluation, only: list[int] | None) -> QuerySet[Membership]:
    submission = evaluation.submission
    if submission.dry_run or submission.baseline:
        return Membership.objects.none()
    wishes = _TOLD_OF.get(State(evaluation.state), [])
    members = submission.team.memberships.filter(Q(mail__in=wishes), user__is_active=True).exclude(user__email="")
    return (members if only is None else members.filter(pk__in=only)).select_related("user")


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
