"""A folder of 200 films beside an ingest worker: kill -9 of both, three times, changes nothing of what comes out."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from annotation.media.videos import sha256
from annotation.models import Clip, Video
from benchmark_site.celery import app
from benchmark_site.demo.world.encode import encode
from benchmark_site.demo.world.generate import FPS
from benchmark_site.demo.world.plot import invent_clip
from benchmark_site.demo.world.render import draw_backdrop, draw_frame
from benchmark_site.local import embedded
from tests.annotation.media.normal_form.films import Recipe, make_film
from tests.annotation.media.test_import import database_url

WORLD = 200
SECONDS = 2.5
EVERY = 8  # of the world's films, one in so many is imported without a disturbance, too
ODD = [  # as people have them: each is encoded anew
    Recipe(".mkv", "mpeg4", "mp3", seconds=3.0),
    Recipe(".mov", rotation=90, sound="aac", seconds=3.0),
    Recipe(".webm", "libvpx-vp9", "libopus", seconds=3.0),
    Recipe(".avi", "mjpeg", seconds=3.0),
]
ALL = WORLD + len(ODD)
VIDEO = ["sha256", "state", "error", "notes", "duration", "fps", "width", "height", "file", "licence", "progress"]
FILES = ["file", "silent", "poster", "strip", "waveform", "features"]
CLIP = ["start", "end", "features_sha256", *FILES]
VTT = "WEBVTT\n\n00:00.500 --> 00:02.000\nfilm number {}\n"


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """The first seconds of the procedural world's clips with subtitles, and a folder of other films."""
    place = tmp_path / "films"
    (place / "more").mkdir(parents=True)
    for number in range(WORLD):
        plot = invent_clip(f"shapes-{number:03d}", 0, FPS)
        backdrop = draw_backdrop(plot.backdrop)
        start = min(event.start for event in plot.events)  # before it all stages look alike
        times = [start + index / FPS for index in range(round(SECONDS * FPS))]
        encode((draw_frame(plot, time, backdrop) for time in times), Fraction(FPS), place / plot.file)
        (place / plot.file).with_suffix(".vtt").write_text(VTT.format(number))
    for number, recipe in enumerate(ODD):
        make_film(place / "more" / f"odd-{number}", recipe)
    return place


def outcome() -> dict[str, Any]:
    """By film, its rows without keys and clocks; files are named by their hash."""
    return {
        video.public_id: {
            "video": {name: getattr(video, name) for name in VIDEO},
            "clips": list(video.clips.order_by("start").values_list(*CLIP)),
            "subtitles": list(video.subtitles.values_list("start", "end", "text")),
        }
        for video in Video.objects.all()
    }


def assert_files_are_those_of_the_rows(media: Path) -> None:
    """Each is named by a row, is there once, and holds what its name says; nothing is left of killed attempts."""
    named = set(Video.objects.values_list("file", flat=True))
    for clip in Clip.objects.values_list(*FILES):
        named.update(name for name in clip if name)  # without sound there is no waveform
    there = {str(path.relative_to(media)): path for path in media.rglob("*") if path.is_file()}
    assert set(there) == named
    for name, path in there.items():
        if not name.startswith("videos/"):
            assert sha256(path) == path.stem
    for video in Video.objects.all():
        assert sha256(Path(media / video.file.name)) == video.sha256


class Import:
    """The command and the worker, as they run on a server."""

    def __init__(self, films: Path, media: Path, log: Path) -> None:
        self._environment = {
            **os.environ,
            "MEDIA_ROOT": str(media),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": embedded.load_secrets().broker_url,
        }
        self._commands = [
            ["manage.py", "import_videos", str(films), "--licence", "CC0-1.0"],
            ["-m", "celery", "-A", "benchmark_site.celery", "worker", "-Q", "ingest", "-c", "1"],
        ]
        self._log = log
        self.running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.running = [
                subprocess.Popen(
                    [sys.executable, *command], env=self._environment, stdout=log, stderr=log, start_new_session=True
                )
                for command in self._commands
            ]

    def kill(self) -> None:
        for process in self.running:
            with suppress(ProcessLookupError):  # it has ended
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            assert self.running[0].poll() is None, self._log.read_text()[-3000:]
            time.sleep(0.2)

    def wait(self) -> None:
        assert self.running[0].wait(240) == 0, self._log.read_text()[-3000:]


@contextmanager
def importing(films: Path, media: Path, log: Path) -> Iterator[Import]:
    """Command and worker on an empty database, storage and queue."""
    Clip.objects.all().delete()
    Video.objects.all().delete()
    app.control.purge()
    work = Import(films, media, log)
    work.start()
    try:
        yield work
    finally:
        work.kill()
        app.control.purge()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.django_db(transaction=True)
def test_200_films_killed_three_times_end_as_undisturbed_ones(films: Path, tmp_path: Path) -> None:
    some = tmp_path / "some"
    shutil.copytree(films / "more", some / "more")
    for film in sorted(films.glob("*.mp4"))[::EVERY]:
        shutil.copy(film, some)
        shutil.copy(film.with_suffix(".vtt"), some)
    with importing(some, tmp_path / "undisturbed", tmp_path / "undisturbed.log") as work:
        work.wait()
    undisturbed = outcome()
    assert len(undisturbed) == WORLD / EVERY + len(ODD)
    media = tmp_path / "media"
    with importing(films, media, tmp_path / "killed.log") as work:
        ready = Video.objects.filter(state="ready")
        for reached in (
            lambda: Video.objects.count() > ALL / 3,  # while films are taken in
            lambda: ready.count() > ALL / 3,
            lambda: ready.count() > 2 * ALL / 3,
        ):
            work.wait_until(reached)
            work.kill()
            work.start()
        work.wait()
    ended = outcome()
    assert len(ended) == ALL
    assert {name: film["video"]["error"] for name, film in ended.items() if film["video"]["state"] != "ready"} == {}
    assert {name: len(film["clips"]) for name, film in ended.items() if len(film["clips"]) != 1} == {}
    assert sum(len(film["subtitles"]) for film in ended.values()) == WORLD
    assert {name: ended[name] for name in undisturbed} == undisturbed
    assert_files_are_those_of_the_rows(media)
