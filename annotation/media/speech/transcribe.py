"""Sentences for videos that came without subtitles, by speech recognition, where the setting ASR_MODEL names a model.

The recognition itself runs in a child process (`speech`); what was heard by a worker that was killed is kept for the
next one. Whatever goes wrong ends as a reason on the transcription.
"""

from __future__ import annotations

import json
import logging
import shutil
import signal
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import QuerySet

from annotation.media.attach import attach, refuse_other_languages
from annotation.media.speech.recognise import STRETCH_S
from annotation.media.subtitles import SubtitleError, Track, read_subtitles
from annotation.models import SubtitleTrack, Transcription, Video
from annotation.task_names import TRANSCRIBE_VIDEO
from benchmark_site.jobs import child_process
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeat, locked, still_leased

FREE_S = 600  # for any film, beside STRETCH_S times what its minutes allow
SLOWEST = 30.0  # seconds of CPU for a second of sound: a large model on one core
MEMORY_BYTES = 16 * 2**30  # the largest model in 16 bits, twice
GRAPHICS_DRIVER = Path("/dev/nvidiactl")
logger = logging.getLogger(__name__)


class TranscriptionError(Exception):
    """Nothing can be recognised; the message says why."""


def without_words() -> QuerySet[Video]:
    """Ready videos with a file for which there are no sentences, and no attempt at any."""
    return Video.objects.filter(state=Video.State.READY, subtitles=None, transcription=None).exclude(file="")


@transaction.atomic
def ask(video: Video) -> Transcription:
    """Have a video transcribed, also one for which it has failed before."""
    row, _ = Transcription.objects.update_or_create(
        video=video,
        defaults={"state": Transcription.State.WAITING, "error": "", "attempt": 0, "claimed_by": "", "progress": 0.0},
    )
    enqueue(TRANSCRIBE_VIDEO, transcription_id=row.pk)
    return row


def transcribe(transcription_id: int) -> None:
    """Work on one transcription to its end; does nothing where another worker has it or it has ended."""
    lease = acquire(Transcription, transcription_id)
    if lease is None:
        return
    folder = _folder(lease)
    try:
        track, language = _recognise(lease, folder)
        _store(lease, track, language)
    except LeaseLost:
        return
    except (OperationalError, InterfaceError):  # the database is away: Celery and the sweeper come back to it
        raise
    except _WorkerKilled as error:
        _again(lease, str(error))
        return
    except Exception as error:  # noqa: BLE001  whatever a model or a film does to us is said, and is the end
        if not isinstance(error, TranscriptionError | SubtitleError):
            logger.error("transcription of %s: %s: %s", lease.video, type(error).__name__, error)
        _fail(lease, str(error) or type(error).__name__)
    shutil.rmtree(folder, ignore_errors=True)


class _WorkerKilled(Exception):
    """The child was killed from outside, and another try goes on where it was."""


def _folder(lease: Transcription) -> Path:
    """A folder of this attempt, with what earlier ones have heard by the same model."""
    root = Path(settings.MEDIA_ROOT) / "scratch"
    folder = root / f"speech-{lease.pk}-{lease.attempt}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.txt").write_text(settings.ASR_MODEL)
    before = [left for left in sorted(root.glob(f"speech-{lease.pk}-*")) if left != folder]
    for left in before:
        parts, model = left / "parts.jsonl", left / "model.txt"
        if parts.exists() and model.exists() and model.read_text() == settings.ASR_MODEL:
            shutil.copy(parts, folder / "parts.jsonl")
        shutil.rmtree(left, ignore_errors=True)
    return folder


