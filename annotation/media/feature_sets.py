"""Feature sets as rows: opened, given their clips, tried again. Loads no torch, so the web process may use it."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from annotation.models import Clip, ClipFeatures, FeatureSet
from annotation.task_names import DESCRIBE_CLIPS
from benchmark_site.jobs.enqueue import enqueue


@transaction.atomic
def open_set(feature_set: FeatureSet) -> None:
    """Save a new set, checked, with a row for every clip there is, and wake a worker. Raises ValidationError."""
    feature_set.full_clean()
    feature_set.save()
    give_clips(feature_set)
    enqueue(DESCRIBE_CLIPS, feature_set_id=feature_set.pk)


def give_clips(feature_set: FeatureSet) -> None:
    """A row for every clip with a file that has none yet."""
    new = Clip.objects.exclude(file="").exclude(feature_rows__feature_set=feature_set)
    rows = [ClipFeatures(feature_set=feature_set, clip=clip) for clip in new.only("pk")]
    ClipFeatures.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)


@transaction.atomic
def try_again(pk: int) -> None:
    """Describe anew what could not be described."""
    FeatureSet.objects.filter(pk=pk).update(error="")
    ClipFeatures.objects.filter(feature_set=pk).exclude(error="").update(error="", claimed_by="", attempt=0)
    enqueue(DESCRIBE_CLIPS, feature_set_id=pk)


def with_counts() -> QuerySet[FeatureSet]:
    """Every set with its `total` of clips, those `described`, and those that `failed`."""
    there = Q(rows__isnull=False)
    return FeatureSet.objects.annotate(
        total=Count("rows"),
        described=Count("rows", filter=there & ~Q(rows__file="")),
        failed=Count("rows", filter=there & ~Q(rows__error="")),
    )


def failures(feature_set: FeatureSet) -> QuerySet[ClipFeatures]:
    """The clips that the set could not describe."""
    return feature_set.rows.exclude(error="").select_related("clip__video").order_by("clip")
