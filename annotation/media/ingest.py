"""Ingest: a film becomes proven clips with frame features. Loads torch, so workers and commands use it, no page.

Decoding and cutting happen in a child process with limits (`normal_form`), so that no film can stop a worker. Whatever
goes wrong ends as a reason on the video; only a lost database, a lost machine or a killed worker is tried again.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
from django.conf import settings
from django.db import InterfaceError, OperationalError

from annotation.media.attach import fit_to_film
from annotation.media.normal_form.make import FEATURE_INTERVAL_S, Made, MadeClip
from annotation.media.speech.transcribe import ask
from annotation.media.videos import put_by_content, sha256
from annotation.models import Clip, Video
from annotation.task_names import INGEST_VIDEO
from benchmark_site.jobs import child_process
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeat, locked, still_leased
from evaluation.release.features import save_features
from hero_model.features.frame_encoder import FrameEncoder

FREE_CPU_S, FREE_WALL_S = 60, 120  # for any film, beside what its minutes allow
FREE_BYTES = 64 * 2**20
MEMORY_BYTES = 4 * 2**30
CUTTING = 0.8  # share of the work that the child process does
logger = logging.getLogger(__name__)


class IngestError(Exception):
    """The video cannot be ingested; the message says why."""


class WorkerKilled(Exception):
    """The child was killed from outside: the machine's fault, perhaps, and worth another try."""


def ingest(video_id: int) -> None:
    """Ingest one video that waits, to its end; does nothing where another worker has it or it has ended."""
    lease = acquire(Video, video_id)
    if lease is None:
        return
    try:
        with _scratch(lease) as folder:
            made = _make(lease, folder)
            _store(lease, made, _features(lease, made, folder))
    except LeaseLost:  # cancelled or taken over: that word counts
        return
    except (OperationalError, InterfaceError):  # the database is away: Celery and the sweeper come back to it
        raise
    except WorkerKilled as error:
        _again(lease, str(error))
    except Exception as error:  # noqa: BLE001  whatever a film does to us is said on the film, and is its end
        if not isinstance(error, IngestError):
            logger.error("video %s: %s: %s", lease.public_id, type(error).__name__, error)
        _fail(lease, str(error) or type(error).__name__)


