import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from django.conf import settings as live
from django.db.models.functions import Now
from django.test import Client
from safetensors import safe_open

from annotation import tasks
from annotation.crowd.launch import units
from annotation.media import ingest as ingesting
from annotation.media import videos
from annotation.media.import_list import Wanted
from annotation.media.ingest import ingest
from annotation.media.subtitles import SubtitleError
from annotation.media.videos import VideoRefused, take
from annotation.models import Batch, Clip, Video
from benchmark_site.jobs import landlock, leases
from tests.annotation.media.normal_form.films import Recipe, make_film, read_stamp
from tests.annotation.media.normal_form.test_make import NORMAL, spoil

pytestmark = pytest.mark.django_db

VTT = "WEBVTT\n\n00:01.000 --> 00:02.500\nLook, <b>a ball</b> &amp; a box\n\n00:03.000 --> 00:04.000\nIt rolls\n"


def add_video(path: Path, *, public_id: str, **about: Any) -> Video:
    return take(Wanted(path, public_id, **about))[0]


def ingested(path: Path, public_id: str = "film", **about: Any) -> Video:
    video = add_video(path, public_id=public_id, **about)
    ingest(video.pk)
    video.refresh_from_db()
    return video


def test_a_film_in_the_normal_form_is_its_own_clip_byte_for_byte(tmp_path: Path) -> None:
    path = make_film(tmp_path / "film", NORMAL)
    video = ingested(path)
    clip = Clip.objects.get(video=video)
    assert (video.state, video.duration, video.fps, video.width, video.height) == ("ready", 5.0, 10.0, 128, 96)
    assert (video.error, video.notes, video.progress) == ("", "", 1.0)
    assert Path(clip.file.path).read_bytes() == path.read_bytes()
    assert clip.name == "film_0_5"
    with safe_open(clip.features.path, "np") as file:
        assert file.get_tensor("features").shape == (4, 1280)  # one frame per 1.5 s
        assert file.metadata() == {"model": "efficientnet-lite0", "interval_s": "1.5", "dim": "1280"}


def test_a_long_video_with_sound_is_cut_into_playable_minutes(tmp_path: Path) -> None:
    video = ingested(make_film(tmp_path / "film", Recipe(rate=3, seconds=65.0, sound="aac")))
    first, second = Clip.objects.filter(video=video).order_by("start")
    assert (first.start, first.end) == (0.0, 60.0)
    assert (second.start, second.end) == (60.0, 65.0)
    with av.open(first.file.path) as cut, av.open(first.silent.path) as silent:
        assert cut.duration == pytest.approx(60e6, abs=0.3e6)
        assert [stream.type for stream in cut.streams] == ["video", "audio"]
        assert [stream.type for stream in silent.streams] == ["video"]
        assert read_stamp(next(cut.decode(video=0)).to_ndarray(format="rgb24")) == 0
    assert Path(first.poster.path).read_bytes()[:2] == Path(first.strip.path).read_bytes()[:2] == b"\xff\xd8"
    with safe_open(second.features.path, "np") as file:
        assert file.get_tensor("features").shape[0] == 4


def test_ingesting_again_changes_nothing(make_video_file: Callable[..., Path]) -> None:
    video = ingested(make_video_file())
    before = list(Clip.objects.values())
    ingest(video.pk)
    assert list(Clip.objects.values()) == before
    assert not list((Path(live.MEDIA_ROOT) / "scratch").iterdir())


def test_a_film_that_another_worker_has_is_left_alone(make_video_file: Callable[..., Path]) -> None:
    """Both workers decoded the same 15 minutes, since a message comes again after one of them."""
    video = add_video(make_video_file(), public_id="film")
    Video.objects.filter(pk=video.pk).update(claimed_by="another", heartbeat=Now(), attempt=1)
    ingest(video.pk)
    video.refresh_from_db()
    assert (video.state, video.claimed_by, video.attempt) == ("waiting", "another", 1)
    assert not leases.available(Video).exists()


def test_after_three_dead_workers_it_is_given_up(make_video_file: Callable[..., Path]) -> None:
    video = add_video(make_video_file(), public_id="film")
    Video.objects.filter(pk=video.pk).update(claimed_by="", attempt=3)
    ingest(video.pk)
    video.refresh_from_db()
    assert (video.state, video.error) == ("failed", "its worker died 3 times, the last one without a word")


def test_damaged_sound_is_a_reason_and_an_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = make_film(tmp_path / "film", Recipe(sound="aac", rate=3, seconds=65.0))
    spoil(path, "audio", 0.3)
    video = ingested(path)
    assert video.state == "failed"
    assert "of its sound cannot be decoded" in video.error
    assert not leases.available(Video).exists()
    assert "Traceback" not in caplog.text


def test_a_clip_that_nobody_could_answer_is_not_made(tmp_path: Path) -> None:
    video = ingested(make_film(tmp_path / "film", Recipe(seconds=1.0)))
    assert video.state == "failed"
    assert "a clip has at least 2" in video.error


