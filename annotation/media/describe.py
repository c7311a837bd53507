"""Describing clips for a feature set, one after the other. Loads torch, so workers and commands use it, no page.

Each clip is leased by itself: a worker that is killed costs the clip that it was at an attempt, a clip that cannot be
described costs only itself, and two workers share a set.
"""

from __future__ import annotations

import logging
import tempfile
import time
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from annotation.media.videos import put_by_content
from annotation.models import ClipFeatures, FeatureSet
from annotation.task_names import DESCRIBE_CLIPS
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import LeaseLost, acquire, available, heartbeats, locked, still_leased
from evaluation.release.features import rate_fault, save_features
from hero_model.errors import InputError
from hero_model.features.frame_encoder import Encoder, encode_video, load_encoder
from hero_model.features.video import VideoError

SLICE_S = 30.0  # after which films that wait in the same worker have their turn
logger = logging.getLogger(__name__)


class DescribeError(Exception):
    """The clip cannot be described; the message says why."""


def describe_clips(feature_set_id: int) -> None:
    """Describe clips of a set for SLICE_S seconds, then queue the rest."""
    until = time.monotonic() + SLICE_S
    while describe_next(feature_set_id):
        if time.monotonic() > until:
            enqueue(DESCRIBE_CLIPS, feature_set_id=feature_set_id)
            return


def describe_next(feature_set_id: int) -> bool:
    """Describe one clip of the set that no worker has. False where there is none."""
    row = _next(feature_set_id)
    if row is None:
        return False
    try:
        with heartbeats(row):
            name = _make(row, row.feature_set)
        with locked(row) as mine:
            mine.file.name, mine.sha256, mine.claimed_by = name, Path(name).stem, ""
            mine.save(update_fields=["file", "sha256", "claimed_by"])
    except LeaseLost:  # taken over, or the set is gone
        return True
    except (OperationalError, InterfaceError):  # the database is away: Celery and the sweeper come back to it
        raise
    except InputError as error:  # the encoder's fault, not the clip's: nothing of the set can be described
        _stop(row, str(error))
        return False
    except Exception as error:  # noqa: BLE001  whatever a clip does to us is said on its row, and is its end
        if not isinstance(error, DescribeError | VideoError):
            logger.error("%s: %s: %s", row, type(error).__name__, error)
        reason = (str(error) or type(error).__name__).replace("\0", "�")
        still_leased(row).update(error=reason, claimed_by="")
    return True


def _next(feature_set_id: int) -> ClipFeatures | None:
    waiting = available(ClipFeatures).filter(feature_set=feature_set_id).order_by("pk").values_list("pk", flat=True)
    while (pk := waiting.first()) is not None:
        row = acquire(ClipFeatures, pk)
        if row is not None:
            return row
    return None


def _make(row: ClipFeatures, feature_set: FeatureSet) -> str:
    """Name of the stored file. Raises InputError, VideoError, DescribeError."""
    encoder = _encoder(encoder_source(feature_set.encoder))
    clip = row.clip
    vectors = encode_video(Path(clip.file.path), encoder, feature_set.interval_s)
    if fault := rate_fault(len(vectors), feature_set.interval_s, clip.duration):
        raise DescribeError(fault)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "clip.safetensors"
        save_features(file, {"features": vectors}, model=encoder.name, interval_s=feature_set.interval_s)
        return put_by_content(file, "features")


def encoder_source(encoder: str) -> str:
    """What `load_encoder` is to load: the folder of that name in ENCODERS where there is one, else the name itself."""
    folder = Path(settings.ENCODERS) / encoder
    return str(folder) if folder.is_dir() else encoder


def _stop(row: ClipFeatures, reason: str) -> None:
    with transaction.atomic():
        still_leased(row).update(claimed_by="", attempt=0)
        FeatureSet.objects.filter(pk=row.feature_set_id).update(error=reason)


@lru_cache(maxsize=1)  # a second model in memory is memory that a film may need
def _encoder(source: str) -> Encoder:
    return load_encoder(source)
