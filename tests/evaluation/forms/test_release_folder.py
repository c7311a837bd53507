"""A release of another site as a foreign file: `convert --from release`, of a folder or of a site's zip."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from tests.evaluation.forms.test_convert import run
from tests.evaluation.small_release import write_release

ROWS = ("moment/tvr/{}.jsonl", "qa/value/{}.jsonl")


def released(folder: Path, *splits: str) -> list[dict[str, Any]]:
    """The rows of the files, queries first."""
    paths = [folder / path.format(split) for path in ROWS for split in splits]
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """With a question's times as numbers: "12" and "12.0" say the same."""
    return row | {"ts": [float(part) for part in row["ts"].split("-")]} if "q" in row else row


def by_id(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {f"{row.get('desc_id')} {row.get('qid')}": plain(row) for row in rows}


def zipped(folder: Path, target: Path, separator: str = "/", top: str = "small-1.0.0/") -> Path:
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.writestr((top + path.relative_to(folder).as_posix()).replace("/", separator), path.read_bytes())
    return target


def test_a_public_copy_tells_train_and_val(public_release: Path, tmp_path: Path) -> None:
    rows, problems = run("release", public_release, tmp_path)
    assert list(map(plain, rows)) == list(map(plain, released(public_release, "train", "val")))
    assert problems == []


def test_a_full_copy_tells_the_truth_of_test_and_never_the_reserve(release: Path, tmp_path: Path) -> None:
    rows, _ = run("release", release, tmp_path)
    labelled = released(release, "train", "val") + released(release / "held_out", "test_public")
    assert by_id(rows) == by_id(labelled)
    reserve = json.loads((release / "held_out/qa/value/reserve.jsonl").read_text().splitlines()[0])
    assert reserve["qid"] not in {row.get("qid") for row in rows}


@pytest.mark.parametrize(("separator", "top"), [("/", "small-1.0.0/"), ("/", ""), ("\\", "a folder/small/")])
def test_a_zip_tells_what_its_folder_does(public_release: Path, tmp_path: Path, separator: str, top: str) -> None:
    folder = run("release", public_release, tmp_path)
    assert run("release", zipped(public_release, tmp_path / "x.zip", separator, top), tmp_path) == folder


def test_a_release_of_version_1_is_one(tmp_path: Path) -> None:
    folder = write_release(tmp_path / "old", version=1, held_out=False)
    rows, _ = run("release", folder, tmp_path)
    assert list(map(plain, rows)) == list(map(plain, released(folder, "train", "val")))


@pytest.mark.parametrize("kind", ["damaged", "no release", "no zip", "cut off", "of another", "nothing"])
def test_what_is_no_release_is_refused(
    kind: str, public_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shutil.copytree(public_release, tmp_path / "copy")
    packed = zipped(source, tmp_path / "x.zip")
    if kind == "damaged":
        (source / "moment/tvr/val.jsonl").write_text("")
        packed = zipped(source, tmp_path / "x.zip")
    elif kind == "no release":
        (source / "MANIFEST.json").unlink()
        packed = zipped(source, tmp_path / "x.zip")
    elif kind == "no zip":
        packed.write_bytes(b"text")
    elif kind == "cut off":
        packed.write_bytes(packed.read_bytes()[:-200])
    elif kind == "of another":
        packed = source / "moment"
    else:
        packed = tmp_path / "nothing.zip"
    assert main(["convert", "--from", "release", str(packed), str(tmp_path / "out.jsonl")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "out.jsonl").exists()
