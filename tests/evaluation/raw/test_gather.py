"""`gather`: a raw folder becomes a release that reads, verifies and scores, and what cannot be used is listed."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from evaluation.cli.main import main
from evaluation.release import HELD_OUT, Release
from tests.evaluation.conftest import SHARED
from tests.evaluation.raw.raw_folder import (
    FRAMES,
    RESNET,
    SECONDS,
    SLOWFAST,
    clips,
    features,
    tvqa,
    tvr,
    write_how2,
    write_lines,
    write_npz,
    write_tv,
)


@pytest.fixture
def tv(tmp_path: Path) -> Path:
    return write_tv(tmp_path / "tv")


def problems(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.with_name(f"{out.name}.problems.jsonl").read_text().splitlines()]


def gathered(command: list[str]) -> tuple[Release, list[dict[str, Any]]]:
    assert main(command) == 0
    out = Path(command[1])
    release = Release.open(out)
    release.verify()
    assert list(release.unlisted()) == []
    return release, problems(out)


def refused(command: list[str], capsys: pytest.CaptureFixture[str], *parts: str) -> None:
    """One line that says why, and nothing written."""
    assert main(command) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ")
    assert told.count("\n") == 1
    assert all(part in told for part in parts), told
    out = Path(command[1])
    assert not list(out.parent.glob(f"{out.name}*"))


def arrays(release: Release) -> dict[str, np.ndarray]:
    (files,) = release.feature_files().values()
    (file,) = files
    return load_file(release.root / file.path)


def test_a_raw_folder_of_tvr_becomes_a_release(tv: Path, tmp_path: Path) -> None:
    release, listed = gathered(tvr(tv, tmp_path / "tvr"))
    assert listed == []
    assert (release.name, release.tasks, release.hidden) == ("tvr", ["moment"], "shared")
    train = release.moments("train")
    assert (len(train), train.has_truth) == (12, True)
    assert (train.desc_ids[:2].tolist(), train.start[:2].tolist(), train.end[:2].tolist()) == (
        [5010, 5011], [0.0, 6.0], [6.0, 12.0],
    )  # fmt: skip
    assert release.videos("val").names == clips("val")
    assert release.videos("val").ids.tolist() == [506, 507, 508]  # by which the field's own predictions name them
    assert release.videos("val").durations.tolist() == [SECONDS] * 3
    assert [line.start for line in release.subtitles()[clips("train")[0]]] == [0.0, 3.0, 6.0, 9.0]


def test_frames_are_those_of_both_models_as_far_as_the_shorter_goes(tv: Path, tmp_path: Path) -> None:
    release, _ = gathered(tvr(tv, tmp_path / "tvr"))
    found = arrays(release)
    assert sorted(found) == sorted(name for split in ("train", "val", "test_public") for name in clips(split))
    for name, array in found.items():
        resnet = features(name, RESNET, 9).astype(np.float16).astype(np.float32)[:FRAMES]
        np.testing.assert_array_equal(array, np.concatenate([resnet, features(name, SLOWFAST)], 1))
    (entry,) = [entry.path for entry in release.files() if entry.path.endswith(".safetensors")]
    raw = (release.root / entry).read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"] == {
        "dim": "8", "interval_s": "1.5", "model": "resnet_features+slowfast_features",
    }  # fmt: skip


def test_nothing_is_held_out_and_test_is_asked_without_its_truth(tv: Path, tmp_path: Path) -> None:
    release, _ = gathered(tvr(tv, tmp_path / "tvr"))
    assert not (release.root / HELD_OUT).exists()
    assert not release.has_held_out
    test = release.moments("test")
    assert (test.desc_ids.tolist(), test.has_truth) == ([5100, 5101, 5110, 5111], False)
    assert release.videos("test").names == clips("test_public")


def test_the_truth_of_test_is_left_where_it_is(tv: Path, tmp_path: Path) -> None:
    """Also where the file tells it: a release that is handed on must not."""
    shutil.copy(tv / "tvr_val_release.jsonl", tv / "told.jsonl")
    command = tvr(tv, tmp_path / "out")
    command[command.index("--val") + 2] = str(tv / "tvr_train_release.jsonl")
    command = [str(tv / "told.jsonl") if part.endswith("test_public_release.jsonl") else part for part in command]
    index = json.loads((tv / "tvr_video2dur_idx.json").read_text())
    index = {"train": index["test_public"], "val": index["train"], "test_public": index["val"]}
    (tv / "tvr_video2dur_idx.json").write_text(json.dumps(index))
    command[command.index("--train") : command.index("--train") + 3] = []
    release, _ = gathered(command)
    assert len(release.moments("test")) == 6
    assert not release.moments("test").has_truth
    for path in release.root.rglob("*.jsonl"):
        if path.stem == "test_public":
            assert not [row for row in map(json.loads, path.read_text().splitlines()) if "ts" in row]


def test_queries_and_questions_of_the_same_clips_become_one_release(tv: Path, tmp_path: Path) -> None:
    release, listed = gathered(tvr(tv, tmp_path / "both", *tvqa(tv)))
    assert listed == []
    assert release.tasks == ["moment", "qa"]
    val = release.questions("val")
    assert ([len(options) for options in val.options], val.answer.tolist()) == ([5] * 3, [0] * 3)
    assert val.span.tolist() == [[0.5, 6.25]] * 3
    assert val.video == clips("val")
    assert not release.questions("test").has_truth
    assert release.questions("test").video == clips("test_public")


def test_the_same_files_give_the_same_release(tv: Path, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    one, _ = gathered(tvr(tv, tmp_path / "one/tvr"))
    two, _ = gathered(tvr(tv, tmp_path / "two/tvr"))
    assert one.manifest_sha256 == two.manifest_sha256
    write_lines(tv / "tvr_val_release.jsonl", [{"desc": "x", "desc_id": 1, "vid_name": clips("val")[0], "ts": [1, 2]}])
    other, _ = gathered(tvr(tv, tmp_path / "other"))
    assert other.manifest_sha256 != one.manifest_sha256


def test_how2qas_csv_becomes_questions_on_minutes(tmp_path: Path) -> None:
    raw = write_how2(tmp_path / "how2")
    command = ["gather", tmp_path / "how2qa", "--features", raw / "clip_features", "--interval", 1.5]
    for split in ("train", "val"):
        command += [f"--{split}", "how2qa", raw / f"how2QA_{split}_release.csv"]
    release, listed = gathered([str(part) for part in command])
    assert listed == []
    train = release.questions("train")
    assert train.video == ["aaa_0_60", "aaa_60_120", "bbb_0_60", "bbb_60_120"]
    assert [options[right] for options, right in zip(train.options, train.answer, strict=True)] == ["a dog"] * 4
    assert train.span.tolist() == [[5.0, 20.0]] * 4
    assert release.videos("val").durations.tolist() == [60.0, 60.0]
    assert release.subtitles() == {name: [] for name in [*train.video, "ccc_0_60", "ccc_60_120"]}


def test_a_question_that_says_no_times_stays_one(tv: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tv / "tvqa_val.jsonl").read_text().splitlines()]
    rows[0]["ts"] = "nan-nan"
    write_lines(tv / "tvqa_val.jsonl", rows)
    release, listed = gathered(tvr(tv, tmp_path / "out", *tvqa(tv)))
    assert np.isnan(release.questions("val").span).any(1).tolist() == [True, False, False]
    assert [(row["file"], row["line"], row["what"], row["left_out"]) for row in listed] == [
        ("tvqa_val.jsonl", 1, "ts", False)
    ]


def test_clips_are_as_long_as_their_frames_where_no_file_says_it(tv: Path, tmp_path: Path) -> None:
    command = ["gather", tmp_path / "tvqa", "--features", tv / "slowfast_features", "--interval", 1.5]
    command += ["--train", "tvqa", tv / "tvqa_train.jsonl", "--val", "tvqa", tv / "tvqa_val.jsonl"]
    release, listed = gathered([str(part) for part in command])
    assert listed == []
    assert release.videos("train").durations.tolist() == [FRAMES * 1.5] * 6
    assert release.videos("val").ids.tolist() == [6, 7, 8]


def test_clips_without_usable_features_are_left_out_with_their_rows_and_listed(tv: Path, tmp_path: Path) -> None:
    folder, names = tv / "resnet_features/friends", clips("train")
    (folder / f"{names[0]}.npz").unlink()
    whole = (folder / f"{names[1]}.npz").read_bytes()
    (folder / f"{names[1]}.npz").write_bytes(whole[: len(whole) // 2])
    write_npz(folder / f"{clips('val')[0]}.npz", np.full((9, RESNET), np.nan, np.float32))
    write_npz(folder / f"{clips('val')[1]}.npz", np.ones((9, RESNET + 1), np.float32))
    release, listed = gathered(tvr(tv, tmp_path / "tvr"))
    left = [*names[:2], *clips("val")[:2]]
    features_told = {row["why"] for row in listed if row["what"] == "features"}
    assert len(features_told) == 4
    for name, why in zip(
        left, ("is not there", "is no npz file", "not finite", f"{RESNET + 1} numbers a frame"), strict=True
    ):
        assert [told for told in features_told if name in told and why in told and "resnet_features" in told], why
    rows = [row for row in listed if row["what"] == "vid_name"]
    assert [(row["file"], row["line"], row["left_out"]) for row in rows] == [
        *(("tvr_train_release.jsonl", line, True) for line in (1, 2, 3, 4)),
        *(("tvr_val_release.jsonl", line, True) for line in (1, 2, 3, 4)),
    ]
    assert release.videos("train").names == names[2:]
    assert len(release.moments("val")) == 2
    assert not set(left) & {*arrays(release), *release.subtitles()}


def test_frames_at_another_rate_are_refused_with_what_they_would_last(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tvr(tv, tmp_path / "tvr")
    command[command.index("--interval") + 1] = "0.75"
    refused(command, capsys, "11 of 11 clips", "8 frames, one each 0.75 s, make 6 s, but it lasts 12 s")


def test_a_clip_of_val_is_not_trained_on(tv: Path, tmp_path: Path) -> None:
    """Where no index says whose it is, the later split has it."""
    shared = {"vid_name": clips("val")[0], "duration": SECONDS, "ts": [1, 2], "desc": "Both.", "desc_id": 7}
    rows = [json.loads(line) for line in (tv / "tvr_train_release.jsonl").read_text().splitlines()]
    write_lines(tv / "tvr_train_release.jsonl", [shared, *rows])
    command = tvr(tv, tmp_path / "tvr")
    for option, width in (("--video-index", 2), ("--test", 3)):
        at = command.index(option)
        del command[at : at + width]
    release, listed = gathered(command)
    assert [(row["file"], row["line"], row["what"]) for row in listed] == [("tvr_train_release.jsonl", 1, "vid_name")]
    assert "a clip of val, not of train" in listed[0]["why"]
    assert len(release.moments("train")) == 12
    assert release.videos("train").names == clips("train")


def test_the_index_says_which_clips_a_split_has(tv: Path, tmp_path: Path) -> None:
    """Those without rows are searched, too; a row on a clip that it lacks is listed."""
    for place, split in enumerate(("train", "val")):
        rows = [json.loads(line) for line in (tv / f"tvr_{split}_release.jsonl").read_text().splitlines()]
        odd = {"vid_name": clips("test_public")[0] if place else "stranger", "ts": [1, 2], "desc": "x", "desc_id": 3}
        write_lines(tv / f"tvr_{split}_release.jsonl", [*rows[:2], odd])
    release, listed = gathered(tvr(tv, tmp_path / "tvr"))
    assert release.videos("train").names == clips("train")
    assert [(row["line"], row["why"]) for row in listed] == [
        (3, "is 'stranger', which the video index does not have"),
        (3, f"is {clips('test_public')[0]!r}, a clip of test, not of val"),
    ]


def test_moments_are_clamped_and_queries_that_are_none_listed(tv: Path, tmp_path: Path) -> None:
    name = clips("val")[0]
    common = {"vid_name": name, "duration": SECONDS, "desc": "x"}
    spans: list[dict[str, Any]] = [
        {"ts": [10, 14]}, {"ts": [13, 14]}, {}, {"ts": [1, 2], "windows": [[1, 2], [3, 4]]}, {"ts": [3, 2]},
        {"ts": [1, 2], "desc_id": 1},
    ]  # fmt: skip
    write_lines(tv / "tvr_val_release.jsonl", [common | {"desc_id": n} | span for n, span in enumerate(spans, 1)])
    release, listed = gathered(tvr(tv, tmp_path / "tvr"))
    val = release.moments("val")
    assert (val.desc_ids.tolist(), val.start.tolist(), val.end.tolist()) == ([1], [10.0], [12.0])
    assert sorted((row["line"], row["what"], row["left_out"]) for row in listed) == [
        (1, "ts", False), (2, "ts", True), (3, "ts", True), (4, "ts", True), (5, "ts", True), (6, "id", True),
    ]  # fmt: skip


def test_two_files_of_a_split_have_no_id_twice(tv: Path, tmp_path: Path) -> None:
    again = tv / "again.jsonl"
    row = {"vid_name": clips("val")[1], "duration": SECONDS, "ts": [1, 2], "desc": "Once more."}
    rows = [json.loads(line) for line in (tv / "tvr_val_release.jsonl").read_text().splitlines()]
    write_lines(again, [row | {"desc_id": rows[0]["desc_id"]}, row | {"desc_id": "77"}])
    release, listed = gathered(tvr(tv, tmp_path / "tvr", "--val", "value", again))
    assert [(told["file"], told["line"], told["what"]) for told in listed] == [("again.jsonl", 1, "id")]
    assert release.moments("val").desc_ids.tolist() == [*(row["desc_id"] for row in rows), 77]


def test_ids_that_are_texts_are_counted(tv: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tv / "tvr_val_release.jsonl").read_text().splitlines()]
    write_lines(tv / "tvr_val_release.jsonl", [row | {"desc_id": f"tvr_{row['desc_id']}"} for row in rows])
    release, _ = gathered(tvr(tv, tmp_path / "tvr"))
    assert release.moments("val").desc_ids.tolist() == [1, 2, 3, 4, 5, 6]


def test_captions_of_whole_clips_are_their_moment(tv: Path, tmp_path: Path) -> None:
    rows = [{"vid_name": name, "duration": SECONDS, "desc": "All of it.", "desc_id": n}
            for n, name in enumerate(clips("val"))]  # fmt: skip
    write_lines(tv / "whole.jsonl", rows)
    command = ["gather", tmp_path / "yc2r", "--features", tv / "slowfast_features", "--interval", 1.5]
    release, listed = gathered([str(part) for part in [*command, "--val", "value-clips", tv / "whole.jsonl"]])
    assert listed == []
    assert release.moments("val").end.tolist() == [SECONDS] * 3


def test_subtitles_at_times_that_are_none_are_listed(tv: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (tv / "tvqa_preprocessed_subtitles.jsonl").read_text().splitlines()]
    rows[0]["sub"][0]["end"] = -1.0
    write_lines(tv / "tvqa_preprocessed_subtitles.jsonl", rows[:2])
    release, listed = gathered(tvr(tv, tmp_path / "tvr"))
    assert [(row["line"], row["what"], row["left_out"]) for row in listed] == [(1, "subtitle", True)]
    assert [len(lines) for lines in release.subtitles().values()] == [3, 4, *[0] * 9]


def test_questions_of_two_options_are_listed_and_four_beside_five_refused(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (tv / "tvqa_val.jsonl").read_text().splitlines()]
    for name in ("a2", "a3", "a4"):
        del rows[0][name]
    write_lines(tv / "tvqa_val.jsonl", rows)
    _, listed = gathered(tvr(tv, tmp_path / "one", *tvqa(tv)))
    assert [(row["line"], row["what"]) for row in listed] == [(1, "options")]
    del rows[1]["a4"]
    write_lines(tv / "tvqa_val.jsonl", rows)
    refused(tvr(tv, tmp_path / "two", *tvqa(tv)), capsys, "questions of four options and of five")


def test_predictions_on_val_score_on_the_release_and_on_the_fields_own_files(tv: Path, tmp_path: Path) -> None:
    """Both number the clips alike, so a file for the one is a file for the other."""
    release, _ = gathered(tvr(tv, tmp_path / "tvr"))
    val = release.moments("val")
    lists = [
        {"desc_id": int(number), "desc": text, "predictions": [[int(val.videos.ids[video]), start, end, 1.0]]}
        for number, text, video, start, end in zip(
            val.desc_ids, val.desc, val.video, val.start.tolist(), val.end.tolist(), strict=True
        )
    ]
    (tmp_path / "p.json").write_text(json.dumps({"video2idx": val.videos.id_of, "VCMR": lists}))
    truth = ["--truth", tv / "tvr_val_release.jsonl", "--video-index", tv / "tvr_video2dur_idx.json"]
    for where in ([release.root], truth):
        command = ["score", *where, tmp_path / "p.json", "--missing", "miss", "--json", tmp_path / "r.json"]
        assert main([str(part) for part in command]) == 0
        report = json.loads((tmp_path / "r.json").read_text())
        assert {m["key"]: m["value"] for m in report["metrics"]}["VCMR.R@1.tiou0.7.raw"] == 100.0


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda c: [*c, "--val", "tvrr", "x"], ("'tvrr'", "expected one of", "how2qa")),
        (lambda c: [*c, "--val", "release", "x"], ("'release'",)),
        (lambda c: c[: c.index("--train")], ("--train, --val or --test",)),
        (lambda c: [*c, "--interval", "nan"], ("an interval of nan s",)),
        (lambda c: [*c, "--features", "nowhere"], ("nowhere: no such folder",)),
        (lambda c: [*c, "--features", c[c.index("--features") + 1] + "/../"], ("two files of video", "friends_s01e0")),
        (lambda c: [*c, "--val", "tvr", "nowhere.jsonl"], ("nowhere.jsonl: No such file",)),
        (lambda c: [*c, "--subtitles", c[c.index("--val") + 2]], ("tvr_val_release.jsonl:1:", "sub")),
        (lambda c: [*c, "--video-index", c[c.index("--val") + 2]], ("tvr_val_release.jsonl:",)),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_one_line(
    change: Any, parts: tuple[str, ...], tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(change(tvr(tv, tmp_path / "out")), capsys, *parts)


def test_hidden_queries_want_to_know_which_clips_are_searched(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tvr(tv, tmp_path / "out")
    at = command.index("--video-index")
    del command[at : at + 2]
    refused(command, capsys, "tvr_test_public_release.jsonl", "--video-index")


def test_a_release_that_is_there_is_not_written_over(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release, _ = gathered(tvr(tv, tmp_path / "out"))
    assert main(tvr(tv, tmp_path / "out")) == 2
    assert "out: exists already" in capsys.readouterr().err
    release.verify()


def test_files_without_a_usable_row_are_refused_with_the_first_reason(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tvr(tv, tmp_path / "out")
    command = command[: command.index("--train") + 3]
    file = tv / "tvr_train_release.jsonl"
    for rows, part in (
        ([], "tvr_train_release.jsonl: no row can be used\n"),
        ([{"desc": "x", "desc_id": 1}], "tvr_train_release.jsonl:1: vid_name is missing"),
        ([{"vid_name": clips("train")[0], "desc": "x", "desc_id": 1}], "tvr_train_release.jsonl:1: ts is missing"),
    ):
        write_lines(file, rows)
        refused(command, capsys, str(file), part)


def test_what_was_made_is_told_in_numbers(tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tv / f"slowfast_features/friends/{clips('val')[2]}.npz").unlink()
    release, _ = gathered(tvr(tv, tmp_path / "out", *tvqa(tv)))
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"{tmp_path / 'out'}: release hash {release.manifest_sha256}",
        "train: 6 clips, 12 queries, 6 questions",
        "val: 2 clips, 4 queries, 2 questions",
        "test: 2 clips, 4 queries, 2 questions",
        f"3 left out for vid_name, the first in line 5: vid_name is {clips('val')[2]!r}, which has no features that "
        "can be used",
        f"1 left out for features, the first: slowfast_features: {clips('val')[2]}.npz is not there",
        f"4 problems are listed in {tmp_path / 'out.problems.jsonl'}",
    ]


def test_features_of_other_clips_are_refused_with_the_first(
    tv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_npz(tmp_path / "others/stranger.npz", np.ones((8, 3), np.float32))
    command = tvr(tv, tmp_path / "out", "--features", tmp_path / "others")
    refused(command, capsys, "11 of 11 clips have no features", f"{clips('train')[0]}.npz is not there")


@pytest.mark.shared
def test_tvrs_own_files_become_a_release_whole(tmp_path: Path) -> None:
    if not (SHARED / "data/tvr").is_dir():
        pytest.skip(f"no reference material at {SHARED} (BENCH_SHARED)")
    index = SHARED / "data/tvr/tvr_video2dur_idx_val.json"
    videos = json.loads(index.read_text())["val"]
    for name, (seconds, _) in videos.items():
        write_npz(
            tmp_path / f"features/{name.split('_')[0]}/{name}.npz", np.ones((round(seconds / 1.5), 2), np.float16)
        )
    command = ["gather", tmp_path / "tvr", "--features", tmp_path / "features", "--interval", 1.5]
    command += ["--val", "tvr", SHARED / "data/tvr/tvr_val_release.jsonl", "--video-index", index]
    release, listed = gathered([str(part) for part in command])
    val = release.moments("val")
    assert (len(val), len(val.videos), val.has_truth) == (10_895, 2_179, True)
    assert val.videos.id_of == {name: number for name, (_, number) in videos.items()}
    assert {(row["what"], row["left_out"]) for row in listed} <= {("ts", False)}
