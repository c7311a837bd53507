import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.__main__ import main


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
    for metric in report["metrics"]:
        assert metric["low"] <= metric["value"] <= metric["high"]
        assert metric["beats_blind"] is False, "a blind baseline cannot beat the best blind baseline"


def test_baseline_of_a_public_copy_leaves_svmr_out(public_release: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.json"
    assert main(["baseline", str(public_release), "--split", "test", "--kind", "prior", "--out", str(out)]) == 0
    assert set(json.loads(out.read_text())) == {"video2idx", "VCMR", "VR"}


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
