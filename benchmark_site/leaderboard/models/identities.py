"""Who an account is at a provider that logs people in."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class Identity(models.Model):
    """A person at an OpenID Connect provider: `subject` is what the provider calls them, for ever and nobody else."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities")
    issuer = models.CharField(max_length=255)
    subject = models.CharField(max_length=255)
    joined_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [models.UniqueConstraint(fields=["issuer", "subject"], name="identity_of_one_account")]

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"
