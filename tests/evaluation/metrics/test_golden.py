"""The scorer against the field's own scorer, number by number."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.cli.main import main
from evaluation.metrics.nms import nms
from tests.evaluation.metrics.golden_sets import (
    FOLDER,
    MISSING,
    VARIANTS,
    disagreements,
    expected,
    set_names,
    survivor_files,
    write_index,
    wrong_survivors,
)

pytestmark = [pytest.mark.golden, pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)]


@pytest.mark.parametrize("name", set_names())
def test_retrieval_sets_agree_to_the_last_digit(name: str, tmp_path: Path) -> None:
    index = write_index(name, tmp_path / "index.json")
    values = {}
    for rows_in, option in ((200, "top200"), (100, "after_top100")):
        out = tmp_path / f"{option}.json"
        command = ["score", "--truth", str(FOLDER / f"{name}.gt.jsonl"), "--video-index", str(index)]
        command += [str(FOLDER / f"{name}.pred.json"), "--rules", "official", "--nms-variant", option]
        assert main([*command, "--nms", "0.5", "0.7", "--json", str(out)]) == 0
        report = json.loads(out.read_text())
        values[rows_in] = {(line["key"], None): line["value"] for line in report["metrics"]} | {
            (line["key"], line["group"]): line["value"] for line in report["breakdowns"] if line["by"] == "type"
        }
    for variant in VARIANTS:
        assert len(list(expected(name, variant))) >= 64
        assert disagreements(name, variant, values[variant.rows_in]) == []


@pytest.mark.parametrize("path", survivor_files(), ids=lambda path: path.name)
def test_survivors_of_nms_come_in_the_official_order(path: Path) -> None:
    assert wrong_survivors(path, nms) == []


def test_qa_agrees(tmp_path: Path) -> None:
    golden = json.loads((FOLDER / "videoqa.metrics.json").read_text())
    out = tmp_path / "qa.json"
    command = ["score", "--truth", str(FOLDER / "videoqa.gt.json"), str(FOLDER / "videoqa.pred.json")]
    assert main([*command, "--task", "qa", "--json", str(out)]) == 0
    (accuracy,) = json.loads(out.read_text())["metrics"]
    assert (accuracy["key"], accuracy["n"], accuracy["value"]) == ("QA.accuracy", golden["n"], golden["acc"] * 100)
    assert round(accuracy["value"], 2) == golden["VALUE_eval_qa_percent"]


def test_qa_answers_are_the_first_largest_logit(tmp_path: Path) -> None:
    """The golden answers were made from logits; ties go to the first index, as hero_model must do."""
    logits = json.loads((FOLDER / "videoqa.logits.json").read_text())
    answers = json.loads((FOLDER / "videoqa.pred.json").read_text())
    assert {qid: int(np.argmax(row)) for qid, row in logits.items()} == answers
