"""Rows and files that the tests of the collecting side start from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from annotation.media.normal_form.waveform import draw_waveform
from annotation.models import Batch, Clip, Hit, Segment, Subtitle, Video, Worker
from annotation.models.crowd import MARKING, Kind
from tests.annotation.pages.desk import DESK, Desk, Marketplace


@pytest.fixture(autouse=True)
def _own_media(settings: object, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"  # type: ignore[attr-defined]


@pytest.fixture
def make_video_file(tmp_path: Path) -> Callable[..., Path]:
    """Write an H.264 file of so many seconds: a square that moves over grey, with a tone where asked."""

    def make(
        name: str = "film.mp4", seconds: float = 6.0, fps: int = 10, codec: str = "libx264", sound: bool = False
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=fps)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            audio = out.add_stream("aac", rate=48_000) if sound else None
            for index in range(round(seconds * fps)):
                picture = np.full((64, 96, 3), 90, np.uint8)
                x = index % 80
                picture[20:40, x : x + 16] = (220, 30, 30)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = index, Fraction(1, fps)
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
            if audio is not None:
                for start in range(0, round(seconds * 48_000), 1024):
                    wave = np.sin((np.arange(1024) + start) * 0.05).astype(np.float32)
                    sample = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
                    sample.rate, sample.pts, sample.time_base = 48_000, start, Fraction(1, 48_000)
                    out.mux(audio.encode(sample))
                out.mux(audio.encode(None))
        return path

    return make


@pytest.fixture
def clip(db: None) -> Clip:
    """A ready clip of 30 s with two spoken sentences."""
    video = Video.objects.create(public_id="film", state=Video.State.READY, sha256="0" * 64, duration=30.0)
    Subtitle.objects.create(video=video, start=1.0, end=4.0, text="Look at the red ball")
    Subtitle.objects.create(video=video, start=12.0, end=15.0, text="Now it rolls away")
    return Clip.objects.create(video=video, start=0.0, end=30.0)


@pytest.fixture
def segment(clip: Clip) -> Segment:
    return Segment.objects.create(public_id=1, clip=clip, start=5.0, end=12.0)


@pytest.fixture
def make_hit(clip: Clip) -> Callable[..., Hit]:
    """An open HIT of a batch of this kind."""

    def make(kind: Kind, *, segment: Segment | None = None, hidden: bool = False, assignments: int = 2) -> Hit:
        batch, _ = Batch.objects.get_or_create(
            name=f"{kind} batch",
            defaults={
                "kind": kind,
                "reward": Decimal("0.12"),
                "assignments_per_hit": assignments,
                "budget": Decimal("10.00"),
                "state": Batch.State.OPEN,
                "hit_type_id": f"TYPE{kind.upper()}",
            },
        )
        number = Hit.objects.count()
        return Hit.objects.create(
            batch=batch,
            clip=None if segment else clip,
            segment=segment,
            narration_hidden=hidden,
            request_token=f"token-{number}",
            hit_id=f"HIT{number}",
            wanted=assignments,
            state=Hit.State.OPEN,
        )

    return make


@pytest.fixture
def worker(db: None) -> Worker:
    return Worker.objects.create(environment="local", worker_id="AWORKER1", group=Kind.SEGMENT)


@pytest.fixture
def film(clip: Clip, make_video_file: Callable[..., Path], tmp_path: Path) -> Clip:
    """The clip of 30 s with the files that ingest gives it: the film, the silent one, poster, strip and waveform."""
    content = make_video_file(seconds=30.0, sound=True).read_bytes()
    silent = make_video_file("silent.mp4", seconds=30.0).read_bytes()
    clip.file.save("film.mp4", ContentFile(content), save=False)
    clip.silent.save("silent.mp4", ContentFile(silent), save=False)
    for field, size in ((clip.poster, (540, 360)), (clip.strip, (1080, 72))):
        picture = io.BytesIO()
        Image.new("RGB", size, (60, 90, 60)).save(picture, "JPEG")
        field.save("still.jpg", ContentFile(picture.getvalue()), save=False)
    loud = np.sin(np.linspace(0, 6, 48_000, dtype=np.float32))[None]
    drawn = draw_waveform(loud, tmp_path / "waveform.svg")
    clip.waveform.save("waveform.svg", ContentFile(drawn.read_bytes()), save=False)
    clip.save()
    clip.video.fps, clip.video.width, clip.video.height = 10.0, 96, 64
    clip.video.save(update_fields=["fps", "width", "height"])
    return clip


@pytest.fixture
def desk(browser: Browser, live_server: LiveServer) -> Iterator[Desk]:
    """A worker's browser; errors on its pages fail the test at the end."""
    context = browser.new_context()
    marketplace = Marketplace()
    context.route("**/mturk/externalSubmit", marketplace.take)
    desk = Desk(context, live_server.url, marketplace)
    yield desk
    context.close()
    assert desk.errors == []


@pytest.fixture
def make_task(film: Clip, segment: Segment, make_hit: Callable[..., Hit]) -> Callable[[Kind], Hit]:
    """A HIT about the film, or about its segment, that a browser can show."""
    return lambda kind: make_hit(kind, segment=None if kind in MARKING else segment)


@pytest.fixture
def open_task(desk: Desk, make_task: Callable[[Kind], Hit]) -> Callable[..., Page]:
    """Open a new task of this kind, as a worker sees it who has accepted it."""

    def open_it(kind: Kind, viewport: dict[str, int] = DESK) -> Page:
        return desk.open(make_task(kind), viewport)

    return open_it
