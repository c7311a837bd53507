"""A film of two hours is taken in while the crowd works: it delays nobody, and its worker's memory stays flat."""

from __future__ import annotations

import subprocess
import sys
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from tests.e2e.conftest import ROOT, STAYS_UP, TINY, Demo, running_demo
from tests.e2e.test_kill import ask, wait_until

SECONDS, FPS, MIB = 2 * 3600, 10, 2**20
READY = "SELECT count(*) = 1 FROM annotation_video WHERE public_id = 'two-hours' AND state = 'ready'"
BEGUN = "SELECT count(*) = 1 FROM annotation_video WHERE public_id = 'two-hours' AND progress > 0"


def write_film(path: Path) -> None:
    """A bar that wanders over noise, so that neither side of the pictures is free."""
    rng = np.random.default_rng(0)
    backgrounds = rng.integers(60, 120, (7, 72, 96, 3), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
        for index in range(SECONDS * FPS):
            picture = backgrounds[index // 50 % 7].copy()
            picture[:, index % 90 : index % 90 + 6] = 230
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


class Memory:
    """The largest resident size of what ingests, sampled while a test runs."""

    def __init__(self, demo: Demo) -> None:
        self.demo, self.most, self.over = demo, 0, threading.Event()
        self.thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Memory:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _sample(self) -> None:
        while not self.over.wait(1.0):
            for process in self.demo.processes():
                try:
                    line = " ".join(process.cmdline())
                    if "ingest@" in line or "normal_form" in line:
                        self.most = max(self.most, process.memory_info().rss)
                except psutil.Error:
                    continue


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_two_hours_are_ingested_while_batches_are_launched_answered_and_paid(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    write_film(folder / "two-hours.mp4")
    with running_demo(*TINY) as demo, Memory(demo) as memory:
        demo.wait_for("decode, cut, extract features:")
        command = [sys.executable, "manage.py", "import_videos", str(folder), "--queue"]
        done = subprocess.run(command, cwd=ROOT, env=demo.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until(demo, BEGUN)
        answered = ask(demo, "SELECT count(*) FROM annotation_assignment")
        wait_until(
            demo, f"SELECT count(*) > {int(str(answered)) + 10} FROM annotation_ledgerentry WHERE kind = 'reward'", 600
        )
        assert not ask(demo, READY), "the film was over before anything was paid: it shows nothing"
        demo.wait_for(STAYS_UP)
        wait_until(demo, READY, 1500)
        clips = "FROM annotation_clip c JOIN annotation_video v ON v.id = c.video_id WHERE v.public_id = 'two-hours'"
        assert ask(demo, f"SELECT count(*) {clips}") == SECONDS // 60
        assert ask(demo, f"SELECT sum(c.end - c.start) {clips}") == pytest.approx(SECONDS, abs=1)
        assert 0 < memory.most < 1024 * MIB
