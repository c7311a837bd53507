"""The files that a release was written to, and who answers for what was found in them."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from benchmark_site.releases.models.release import SHA256, Release, refuse_once_frozen
from evaluation.release import HELD_OUT

ADDRESS = r"[\w.-]+(?:/[\w.-]+)*"  # paths that have a page: no blank, no control character


class ReleaseFile(models.Model):
    """A file of a release, as its manifest lists it."""

    class Access(models.TextChoices):
        PUBLIC = "public", "public"
        HELD_OUT = "held_out", "held out"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="files")
    path = models.CharField(max_length=200, help_text="below the release directory")
    sha256 = models.CharField(max_length=64, validators=[RegexValidator(SHA256)])
    bytes = models.PositiveBigIntegerField()
    rows = models.PositiveIntegerField(null=True, blank=True)
    access = models.CharField(max_length=8, choices=Access)

    class Meta:
        ordering = ["release", "path"]
        constraints = [
            models.UniqueConstraint(fields=["release", "path"], name="release_file_once"),
            models.CheckConstraint(condition=Q(sha256__regex=SHA256), name="release_file_hash_form"),
            models.CheckConstraint(
                condition=Q(access="held_out", path__startswith=f"{HELD_OUT}/")
                | Q(access="public") & ~Q(path__startswith=f"{HELD_OUT}/"),
                name="release_file_held_out_by_path",
            ),
        ]
        triggers = [refuse_once_frozen("OLD.release_id, NEW.release_id")]

    def __str__(self) -> str:
        return self.path


class Waiver(models.Model):
    """Somebody answers for a leak that the audit found, or a check that blocks; printed on the card and the page."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="waivers")
    attack = models.TextField(help_text="as the audit calls it, or the name of the check")
    reason = models.TextField(help_text="why the release may be frozen all the same; everybody reads it")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=150, help_text="of the person, as printed")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["attack"]
        constraints = [
            models.UniqueConstraint(fields=["release", "attack"], name="waiver_once"),
            models.CheckConstraint(condition=~Q(reason="") & ~Q(name=""), name="waiver_has_name_and_reason"),
        ]
        triggers = [refuse_once_frozen("OLD.release_id, NEW.release_id")]

    def __str__(self) -> str:
        return f"{self.attack}: {self.reason} ({self.name})"