@contextmanager
def _scratch(lease: Video) -> Iterator[Path]:
    """A folder of this attempt; what killed attempts left goes with it."""
    root = Path(settings.MEDIA_ROOT) / "scratch"
    for left in root.glob(f"{lease.pk}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = root / f"{lease.pk}-{lease.attempt}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(lease: Video, folder: Path) -> Made:
    """Have the child cut the film. Raises IngestError, WorkerKilled, LeaseLost."""
    watch = _Watch(lease, folder / "progress.json")
    log = folder / "log.txt"
    try:
        ended = child_process.run(
            _command(lease, folder), log, alive=watch.alive, limits=_limits(), files=_files(lease, folder)
        )
    except LeaseLost:
        if not watch.too_slow:
            raise
        raise IngestError("decoding and cutting took too long and was stopped") from None
    refused, made = folder / "refused.txt", folder / "made.json"
    if ended.status == 0 and refused.exists():
        raise IngestError(refused.read_text())
    if ended.status == 0 and made.exists():
        return msgspec.json.decode(made.read_bytes(), type=Made)
    reason = ended.reason("decoding and cutting")
    if ended.status == -signal.SIGKILL:
        raise WorkerKilled(reason)
    logger.error("video %s: %s: %s", lease.public_id, reason, ended.log.strip().rsplit("\n", 1)[-1])
    raise IngestError(reason)


def _command(lease: Video, folder: Path) -> list[str]:
    return [
        sys.executable, "-m", "annotation.media.normal_form", lease.file.path, str(folder),
        "--tallest", str(settings.INGEST_TALLEST), "--longest-s", str(60 * settings.INGEST_MAX_MINUTES),
        "--cpu-s", str(FREE_CPU_S), "--cpu-s-per-minute", str(settings.INGEST_CPU_S_PER_MINUTE),
        "--bytes", str(FREE_BYTES), "--bytes-per-minute", str(settings.INGEST_BYTES_PER_MINUTE),
        *(["--scenes"] if settings.INGEST_SCENES else []),
    ]  # fmt: skip


def _limits() -> child_process.Limits:
    """For the longest film; the child draws the limit of CPU time in once it has measured its own."""
    cpu_s = FREE_CPU_S + settings.INGEST_CPU_S_PER_MINUTE * settings.INGEST_MAX_MINUTES
    return child_process.Limits(memory_bytes=MEMORY_BYTES, cpu_s=cpu_s, file_bytes=2**30, open_files=128)


def _files(lease: Video, folder: Path) -> child_process.Files:
    """All that the child may open, where the kernel lets us say so: its code, the film, the folder of its clips."""
    code = [settings.BASE_DIR / name for name in ("annotation", "hero_model", "evaluation")]
    return child_process.Files([*code, lease.file.path], folder)


class _Watch:
    """Reads how far the child is, tells the row, and notices when it takes too long for the film's length."""

    def __init__(self, lease: Video, file: Path) -> None:
        self.too_slow = False
        self._lease, self._file = lease, file
        self._started = time.monotonic()

    def alive(self) -> bool:
        done, total = self._read()
        allowed = FREE_WALL_S + 2 * settings.INGEST_CPU_S_PER_MINUTE * (total or 60 * settings.INGEST_MAX_MINUTES) / 60
        self.too_slow = time.monotonic() - self._started > allowed
        share = min(done / total, 1.0) if total else 0.0
        return heartbeat(self._lease, progress=CUTTING * share) and not self.too_slow

    def _read(self) -> tuple[float, float]:
        if not self._file.exists():
            return 0.0, 0.0
        told = json.loads(self._file.read_text())
        return told["done"], told["total"]


def _features(lease: Video, made: Made, folder: Path) -> list[Path]:
    """A feature file for each clip. Raises LeaseLost."""
    files, encoder = [], _encoder()
    for number, clip in enumerate(made.clips):
        if not heartbeat(lease, progress=CUTTING + (1 - CUTTING) * number / len(made.clips)):
            raise LeaseLost(f"{lease} is no longer ours")
        files.append(folder / f"{number}.safetensors")
        vectors = {"features": encoder.encode(np.load(clip.frames))}
        save_features(files[-1], vectors, model=encoder.name, interval_s=FEATURE_INTERVAL_S)
    return files


def _store(lease: Video, made: Made, features: list[Path]) -> None:
    """Files under names of their content, then the rows, in one transaction. Raises IngestError, LeaseLost."""
    digest = lease.sha256 or sha256(Path(lease.file.path))
    twin = Video.objects.filter(sha256=digest).exclude(pk=lease.pk).first()
    if twin is not None:
        raise IngestError(f"the same file as the video “{twin.public_id}”")
    clips = [_kept(lease, clip, path) for clip, path in zip(made.clips, features, strict=True)]
    with locked(lease) as video:
        for clip in clips:
            clip.save()
        video.sha256, video.duration, video.fps = digest, round(made.seconds, 3), made.rate
        video.width, video.height = made.width, made.height
        video.state, video.error, video.notes = Video.State.READY, "", "\n".join(made.notes)
        video.progress = 1.0
        video.save()
        fit_to_film(video)
        if settings.ASR_MODEL and not video.subtitles.exists():
            ask(video)


def _kept(video: Video, made: MadeClip, features: Path) -> Clip:
    """The row of a clip, not saved, whose files are stored. Raises LeaseLost."""
    if not heartbeat(video):
        raise LeaseLost(f"{video} is no longer ours")
    clip = Clip(video=video, start=made.start, end=made.end, looks=made.looks)
    clip.file.name = put_by_content(Path(made.file), "clips")
    clip.silent.name = put_by_content(Path(made.silent), "clips")
    clip.poster.name = put_by_content(Path(made.poster), "stills")
    clip.strip.name = put_by_content(Path(made.strip), "stills")
    if made.waveform:
        clip.waveform.name = put_by_content(Path(made.waveform), "stills")
    clip.features.name = put_by_content(features, "features")
    clip.features_sha256 = Path(clip.features.name).stem
    return clip


def _fail(lease: Video, reason: str) -> None:
    still_leased(lease).update(state=Video.State.FAILED, error=reason.replace("\0", "�"), claimed_by="")


def _again(lease: Video, reason: str) -> None:
    if lease.attempt >= MAX_ATTEMPTS:
        _fail(lease, f"{reason}, {lease.attempt} times")
    elif still_leased(lease).update(claimed_by="", progress=0.0):
        enqueue(INGEST_VIDEO, video_id=lease.pk)


@cache
def _encoder() -> FrameEncoder:
    return FrameEncoder()
