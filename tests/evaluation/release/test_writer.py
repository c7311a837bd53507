"""A release written from plain rows, without a database, reads back as it was and hides what it should."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from evaluation.release import (
    CARD,
    FOLDERS,
    HELD_OUT,
    HELD_OUT_MANIFEST,
    MANIFEST,
    ManifestFile,
    Release,
    ReleaseError,
    SubtitleLine,
    is_held_out,
    is_public,
    truth_name,
    writer,
)
from evaluation.release.names import feature_set_files
from tests.evaluation.small_release import relist

SPLIT_OF = ("train", "val", "test", "test")
NONCE = "5e" * 32


def clip(number: int, sealed: bool) -> writer.Clip:
    """One of four clips; of the two hidden ones each serves one task where the release is sealed."""
    hidden = SPLIT_OF[number] == "test"
    tasks = [list(FOLDERS)[number % 2]] if sealed and hidden else list(FOLDERS)
    said = [SubtitleLine(f"číslo {number}", 0.5, 2.0)]
    return writer.Clip(
        name=f"clip-{number}", split=SPLIT_OF[number], duration=30 + number / 7, tasks=tasks, subtitles=said
    )


def write(folder: Path, *, sealed: bool = True, questions: bool = True) -> tuple[list[ManifestFile], str]:
    """A query and a question on each of four clips: in a sealed release those of the other task are kept."""
    folder.mkdir()
    clips = [clip(number, sealed) for number in range(4)]
    queries = [
        writer.Query(
            id=10 + n, split=at.split, published="moment" in at.tasks, clip=at.name, text=f"“query” {n}",
            start=1.5, end=n + 2.25, duration=30.0, type="vt",
        )
        for n, at in enumerate(clips)
    ]  # fmt: skip
    asked = [
        writer.Question(
            id=20 + n, split=at.split, published="qa" in at.tasks, clip=at.name, text=f"question {n}?",
            start=0.0, end=1e-3, options=["a", "b", "c", f"d{n}"], answer=n,
            blind_chance=None if n == 1 else n / 4,
        )
        for n, at in enumerate(clips)
    ]  # fmt: skip
    vectors = {at.name: np.full((2, 3), n, np.float32) for n, at in enumerate(clips)}
    seen = [writer.FeatureSet(name="some net/2", model="some net/2", interval_s=1.5, vectors=vectors)]
    files = writer.write_files(folder, queries, asked if questions else [], clips, seen)
    files.append(writer.write_file(folder, CARD, b"# card\n"))
    held_out, sha256 = writer.write_manifests(
        folder, files, name="demo", version="1.0.0", seed=3, hidden="sealed" if sealed else "shared", nonce=NONCE
    )
    return [*files, held_out], sha256


@pytest.mark.parametrize("sealed", [True, False])
def test_what_was_written_reads_back(sealed: bool, tmp_path: Path) -> None:
    files, sha256 = write(tmp_path / "release", sealed=sealed)
    release = Release.open(tmp_path / "release")
    release.verify()
    assert (release.manifest_sha256, release.name, release.version, release.manifest.seed) == (
        sha256, "demo", "1.0.0", 3,
    )  # fmt: skip
    assert release.hidden == ("sealed" if sealed else "shared")
    assert list(release.unlisted()) == []
    assert sorted(file.path for file in files) == sorted(
        entry.path for entry in [*release.files(), *release.held_out.values()]
    )
    train = release.moments("train")
    assert (train.desc, train.types.tolist(), train.start.tolist(), train.end.tolist()) == (
        ["“query” 0"], ["vt"], [1.5], [2.25],
    )  # fmt: skip
    val = release.questions("val")
    assert (val.qids.tolist(), val.answer.tolist(), val.span.tolist()) == ([21], [1], [[0.0, 0.001]])
    assert val.options == [("a", "b", "c", "d1")]
    assert release.subtitles()["clip-3"] == [SubtitleLine("číslo 3", 0.5, 2.0)]
    assert list(release.feature_files()) == ["some-net-2"]
    assert release.videos("test").durations.tolist() == [30.286, 30.429]


@pytest.mark.parametrize("sealed", [True, False])
def test_the_truth_of_test_lies_in_the_held_out_part_alone(sealed: bool, tmp_path: Path) -> None:
    files, _ = write(tmp_path / "release", sealed=sealed)
    release = Release.open(tmp_path / "release")
    assert not release.moments("test", truth=False).has_truth
    assert not release.questions("test", truth=False).has_truth
    assert release.moments("test").has_truth
    assert release.questions("test").has_truth
    kept = [row.desc_id for row in release.reserve("moment")], [row.qid for row in release.reserve("qa")]
    assert kept == (([13], [22]) if sealed else ([], []))
    for file in files:
        assert (file.access == "held_out") == is_held_out(file.path) == (not is_public(file.path))
        secret = is_held_out(file.path)
        path = tmp_path / "release" / file.path
        assert path.stat().st_mode & 0o77 == 0 if secret else path.stat().st_mode & 0o600 == 0o600
        assert not secret or path.parent.stat().st_mode & 0o777 == writer.SECRET_FOLDER
    assert {file.path for file in files if file.access == "held_out"} > {HELD_OUT_MANIFEST, truth_name("qa")}
    assert [entry.path for entry in release.files("held_out")] == [HELD_OUT_MANIFEST]


def test_how_easy_a_question_is_stands_in_the_held_out_part_alone(tmp_path: Path) -> None:
    """Not of what was not measured, nor of the reserve; a copy without the held-out part has none."""
    write(tmp_path / "release", sealed=True)
    assert Release.open(tmp_path / "release").difficulty() == {20: 0.0, 23: 0.75}
    public = [path for path in (tmp_path / "release").rglob("*.json*") if HELD_OUT not in path.parts]
    assert not any("blind_chance" in path.read_text() for path in public)
    shutil.rmtree(tmp_path / "release" / HELD_OUT)
    with pytest.raises(ReleaseError, match="difficulty of its questions is not in this copy"):
        Release.open(tmp_path / "release").difficulty()


def test_same_rows_give_same_bytes_and_another_nonce_another_release(tmp_path: Path) -> None:
    assert write(tmp_path / "one") == write(tmp_path / "two")
    manifest = (tmp_path / "one" / MANIFEST).read_bytes()
    canonical = json.dumps(json.loads(manifest), sort_keys=True, separators=(",", ":")) + "\n"
    assert manifest == canonical.encode()


def test_a_task_without_published_rows_has_no_folder(tmp_path: Path) -> None:
    write(tmp_path / "release", questions=False)
    assert Release.open(tmp_path / "release").tasks == ["moment"]
    assert not (tmp_path / "release" / FOLDERS["qa"]).exists()


def test_no_file_is_written_over_another_and_no_split_is_made_up(tmp_path: Path) -> None:
    writer.write_file(tmp_path, CARD, b"1")
    with pytest.raises(FileExistsError):
        writer.write_file(tmp_path, CARD, b"2")
    made_up = writer.Clip(name="c", split="dev", duration=2.0, tasks=["moment"], subtitles=[])
    query = writer.Query(
        id=1, split="train", published=True, clip="c", text="t", start=0.0, end=1.0, duration=2.0, type="v"
    )
    with pytest.raises(ReleaseError, match="split 'dev' is unknown"):
        writer.write_files(tmp_path, [query], [], [made_up], [])


def test_a_large_feature_set_is_cut_into_shards_with_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clips of 24 bytes fit into a shard; the same rows give the same files."""
    monkeypatch.setattr(writer, "LARGEST_SHARD", 48)
    files, _ = write(tmp_path / "one")
    write(tmp_path / "other")
    base = "features/some-net-2"
    shards = [f"{base}-00001-of-00002.safetensors", f"{base}-00002-of-00002.safetensors"]
    index = f"{base}.safetensors.index.json"
    rows = {file.path: file.rows for file in files if file.path.startswith("features/")}
    assert rows == {shards[0]: 2, shards[1]: 2, index: None}
    for path in rows:
        assert is_public(path)
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes()
    told = json.loads((tmp_path / "one" / index).read_text())
    assert told["metadata"] == {"total_size": 96}
    for clip, name in told["weight_map"].items():
        with safe_open(tmp_path / "one/features" / name, "np") as stored:
            assert (stored.get_tensor(clip) == int(clip[-1])).all()
            assert stored.metadata() == {"model": "some net/2", "interval_s": "1.5", "dim": "3"}
    assert sorted(told["weight_map"]) == [f"clip-{n}" for n in range(4)]
    release = Release.open(tmp_path / "one")
    release.verify()
    assert {name: [e.path for e in entries] for name, entries in release.feature_files().items()} == {
        "some-net-2": shards
    }


