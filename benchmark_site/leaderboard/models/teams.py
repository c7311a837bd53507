"""Who submits: teams, their members, and the tokens that speak for a member."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from benchmark_site.leaderboard.lookalikes import look_alike
from benchmark_site.leaderboard.text import one_script, plain_text

_LETTERS = re.compile(r"[\W_]+")


BASELINE_TEAM = "HERO Bench baselines"  # the platform's own; nobody else's may look like it


def not_the_baselines(name: str) -> None:
    """A name that people choose: raises ValidationError where it could be taken for the platform's own."""
    if look_alike(_LETTERS.sub("", name), _LETTERS.sub("", BASELINE_TEAM)):
        raise ValidationError("This name is the platform's own.", code="reserved")


class Team(models.Model):
    """A name on the boards. Quotas count people."""

    name = models.CharField(max_length=60, validators=[plain_text, one_script])
    baseline = models.BooleanField(
        default=False, help_text="its submissions are baselines: public at once and marked on the boards"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    members: models.ManyToManyField[models.Model, Membership] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="teams"
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            # Two names that differ only in case would be one name to a reader of the board.
            models.UniqueConstraint(
                Lower("name"), name="team_name_once", violation_error_message="This name is taken."
            ),
            models.CheckConstraint(condition=~Q(name=""), name="team_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Mail(models.TextChoices):
    ALL = "all", "every result"
    FAILED = "failed", "what failed or was refused"
    NONE = "none", "nothing"


class Membership(models.Model):
    """A user belongs to a team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    mail = models.CharField(max_length=6, choices=Mail, default=Mail.ALL, help_text="what one is told of by mail")

    class Meta:
        ordering = ["team__name", "user_id"]
        constraints = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(mail__in=Mail.values), name="membership_mail_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Who joins reads what the team has sent, and keeps having learnt it after leaving."""
        with transaction.atomic():
            super().save(*args, **kwargs)
            for submission in self.team.submissions.all():
                submission.people.add(self.user)


def in_a_fortnight() -> datetime:
    """When an invitation ends."""
    return timezone.now() + timedelta(days=14)


class Invitation(models.Model):
    """A link by which one person joins a team, once. Only the digest of its secret is kept."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="invitations")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    email = models.EmailField(blank=True, help_text="where the link was sent")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="sha256 of the secret")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=in_a_fortnight)
    used_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation to {self.team}"


class Scope(models.TextChoices):
    READ = "read", "read"
    SUBMIT = "submit", "read and submit"
    ORDERS = "orders", "order work of the crowd"


def in_a_quarter() -> datetime:
    """When a token ends of which nobody has said."""
    return timezone.now() + timedelta(days=90)


class ApiToken(models.Model):
    """Speaks for one member of one team over HTTP, within its scope and until its end. Only the digest is kept."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="tokens")
    label = models.CharField(max_length=60, blank=True, validators=[plain_text], help_text="where it is used")
    prefix = models.CharField(max_length=12, editable=False, help_text="the first characters, to recognise it by")
    digest = models.CharField(max_length=64, unique=True, editable=False, help_text="sha256 of the token")
    scope = models.CharField(max_length=6, choices=Scope, default=Scope.SUBMIT)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(default=in_a_quarter)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(digest__regex="^[0-9a-f]{64}$"), name="token_digest_is_sha256"),
            models.CheckConstraint(condition=Q(scope__in=Scope.values), name="token_scope_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def may_submit(self) -> bool:
        return self.scope == Scope.SUBMIT

    @property
    def state(self) -> str:
        """In a word: live, revoked or ended."""
        if self.revoked_at:
            return "revoked"
        return "ended" if self.expires_at <= timezone.now() else "live"
