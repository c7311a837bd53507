from collections.abc import Callable
from pathlib import Path

import av
import pytest
from django.conf import settings
from safetensors import safe_open

from annotation.media.ingest import add_video, clip_windows, ingest
from annotation.media.subtitles import SubtitleError
from annotation.models import Clip, Video

pytestmark = pytest.mark.django_db

VTT = "WEBVTT\n\n00:01.000 --> 00:02.500\nLook, <b>a ball</b> &amp; a box\n\n00:03.000 --> 00:04.000\nIt rolls\n"


def test_a_short_playable_file_is_its_own_clip_byte_for_byte(make_video_file: Callable[..., Path]) -> None:
    path = make_video_file(seconds=6.0)
    video = add_video(path, public_id="film")
    ingest(video.pk)
    video.refresh_from_db()
    clip = Clip.objects.get(video=video)
    assert (video.state, video.duration, video.fps, video.width, video.height) == ("ready", 6.0, 10.0, 96, 64)
    assert Path(clip.file.path).read_bytes() == path.read_bytes()
    assert clip.name == "film_0_6"
    with safe_open(clip.features.path, "np") as file:
        assert file.get_tensor("features").shape == (4, 1280)  # one frame per 1.5 s
        assert file.metadata() == {"model": "efficientnet-lite0", "interval_s": "1.5", "dim": "1280"}


def test_a_long_video_with_sound_is_cut_into_playable_minutes(make_video_file: Callable[..., Path]) -> None:
    path = make_video_file(seconds=65.0, fps=5, sound=True)
    video = add_video(path, public_id="long")
    ingest(video.pk)
    first, second = Clip.objects.filter(video=video).order_by("start")
    assert (first.start, first.end) == (0.0, 60.0)
    assert second.start == 60.0
    assert second.end == pytest.approx(65.0, abs=0.1)
    with av.open(first.file.path) as cut:
        assert cut.duration == pytest.approx(60e6, abs=0.3e6)
        assert [stream.type for stream in cut.streams] == ["video", "audio"]
        assert cut.streams.video[0].codec_context.name == "h264"
    with safe_open(second.features.path, "np") as file:
        assert file.get_tensor("features").shape[0] == 4


def test_ingesting_again_changes_nothing(make_video_file: Callable[..., Path]) -> None:
    video = add_video(make_video_file(), public_id="film")
    ingest(video.pk)
    before = list(Clip.objects.values())
    ingest(video.pk)
    assert list(Clip.objects.values()) == before


def test_the_same_features_have_the_same_hash_in_every_run(
    make_video_file: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_video_file()
    hashes = set()
    for round_ in range(2):
        settings.MEDIA_ROOT = tmp_path / f"media-{round_}"
        Clip.objects.all().delete()
        Video.objects.all().delete()
        video = add_video(path, public_id="film")
        ingest(video.pk)
        hashes.add(Clip.objects.get().features_sha256)
    assert len(hashes) == 1


@pytest.mark.parametrize("content", [b"", b"no video at all", b"\x00\x00\x00\x18ftypmp42" + bytes(50)])
def test_what_is_no_video_fails_with_a_reason(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    video = add_video(path, public_id="broken")
    ingest(video.pk)
    video.refresh_from_db()
    assert video.state == "failed"
    assert "broken" in video.error
    assert not Clip.objects.exists()


def test_the_same_file_twice_is_refused_by_name(make_video_file: Callable[..., Path]) -> None:
    path = make_video_file()
    for name in ("first", "second"):
        ingest(add_video(path, public_id=name).pk)
    second = Video.objects.get(public_id="second")
    assert second.state == "failed"
    assert "“first”" in second.error


def test_subtitles_come_from_a_file(make_video_file: Callable[..., Path], tmp_path: Path) -> None:
    vtt = tmp_path / "film.vtt"
    vtt.write_text(VTT)
    video = add_video(make_video_file(), public_id="film", subtitles=vtt)
    ingest(video.pk)
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


@pytest.mark.parametrize(
    ("duration", "windows"),
    [
        (5.0, [(0, 5.0)]),
        (60.0, [(0, 60)]),
        (60.5, [(0, 60)]),
        (125.0, [(0, 60), (60, 120), (120, 125.0)]),
        (1.0, [(0, 1.0)]),
    ],
)
def test_windows_start_at_whole_minutes(duration: float, windows: list[tuple[float, float]]) -> None:
    assert clip_windows(duration) == windows
