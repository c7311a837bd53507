"""Which split and half a video belongs to and which task a hidden clip serves: ledgers over all releases."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models import Q

from annotation.models import Clip, Video
from benchmark_site.releases.models.release import Release


class Split(models.TextChoices):
    TRAIN = "train", "train"
    VAL = "val", "val"
    TEST = "test", "test"


class SplitVideo(models.Model):
    """The split of a video, over all releases and tasks, for ever. Rows are only ever added."""

    video = models.OneToOneField(Video, on_delete=models.PROTECT, related_name="split")
    split = models.CharField(max_length=5, choices=Split)
    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, related_name="new_videos", help_text="whose build placed it"
    )

    class Meta:
        ordering = ["id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [models.CheckConstraint(condition=Q(split__in=Split.values), name="split_video_known_split")]

    def __str__(self) -> str:
        return f"{self.video.public_id}: {self.split}"


class SealedClip(models.Model):
    """The one task that a hidden clip serves, over all sealed releases, for ever. Rows are only ever added."""

    class Task(models.TextChoices):
        MOMENT = "moment", "moment retrieval"
        QA = "qa", "question answering"

    clip = models.OneToOneField(Clip, on_delete=models.PROTECT, related_name="sealed")
    task = models.CharField(max_length=6, choices=Task)
    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, related_name="new_sealed_clips", help_text="whose build dealt it"
    )

    class Meta:
        ordering = ["id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [models.CheckConstraint(condition=Q(task__in=["moment", "qa"]), name="sealed_clip_known_task")]

    def __str__(self) -> str:
        return f"{self.clip.name}: {self.task}"


class HalvedVideo(models.Model):
    """The half of the hidden split in which a video lies, over all releases, for ever. Rows are only ever added."""

    class Half(models.TextChoices):
        PUBLIC = "public", "of a board's public part"
        PRIVATE = "private", "of its private part"

    video = models.OneToOneField(Video, on_delete=models.PROTECT, related_name="halved")
    half = models.CharField(max_length=7, choices=Half)
    release = models.ForeignKey(
        Release, on_delete=models.PROTECT, related_name="new_halved_videos", help_text="whose build placed it"
    )

    class Meta:
        ordering = ["id"]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete)]
        constraints = [models.CheckConstraint(condition=Q(half__in=["public", "private"]), name="halved_known_half")]

    def __str__(self) -> str:
        return f"{self.video.public_id}: {self.half}"
