import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.release import Release, ReleaseError
from tests.evaluation.small_release import FOLDERS, edit_rows, relist, write_release


def test_reads_what_was_written(release: Path) -> None:
    opened = Release.open(release)
    opened.verify()
    assert (opened.name, opened.version, opened.format_version, opened.hidden) == ("small", "1.0.0", 2, "sealed")
    assert (opened.has_held_out, opened.tasks) == (True, ["moment", "qa"])
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
    assert full.questions("test").has_truth
    assert not full.moments("test", truth=False).has_truth
    assert (full.is_public_copy, public.is_public_copy, public.has_held_out) == (False, True, False)
    assert not public.moments("test").has_truth
    assert np.isnan(public.moments("test").start).all()
    assert not public.questions("test").has_truth
    assert np.isnan(public.questions("test").span).all()
    public.verify()
    assert full.manifest_sha256 == public.manifest_sha256


def test_each_task_has_clips_of_its_own_and_a_release_has_all_of_them(release: Path) -> None:
    opened = Release.open(release)
    moment, qa = (set(opened.videos("test", task).names) for task in ("moment", "qa"))
    assert (len(moment), len(qa), moment & qa) == (8, 8, set())
    everything = opened.videos("test")
    assert set(everything.names) == moment | qa
    assert len(set(everything.ids.tolist())) == 16
    for task in ("moment", "qa"):
        for name, idx in opened.videos("test", task).id_of.items():
            assert everything.id_of[name] == idx
    assert opened.videos("val").names == opened.videos("val", "moment").names == opened.videos("val", "qa").names


def test_the_reserve_lies_on_clips_of_the_other_task(release: Path, public_release: Path, tmp_path: Path) -> None:
    opened = Release.open(release)
    moments, questions = opened.reserve("moment"), opened.reserve("qa")
    assert (len(moments), len(questions)) == (32, 32)
    assert {row.vid_name for row in moments} == set(opened.videos("test", "qa").names)
    assert {row.vid_name for row in questions} == set(opened.videos("test", "moment").names)
    assert not {row.desc_id for row in moments} & set(opened.moments("test").desc_ids.tolist())
    with pytest.raises(ReleaseError, match="not in this copy"):
        Release.open(public_release).reserve("qa")
    shared = Release.open(write_release(tmp_path, hidden="shared"))
    assert (shared.hidden, shared.reserve("moment"), shared.reserve("qa")) == ("shared", [], [])
    assert shared.videos("test", "moment").names == shared.videos("test", "qa").names


@pytest.mark.parametrize(("task", "truth"), [("moment", ("ts", "vid_name")), ("qa", ("answer_idx",))])
def test_the_reserve_has_its_truth_on_clips_of_any_kind(release: Path, tmp_path: Path, task: Any, truth: Any) -> None:
    root = Path(shutil.copytree(release, tmp_path / "release"))
    path = root / "held_out" / FOLDERS[task] / "reserve.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[3]["vid_name"] = "elsewhere_0_60"
    _write_rows(root, path, rows)
    assert Release.open(root).reserve(task)[3].vid_name == "elsewhere_0_60"
    for name in truth:
        del rows[3][name]
    _write_rows(root, path, rows)
    with pytest.raises(ReleaseError, match=r"reserve.jsonl:4: \w+ \d+ has no truth"):
        Release.open(root).reserve(task)


