"""Qualifications: the tests that a worker passes before the first task of a batch, and the group that he is in."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from annotation.models.crowd import Environment


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
