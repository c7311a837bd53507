"""No score without the hash: what is read is the released file, and `verify` says which file is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.cli.main import main
from evaluation.release import Release
from evaluation.release.manifest import sums
from tests.evaluation.small_release import edit_rows, write_release


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """A full copy that a test may change."""
    return shutil.copytree(release, tmp_path / "copy")


def predictions(release: Path, out: Path, task: str, split: str) -> Path:
    kind = {"moment": "whole_clip", "qa": "longest"}[task]
    where = ["--task", task, "--split", split, "--kind", kind, "--out", str(out)]
    assert main(["baseline", str(release), *where]) == 0
    return out


@pytest.mark.parametrize(
    ("path", "task", "split"),
    [
        ("moment/tvr/val.jsonl", "moment", "val"),
        ("moment/tvr/train.jsonl", "moment", "val"),
        ("moment/tvr/video2dur_idx.json", "moment", "val"),
        ("held_out/moment/tvr/test_public.jsonl", "moment", "test"),
        ("qa/value/val.jsonl", "qa", "val"),
        ("qa/value/train.jsonl", "qa", "val"),
        ("held_out/qa/value/test_public.jsonl", "qa", "test"),
        ("held_out/MANIFEST.json", "qa", "test"),
    ],
)
def test_a_changed_file_gives_no_score(
    path: str, task: str, split: str, copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    submitted, report = predictions(copy, tmp_path / "p.json", task, split), tmp_path / "report.json"
    command = ["score", str(copy), str(submitted), "--task", task, "--split", split, "--json", str(report)]
    assert main(command) == 0
    assert json.loads(report.read_text())["notes"] == []
    report.unlink()
    raw = (copy / path).read_bytes()
    (copy / path).write_bytes(raw.replace(b"1", b"2", 1))
    capsys.readouterr()
    assert main(command) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {copy / path}: {len(raw)} bytes with sha256 ")
    assert message.count("\n") == 1
    assert not report.exists()


def test_one_span_of_val_cannot_be_moved(copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submitted = predictions(copy, tmp_path / "p.json", "moment", "val")
    edit_rows(
        copy / "moment/tvr/val.jsonl", lambda row: row["desc_id"] == 132 and row.update(ts=[0.0, row["duration"]])
    )
    assert main(["score", str(copy), str(submitted)]) == 2
    assert "the manifest lists" in capsys.readouterr().err


def test_verify_says_what_it_compared(
    release: Path, public_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(release)]) == 0
    said = capsys.readouterr()
    assert "hero-bench-release/2, hidden split sealed: 14 files" in said.out
    assert "every file is the released one" in said.out
    assert said.err == ""
    assert main(["verify", str(public_release)]) == 0
    public = capsys.readouterr().out
    assert "9 files" in public
    assert "public copy: held_out/ is not here" in public
    (release_hash,) = (line for line in said.out.splitlines() if line.startswith("release hash "))
    assert release_hash in public
    assert main(["verify", str(write_release(tmp_path, version=1))]) == 0
    assert "hero-bench-release/1, hidden split shared: 10 files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda root: (root / "subtitles.jsonl").unlink(), ["subtitles.jsonl: No such file"]),
        (
            lambda root: [(root / name).write_text("x") for name in ("subtitles.jsonl", "qa/value/val.jsonl")],
            ["subtitles.jsonl: 1 bytes", "qa/value/val.jsonl: 1 bytes"],
        ),
        (lambda root: (root / "held_out/notes.txt").write_text("x"), ["held_out/notes.txt: no manifest lists it"]),
        (
            lambda root: (root / "held_out/MANIFEST.json").unlink(),
            ["held_out/MANIFEST.json: No such file", "held_out/qa/value/reserve.jsonl: no manifest lists it"],
        ),
        (
            lambda root: [(root / name).write_text("x") for name in ("held_out/MANIFEST.json", "subtitles.jsonl")],
            ["held_out/MANIFEST.json: 1 bytes", "subtitles.jsonl: 1 bytes"],
        ),
        (lambda root: (root / "held_out/qa/value/reserve.jsonl").unlink(), ["reserve.jsonl: No such file"]),
    ],
)
def test_verify_names_every_file_at_fault(
    change: Callable[[Path], object], named: list[str], copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(copy)
    assert main(["verify", str(copy)]) == 2
    said = capsys.readouterr()
    assert said.err.count(f"{copy}/") >= len(named)
    assert all(part in said.err for part in named)
    assert "every file is the released one" not in said.out


def test_a_file_beside_the_release_is_a_note(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (copy / "PROVENANCE.json").write_text("{}")
    (copy / "my notes.txt").write_text("x")
    assert main(["verify", str(copy)]) == 0
    assert capsys.readouterr().out.count("note: ") == 1


def test_verify_refuses_what_is_no_release(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "MANIFEST.json: No such file" in capsys.readouterr().err


def test_a_bare_truth_file_is_no_release(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submitted, report = predictions(release, tmp_path / "p.json", "moment", "val"), tmp_path / "report.json"
    page = tmp_path / "page.html"
    truth = ["--truth", str(release / "moment/tvr/val.jsonl"), "--video-index"]
    outputs = ["--json", str(report), "--html", str(page)]
    assert main(["score", *truth, str(release / "moment/tvr/video2dur_idx.json"), str(submitted), *outputs]) == 0
    assert "no release: scored on a bare truth file" in capsys.readouterr().out
    written = json.loads(report.read_text())
    assert written["manifest_sha256"] is None
    assert [(note["code"], note["count"]) for note in written["notes"]] == [("no_release", 32)]
    assert "there is no release" in written["notes"][0]["message"]
    assert "none: scored on a bare truth file" in page.read_text()
    assert main(["score", str(release), str(submitted)]) == 0
    assert "release hash " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "hidden", "split", "codes"),
    [
        (1, "shared", "test", ["not_sealed"]),
        (1, "shared", "val", []),
        (2, "shared", "test", ["not_sealed"]),
        (2, "sealed", "test", []),
    ],
)
@pytest.mark.parametrize("task", ["moment", "qa"])
def test_a_hidden_split_that_is_not_sealed_is_scored_with_a_note(
    version: int, hidden: str, split: str, codes: list[str], task: str, tmp_path: Path
) -> None:
    root = write_release(tmp_path / "release", version=version, hidden=hidden)
    submitted, report = predictions(root, tmp_path / "p.json", task, split), tmp_path / "report.json"
    assert main(["score", str(root), str(submitted), "--task", task, "--split", split, "--json", str(report)]) == 0
    assert [note["code"] for note in json.loads(report.read_text())["notes"]] == codes


def test_verify_compares_the_sums_beside_the_manifest(
    public_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(public_release, tmp_path / "copy")
    released = Release.open(root)
    good = sums(released.files(), released.manifest_sha256).encode()
    for place in (0, len(good) // 2, len(good) - 2):
        (root / "SHA256SUMS").write_bytes(good)
        assert main(["verify", str(root)]) == 0
        (root / "SHA256SUMS").write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert main(["verify", str(root)]) == 2
        assert f"{root}/SHA256SUMS: these are not the sums" in capsys.readouterr().err


def test_a_manifest_that_was_changed_does_not_fit_its_sums(
    public_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shutil.copytree(public_release, tmp_path / "copy")
    released = Release.open(root)
    (root / "SHA256SUMS").write_text(sums(released.files(), released.manifest_sha256))
    text = (root / "MANIFEST.json").read_text()
    (root / "MANIFEST.json").write_text(text.replace('"seed":0', '"seed":1'))
    assert main(["verify", str(root)]) == 2
    assert "SHA256SUMS" in capsys.readouterr().err