def _write_rows(root: Path, path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    relist(root)


def test_version_1_is_read_as_it_was(tmp_path: Path) -> None:
    full = Release.open(write_release(tmp_path / "full", version=1))
    full.verify()
    assert (full.format_version, full.hidden, full.has_held_out) == (1, "shared", True)
    assert full.videos("test").names == full.videos("test", "moment").names == full.videos("test", "qa").names
    assert full.moments("test").has_truth
    assert np.isfinite(full.questions("test", truth=False).span).all()
    public = Release.open(write_release(tmp_path / "public", version=1, held_out=False))
    public.verify()
    assert not public.has_held_out
    assert not public.questions("test").has_truth


READINGS: dict[str, Callable[[Release], Any]] = {
    "moment/tvr/val.jsonl": lambda release: release.moments("val"),
    "moment/tvr/train.jsonl": lambda release: release.moments("train"),
    "moment/tvr/test_public.jsonl": lambda release: release.moments("test", truth=False),
    "moment/tvr/video2dur_idx.json": lambda release: release.videos("val", "moment"),
    "qa/value/val.jsonl": lambda release: release.questions("val"),
    "qa/value/video2dur_idx.json": lambda release: release.videos("val", "qa"),
    "subtitles.jsonl": lambda release: release.subtitles(),
    "held_out/MANIFEST.json": lambda release: release.moments("test"),
    "held_out/moment/tvr/test_public.jsonl": lambda release: release.moments("test"),
    "held_out/qa/value/test_public.jsonl": lambda release: release.questions("test"),
    "held_out/moment/tvr/reserve.jsonl": lambda release: release.reserve("moment"),
    "held_out/qa/value/reserve.jsonl": lambda release: release.reserve("qa"),
}


@pytest.mark.parametrize("path", READINGS)
@pytest.mark.parametrize("change", ["another byte", "one more"])
def test_no_file_is_read_that_is_not_the_released_one(path: str, change: str, tmp_path: Path) -> None:
    """The digit that is changed leaves a file that could be read as well as before."""
    root = write_release(tmp_path)
    raw = (root / path).read_bytes()
    changed = raw[::-1].replace(b"1", b"2", 1)[::-1] if change == "another byte" else raw + b"\n"
    assert changed != raw
    (root / path).write_bytes(changed)
    with pytest.raises(ReleaseError) as refusal:
        READINGS[path](Release.open(root))
    message = str(refusal.value)
    assert message.startswith(f"{root / path}: {len(changed)} bytes")
    for content in (raw, changed):
        assert hashlib.sha256(content).hexdigest() in message
    with pytest.raises(ReleaseError, match=path):
        Release.open(root).verify()


def test_files_that_no_manifest_lists_are_not_read(public_release: Path, release: Path, tmp_path: Path) -> None:
    root = shutil.copytree(public_release, tmp_path / "copy")
    truth = "held_out/moment/tvr/test_public.jsonl"
    (root / truth).parent.mkdir(parents=True)
    shutil.copy(release / truth, root / truth)
    assert not Release.open(root).moments("test").has_truth
    manifest = json.loads((root / "MANIFEST.json").read_text())
    manifest["files"] = [line for line in manifest["files"] if line["path"] != "subtitles.jsonl"]
    (root / "MANIFEST.json").write_text(json.dumps(manifest))
    with pytest.raises(ReleaseError, match=r"subtitles\.jsonl: MANIFEST\.json does not list it"):
        Release.open(root).subtitles()


@pytest.mark.parametrize(
    ("task", "told", "expected"),
    [
        ("moment", {"ts": [1.0, 2.0]}, "test_public.jsonl:1: desc_id 164 tells ts"),
        ("moment", {"vid_name": "te_video0_0_60"}, "tells vid_name, which no public row of test may"),
        ("moment", {"duration": 3.5}, "tells duration"),
        ("moment", {"start": 3.5}, "test_public.jsonl:1: Object contains unknown field `start`"),
        ("qa", {"ts": "1-2"}, "test_public.jsonl:1: qid {first_qid} tells ts"),
        ("qa", {"ts": "1-2", "answer_idx": 0}, "tells ts and answer_idx"),
        ("qa", {"right": 2}, "unknown field `right`"),
    ],
)
@pytest.mark.parametrize(("hidden", "first_qid"), [("sealed", 196), ("shared", 164)])
def test_a_public_row_that_tells_the_truth_is_refused(
    task: str, told: dict[str, Any], expected: str, hidden: str, first_qid: int, tmp_path: Path
) -> None:
    root = write_release(tmp_path, hidden=hidden)
    edit_rows(
        root / {"moment": "moment/tvr", "qa": "qa/value"}[task] / "test_public.jsonl", lambda row: row.update(told)
    )
    release = Release.open(relist(root))
    with pytest.raises(ReleaseError) as refusal:
        release.moments("test", truth=False) if task == "moment" else release.questions("test", truth=False)
    assert expected.format(first_qid=first_qid) in str(refusal.value)


def test_a_sealed_release_has_no_clip_for_both_tasks(tmp_path: Path) -> None:
    root = write_release(tmp_path)
    change_index(root, "qa", lambda test: test.update(te_video3_0_60=index_of(root, "moment")["te_video3_0_60"]))
    for read in (Release.moments, Release.questions):
        with pytest.raises(ReleaseError, match="sealed, but clip 'te_video3_0_60' of test serves both tasks"):
            read(Release.open(root), "test")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda clip: [clip[0] + 1, clip[1]], "'va_video0_0_60' is ('val', "),
        (lambda clip: [clip[0], clip[1] + 500], "'va_video0_0_60' is ('val', "),
    ],
)
def test_both_indexes_say_the_same_of_a_clip(change: Callable[[Any], Any], expected: str, tmp_path: Path) -> None:
    root = write_release(tmp_path)
    change_index(root, "qa", lambda val: val.update(va_video0_0_60=change(val["va_video0_0_60"])), "val")
    with pytest.raises(ReleaseError) as refusal:
        Release.open(root).videos("val")
    assert expected in str(refusal.value)


