"""What the crowd made and a reviewer accepted: segments, queries, questions. Times in seconds of the clip.

Public ids come from content: collecting the same text gives the same id on any machine. Only content that a release
shows in every split may go into an id that it shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.db import models
from django.db.models import F, Q

from annotation.models.corrections import Correction
from annotation.models.crowd import Assignment
from annotation.models.footage import Clip

AT_ONCE = 1000  # ids of a statement
LONGEST_TEXT = 2000  # bytes: the database keeps whole texts in its indexes, which take no more than 2,704


def content_id(*parts: object) -> int:
    """A positive 31-bit integer from the parts: releases need `desc_id` and `qid` below 2**31."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:4], "big") & 0x7FFFFFFF


def free_id(model: type[models.Model], *parts: object) -> int:
    """The content id, or the next one that no row of the model holds."""
    return free_ids(model, [parts])[0]


def free_ids(model: type[models.Model], named: Sequence[Sequence[object]]) -> list[int]:
    """The content id of each, or the next one that no row of the model holds and none before it gets."""
    wanted = [content_id(*parts) for parts in named]
    there = model._default_manager.all()
    taken: set[int] = set()
    for first in range(0, len(wanted), AT_ONCE):
        known = there.filter(public_id__in=wanted[first : first + AT_ONCE])
        taken.update(known.values_list("public_id", flat=True))
    looked_at, found = set(wanted), []
    for number in wanted:
        while number in taken or (number not in looked_at and there.filter(public_id=number).exists()):
            number = (number + 1) & 0x7FFFFFFF
        taken.add(number)
        found.append(number)
    return found


class Segment(models.Model):
    """A moment of a clip that somebody found worth asking about."""

    public_id = models.PositiveIntegerField(unique=True)
    clip = models.ForeignKey(Clip, on_delete=models.PROTECT, related_name="segments")
    start = models.FloatField()
    end = models.FloatField()
    votes = models.PositiveSmallIntegerField(default=1, help_text="workers who marked (nearly) this moment")
    gold = models.BooleanField(default=False, help_text="known to be right: answers about its clip are measured by it")
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ["public_id"]
        constraints = [
            models.CheckConstraint(condition=Q(start__gte=0) & Q(start__lt=F("end")), name="segment_start_before_end"),
            models.UniqueConstraint(fields=["clip", "start", "end"], name="segment_once"),
        ]

    def __str__(self) -> str:
        return f"{self.clip} [{self.start:g}, {self.end:g}]"


class Query(models.Model):
    """A sentence that describes a segment."""

    class Type(models.TextChoices):
        VIDEO = "v", "picture"
        TEXT = "t", "speech"
        BOTH = "vt", "picture and speech"

    public_id = models.PositiveIntegerField(unique=True)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="queries")
    text = models.TextField()
    type = models.CharField(max_length=2, choices=Type)
    narration_hidden = models.BooleanField(default=False)
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, null=True, blank=True)
    withdrawn_by = models.OneToOneField(
        Correction, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="no release takes it"
    )

    class Meta:
        ordering = ["public_id"]
        verbose_name_plural = "queries"
        constraints = [
            models.UniqueConstraint(fields=["segment", "text"], name="query_once"),
            models.CheckConstraint(
                condition=Q(narration_hidden=False) | Q(type="v"), name="query_type_v_without_narration"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class Question(models.Model):
    """A question about a segment, with one right and three written wrong answers."""

    public_id = models.PositiveIntegerField(unique=True)
    segment = models.ForeignKey(Segment, on_delete=models.PROTECT, related_name="questions")
    text = models.TextField()
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, null=True, blank=True)
    withdrawn_by = models.OneToOneField(
        Correction, on_delete=models.PROTECT, null=True, blank=True, related_name="+", help_text="no release takes it"
    )

    class Meta:
        ordering = ["public_id"]
        constraints = [models.UniqueConstraint(fields=["segment", "text"], name="question_once")]

    def __str__(self) -> str:
        return self.text


class Answer(models.Model):
    """One option of a question as its writer gave it."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="answers")
    position = models.PositiveSmallIntegerField()
    text = models.TextField()
    correct = models.BooleanField(default=False)

    class Meta:
        ordering = ["question", "position"]
        constraints = [
            models.UniqueConstraint(fields=["question"], condition=Q(correct=True), name="answer_one_correct"),
            models.UniqueConstraint(fields=["question", "position"], name="answer_position_once"),
            models.UniqueConstraint(fields=["question", "text"], name="answer_text_once"),
        ]

    def __str__(self) -> str:
        return self.text


class Doubt(models.Model):
    """An answer that a release shows as wrong and that may be right: people are asked, with the film.

    Written for this question, or lent to it by a release from another one.
    """

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="doubts")
    text = models.TextField()

    class Meta:
        ordering = ["question", "text"]
        constraints = [models.UniqueConstraint(fields=["question", "text"], name="doubt_once")]

    def __str__(self) -> str:
        return self.text


class Validation(models.Model):
    """What somebody who had not written a question answered, with the film. Places are those of `Answer.position`."""

    NONE = -1  # none of the answers; it cannot be told
    DOUBTED = 4  # the doubted answer that stood among the others

    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="validations")
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT)
    choice = models.SmallIntegerField(help_text="the answer that was taken to be right; -1: it cannot be told")
    also = models.SmallIntegerField(default=NONE, help_text="another answer that is right, too; -1: none")
    narration_hidden = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(choice__range=(-1, 4)), name="validation_choice_is_an_answer"),
            models.CheckConstraint(condition=Q(also__range=(-1, 4)), name="validation_also_is_an_answer"),
            models.CheckConstraint(
                condition=Q(also=-1) | (~Q(also=F("choice")) & Q(choice__gte=0)), name="validation_also_is_another"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question}: {self.choice}"
