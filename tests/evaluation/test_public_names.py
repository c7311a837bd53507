"""What `from evaluation import …` gives: the command's own report, loaded no sooner than it is asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import evaluation
from evaluation import PredictionError, Release, ReleaseError, ScoringOptions, score
from evaluation.cli.main import main
from evaluation.release import Task
from tests.evaluation.conftest import REPOSITORY
from tests.evaluation.small_release import write_release


def test_every_public_name_is_there() -> None:
    assert all(hasattr(evaluation, name) for name in evaluation.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'scores'"):
        evaluation.scores  # noqa: B018


def test_the_version_costs_no_other_import() -> None:
    code = "import sys, evaluation; evaluation.__version__; assert not {'numpy', 'msgspec'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)


@pytest.mark.parametrize("task", ["moment", "qa"])
def test_score_gives_the_report_that_the_command_writes(task: Task, tmp_path: Path) -> None:
    release = write_release(tmp_path / "release", hidden="shared")  # which every report says in a note
    predictions, out = tmp_path / "random.json", tmp_path / "report.json"
    made = ["--task", task, "--split", "test"]
    assert main(["baseline", str(release), "--kind", "random", "--out", str(predictions), *made]) == 0
    assert main(["score", str(release), str(predictions), "--json", str(out), *made]) == 0
    report = score(Release.open(release), predictions, ScoringOptions("test"), task=task)
    assert json.loads(json.dumps(report.as_dict())) == json.loads(out.read_text())


def test_score_raises_what_the_command_prints(release: Path, public_release: Path, tmp_path: Path) -> None:
    predictions = tmp_path / "empty.json"
    predictions.write_text("{}")
    with pytest.raises(PredictionError, match=r"empty.json: holds none of the tasks"):
        score(Release.open(release), predictions, ScoringOptions("val"))
    with pytest.raises(ReleaseError, match="the truth of test is not in this copy"):
        score(Release.open(public_release), predictions, ScoringOptions("test"))