def test_an_idx_names_one_clip_in_both_indexes(tmp_path: Path) -> None:
    root = write_release(tmp_path)
    change_index(root, "qa", lambda test: test.update(te_video8_0_60=[30.0, 16]))
    with pytest.raises(ReleaseError, match="idx 16 of 'te_video8_0_60' belongs to 'te_video0_0_60'"):
        Release.open(root).videos("test")


def index_of(root: Path, task: str, split: str = "test_public") -> dict[str, Any]:
    return dict(json.loads((root / FOLDERS[task] / "video2dur_idx.json").read_text())[split])


def change_index(root: Path, task: str, change: Callable[[Any], object], split: str = "test_public") -> None:
    path = root / FOLDERS[task] / "video2dur_idx.json"
    index = json.loads(path.read_text())
    change(index[split])
    path.write_text(json.dumps(index))
    relist(root)


def change_manifest(root: Path, change: Callable[[Any], object], name: str = "MANIFEST.json") -> None:
    manifest = json.loads((root / name).read_text())
    change(manifest)
    (root / name).write_text(json.dumps(manifest))
    if name != "MANIFEST.json":
        relist(root, "MANIFEST.json")


INNER = "held_out/MANIFEST.json"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: (root / "MANIFEST.json").unlink(), "MANIFEST.json"),
        (lambda root: (root / "MANIFEST.json").write_text("{"), "MANIFEST.json"),
        (
            lambda root: change_manifest(root, lambda m: m.update(format="hero-bench-release/9")),
            "'hero-bench-release/2'",
        ),
        (lambda root: change_manifest(root, lambda m: m.pop("hidden")), "expected hidden to be 'sealed' or 'shared'"),
        (lambda root: change_manifest(root, lambda m: m.update(hidden="open")), "$.hidden"),
        (
            lambda root: change_manifest(root, lambda m: m.update(format="hero-bench-release/1")),
            "version 2, and in no other",
        ),
        (lambda root: change_manifest(root, lambda m: m["files"][1].update(path="../README.md")), "leads out"),
        (lambda root: change_manifest(root, lambda m: m["files"][1].update(path="./README.md")), "not written plainly"),
        (lambda root: change_manifest(root, lambda m: m["files"].append(m["files"][1])), "a second time"),
        (
            lambda root: change_manifest(root, lambda m: m["files"][0].update(access="public")),
            "held_out/MANIFEST.json is public, expected held_out below held_out/ alone",
        ),
        (
            lambda root: change_manifest(root, lambda m: m["files"][0].update(path="held_out/qa/value/reserve.jsonl")),
            "expected no held-out file but held_out/MANIFEST.json",
        ),
        (lambda root: change_manifest(root, lambda m: m.update(nonce="ab"), INNER), "$.nonce"),
        (lambda root: change_manifest(root, lambda m: m.update(nonce="Z" * 64), INNER), "$.nonce"),
        (lambda root: change_manifest(root, lambda m: m["files"][0].update(path="held_out/../a"), INNER), "leads out"),
        (
            lambda root: change_manifest(root, lambda m: m["files"][0].update(path="a", access="public"), INNER),
            "expected held-out files alone",
        ),
        (lambda root: (root / "held_out/qa/value/reserve.jsonl").unlink(), "reserve.jsonl: No such file"),
        (lambda root: (root / INNER).unlink(), "held_out/MANIFEST.json: No such file"),
    ],
)
def test_a_damaged_manifest_is_refused_with_its_place(
    change: Callable[[Path], object], expected: str, tmp_path: Path
) -> None:
    root = write_release(tmp_path / "release")
    change(root)
    with pytest.raises(ReleaseError) as refusal:
        _read_everything(root)
    assert expected in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda root: _replace(root / "moment/tvr/val.jsonl", '"type": "t"', '"type": "x"'), "val.jsonl:2"),
        (lambda root: _replace(root / "moment/tvr/val.jsonl", '"ts": [', '"ts": [-'), "0 <= start < end"),
        (lambda root: _replace(root / "moment/tvr/val.jsonl", "va_video0", "va_videoX"), "va_videoX"),
        (lambda root: _replace(root / "qa/value/val.jsonl", "va_video0", "te_video0"), "val.jsonl:1: qid 132"),
        (lambda root: _replace(root / "qa/value/val.jsonl", '"answer_idx": ', '"answer_idx": 7'), "expected 0..3"),
        (lambda root: _replace(root / "moment/tvr/video2dur_idx.json", ", 9]", ", 8]"), "idx 8 belongs to both"),
        (
            lambda root: _append(root / "moment/tvr/val.jsonl", (root / "moment/tvr/val.jsonl").read_bytes()),
            "a second time",
        ),
    ],
)
def test_a_release_of_wrong_rows_is_refused_with_their_place(
    change: Callable[[Path], object], expected: str, tmp_path: Path
) -> None:
    root = write_release(tmp_path / "release")
    change(root)
    with pytest.raises(ReleaseError) as refusal:
        _read_everything(relist(root))
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


