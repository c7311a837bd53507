"""The procedural world of the demo: clips of coloured shapes, their subtitles and the script of their events.

    from benchmark_site.demo.world.generate import render_world
    render_world(Path("world"), n=60, seed=0)

writes ``shapes-000.mp4`` + ``shapes-000.vtt`` ... and ``script.json``. The same seed gives the same bytes on one
machine; what is there with the right hash is not drawn again.
"""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec

from benchmark_site.demo.world.encode import encode
from benchmark_site.demo.world.plot import invent_clip
from benchmark_site.demo.world.render import draw_backdrop, draw_frame
from benchmark_site.demo.world.script import FORMAT, Clip, Script, read_script, write_script
from benchmark_site.demo.world.subtitles import write_vtt

FPS = 6


def render_world(out: Path, n: int = 60, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> None:
    """Render ``n`` clips into ``out``; ``progress(done, n)`` is called after each."""
    out.mkdir(parents=True, exist_ok=True)
    script_file = out / "script.json"
    there = {clip.name: clip for clip in read_script(script_file).clips} if script_file.exists() else {}
    clips: list[Clip] = []
    for number in range(n):
        plot = invent_clip(f"shapes-{number:03d}", seed, FPS)
        known = there.get(plot.name)
        if known is None or not _is_rendered(plot, known, out):
            known = _render(plot, out)
        write_vtt(plot.subtitles, out / f"{plot.name}.vtt")
        clips.append(known)
        if progress is not None:
            progress(number + 1, n)
    write_script(Script(FORMAT, seed, tuple(clips)), script_file)


def _is_rendered(plot: Clip, known: Clip, out: Path) -> bool:
    file = out / plot.file
    return msgspec.structs.replace(known, sha256="") == plot and file.exists() and sha256(file) == known.sha256


def _render(plot: Clip, out: Path) -> Clip:
    backdrop = draw_backdrop(plot.backdrop)
    times = [index / FPS for index in range(round(plot.duration * FPS))]
    encode((draw_frame(plot, time, backdrop) for time in times), Fraction(FPS), out / plot.file)
    return msgspec.structs.replace(plot, sha256=sha256(out / plot.file))


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
