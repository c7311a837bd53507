"""Minutes of film that a minute of CPU takes in, beside plain decoding and scaling of the same film, and peak memory.

    .venv/bin/python benchmarks/ingest.py                     # 480p, one and four minutes
    .venv/bin/python benchmarks/ingest.py --minutes 1 120 --lines 480
    .venv/bin/python benchmarks/ingest.py --films a.mp4 b.webm

Every number is of a fresh process. *decode + scale* decodes each picture and scales it to 224 x 224; *cut* is the child
process of an ingest (measure, decode, encode, proofs, stills); *features* encodes what it kept. A film of the normal
form is not encoded anew, so `--normal` shows that way.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

REPOSITORY = Path(__file__).parents[1]
RATE = 25
AIM_RATIO, AIM_PEAK_MB = 3.0, 1000
DECODE = """
import sys, av
with av.open(sys.argv[1]) as film:
    film.streams.video[0].thread_count = 2
    for frame in film.decode(video=0):
        frame.reformat(width=224, height=224, format="rgb24", threads=1)
"""
FEATURES = """
import sys, numpy as np
from pathlib import Path
from hero_model.features.frame_encoder import FrameEncoder
import time
encoder = FrameEncoder()
encoder.encode(np.zeros((1, 224, 224, 3), np.uint8))
Path(sys.argv[1], "loaded.txt").write_text(str(time.process_time()))
for frames in sorted(Path(sys.argv[1]).glob("*-frames.npy")):
    encoder.encode(np.load(frames))
"""


@dataclass(frozen=True)
class Cost:
    """What one process used: CPU and wall seconds, peak resident MB."""

    cpu: float
    wall: float
    peak: float


def run(*command: str) -> Cost:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    begin = time.monotonic()
    child = subprocess.Popen([sys.executable, *command], cwd=REPOSITORY, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:3]} ended with {child.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1000)


def make_film(path: Path, seconds: int, lines: int, normal: bool) -> None:
    """A textured plane that pans, with a little noise: about what a hand-held camera sees."""
    width = lines * 16 // 9 // 2 * 2
    rng = np.random.default_rng(0)
    plane = np.kron(rng.integers(0, 256, (lines // 8 + 64, width // 8 + 64, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    with av.open(str(path), "w", options={"movflags": "faststart"} if normal else {}) as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast", "g": str(RATE if normal else 250)})
        stream.width, stream.height, stream.pix_fmt = width, lines, "yuv420p"
        sound = out.add_stream("aac", rate=48_000)
        for number in range(seconds * RATE):
            x, y = (int(128 + 127 * f(number / 40)) for f in (np.sin, np.cos))
            picture = plane[y : y + lines, x : x + width].copy()
            picture[:: 1 + number % 3, ::7] ^= 8
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            out.mux(stream.encode(frame))
            wave = rng.normal(0, 0.1, (1, 48_000 // RATE)).astype(np.float32)
            heard = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 48_000, number * 48_000 // RATE, Fraction(1, 48_000)
            out.mux(sound.encode(heard))
        out.mux(stream.encode(None))
        out.mux(sound.encode(None))


def measure(film: Path, made: Path) -> float:
    """Print a table for one film; the peak of the ingest in MB. `made` is a folder to be made for its clips."""
    made.mkdir()
    plain = run("-c", DECODE, str(film))
    cut = run("-m", "annotation.media.normal_form", str(film), str(made))
    features = run("-c", FEATURES, str(made))
    loaded = float((made / "loaded.txt").read_text())
    features = replace(features, cpu=features.cpu - loaded)
    if (made / "refused.txt").exists():
        raise SystemExit((made / "refused.txt").read_text())
    with av.open(str(film)) as opened:
        seconds, shown = (opened.duration or 0) / av.time_base, opened.streams.video[0]
        about = f"{shown.height} lines, {float(shown.average_rate or 0):g} pictures a second"
    print(f"{film.name}: {seconds / 60:.1f} min of {about}")
    for name, cost in (("decode + scale", plain), ("cut", cut), ("features", features)):
        speed = f"{seconds / cost.cpu:6.1f} min a CPU min"
        print(f"  {name:15} {cost.cpu:7.1f} s CPU {cost.wall:7.1f} s wall {cost.peak:6.0f} MB  {speed}")
    print(f"  {'load encoder':15} {loaded:7.1f} s CPU, once in a worker's life, not counted")
    whole = cut.cpu + features.cpu
    print(f"  {'ingest':15} {whole:7.1f} s CPU {seconds / whole:40.1f} min a CPU min")
    print(f"  {whole / plain.cpu:.1f} times decode + scale (aim {AIM_RATIO:g}), cut alone {cut.cpu / plain.cpu:.1f}")
    return max(cut.peak, features.peak)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--minutes", type=int, nargs="+", default=[1, 4])
    options.add_argument("--lines", type=int, default=480)
    options.add_argument("--normal", action="store_true", help="films that are in the normal form already")
    options.add_argument("--films", type=Path, nargs="+", default=[], help="these in place of films that are made")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = [film.resolve() for film in given.films] or [
            folder / f"{'normal' if given.normal else 'made'}-{n}-min.mp4" for n in given.minutes
        ]
        peaks = []
        for number, film in enumerate(films):
            if not given.films:
                make_film(film, 60 * given.minutes[number], given.lines, given.normal)
            peaks.append(measure(film, folder / str(number)))
    print(f"peak memory {', '.join(f'{peak:.0f}' for peak in peaks)} MB (aim below {AIM_PEAK_MB})")


if __name__ == "__main__":
    main()
