"""Joining a team by invitation, leaving it, and who may send somebody else away."""

from __future__ import annotations

import hashlib
import logging
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from benchmark_site.leaderboard.models import Invitation, Membership, Participant, Team, Track


class RefusedError(Exception):
    """An organiser has refused the person on a track of the team: a member reads all that the team has sent."""


MOST_TEAMS = 10  # of a person: tries are counted for each
MOST_MAILS_A_DAY = 20  # invitations of a person: the site is no way to write to strangers
_DAY = timedelta(hours=24)

logger = logging.getLogger(__name__)


class TeamError(Exception):
    """What is wished breaks a rule of teams; the message says which."""


def create_team(team: Team, user: User) -> None:
    """Save a new team with the user as its first member. Raises TeamError where the user is in as many as may be."""
    with transaction.atomic():
        _check_may_join(user)
        team.save()
        Membership.objects.create(team=team, user=user)


def invite(team: Team, inviter: User, email: str = "") -> str:
    """Make a link that lets one person into the team and return it; mailing it to the address is `mail_link`'s.

    Raises TeamError where the inviter has had as many mailed in 24 hours as may be.
    """
    secret = secrets.token_urlsafe(24)
    with transaction.atomic():
        # The team before its people, as whoever submits locks them.
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        if email:
            _check_may_mail(inviter)
        Invitation.objects.create(team=team, invited_by=inviter, email=email, digest=_digest(secret))
    return settings.SITE_URL + reverse("invitation", args=[secret])


def mail_link(link: str, team: Team, inviter: User, email: str) -> bool:
    """Mail an invitation's link; False where the mail server does not take it, or takes too long."""
    text = f"{inviter.get_username()} invites you into the team {team} on HERO Bench:\n\n{link}\n\n"
    try:
        send_mail(f"An invitation into the team {team}", f"{text}It works once, for 14 days.", None, [email])
    except OSError as error:  # smtplib's own errors are some, too
        logger.warning("an invitation into team %s was not mailed: %s", team.pk, error)
        return False
    return True


def open_invitations() -> QuerySet[Invitation]:
    """Those that can still be used: whoever made one must still be a member, with a live account."""
    unused = Invitation.objects.filter(used_by=None, expires_at__gt=timezone.now())
    return unused.filter(invited_by__is_active=True, team__memberships__user=F("invited_by"))


def find_invitation(secret: str) -> Invitation | None:
    """The invitation of this secret, if it can still be used."""
    return open_invitations().select_related("team", "invited_by").filter(digest=_digest(secret)).first()


def check_not_refused(team: Team, user: User) -> None:
    """Raise RefusedError where an organiser has refused this person on a track on which the team was let in."""
    track = _refused_track(team, user)
    if track:
        raise RefusedError(f"An organiser has refused you on {track}, where {team} takes part: you cannot join it.")


@transaction.atomic
def accept(secret: str, user: User) -> Team | None:
    """Let the user into the team; None where the invitation was used, withdrawn or has ended meanwhile.

    Raises RefusedError, and TeamError where the user is in as many teams as may be.
    """
    found = find_invitation(secret)
    if found is None:
        return None
    # A submission under way counts its people under this lock, and whoever invites leaves under it.
    Team.objects.select_for_update().filter(pk=found.team_id).first()
    if not open_invitations().filter(pk=found.pk).update(used_by=user):
        return None
    check_not_refused(found.team, user)
    if not Membership.objects.filter(team=found.team, user=user).exists():
        _check_may_join(user)
        Membership.objects.create(team=found.team, user=user)
    return found.team


def withdraw(invitation: Invitation) -> None:
    """From now on its link opens nothing; the row stays, so that mails are counted."""
    Invitation.objects.filter(pk=invitation.pk, used_by=None).update(expires_at=timezone.now())


def owner_of(team: Team) -> User | None:
    """The member who joined first of those whose accounts are live: when that one leaves, the next one is it."""
    first = _by_seniority().filter(team=team).select_related("user").first()
    return first.user if first else None


def with_owners(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    """The same rows with the key of their team's owner as `owner`."""
    return memberships.annotate(owner=Subquery(_by_seniority().filter(team=OuterRef("team")).values("user")[:1]))


@transaction.atomic
def remove(membership: Membership, by: User) -> None:
    """End somebody else's membership, with its tokens and links. Raises TeamError for all but the team's owner."""
    team = Team.objects.select_for_update().get(pk=membership.team_id)
    if owner_of(team) != by:
        raise TeamError(f"only {owner_of(team)}, who is in the team for longest, removes others from it")
    if membership.user_id == by.pk:
        raise TeamError("to go yourself, leave the team")
    membership.delete()


@transaction.atomic
def leave(membership: Membership) -> None:
    """End the membership with its tokens. A team that nobody is in and that has sent nothing goes too."""
    team = Team.objects.select_for_update().get(pk=membership.team_id)
    membership.delete()
    if not team.memberships.exists() and not team.submissions.exists():
        team.delete()


def _by_seniority() -> QuerySet[Membership]:
    return Membership.objects.filter(user__is_active=True).order_by("pk")


def _check_may_join(user: User) -> None:
    User.objects.select_for_update(no_key=True).get(pk=user.pk)  # two at once would both be the last
    if user.memberships.count() >= MOST_TEAMS:
        raise TeamError(f"a person is in at most {MOST_TEAMS} teams: leave one of yours first")


def _check_may_mail(inviter: User) -> None:
    User.objects.select_for_update(no_key=True).get(pk=inviter.pk)  # two at once would both be the last
    mailed = Invitation.objects.filter(invited_by=inviter, created_at__gt=timezone.now() - _DAY).exclude(email="")
    if mailed.count() >= MOST_MAILS_A_DAY:
        raise TeamError(
            f"{MOST_MAILS_A_DAY} invitations of yours were mailed in 24 hours: make a link and pass it on yourself"
        )


def _refused_track(team: Team, user: User) -> Track | None:
    """A track that has refused the person and let in the team: something was sent there, or one of its people is in."""
    refused = Participant.objects.filter(user=user, state=Participant.State.REFUSED).values("track")
    let_in = Participant.objects.filter(user__memberships__team=team, state=Participant.State.IN).values("track")
    takes_part = Q(pk__in=let_in) | Q(pk__in=team.submissions.values("track"))
    tracks = Track.objects.filter(takes_part, pk__in=refused, needs_approval=True)
    return tracks.select_related("release").first()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
