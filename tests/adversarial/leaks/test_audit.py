"""From folder to report: what is refused, what is skipped, and that the same folder gives the same bytes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adversarial.cli.main import main
from adversarial.data.errors import ItemError
from adversarial.leaks.audit import audit_release
from adversarial.leaks.view import open_audited, read_features
from evaluation.release import Release
from evaluation.release.features import save_features

from .world import make_world, only_moments, only_questions, write_world


def test_command_prints_the_worst_and_writes_the_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = only_moments(make_world(clips=8))
    world.moments["train"][0] |= {field: world.hidden_moments[0][field] for field in ("desc", "ts")}
    folder, report = write_world(tmp_path / "release", world), tmp_path / "leaks.json"
    assert main(["leaks", str(folder), "--report", str(report)]) == 1
    printed = capsys.readouterr().out
    assert f"! proof: moment copied from a labelled split: {world.hidden_moments[0]['desc_id']}" in printed
    assert "note: qa: no hidden rows, skipped" in printed
    numbers = json.loads(report.read_text(), parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert f"and {numbers['comparisons'] - 20} more (--all)" in printed
    assert len(printed.splitlines()) < 30
    assert main(["leaks", str(folder), "--all"]) == 1
    assert len(capsys.readouterr().out.splitlines()) > numbers["comparisons"]


def test_clean_release_ends_with_status_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaks", str(write_world(tmp_path, only_moments(make_world(clips=6))))]) == 0
    assert capsys.readouterr().out.endswith("no leak found\n")


def test_public_copy_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_world(tmp_path, make_world(clips=4))
    for path in sorted((folder / "held_out").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (folder / "held_out").rmdir()
    assert main(["leaks", str(folder)]) == 2
    assert (
        capsys.readouterr().err
        == f"error: {folder}: lacks held_out/; only the owner's full copy can be audited for leaks\n"
    )


@pytest.mark.parametrize("arguments", [["nowhere"], ["nowhere", "--report", "/nowhere/leaks.json"], []])
def test_bad_input_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaks", *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_questions_without_labels_in_val_are_skipped(tmp_path: Path) -> None:
    world = only_questions(make_world(clips=6))
    world.questions["val"] = []
    report = audit_release(write_world(tmp_path, world))
    assert report["notes"] == [
        "moment: no hidden rows, skipped",
        "qa: blind models need labelled questions in train and in val, skipped",
    ]
    assert report["rows"] == []


@pytest.mark.slow
def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    folder = write_world(tmp_path / "release", make_world(clips=6))
    other = {"PYTHONHASHSEED": "7", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "adversarial", "leaks", str(folder), "--seed", "3", "--report"]
    subprocess.run([*command, str(tmp_path / "leaks.json")], env=os.environ | other, check=True, capture_output=True)
    assert json.loads((tmp_path / "leaks.json").read_text()) == audit_release(folder, seed=3)


def test_order_of_frames_and_files_is_tried(tmp_path: Path) -> None:
    """The places of clips in a feature file, or the times of a clip's own file, follow the hidden rows."""
    world = only_moments(make_world(clips=30, each=1))
    names = [row["vid_name"] for row in world.hidden_moments]
    (tmp_path / "features").mkdir()
    others = [row["vid_name"] for split in ("train", "val") for row in world.moments[split]]
    frames = {name: np.ones((1 + place, 2), np.float32) for place, name in enumerate(names)}
    frames |= {name: np.ones((1, 2), np.float32) for name in others}
    save_features(tmp_path / "features/tiny.safetensors", frames, model="tiny", interval_s=1.0)
    assert {name: entry.frames for name, entry in read_features(tmp_path / "features/tiny.safetensors").items()} == {
        name: len(tensor) for name, tensor in frames.items()
    }
    folder = write_world(tmp_path, world, features=["features/tiny.safetensors"])
    (folder / "thumbnails").mkdir()
    for place, name in enumerate(reversed(names)):
        (folder / f"thumbnails/{name}.jpg").write_bytes(b"")
        os.utime(folder / f"thumbnails/{name}.jpg", (place, place))
    blocked = audit_release(folder)["blocked"]
    assert {"rows by file, clips by frames of tiny", "rows by file, clips by file time falling"} <= set(blocked)


def test_shards_of_a_feature_set_follow_each_other(tmp_path: Path) -> None:
    """An order of clips over all shards is seen as that of one file is."""
    world = only_moments(make_world(clips=30, each=1))
    hidden = [row["vid_name"] for row in world.hidden_moments]
    others = [row["vid_name"] for split in ("train", "val") for row in world.moments[split]]
    (tmp_path / "features").mkdir()
    parts = [hidden[:15], [*hidden[15:], *others]]
    paths = [f"features/tiny-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for path, names in zip(paths, parts, strict=True):
        save_features(tmp_path / path, {n: np.ones((1, 2), np.float32) for n in names}, model="tiny", interval_s=1.0)
    index = {
        "metadata": {},
        "weight_map": {n: Path(p).name for p, names in zip(paths, parts, strict=True) for n in names},
    }
    (tmp_path / "features/tiny.safetensors.index.json").write_text(json.dumps(index))
    paths.append("features/tiny.safetensors.index.json")
    release = Release.open(write_world(tmp_path, world, features=paths))
    seen = open_audited(release.root).view.features["tiny"]
    assert set(seen) == {*hidden, *others}
    assert max(seen[name].offset for name in parts[0]) < min(seen[name].offset for name in parts[1])


def test_broken_features_are_named(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0not a header")
    with pytest.raises(ItemError, match=f"{path}: expected a safetensors file"):
        read_features(path)
