"""The examples of docs/evaluation.md are files and numbers: they are written out, scored and compared."""

import json
import re
from pathlib import Path

import pytest

from evaluation.cli.main import main
from evaluation.release import Release
from tests.evaluation.conftest import REPOSITORY

TEXT = (REPOSITORY / "docs/evaluation.md").read_text()
FILES = dict(re.findall(r"<!-- file: (\S+) -->\n```json\n(.*?)```", TEXT, re.DOTALL))
NUMBERS = re.findall(r"^\| (\S+\.jsonl?) \| `(\S+)` \| ([\d.]+) \|$", TEXT, re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def value(folder: Path, name: str, key: str) -> float:
    truth = ["--truth", str(folder / "gt.jsonl"), "--video-index", str(folder / "video2dur_idx.json")]
    if key.startswith("QA"):
        truth = ["--truth", str(folder / "qa_truth.json"), "--task", "qa"]
    assert main(["score", *truth, str(folder / name), "--json", str(folder / "report.json")]) == 0
    report = json.loads((folder / "report.json").read_text())
    return float({metric["key"]: metric["value"] for metric in report["metrics"]}[key])


def test_the_document_has_examples_of_every_form() -> None:
    assert set(FILES) >= {
        "gt.jsonl",
        "video2dur_idx.json",
        "tvr.json",
        "value.json",
        "lines.jsonl",
        "qa.json",
        "qa.jsonl",
    }
    assert {name for name, _, _ in NUMBERS} == {"tvr.json", "value.json", "lines.jsonl", "qa.json", "qa.jsonl"}


@pytest.mark.parametrize(("name", "key", "shown"), NUMBERS)
def test_the_numbers_in_the_document_are_what_the_examples_score(folder: Path, name: str, key: str, shown: str) -> None:
    assert f"{value(folder, name, key):.2f}" == shown


@pytest.mark.parametrize(("name", "key"), [("tvr", "SVMR.MRR.tiou0.7.nms0.5"), ("qa", "QA.accuracy")])
def test_the_converted_examples_score_the_same(folder: Path, name: str, key: str) -> None:
    task = ["--task", "qa"] if name == "qa" else []
    expected = value(folder, f"{name}.json", key)
    before = folder / f"{name}.json"
    for suffix in ("parquet", "jsonl", "parquet", "json"):
        after = folder / f"converted.{suffix}"
        assert main(["convert", str(before), str(after), *task]) == 0
        assert value(folder, after.name, key) == expected
        before = after.rename(folder / f"source.{suffix}")


def test_the_python_example_uses_what_exists(release: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code.replace("releases/demo-1.0.0", str(release)), "docs/evaluation.md", "exec"), names)
    assert isinstance(names["release"], Release)
    assert str(names["overlap"]) == "[0.5]"
    assert str(names["kept"]) == "[0]"


def test_commands_in_the_document_parse(capsys: pytest.CaptureFixture[str]) -> None:
    for command in re.findall(r"^python -m evaluation (\w+)", TEXT, re.MULTILINE):
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
        assert len(capsys.readouterr().out) > 300