def test_one_clip_that_is_larger_than_a_shard_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LARGEST_SHARD", 1)
    write(tmp_path / "release")
    assert [len(entries) for entries in Release.open(tmp_path / "release").feature_files().values()] == [4]


def test_an_index_that_names_other_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "LARGEST_SHARD", 48)
    write(tmp_path / "release")
    index = tmp_path / "release/features/some-net-2.safetensors.index.json"
    index.write_text(index.read_text().replace("00002-of", "00003-of"))
    relist(tmp_path / "release")
    with pytest.raises(ReleaseError, match=r"index.json: names some-net-2-0000[23]-of-00002.safetensors, expected"):
        Release.open(tmp_path / "release").feature_files()


def test_a_set_whose_name_looks_like_a_shard_is_one_of_its_own() -> None:
    shard, index = "features/net-00001-of-00002.safetensors", "features/net.safetensors.index.json"
    assert feature_set_files([shard, "features/a.safetensors"]) == {
        "a": ["features/a.safetensors"],
        "net-00001-of-00002": [shard],
    }
    assert feature_set_files([shard, index, "README.md"]) == {"net": [shard]}


def test_a_release_that_holds_nothing_out_has_one_manifest_and_no_truth_of_test(tmp_path: Path) -> None:
    """As one of the field's files: what of test is not known is not written, and clips keep the field's numbers."""
    common = {"published": True, "text": "x", "start": 1.0, "end": 2.0}
    unknown = common | {"split": "test", "start": np.nan, "end": np.nan}
    queries = [
        writer.Query(id=1, split="val", clip="b", duration=9.0, type=None, **common),
        writer.Query(id=2, clip="", duration=np.nan, type=None, **unknown),
    ]
    questions = [
        writer.Question(id=3, clip="b", options="abcd", answer=2, **common | {"split": "val", "start": np.nan}),
        writer.Question(id=4, clip="a", options="abcd", answer=-1, **unknown),
    ]
    clips = [
        writer.Clip(name=name, split=split, duration=9.0, tasks=list(FOLDERS), subtitles=[], number=number)
        for name, split, number in (("a", "test", 71), ("b", "val", 5))
    ]
    files = writer.write_files(tmp_path, queries, questions, clips, [], holds_out=False)
    sha256 = writer.write_manifest(tmp_path, files, name="tv", version="1.0.0", seed=0, hidden="shared")
    release = Release.open(tmp_path)
    release.verify()
    assert release.manifest_sha256 == sha256
    assert (release.is_public_copy, release.has_held_out, release.files("held_out")) == (True, False, [])
    assert (release.videos("test").ids.tolist(), release.videos("val").ids.tolist()) == ([71], [5])
    assert (release.moments("test").has_truth, release.questions("test").has_truth) == (False, False)
    assert (release.moments("val").types.tolist(), release.questions("val").answer.tolist()) == ([""], [2])
    assert np.isnan(release.questions("val").span).all()
    assert "null" not in (tmp_path / "moment/tvr/val.jsonl").read_text()