def _recognise(lease: Transcription, folder: Path) -> tuple[Track, str]:
    """The sentences and their language. Raises TranscriptionError, SubtitleError, LeaseLost, _WorkerKilled."""
    if not settings.ASR_MODEL:
        raise TranscriptionError("no model is set (ASR_MODEL)")
    video = lease.video
    if video.state != Video.State.READY or not video.duration:
        raise TranscriptionError("the video is not ready")
    _refuse_over_own_words(video)
    language = video.language.partition("-")[0].lower()
    cpu_s = round(FREE_S + SLOWEST * (video.duration + STRETCH_S))
    files = _files(video, folder)
    limits = child_process.Limits(
        memory_bytes=MEMORY_BYTES, cpu_s=cpu_s, file_bytes=2**30, open_files=128, network=files is None
    )
    heard = _Heard(lease, folder / "parts.jsonl", video.duration)
    ended = child_process.run(
        _command(video, folder, language), folder / "log.txt", alive=heard.alive, wall_s=2.0 * cpu_s, limits=limits,
        files=files,
    )  # fmt: skip
    refused, done = folder / "refused.txt", folder / "transcript.json"
    if ended.status == 0 and refused.exists():
        raise TranscriptionError(refused.read_text())
    if ended.status == 0 and done.exists():
        return _track(done)
    reason = ended.reason("speech recognition")
    if ended.status == -signal.SIGKILL and not ended.out_of_time:
        raise _WorkerKilled(reason)
    logger.error("transcription of %s: %s: %s", video, reason, ended.log.strip().rsplit("\n", 1)[-1])
    raise TranscriptionError(reason)


def _command(video: Video, folder: Path, language: str) -> list[str]:
    return [
        sys.executable, "-m", "annotation.media.speech.recognise", video.file.path, str(folder),
        "--model", settings.ASR_MODEL, "--seconds", str(video.duration), "--language", language,
    ]  # fmt: skip


def _files(video: Video, folder: Path) -> child_process.Files | None:
    """All that the child may open, where the kernel lets us say so: its code, the film, the model, its folder.

    None with a graphics card: its driver opens files of its own, which differ from one version to the next.
    """
    if GRAPHICS_DRIVER.exists():
        return None
    code = [settings.BASE_DIR / name for name in ("annotation", "hero_model", "evaluation")]
    model = Path(settings.ASR_MODEL)
    # Each by itself, too: in a cache of the hub they are links to files that lie elsewhere.
    return child_process.Files([*code, video.file.path, model, *sorted(model.glob("*"))], folder)


@dataclass
class _Heard:
    """Tells the row how much of the film is heard, which is also that this worker lives."""

    lease: Transcription
    parts: Path
    seconds: float

    def alive(self) -> bool:
        lines = self.parts.read_text().rpartition("\n")[0].splitlines() if self.parts.exists() else []
        until = json.loads(lines[-1])["until"] if lines else 0.0
        return heartbeat(self.lease, progress=min(1.0, until / self.seconds))


def _track(transcript: Path) -> tuple[Track, str]:
    told = json.loads(transcript.read_text())
    if not told["segments"]:
        raise TranscriptionError("no speech was recognised")
    return replace(read_subtitles(transcript), automatic=True), told["language"]


def _store(lease: Transcription, track: Track, language: str) -> None:
    """Sentences and state in one transaction. Raises LeaseLost, SubtitleError, TranscriptionError."""
    name = f"{Path(settings.ASR_MODEL).name} (speech recognition)"
    with locked(lease) as row:
        video = Video.objects.select_for_update().get(pk=row.video_id)
        _refuse_over_own_words(video)
        if settings.SUBTITLES_ENGLISH_ONLY:
            refuse_other_languages(track, name)
        attach(video, track, name)
        row.state, row.error, row.language, row.progress = Transcription.State.DONE, "", language, 1.0
        row.save()


def _refuse_over_own_words(video: Video) -> None:
    """What people wrote is never replaced by what a machine heard. Raises TranscriptionError."""
    automatic = SubtitleTrack.objects.filter(video=video, automatic=True).exists()
    if video.subtitles.exists() and not automatic:
        raise TranscriptionError("it has subtitles that no machine made")


def _fail(lease: Transcription, reason: str) -> None:
    still_leased(lease).update(state=Transcription.State.FAILED, error=reason.replace("\0", "�"), claimed_by="")


def _again(lease: Transcription, reason: str) -> None:
    if lease.attempt >= MAX_ATTEMPTS:
        _fail(lease, f"{reason}, {lease.attempt} times")
    elif still_leased(lease).update(claimed_by=""):
        enqueue(TRANSCRIBE_VIDEO, transcription_id=lease.pk)