@pytest.mark.parametrize(
    ("path", "key", "said"), [("moment/tvr/val.jsonl", "desc_id", "desc"), ("qa/value/val.jsonl", "qid", "q")]
)
@pytest.mark.parametrize("kind", ["another encoding", "a number no machine counts"])
def test_rows_that_no_reader_takes_are_refused_with_their_line(
    path: str, key: str, said: str, kind: str, tmp_path: Path
) -> None:
    root = write_release(tmp_path)
    rows = (root / path).read_bytes().splitlines(keepends=True)
    if kind == "another encoding":
        rows[1] = json.dumps(json.loads(rows[1]) | {said: "caf*"}).encode().replace(b"*", b"\xe9") + b"\n"
    else:
        rows[1] = json.dumps(json.loads(rows[1]) | {key: 2**63}).encode() + b"\n"
    (root / path).write_bytes(b"".join(rows))
    opened = Release.open(relist(root))
    with pytest.raises(ReleaseError, match=rf"{path}:2: "):
        (opened.moments if key == "desc_id" else opened.questions)("val")


def test_questions_may_have_five_options(tmp_path: Path) -> None:
    root = write_release(tmp_path, options=5)
    opened = Release.open(root)
    for split in ("train", "val", "test"):
        questions = opened.questions(split)
        assert {len(options) for options in questions.options} == {5}
        assert set(questions.answer.tolist()) == set(range(5))
    assert {len(row.options) for row in opened.reserve("qa")} == {5}
    row = json.loads((root / "qa/value/val.jsonl").read_text().splitlines()[0])
    assert opened.questions("val").options[0] == tuple(row[f"a{n}"] for n in range(5))


def test_questions_of_a_file_have_equally_many_options(tmp_path: Path) -> None:
    root = write_release(tmp_path, options=5)
    path = root / "qa/value/val.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    del rows[3]["a4"]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    opened = Release.open(relist(root))
    with pytest.raises(ReleaseError, match=r"val\.jsonl:4: qid \d+ has 4 options, expected 5 as in the rows before"):
        opened.questions("val")


def test_no_place_is_right_that_a_question_does_not_have(tmp_path: Path) -> None:
    root = write_release(tmp_path, options=5)
    edit_rows(root / "qa/value/val.jsonl", lambda row: row.update(answer_idx=5))
    opened = Release.open(relist(root))
    with pytest.raises(ReleaseError, match=r"answer_idx is 5, expected 0\.\.4"):
        opened.questions("val")
