"""Ingest: a video file is decoded once and becomes measured clips with frame features.

Decodes video and loads torch, so this module belongs to workers and commands, never to the web process.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction

from annotation.media.attach import attach, read_for_video, settle
from annotation.media.cutting import ClipWriter
from annotation.media.subtitles import SubtitleError
from annotation.models import Clip, Video
from annotation.models.footage import MAX_CLIP_S
from annotation.task_names import INGEST_VIDEO
from benchmark_site.jobs.enqueue import enqueue
from evaluation.release.features import save_features
from hero_model.features.frame_encoder import FrameEncoder
from hero_model.features.video import FrameSampler, VideoError, decode

FEATURE_INTERVAL_S = 1.5  # paper, section 4.3: one frame per 1.5 s
SHORTEST_CLIP_S = 2.0
PLAYABLE = {("mov,mp4,m4a,3gp,3g2,mj2", "h264"), ("matroska,webm", "vp8"), ("matroska,webm", "vp9")}


@dataclass(frozen=True)
class Probe:
    """What a container says of itself. `duration` in seconds."""

    duration: float
    fps: float
    width: int
    height: int
    playable: bool


def add_video(
    path: Path, *, public_id: str, title: str = "", source: str = "", licence: str = "", subtitles: Path | None = None
) -> Video:
    """Store a file and queue its ingest; a video of this id that is known already is returned as it is.

    Single cues that cannot be used are listed with the video's subtitle track. Raises SubtitleError where nothing of
    the subtitle file can be read (then nothing is stored).
    """
    known = Video.objects.filter(public_id=public_id).first()
    if known is not None:
        return known
    track = read_for_video(subtitles, video=public_id) if subtitles is not None else None
    with transaction.atomic():
        video = Video(public_id=public_id, title=title, source=source, licence=licence)
        video.full_clean()
        with path.open("rb") as handle:
            video.file.save(f"{public_id}{path.suffix.lower()}", File(handle), save=False)
        video.save()
        if track is not None and subtitles is not None:
            attach(video, track, subtitles.name)
        enqueue(INGEST_VIDEO, video_id=video.pk)
    return video


def ingest(video_id: int) -> None:
    """Measure, cut and describe one waiting video. A repeat after a crash starts it afresh and leaves no double."""
    video = Video.objects.get(pk=video_id)
    if video.state != Video.State.WAITING:
        return
    path = Path(video.file.path)
    try:
        probe = probe_video(path)
        windows = clip_windows(probe.duration)
        with tempfile.TemporaryDirectory() as scratch:
            cut = len(windows) > 1 or not probe.playable
            made = _one_pass(path, probe, windows, Path(scratch), cut)
            _store(video, probe, windows, made if cut else [(path, made[0][1])])
    except (VideoError, OSError) as error:
        Video.objects.filter(pk=video_id).update(state=Video.State.FAILED, error=str(error))


def probe_video(path: Path) -> Probe:
    """Read the header. Raises VideoError where there is no video stream, rate or size."""
    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or not stream.average_rate or not stream.width or container.duration is None:
                raise VideoError(f"{path.name}: no video stream with a rate, a size and a duration")
            pixels = stream.codec_context.pix_fmt
            return Probe(
                duration=round(container.duration / av.time_base, 3),
                fps=float(stream.average_rate),
                width=stream.width,
                height=stream.height,
                playable=(container.format.name, stream.codec_context.name) in PLAYABLE and pixels == "yuv420p",
            )
    except av.FFmpegError as error:
        raise VideoError(f"{path.name}: cannot be opened as video: {error.strerror}") from error


def clip_windows(duration: float) -> list[tuple[float, float]]:
    """Windows of at most 60 s, each starting at a multiple of 60 (paper, section 4.2); a tail under 2 s is left out."""
    starts = range(0, max(1, -(-int(duration * 1000) // 60_000)) * 60, 60)
    windows = [(float(start), min(float(start) + MAX_CLIP_S, duration)) for start in starts]
    return [w for w in windows if w[1] - w[0] >= SHORTEST_CLIP_S] or windows[:1]


def _one_pass(
    path: Path, probe: Probe, windows: list[tuple[float, float]], scratch: Path, cut: bool
) -> list[tuple[Path, Path]]:
    """(clip file, feature file) of each window from one decoding of the video; no clip files where not `cut`."""
    made: list[tuple[Path, Path]] = []
    remaining = list(windows)
    sampler: FrameSampler | None = None
    writer: ClipWriter | None = None

    def finish() -> None:
        if sampler is None:
            return
        if writer is not None:
            writer.close()
        features = scratch / f"{len(made)}.safetensors"
        encoder = _encoder()
        vectors = {"features": encoder.encode(sampler.frames())}
        save_features(features, vectors, model=encoder.name, interval_s=FEATURE_INTERVAL_S)
        made.append((scratch / f"{len(made)}.mp4", features))

    end = -1.0
    for time, frame in decode(path):
        if time >= end and remaining:
            finish()
            start, end = remaining.pop(0)
            sampler = FrameSampler(FEATURE_INTERVAL_S)
            if cut:
                out = scratch / f"{len(made)}.mp4"
                writer = ClipWriter(path, out, start, end, probe.fps, probe.width, probe.height)
        if time < end and sampler is not None:
            sampler.offer(time - start, frame)
            if writer is not None:
                writer.offer(time, frame)
    finish()
    if len(made) < len(windows):
        raise VideoError(f"{path.name}: its header promises {probe.duration:g} s, its frames end before")
    return made


def _store(video: Video, probe: Probe, windows: list[tuple[float, float]], made: list[tuple[Path, Path]]) -> None:
    """Put clips and features into storage under names of their content, then the rows, in one transaction."""
    with Path(video.file.path).open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    twin = Video.objects.filter(sha256=digest).exclude(pk=video.pk).first()
    if twin is not None:
        raise VideoError(f"the same file as the video “{twin.public_id}”")
    with transaction.atomic():
        locked = Video.objects.select_for_update().get(pk=video.pk)
        if locked.state != Video.State.WAITING:
            return
        for (start, end), (clip_path, feature_path) in zip(windows, made, strict=True):
            clip = Clip(video=video, start=start, end=end)
            clip.file.name = _keep(clip_path, "clips")
            clip.features.name = _keep(feature_path, "features")
            clip.features_sha256 = Path(clip.features.name).stem
            clip.save()
        locked.sha256, locked.duration, locked.fps = digest, probe.duration, probe.fps
        locked.width, locked.height = probe.width, probe.height
        locked.state, locked.error = Video.State.READY, ""
        locked.save()
        settle(locked)


def _keep(path: Path, folder: str) -> str:
    """Store a file under the hash of its content, once; return its name in storage."""
    with path.open("rb") as handle:
        name = f"{folder}/{hashlib.file_digest(handle, 'sha256').hexdigest()}{path.suffix}"
        if not default_storage.exists(name):
            handle.seek(0)
            default_storage.save(name, File(handle))
    return name


@cache
def _encoder() -> FrameEncoder:
    return FrameEncoder()


__all__ = ["Probe", "SubtitleError", "add_video", "clip_windows", "ingest", "probe_video"]
