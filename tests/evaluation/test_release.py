import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluation.release import Release, ReleaseError
from tests.evaluation.small_release import write_release


def test_reads_what_was_written(release: Path) -> None:
    opened = Release.open(release)
    opened.verify()
    assert (opened.name, opened.version, opened.has_held_out, opened.tasks) == (
        "small",
        "1.0.0",
        True,
        ["moment", "qa"],
    )
    row = json.loads((release / "moment/tvr/val.jsonl").read_text().splitlines()[0])
    queries = opened.moments("val")
    assert len(queries) == 32
    assert queries.desc_ids[0] == row["desc_id"]
    assert queries.videos.names[queries.video[0]] == row["vid_name"]
    assert [queries.start[0], queries.end[0]] == row["ts"]
    assert queries.types[0] == row["type"]
    questions = opened.questions("val")
    question = json.loads((release / "qa/value/val.jsonl").read_text().splitlines()[0])
    assert questions.answer[0] == question["answer_idx"]
    assert questions.options[0] == tuple(question[f"a{n}"] for n in range(4))
    assert f"{questions.span[0, 0]}-{questions.span[0, 1]}" == question["ts"]
    assert opened.subtitles()[queries.videos.names[0]][0].end == 3.5


def test_truth_of_test_comes_from_the_held_out_files_alone(release: Path, public_release: Path) -> None:
    full, public = Release.open(release), Release.open(public_release)
    assert full.moments("test").has_truth
    assert not full.moments("test", truth=False).has_truth
    assert not public.has_held_out
    assert not public.moments("test").has_truth
    assert np.isnan(public.moments("test").start).all()
    assert not public.questions("test").has_truth
    public.verify()
    assert full.manifest_sha256 == public.manifest_sha256


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "MANIFEST.json").unlink(), "MANIFEST.json"),
        (lambda root: (root / "MANIFEST.json").write_text("{"), "MANIFEST.json"),
        (lambda root: _replace(root / "MANIFEST.json", "release/1", "release/9"), "expected 'hero-bench-release/1'"),
        (lambda root: _replace(root / "MANIFEST.json", "subtitles.jsonl", "../ubtitles.jsonl"), "leads out"),
        (lambda root: _append(root / "subtitles.jsonl", b" "), "subtitles.jsonl"),
        (lambda root: _replace(root / "moment/tvr/val.jsonl", '"type": "t"', '"type": "x"'), "val.jsonl:2"),
        (lambda root: _replace(root / "moment/tvr/val.jsonl", '"ts": [', '"ts": [-'), "0 <= start < end"),
        (lambda root: _replace(root / "moment/tvr/val.jsonl", "va_video0", "va_videoX"), "va_videoX"),
        (lambda root: _replace(root / "qa/value/val.jsonl", '"answer_idx": ', '"answer_idx": 7'), "expected 0..3"),
        (lambda root: _replace(root / "moment/tvr/video2dur_idx.json", ", 9]", ", 8]"), "idx 8 belongs to both"),
        (
            lambda root: _append(root / "moment/tvr/val.jsonl", (root / "moment/tvr/val.jsonl").read_bytes()),
            "a second time",
        ),
    ],
)
def test_a_damaged_release_is_refused_with_its_place(
    change: Callable[[Path], object], expected: str, tmp_path: Path
) -> None:
    root = write_release(tmp_path / "release")
    change(root)
    with pytest.raises(ReleaseError) as refusal:
        _read_everything(root)
    assert expected in str(refusal.value)


def _read_everything(root: Path) -> None:
    opened = Release.open(root)
    opened.moments("val")
    opened.questions("val")
    opened.verify()


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def _append(path: Path, raw: bytes) -> None:
    path.write_bytes(path.read_bytes() + raw)
