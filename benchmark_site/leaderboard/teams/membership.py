"""Joining a team by invitation, and leaving it."""

from __future__ import annotations

import hashlib
import secrets

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from benchmark_site.leaderboard.models import Invitation, Membership, Participant, Team, Track


class RefusedError(Exception):
    """An organiser has refused the person on a track of the team: a member reads all that the team has sent."""


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


def check_not_refused(team: Team, user: User) -> None:
    """Raise RefusedError where an organiser has refused this person on a track on which the team was let in."""
    track = _refused_track(team, user)
    if track:
        raise RefusedError(f"An organiser has refused you on {track}, where {team} takes part: you cannot join it.")


@transaction.atomic
def accept(secret: str, user: User) -> Team | None:
    """Let the user into the team; None where the invitation was used or has ended meanwhile. Raises RefusedError."""
    found = find_invitation(secret)
    if found is None or not Invitation.objects.filter(pk=found.pk, used_by=None).update(used_by=user):
        return None
    Team.objects.select_for_update().get(pk=found.team_id)  # a submission under way counts its people under this lock
    check_not_refused(found.team, user)
    Membership.objects.get_or_create(team=found.team, user=user)
    return found.team


@transaction.atomic
def leave(membership: Membership) -> None:
    """End the membership with its tokens. A team that nobody is in and that has sent nothing goes too."""
    team = Team.objects.select_for_update().get(pk=membership.team_id)
    membership.delete()
    if not team.memberships.exists() and not team.submissions.exists():
        team.delete()


def _refused_track(team: Team, user: User) -> Track | None:
    """A track that has refused the person and let in the team: something was sent there, or one of its people is in."""
    refused = Participant.objects.filter(user=user, state=Participant.State.REFUSED).values("track")
    let_in = Participant.objects.filter(user__memberships__team=team, state=Participant.State.IN).values("track")
    takes_part = Q(pk__in=let_in) | Q(pk__in=team.submissions.values("track"))
    tracks = Track.objects.filter(takes_part, pk__in=refused, needs_approval=True)
    return tracks.select_related("release").first()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
