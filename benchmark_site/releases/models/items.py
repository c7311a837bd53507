"""The items of a release as they stood when it was built, their matched answers, and what was left out."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from annotation.models import Query, Video
from benchmark_site.releases.models.release import Release, refuse_once_frozen
from benchmark_site.releases.models.splits import Split

MOST_OPTIONS = max(Release.OptionCount.values)


class Item(models.Model):
    """A query or a question as it stood when the release was built. Times in seconds of the clip."""

    class Kind(models.TextChoices):
        MOMENT = "moment", "moment query"
        QA = "qa", "question"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="items")
    kind = models.CharField(max_length=6, choices=Kind)
    public_id = models.PositiveIntegerField(help_text="desc_id or qid")
    split = models.CharField(max_length=5, choices=Split)
    published = models.BooleanField(default=True, help_text="False: in the reserve, whose clip serves the other task")
    video = models.ForeignKey(Video, on_delete=models.PROTECT, related_name="+")
    vid_name = models.CharField(max_length=200, help_text="name of the clip")
    duration = models.FloatField(help_text="seconds of the clip")
    start = models.FloatField()
    end = models.FloatField()
    text = models.TextField()
    type = models.CharField(max_length=2, choices=Query.Type, blank=True)
    options = ArrayField(
        models.TextField(), default=list, blank=True, help_text="as released; until matched, as written"
    )
    answer_index = models.PositiveSmallIntegerField(null=True, blank=True)
    blind_chance = models.FloatField(
        null=True, blank=True, help_text="chance, 0 to 1, that models without the video give the right answer"
    )

    class Meta:
        ordering = ["release", "kind", "public_id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "kind", "public_id"], name="item_once"),
            models.CheckConstraint(condition=Q(published=True) | Q(split="test"), name="item_reserve_is_hidden"),
            models.CheckConstraint(
                condition=Q(start__gte=0) & Q(start__lt=F("end")) & Q(end__lte=F("duration")),
                name="item_segment_inside_clip",
            ),
            models.CheckConstraint(
                condition=Q(blind_chance__isnull=True) | Q(kind="qa", blind_chance__range=(0, 1)),
                name="item_blind_chance_is_one",
            ),
            models.CheckConstraint(
                condition=Q(kind="moment", answer_index__isnull=True, options=[]) & ~Q(type="")
                | Q(
                    kind="qa",
                    answer_index__isnull=False,
                    answer_index__lt=F("options__len"),
                    options__len__in=Release.OptionCount.values,
                    type="",
                ),
                name="item_is_query_or_question",
            ),
        ]
        triggers = [refuse_once_frozen("OLD.release_id, NEW.release_id")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}: {self.text}"


class Negative(models.Model):
    """A written wrong answer that was replaced by the right answer of another question (adversarial matching)."""

    item = models.ForeignKey(Item, on_delete=models.CASCADE, related_name="negatives")
    option = models.PositiveSmallIntegerField(help_text="place among the item's options, from 0")
    source = models.ForeignKey(
        Item, on_delete=models.CASCADE, related_name="lent", help_text="the question whose right answer it is"
    )
    relevance = models.FloatField(help_text="probability that the answer is on the question's topic")
    similarity = models.FloatField(help_text="probability that it means the same as the right answer")
    replaced = models.TextField(help_text="the written answer it stands for")

    class Meta:
        ordering = ["item", "option"]
        constraints = [
            models.UniqueConstraint(fields=["item", "option"], name="negative_once"),
            models.UniqueConstraint(fields=["item", "source"], name="negative_source_once_an_item"),
            models.CheckConstraint(condition=~Q(source=F("item")), name="negative_from_another_item"),
            models.CheckConstraint(condition=Q(option__lt=MOST_OPTIONS), name="negative_option_exists"),
        ]
        triggers = [refuse_once_frozen("SELECT release_id FROM releases_item WHERE id IN (OLD.item_id, NEW.item_id)")]

    def __str__(self) -> str:
        return f"option {self.option} of {self.item_id} from {self.source_id}"


class Exclusion(models.Model):
    """An accepted item that a release leaves out, and why. It names hidden items: for those who collect."""

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="exclusions")
    kind = models.CharField(max_length=6, choices=Item.Kind)
    public_id = models.PositiveIntegerField()
    vid_name = models.CharField(max_length=200)
    text = models.TextField()
    check_id = models.CharField("check", max_length=4)
    reason = models.TextField()

    class Meta:
        ordering = ["check_id", "kind", "public_id"]
        constraints = [
            models.UniqueConstraint(fields=["release", "kind", "public_id"], name="exclusion_once"),
        ]
        triggers = [refuse_once_frozen("OLD.release_id, NEW.release_id")]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}: {self.check_id}"