def test_a_clip_that_nobody_could_answer_is_no_unit(clip: Clip) -> None:
    Clip.objects.create(video=clip.video, start=60.0, end=61.0)
    assert list(units(Batch(kind="segment"))) == [clip]


def test_a_film_opens_no_file_but_its_own(
    make_video_file: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    films = [add_video(make_video_file(f"{fps}.mp4", fps=fps), public_id=f"film-{fps}") for fps in (10, 12)]
    own, other = (film.file.path for film in films)
    program = (
        "import json, sys\n"
        "def opens(mode, path):\n"
        "    try:\n        open(path, mode).close()\n"
        "    except OSError as error:\n        return type(error).__name__\n"
        "    return 'opened'\n"
        "said = [opens(*one.split(':', 1)) for one in sys.argv[2:]]\n"
        "open(sys.argv[1] + '/refused.txt', 'w').write(json.dumps(said))\n"
    )
    tries = [f"rb:{own}", f"r+b:{own}", f"rb:{other}", "rb:/etc/hostname", f"wb:{live.BASE_DIR}/annotation/new.py"]
    monkeypatch.setattr(ingesting, "_command", lambda _, folder: [sys.executable, "-c", program, str(folder), *tries])
    ingest(films[0].pk)
    films[0].refresh_from_db()
    assert json.loads(films[0].error) == ["opened", *["PermissionError"] * 4]


def test_whatever_goes_wrong_is_a_reason(
    make_video_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ingesting, "_features", lambda *_: 1 / 0)
    video = ingested(make_video_file())
    assert (video.state, video.error) == ("failed", "division by zero")
    assert "ZeroDivisionError" in caplog.text


def test_a_film_that_takes_too_long_ends(
    make_video_file: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INGEST_CPU_S_PER_MINUTE = 0
    monkeypatch.setattr(ingesting, "FREE_CPU_S", 0)
    video = ingested(make_video_file(seconds=30.0))
    assert (video.state, video.error) == ("failed", "decoding and cutting took too long and was stopped")


def test_a_film_that_is_too_long_or_too_large_is_refused(
    make_video_file: Callable[..., Path], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.INGEST_MAX_MINUTES = 0
    assert "0 are the most" in ingested(make_video_file("long.mp4")).error
    settings.INGEST_MAX_MINUTES, settings.INGEST_BYTES_PER_MINUTE = 240, 10
    monkeypatch.setattr(ingesting, "FREE_BYTES", 0)
    assert "MiB for 6 s of film" in ingested(make_video_file("large.mp4", sound=True), "large").error
    settings.INGEST_MAX_BYTES = 10
    with pytest.raises(VideoRefused, match="INGEST_MAX_BYTES"):
        add_video(make_video_file("other.mp4", fps=12), public_id="other")


def test_a_cancelled_film_ends_and_a_retry_begins_anew(make_video_file: Callable[..., Path]) -> None:
    video = add_video(make_video_file(), public_id="film")
    videos.cancel(video.pk, "ann")
    ingest(video.pk)
    video.refresh_from_db()
    assert (video.state, video.error) == ("failed", "cancelled by ann")
    with pytest.raises(VideoRefused):
        videos.cancel(video.pk, "ann")
    videos.retry(video.pk)
    ingest(video.pk)
    video.refresh_from_db()
    assert (video.state, video.error, video.attempt) == ("ready", "", 1)
    with pytest.raises(VideoRefused):
        videos.retry(video.pk)


def test_a_film_cancelled_in_the_middle_saves_nothing(
    make_video_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = add_video(make_video_file(), public_id="film")
    make = ingesting._make
    monkeypatch.setattr(
        ingesting, "_make", lambda lease, folder: [make(lease, folder), videos.cancel(lease.pk, "ann")][0]
    )
    ingest(video.pk)
    video.refresh_from_db()
    assert (video.state, video.error) == ("failed", "cancelled by ann")
    assert not Clip.objects.exists()


def test_the_same_features_have_the_same_hash_in_every_run(
    make_video_file: Callable[..., Path], tmp_path: Path, settings: Any
) -> None:
    path = make_video_file()
    hashes = set()
    for round_ in range(2):
        settings.MEDIA_ROOT = tmp_path / f"media-{round_}"
        Clip.objects.all().delete()
        Video.objects.all().delete()
        ingested(path)
        hashes.add(Clip.objects.get().features_sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00\x00\x00\x18ftypmp42" + bytes(50)])
def test_what_is_no_video_fails_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    video = ingested(path, "broken")
    assert video.state == "failed"
    assert "broken" in video.error
    assert not Clip.objects.exists()


def test_the_same_film_is_taken_once_whatever_its_name(make_video_file: Callable[..., Path]) -> None:
    path = make_video_file()
    first = add_video(path, public_id="first")
    assert add_video(path, public_id="second") == first
    with pytest.raises(VideoRefused, match="the id “first” is taken by another film"):
        add_video(make_video_file("other.mp4", fps=12), public_id="first")
    assert Video.objects.count() == 1


def test_the_same_film_by_the_admin_is_refused_by_name(make_video_file: Callable[..., Path]) -> None:
    first = ingested(make_video_file(), "first")
    second = Video.objects.create(public_id="second", file=first.file.name)
    ingest(second.pk)
    second.refresh_from_db()
    assert second.state == "failed"
    assert "“first”" in second.error


def test_a_file_that_a_dead_worker_half_wrote_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(b"whole")
    name = videos.put_by_content(path, "clips")
    half = Path(live.MEDIA_ROOT) / name
    half.write_bytes(b"wh")
    assert videos.put_by_content(path, "clips") == name
    assert half.read_bytes() == b"whole"


def test_a_hidden_narration_cannot_be_heard(tmp_path: Path, client: Client) -> None:
    from annotation.media.clip_files import Part, clip_url

    ingested(make_film(tmp_path / "film", Recipe(sound="aac")))
    clip = Clip.objects.get()
    for part, kinds in ((Part.FILE, ["video", "audio"]), (Part.SILENT, ["video"])):
        served = tmp_path / "served.mp4"
        served.write_bytes(b"".join(client.get(clip_url(clip, part)).streaming_content))  # type: ignore[attr-defined]
        with av.open(str(served)) as file:
            assert [stream.type for stream in file.streams] == kinds
    assert client.get(clip_url(clip, Part.POSTER)).headers["Content-Type"] == "image/jpeg"


def test_how_loud_a_clip_is_is_drawn_and_served(
    tmp_path: Path, client: Client, make_video_file: Callable[..., Path]
) -> None:
    from annotation.media.clip_files import Part, clip_url

    for public_id, film in (
        ("made-anew", make_film(tmp_path / "a", Recipe(sound="aac", sound_at=2.5, seconds=5.0))),
        ("kept", make_film(tmp_path / "b", replace(NORMAL, sound="aac"))),
    ):
        clip = Clip.objects.get(video=ingested(film, public_id))
        answer = client.get(clip_url(clip, Part.WAVEFORM))
        assert answer.headers["Content-Type"] == "image/svg+xml"
        drawn = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
        heights = [float(height) for height in re.findall(r"h1v([\d.]+)", drawn)]
        assert max(heights) == pytest.approx(28.3, abs=3.0)  # a tone of 0.4, as each side of stereo has it
        assert (max(heights[:190]) < 2.0) == (public_id == "made-anew")  # whose sound begins after a third
    silent = Clip.objects.get(video=ingested(make_video_file(), "silent"))
    assert not silent.waveform
    assert client.get(clip_url(silent, Part.WAVEFORM)).status_code == 404


def test_subtitles_come_from_a_file(make_video_file: Callable[..., Path], tmp_path: Path) -> None:
    vtt = tmp_path / "film.vtt"
    vtt.write_text(VTT)
    ingested(make_video_file(), subtitles=vtt)
    assert Clip.objects.get().subtitles() == [
        {"text": "Look, a ball & a box", "start": 1.0, "end": 2.5},
        {"text": "It rolls", "start": 3.0, "end": 4.0},
    ]


def test_a_broken_subtitle_file_stores_nothing(make_video_file: Callable[..., Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.vtt"
    broken.write_bytes(b"\x00\x01\x02")
    with pytest.raises(SubtitleError, match=r"broken\.vtt"):
        add_video(make_video_file(), public_id="film", subtitles=broken)
    assert not Video.objects.exists()


def test_a_cue_that_ends_before_it_begins_is_refused_by_name_and_leaves_no_file(
    make_video_file: Callable[..., Path], tmp_path: Path
) -> None:
    srt = tmp_path / "film.srt"
    srt.write_text("1\n00:00:05,000 --> 00:00:02,000\nBackwards\n\n")
    with pytest.raises((SubtitleError, VideoRefused), match=r"film\.srt"):
        add_video(make_video_file(), public_id="film", subtitles=srt)
    assert not Video.objects.exists()
    assert not (Path(live.MEDIA_ROOT) / "videos").exists()


def test_the_sweep_wakes_a_few_of_those_that_wait_and_none_that_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a long film each minute added a message for each film that waits."""
    woken: list[int] = []
    monkeypatch.setattr(tasks.ingest_video, "delay", lambda video_id: woken.append(video_id))
    films = [Video.objects.create(public_id=f"f{n}", file=f"videos/{n}.mp4") for n in range(8)]
    Video.objects.filter(pk=films[0].pk).update(claimed_by="w", heartbeat=Now())
    Video.objects.create(public_id="only-a-name")
    tasks.sweep()
    assert woken == [film.pk for film in films[1 : 1 + tasks.INGESTS_A_SWEEP]]
