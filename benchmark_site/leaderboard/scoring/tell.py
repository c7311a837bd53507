"""Mail about a result, to those in the team who want it; it says no more than the page."""

from __future__ import annotations

import logging
from smtplib import SMTPDataError, SMTPRecipientsRefused

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet

from benchmark_site.leaderboard.models import Evaluation, Mail, Membership, State, Told
from benchmark_site.leaderboard.scoring.disclosed import (
    DisclosedScore,
    digits,
    disclosed_private_scores,
    disclosed_scores,
)

_TOLD_OF = {State.DONE: [Mail.ALL], State.FAILED: [Mail.ALL, Mail.FAILED]}
_REFUSED_FOR_GOOD = 500

logger = logging.getLogger(__name__)


class NotToldError(Exception):
    """The mail server does not take it now."""


def to_be_told(evaluation: Evaluation) -> QuerySet[Membership]:
    """Members who want the end of this scoring and have not been told of it.

    Nobody of dry runs, baselines and cancelled ones.
    """
    submission = evaluation.submission
    if submission.dry_run or submission.baseline:
        return Membership.objects.none()
    wishes = _TOLD_OF.get(State(evaluation.state), [])
    members = submission.team.memberships.filter(mail__in=wishes, user__is_active=True).exclude(user__email="")
    return members.exclude(pk__in=evaluation.told.values("membership")).select_related("user")


def tell(evaluation: Evaluation, member: Membership) -> None:
    """Mail the end of a scoring to one member, once: each by itself, for they need not know each other's address.

    What is refused for good is not tried again. Raises NotToldError where it is to be tried again.
    """
    submission = evaluation.submission
    subject = f"{submission.method}: {evaluation.get_state_display()}"
    text = f"{submission.track}\n\n{_said(evaluation)}\n\n{settings.SITE_URL}{submission.get_absolute_url()}\n\n" + (
        f"What you are told of is chosen at {settings.SITE_URL}/teams/\n"
    )
    with transaction.atomic():
        _, is_new = Told.objects.get_or_create(evaluation=evaluation, membership=member)
        if not is_new:  # a message that was delivered twice: it has waited here until the first was through
            return
        try:
            send_mail(subject, text, None, [member.user.email])
        except OSError as reason:  # smtplib's own errors are some, too
            if not _is_final(reason):
                raise NotToldError(f"{member} is not told yet: {reason}") from reason
            logger.warning("%s is not told of a result: %s", member, reason)


def _is_final(reason: OSError) -> bool:
    """Whether this mail to this address is refused whenever it is tried: what the server says from 500 on."""
    codes: list[int] = []
    if isinstance(reason, SMTPRecipientsRefused):
        codes = [code for code, _ in reason.recipients.values()]
    elif isinstance(reason, SMTPDataError):
        codes = [reason.smtp_code]
    return bool(codes) and min(codes) >= _REFUSED_FOR_GOOD


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
