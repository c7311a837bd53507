"""Joining a team by invitation, and leaving it."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from benchmark_site.leaderboard.models import Invitation, Membership, Team


def invite(team: Team, inviter: User, email: str = "") -> str:
    """Make a link that lets one person into the team, mail it where there is an address, and return it."""
    secret = secrets.token_urlsafe(24)
    Invitation.objects.create(team=team, invited_by=inviter, email=email, digest=_digest(secret))
    link = settings.SITE_URL + reverse("invitation", args=[secret])
    if email:
        text = f"{inviter.get_username()} invites you into the team {team} on HERO Bench:\n\n{link}\n\n"
        send_mail(f"An invitation into the team {team}", f"{text}It works once, for 14 days.", None, [email])
    return link


def find_invitation(secret: str) -> Invitation | None:
    """The invitation of this secret, if it can still be used."""
    found = Invitation.objects.select_related("team", "invited_by").filter(digest=_digest(secret))
    return found.filter(used_by=None, expires_at__gt=timezone.now()).first()


@transaction.atomic
def accept(secret: str, user: User) -> Team | None:
    """Let the user into the team; None where the invitation was used or has ended meanwhile."""
    found = find_invitation(secret)
    if found is None or not Invitation.objects.filter(pk=found.pk, used_by=None).update(used_by=user):
        return None
    Team.objects.select_for_update().get(pk=found.team_id)  # a submission under way counts its people under this lock
    Membership.objects.get_or_create(team=found.team, user=user)
    return found.team


@transaction.atomic
def leave(membership: Membership) -> None:
    """End the membership with its tokens. A team that nobody is in and that has sent nothing goes too."""
    team = Team.objects.select_for_update().get(pk=membership.team_id)
    membership.delete()
    if not team.memberships.exists() and not team.submissions.exists():
        team.delete()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
