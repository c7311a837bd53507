"""Workers, the group that each is in, and the tests that he passes before the first task of a batch."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from annotation.models.crowd import Environment, Kind


class Worker(models.Model):
    """A crowd worker. One group for ever, so that nobody writes about a segment that he marked."""

    environment = models.CharField(max_length=8, choices=Environment)
    worker_id = models.CharField(max_length=64)
    group = models.CharField(max_length=8, choices=Kind, blank=True)
    blocked = models.BooleanField(default=False)
    blocked_at = models.DateTimeField(null=True, blank=True)
    block_reason = models.CharField(max_length=1024, blank=True, help_text="the worker may read it")
    blocked_there = models.BooleanField(default=False, help_text="the marketplace knows of the block")
    gold_answers = models.PositiveIntegerField(default=0, help_text="units of known answer that the worker answered")
    gold_right = models.PositiveIntegerField(default=0, help_text="of these, rightly")
    reliability = models.FloatField(null=True, blank=True, help_text="by agreement with others, 0 to 1 (Dawid-Skene)")
    compared = models.PositiveIntegerField(default=0, help_text="answers that the reliability rests on")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["environment", "worker_id"], name="worker_once"),
            models.CheckConstraint(condition=Q(gold_right__lte=F("gold_answers")), name="worker_gold_right_of_answers"),
        ]

    def __str__(self) -> str:
        return self.worker_id

    def get_absolute_url(self) -> str:
        return reverse("worker", args=[self.pk])


class EntryTest(models.Model):
    """Questions with one right choice each. Never changed: a worker who has passed has passed this one."""

    name = models.CharField(max_length=100, unique=True, help_text="workers read it")
    questions = models.TextField(
        help_text="A question a paragraph: its text, then a line for each choice: “+” before the right one, “-” before "
        "the others"
    )
    pass_mark = models.PositiveSmallIntegerField(
        default=80, validators=[MinValueValidator(1), MaxValueValidator(100)], help_text="percent"
    )
    minutes = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(1), MaxValueValidator(240)], help_text="to answer all of it"
    )
    type_ids = models.JSONField(default=dict, blank=True, help_text="qualification type by environment")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class GroupQualification(models.Model):
    """The qualification whose value (1, 2, 3) is a worker's group; ids differ between environments."""

    environment = models.CharField(max_length=8, choices=Environment, unique=True)
    qualification_type_id = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.environment}: {self.qualification_type_id}"
