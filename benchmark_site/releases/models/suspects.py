"""Wrong options that may be right, as a build found them, and what people say of these and of easy questions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from benchmark_site.releases.models.items import MOST_OPTIONS, Item
from benchmark_site.releases.models.release import refuse_once_frozen


class Suspect(models.Model):
    """A wrong option of a published question that may be right after all. It names hidden items."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="suspects")
    option = models.PositiveSmallIntegerField(help_text="place among the item's options, from 0")
    reason = models.CharField(max_length=100)
    score = models.FloatField(help_text="how suspect, 0.6 to 2")

    class Meta:
        ordering = ["-score", "item", "option"]
        constraints = [
            models.UniqueConstraint(fields=["item", "option"], name="suspect_once"),
            models.CheckConstraint(condition=Q(option__lt=MOST_OPTIONS), name="suspect_option_exists"),
        ]
        triggers = [refuse_once_frozen("SELECT release_id FROM releases_item WHERE id IN (OLD.item_id, NEW.item_id)")]

    def __str__(self) -> str:
        return f"option {self.option} of {self.item_id}: {self.reason}"


class Ruling(models.Model):
    """What somebody decided of a wrong answer, or of a question that is easy without the film. Releases to come obey.

    It goes by texts and ids, not by a release: the same question asks the same in the next one.
    """

    class Verdict(models.TextChoices):
        ACCEPT = "accept", "stays"
        REPLACE = "replace", "is replaced"

    public_id = models.PositiveIntegerField(help_text="qid")
    option = models.TextField(blank=True, help_text="the wrong answer; blank: the question as a whole")
    verdict = models.CharField(max_length=7, choices=Verdict)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["public_id", "option"]
        constraints = [
            models.UniqueConstraint(fields=["public_id", "option"], name="ruling_once"),
            models.CheckConstraint(condition=~Q(verdict="replace", option=""), name="ruling_replaces_an_option"),
            models.CheckConstraint(condition=Q(verdict__in=["accept", "replace"]), name="ruling_verdict_is_known"),
        ]

    def __str__(self) -> str:
        return f"question {self.public_id}: {self.option or 'as it is'} {self.get_verdict_display()}"
