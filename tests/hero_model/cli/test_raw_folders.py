"""From a raw folder of the field to a score: docs/training.md's own commands, and the same for questions of How2QA."""

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import pytest

from evaluation.cli.main import main as evaluation
from hero_model.__main__ import main as hero_model
from tests.evaluation.conftest import REPOSITORY
from tests.evaluation.raw.raw_folder import write_how2, write_tv
from tests.hero_model.tiny_models import refused

PROGRAMS = {"evaluation": evaluation, "hero_model": hero_model}
_, SECTION = (REPOSITORY / "docs/training.md").read_text().split("\n## Raw folders of the field\n")
COMMANDS = re.search(r"```\n(.*?)```", SECTION, re.DOTALL)[1].replace("\\\n", "").splitlines()  # type: ignore[index]


@pytest.mark.slow
def test_the_documents_example_goes_from_the_authors_files_to_a_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tv(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        python, module, program, *arguments = shlex.split(command)
        assert (python, module) == ("python", "-m")
        assert PROGRAMS[program](arguments) == 0, command
    assert "SVMR" in capsys.readouterr().out


def test_questions_of_how2qa_are_trained_on_and_answered(tmp_path: Path) -> None:
    raw, release, models = write_how2(tmp_path / "raw"), str(tmp_path / "how2qa"), str(tmp_path / "models")
    command = ["gather", release, "--interval", "1.5", "--features", str(raw / "clip_features")]
    for split in ("train", "val"):
        command += [f"--{split}", "how2qa", str(raw / f"how2QA_{split}_release.csv")]
    assert evaluation(command) == 0
    shutil.rmtree(raw)  # the release stands alone
    short = [f"--set={stage}.steps=2" for stage in ("pretraining", "qa")]
    assert hero_model(["train", release, models, "--preset", "tiny", "--threads", "1", "--progress-json", *short]) == 0
    where = ["--task", "qa", "--split", "val"]
    file, report = str(tmp_path / "answers.json"), str(tmp_path / "report.json")
    assert hero_model(["predict", models, release, *where, "--out", file, "--threads", "1"]) == 0
    assert evaluation(["score", release, file, *where, "--json", report]) == 0
    assert json.loads(Path(report).read_text())["n"] == 2


def test_a_raw_folder_itself_is_refused_with_what_makes_a_release_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tv(tmp_path / "tv")
    refused(
        capsys, ["train", tmp_path / "tv", tmp_path / "out"], f"{os.fspath(tmp_path / 'tv')}: ", "evaluation gather"
    )
