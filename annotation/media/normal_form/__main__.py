"""The child process: writes `made.json` into the folder, or `refused.txt` with the reason, and `progress.json`."""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from annotation.media.normal_form.make import make_clips
from annotation.media.normal_form.proof import NotProven
from annotation.media.normal_form.streams import Film, FilmError, measure

TELL_EVERY_S = 1.0


def main() -> None:
    options = _options()
    try:
        film = measure(options.film, options.tallest)
        if film.seconds > options.longest_s:
            raise FilmError(f"{film.path.name}: {film.seconds / 60:.0f} min; {options.longest_s / 60:.0f} are the most")
        _limit_bytes(film, options.bytes + options.bytes_per_minute * film.seconds / 60)
        _limit_cpu(options.cpu_s + options.cpu_s_per_minute * film.seconds / 60)
        tell = _Teller(options.folder / "progress.json", film.seconds)
        made = make_clips(film, options.folder, tell, scenes=options.scenes)
    except (FilmError, NotProven) as error:
        _write(options.folder / "refused.txt", str(error))
    else:
        _write(options.folder / "made.json", json.dumps(made.as_json()))


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m annotation.media.normal_form", description=__doc__)
    options.add_argument("film", type=Path)
    options.add_argument("folder", type=Path, help="is there and empty; clips come into it")
    options.add_argument("--tallest", type=int, default=720, metavar="LINES")
    options.add_argument("--scenes", action="store_true", help="clips end where scenes do")
    options.add_argument("--longest-s", type=float, default=14_400.0, metavar="SECONDS")
    options.add_argument("--cpu-s", type=float, default=60.0, metavar="SECONDS", help="for any film")
    options.add_argument(
        "--cpu-s-per-minute", type=float, default=300.0, metavar="SECONDS", help="of film, beside that"
    )
    options.add_argument("--bytes", type=float, default=2.0**26, metavar="N", help="for any film")
    options.add_argument("--bytes-per-minute", type=float, default=2.0**30, metavar="N", help="of film, beside that")
    return options.parse_args()


def _limit_bytes(film: Film, most: float) -> None:
    size = film.path.stat().st_size
    if size > most:
        length = f"{film.seconds:.0f} s of film"
        raise FilmError(f"{film.path.name}: {size / 2**20:.0f} MiB for {length}; {most / 2**20:.0f} are the most")


def _limit_cpu(seconds: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(seconds) if hard == resource.RLIM_INFINITY else min(int(seconds), hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


class _Teller:
    """Writes at most once a second how far the film is."""

    def __init__(self, file: Path, total: float) -> None:
        self._file, self._total, self._told = file, total, 0.0
        self(0.0)

    def __call__(self, done: float) -> None:
        if time.monotonic() - self._told >= TELL_EVERY_S:
            self._told = time.monotonic()
            _write(self._file, json.dumps({"done": round(done, 1), "total": round(self._total, 1)}))


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(".part")
    part.write_text(text)
    part.replace(file)


if __name__ == "__main__":
    main()
