"""Subtitles as WebVTT, which browsers read."""

from collections.abc import Sequence
from pathlib import Path

from benchmark_site.demo.world.script import Subtitle


def write_vtt(lines: Sequence[Subtitle], path: Path) -> None:
    """Write one cue per line, times in hours:minutes:seconds.milliseconds."""
    cues = [f"{_clock(line.start)} --> {_clock(line.end)}\n{line.text}\n" for line in lines]
    path.write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"
