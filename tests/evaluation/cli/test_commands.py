import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from evaluation.metrics import definitions
from evaluation.release import Release


def score(release: Path, predictions: Path, out: Path, *more: str) -> tuple[int, dict[str, Any]]:
    code = main(["score", str(release), str(predictions), "--json", str(out), *more])
    return code, json.loads(out.read_text())


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(
    ("task", "kind"),
    [("moment", kind) for kind in ("random", "prior", "whole_clip", "histogram")]
    + [("qa", kind) for kind in ("random", "majority", "longest")],
)
def test_every_baseline_is_legal_under_strict_rules(
    task: str, kind: str, split: str, release: Path, tmp_path: Path
) -> None:
    out = tmp_path / "predictions.json"
    assert main(["baseline", str(release), "--task", task, "--split", split, "--kind", kind, "--out", str(out)]) == 0
    code, report = score(release, out, tmp_path / "report.json", "--task", task, "--split", split)
    assert code == 0
    assert report["refused"] is None
    assert report["predictions_sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert report["manifest_sha256"] == hashlib.sha256((release / "MANIFEST.json").read_bytes()).hexdigest()
    keys = {metric["key"] for metric in report["metrics"]}
    assert keys >= ({"QA.accuracy"} if task == "qa" else {"SVMR.R@1.tiou0.7.nms0.5", "VCMR.R@10.tiou0.5.raw", "VR.R@5"})
    assert definitions.percentage_keys(task) == [
        metric["key"] for metric in report["metrics"] if metric["name"] != "median_rank"
    ]
    for metric in report["metrics"]:
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["beats_blind"] is False, "a blind baseline cannot beat the best blind baseline"


def test_baseline_of_a_public_copy_leaves_svmr_out(public_release: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.json"
    assert main(["baseline", str(public_release), "--split", "test", "--kind", "prior", "--out", str(out)]) == 0
    assert set(json.loads(out.read_text())) == {"video2idx", "VCMR", "VR"}


def test_where_the_videos_are_withheld_svmr_is_refused_right_or_wrong(release: Path, tmp_path: Path) -> None:
    """Which of its lists name the right video would be the truth."""
    predictions = tmp_path / "predictions.json"
    main(["baseline", str(release), "--split", "test", "--kind", "random", "--out", str(predictions)])
    right = json.loads(predictions.read_text())
    wrong = right | {"SVMR": [{**one, "predictions": [[0, 0.0, 1.0, 0.5]]} for one in right["SVMR"]]}
    for lists in (right, wrong):
        predictions.write_text(json.dumps(lists))
        code, report = score(release, predictions, tmp_path / "report.json", "--split", "test", "--withheld")
        assert code == 2
        (problem,) = report["refused"]
        assert (problem["task"], problem["id"]) == ("SVMR", right["SVMR"][0]["desc_id"])
        assert problem["message"] == "the video of a query is withheld on this split: leave SVMR out"
    predictions.write_text(json.dumps({task: right[task] for task in ("video2idx", "VCMR", "VR")}))
    assert score(release, predictions, tmp_path / "report.json", "--split", "test", "--withheld")[0] == 0


def test_a_refusal_exits_2_and_writes_the_places(release: Path, tmp_path: Path) -> None:
    predictions = tmp_path / "predictions.json"
    main(["baseline", str(release), "--kind", "random", "--out", str(predictions)])
    broken = json.loads(predictions.read_text())
    desc_id = broken["VCMR"][3]["desc_id"]
    broken["VCMR"][3]["predictions"][4][0] = 999_999
    predictions.write_text(json.dumps(broken))
    code, report = score(release, predictions, tmp_path / "report.json")
    assert code == 2
    assert report["metrics"] == []
    assert report["refused"] == [
        {
            "file": "predictions.json",
            "task": "VCMR",
            "id": desc_id,
            "row": 4,
            "column": 0,
            "message": "video idx 999999 is not a video of this split",
        }
    ]


def test_scoring_hidden_truth_from_a_public_copy_says_so(
    public_release: Path, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions = tmp_path / "predictions.json"
    main(["baseline", str(public_release), "--split", "test", "--kind", "random", "--out", str(predictions)])
    assert main(["score", str(public_release), str(predictions), "--split", "test"]) == 2
    assert "held_out" in capsys.readouterr().err
    assert main(["score", str(release), str(predictions), "--split", "test"]) == 0


@pytest.fixture
def two(release: Path, tmp_path: Path) -> list[Path]:
    """Two blind submissions."""
    paths = [tmp_path / "random.json", tmp_path / "prior.json"]
    for path in paths:
        main(["baseline", str(release), "--kind", path.stem, "--out", str(path)])
    return paths


def test_the_page_is_complete_in_itself_and_marks_what_is_blind(release: Path, two: list[Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main(["score", str(release), str(two[0]), "--html", str(page)]) == 0
    text = page.read_text()
    assert text.count("<svg") == 3
    assert "do not beat the best blind baseline" in text
    assert "†" in text
    assert hashlib.sha256(two[0].read_bytes()).hexdigest() in text
    for foreign in ("<script", "<link", "src=", "@import"):
        assert foreign not in text


def test_the_terminal_marks_what_is_blind(release: Path, two: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(release), str(two[0])]) == 0
    shown = capsys.readouterr().out
    assert "! does not beat the best blind baseline" in shown
    assert "R@100.tiou0.7.nms0.5" in shown


def test_a_perfect_submission_beats_every_blind_baseline(release: Path, tmp_path: Path) -> None:
    queries = Release.open(release).moments("val")
    ids = queries.videos.ids[queries.video].tolist()
    spans = zip(queries.desc_ids.tolist(), ids, queries.start.tolist(), queries.end.tolist(), strict=True)
    rows = [{"desc_id": desc_id, "predictions": [[idx, start, end, 1.0]]} for desc_id, idx, start, end in spans]
    (tmp_path / "perfect.json").write_text(json.dumps({"VCMR": rows, "SVMR": rows, "VR": rows}))
    code, report = score(release, tmp_path / "perfect.json", tmp_path / "report.json")
    assert code == 0
    for metric in report["metrics"]:
        assert metric["value"] == metric["low"] == metric["high"] == (1 if metric["name"] == "median_rank" else 100)
        assert metric["beats_blind"] in (True, metric["blind"] != metric["value"])
    assert {line["by"] for line in report["breakdowns"]} == {"type", "length", "position"}
    assert {line["n"] for line in report["breakdowns"] if line["by"] == "type"} == {8, 16}


def test_compare_says_in_words_whether_two_can_be_told_apart(
    release: Path, two: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "difference.json"
    assert main(["compare", str(release), str(two[0]), str(two[1]), "--json", str(out)]) == 0
    comparison = json.loads(out.read_text())
    lines = {line["key"]: line for line in comparison["differences"]}
    line = lines["SVMR.R@1.tiou0.7.raw"]
    assert line["difference"] == pytest.approx(line["b"] - line["a"])
    assert line["told_apart"] == (line["p"] < 0.05)
    assert line["sentence"] in capsys.readouterr().out
    assert comparison["a_sha256"] == hashlib.sha256(two[0].read_bytes()).hexdigest()


@pytest.mark.parametrize(("task", "key"), [("moment", "SVMR.mean_tiou.raw"), ("qa", "QA.accuracy")])
def test_compare_lists_the_queries_on_which_one_is_better(task: str, key: str, release: Path, tmp_path: Path) -> None:
    kinds = ("random", "whole_clip" if task == "moment" else "longest")
    files = [tmp_path / f"{kind}.json" for kind in kinds]
    for kind, file in zip(kinds, files, strict=True):
        main(["baseline", str(release), "--task", task, "--kind", kind, "--out", str(file)])
    out, ids = tmp_path / "difference.json", tmp_path / "ids"
    command = ["compare", str(release), *map(str, files), "--task", task, "--json", str(out), "--wins", key]
    assert main(command) == 0
    found = json.loads(out.read_text())["wins"]
    assert found["a"] + found["b"] + found["equal"] == 32
    assert min(found["a"], found["b"]) > 0
    assert (len(found["a_better"]), len(found["b_better"])) == (min(20, found["a"]), min(20, found["b"]))
    first = found["b_better"][0]
    assert first["video"].startswith("va_video")
    assert first["span"][0] < first["span"][1]
    ids.write_text(str(first["id"]))
    assert main([*command, "--only", str(ids)]) == 0
    told = json.loads(out.read_text())
    assert (told["n"], told["wins"]["a"], told["wins"]["b"], told["wins"]["equal"]) == (1, 0, 1, 0)
    assert told["wins"]["b_better"] == [first]
    assert main([*command[:-1], "QA.acuracy"]) == 2


def test_compare_refuses_when_either_is_refused(release: Path, two: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    assert main(["compare", str(release), str(two[0]), str(tmp_path / "bad.json")]) == 2


def test_validate_needs_no_truth(public_release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.json"
    main(["baseline", str(public_release), "--split", "test", "--kind", "random", "--out", str(out)])
    assert main(["validate", str(public_release), str(out), "--split", "test"]) == 0
    assert "can be scored" in capsys.readouterr().out
    broken = json.loads(out.read_text())
    broken["VR"].pop()
    out.write_text(json.dumps(broken))
    assert main(["validate", str(public_release), str(out), "--split", "test"]) == 2
    assert "no list for this query" in capsys.readouterr().err


@pytest.mark.parametrize("task", ["moment", "qa"])
def test_the_same_command_writes_the_same_bytes(task: str, release: Path, tmp_path: Path) -> None:
    kind = {"moment": "random", "qa": "longest"}[task]
    outputs = []
    for n in range(2):
        predictions, report = tmp_path / "p.json", tmp_path / f"{n}.json"
        main(["baseline", str(release), "--task", task, "--kind", kind, "--seed", "3", "--out", str(predictions)])
        score(release, predictions, report, "--task", task, "--seed", "3")
        outputs.append((predictions.read_bytes(), report.read_bytes()))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "nowhere", "p.json"], "no such folder"),
        (["score", "p.json"], "no such folder"),
        (["score", "{release}"], "1 prediction file"),
        (["score", "{release}", "nowhere.json"], "No such file"),
        (["score", "--truth", "nowhere.jsonl", "{release}/MANIFEST.json"], "--video-index"),
        (["convert", "p.json", "p.csv"], ".json, .jsonl, .parquet"),
        (["baseline", "{release}", "--kind", "longest", "--out", "x.json"], "unknown for moments"),
        (["score", "{release}", "{release}", "--task", "qa"], "expected a file"),
    ],
)
def test_wrong_use_is_answered_with_what_was_expected(
    arguments: list[str], message: str, release: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument.format(release=release) for argument in arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_report_that_cannot_be_written_leaves_nothing_behind(
    release: Path, two: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "folder.json"
    folder.mkdir()
    before = sorted(tmp_path.iterdir())
    assert main(["score", str(release), str(two[0]), "--json", str(folder)]) == 2
    assert "folder.json" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before
