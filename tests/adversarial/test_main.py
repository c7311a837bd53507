"""The command line: what it writes, and that bad input gets a clear line and exit status 2."""

import json
from pathlib import Path
from typing import Any

import pytest

from adversarial.__main__ import main
from adversarial.items import read_rows, write_rows

from .conftest import make_rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    write_rows(path, make_rows(40))
    return path


def test_match_then_audit(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, report = tmp_path / "out.jsonl", tmp_path / "match.json"
    assert main(["match", str(source), str(output), "--report", str(report), "--jobs", "2"]) == 0
    numbers = json.loads(report.read_text())
    assert {"n", "rounds", "value", "upper_bound", "certified_gap", "seconds", "peak_bytes"} <= numbers.keys()
    assert numbers["value"] <= numbers["upper_bound"] + 1e-9
    assert len(read_rows(output)) == 40
    assert main(["audit", str(output), "--report", str(tmp_path / "audit.json")]) == 0
    audit = json.loads((tmp_path / "audit.json").read_text())
    for name in ("answer_only", "question_answer", "option_set", "hashed_words", "length", "centrality", "position"):
        assert {"accuracy", "low", "high"} <= audit["panel"][name].keys()
        assert name in audit["before"]["panel"]
        assert name in audit["before"]["same_training"]["panel"]
    assert "hashed_words" in capsys.readouterr().out


def test_folder_of_steps_gives_the_same_file(source: Path, tmp_path: Path) -> None:
    assert main(["match", str(source), str(tmp_path / "a.jsonl")]) == 0
    arguments = ["match", str(source), str(tmp_path / "b.jsonl"), "--work", str(tmp_path / "work")]
    assert main(arguments) == 0
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2: expected one JSON object"),
        ("[1]", "line 2: expected a JSON object, got list"),
        ('{"qid": 0}', "row 2 (qid 0): field video_id: expected a non-blank string"),
        ({"answers": ["a"]}, "field answers: expected 2 to 8 strings, got 1 options"),
        ({"answers": ["a", " "]}, "field answers[1]: expected a non-blank string"),
        ({"answers": list("abcdefghi")}, "got 9 options"),
        ({"answer_idx": 4}, "field answer_idx: expected 0 to 3, got 4"),
        ({"answer_idx": True}, "field answer_idx"),
        ({"qid": None}, "field qid: expected a non-empty string or an integer, got None"),
        ({"qid": 0}, "row 2: qid 0 was already used in row 1"),
        ({"question": 7}, "field question: expected a non-blank string, got 7"),
        ({"fold": "train"}, "1 of 2 rows have a fold"),
        ({"options": [{}]}, "field options: expected one object for each of the 4 answers"),
    ],
)
def test_bad_input_is_named_and_nothing_written(
    line: str | dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make_rows(2)
    bad = line if isinstance(line, str) else json.dumps(second | line)
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(first) + "\n" + bad + "\n")
    for command in (["match", str(source), str(tmp_path / "out.jsonl")], ["audit", str(source)]):
        assert main(command) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_missing_file_and_impossible_wishes(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl" in capsys.readouterr().err
    assert main(["match", str(source), str(tmp_path / "out.jsonl"), "--replace", "4"]) == 2
    assert "has 3 wrong options, fewer than the 4 to be replaced" in capsys.readouterr().err
    assert main(["match", str(source), str(tmp_path / "out.jsonl"), "--replace", "0"]) == 2
    assert main(["match", str(source), str(tmp_path / "out.jsonl"), "--rounds", "2", "--work", "w"]) == 2


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["match", "--help"])
    text = capsys.readouterr().out
    assert "--replace" in text
    assert "--rounds" in text
    assert "--work" in text
