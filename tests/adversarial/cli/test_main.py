"""The command line: what it writes, and that bad input gets a clear line and exit status 2."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adversarial.cli.main import main
from adversarial.cli.tables import accuracy_lines
from adversarial.data.jsonl import read_rows, write_rows
from tests.adversarial.conftest import make_rows


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
        ('{"qid": 0}', "line 2 (qid 0): field video_id: expected a non-blank string"),
        ({"answers": ["a"]}, "field answers: expected 2 to 8 strings, got 1 options"),
        ({"answers": ["a", " "]}, "field answers[1]: expected a non-blank string"),
        ({"answers": list("abcdefghi")}, "got 9 options"),
        ({"answer_idx": 4}, "field answer_idx: expected 0 to 3, got 4"),
        ({"answer_idx": True}, "field answer_idx"),
        ({"qid": None}, "field qid: expected a non-empty string or an integer, got None"),
        ({"qid": 0}, "line 2 (qid 0): field qid: was already used in"),
        ({"question": 7}, "field question: expected a non-blank string, got 7"),
        ({"fold": "train"}, "line 2 (qid 1): field fold: given, though the rows before lack it"),
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
        error = capsys.readouterr().err
        assert error.startswith(f"error: {source}: line 2")
        assert error.count("\n") == 1
        assert message in error
    assert list(tmp_path.iterdir()) == [source]


def test_missing_file_and_impossible_wishes(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "absent.jsonl")]) == 2
    assert "absent.jsonl" in capsys.readouterr().err
    for more in ([], ["--work", str(tmp_path / "work")]):
        assert main(["match", str(source), str(tmp_path / "out.jsonl"), "--replace", "4", *more]) == 2
        expected = (
            f"error: {source}: line 1 (qid 0): field answers: has 3 wrong options, fewer than the 4 to be replaced"
        )
        assert capsys.readouterr().err == expected + "\n"
    assert main(["match", str(source), str(tmp_path / "out.jsonl"), "--rounds", "2", "--work", "w"]) == 2


def test_matched_rows_are_not_matched_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, second = tmp_path / "in.jsonl", make_rows(2)[1]
    options = [{"source": "correct" if at == second["answer_idx"] else "matched"} for at in range(4)]
    write_rows(source, [make_rows(1)[0], second | {"options": options}])
    for more in ([], ["--work", str(tmp_path / "work")], ["--rounds", "2"]):
        assert main(["match", str(source), str(tmp_path / "out.jsonl"), *more]) == 2
        expected = f"error: {source}: line 2 (qid 1): field options: already matched; match the written questions\n"
        assert capsys.readouterr().err == expected
    assert list(tmp_path.iterdir()) == [source]


def test_an_adversary_without_a_comparison_is_printed_alone() -> None:
    numbers = {"accuracy": 0.5, "low": 0.4, "high": 0.6}
    panel = {"answer_only": numbers, "cross_encoder": numbers}
    assert list(accuracy_lines({"panel": panel})) == [
        "answer_only      0.500  [0.400, 0.600]",
        "cross_encoder    0.500  [0.400, 0.600]",
    ]
    assert list(accuracy_lines({"panel": panel, "before": {"panel": panel}})) == [
        "answer_only      0.500  [0.400, 0.600]   was 0.500",
        "cross_encoder    0.500  [0.400, 0.600]   was 0.500",
    ]


def test_no_bar_where_nobody_watches(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(source, [row | {"video_id": "one"} for row in make_rows(12)])
    assert main(["match", str(source), str(tmp_path / "out.jsonl")]) == 2
    assert capsys.readouterr().err.startswith("error: no question can be matched: ")


def test_the_model_library_draws_no_bars_of_its_own(tmp_path: Path) -> None:
    """In a process of its own: the library decides when it is first imported."""
    code = "import sys; from adversarial.cli.main import main; main(['audit', sys.argv[1]]); "
    code += "from transformers.utils import logging; print(logging.is_progress_bar_enabled())"
    bare = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    command = [sys.executable, "-c", code, str(tmp_path / "absent.jsonl")]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, timeout=120)
    assert done.stdout == "False\n"


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["match", "--help"])
    text = capsys.readouterr().out
    assert "--replace" in text
    assert "--rounds" in text
    assert "--work" in text


def test_filter_leaves_out_the_most_predictable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = make_rows(60)
    for row in rows[:30]:
        row["answers"][row["answer_idx"]] += " indeed"
    source, output, report = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "filter.json"
    write_rows(source, rows)
    assert main(["filter", str(source), str(output), "--drop", "0.25", "--report", str(report)]) == 0
    kept = read_rows(output)
    assert len(kept) == 45
    assert [row for row in rows if row in kept] == kept
    gone = {row["qid"] for row in rows} - {row["qid"] for row in kept}
    assert sum(qid < 30 for qid in gone) > 10
    numbers = json.loads(report.read_text())
    assert set(numbers["dropped"]) == set(map(str, gone))
    assert len(numbers["difficulty"]) == 60
    assert "15 of 60 items left out" in capsys.readouterr().out
    assert main(["filter", str(source), str(output), "--drop", "1.5"]) == 2


def test_match_sets_the_most_predictable_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output, report = tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "match.json"
    write_rows(source, make_rows(40))
    assert main(["match", str(source), str(output), "--drop", "0.2", "--report", str(report)]) == 0
    assert len(read_rows(output)) == 32
    assert len(json.loads(report.read_text())["set_aside"]) == 8
    assert "8 questions set aside" in capsys.readouterr().out
    for other in (["--rounds", "2"], ["--work", str(tmp_path / "work")]):
        assert main(["match", str(source), str(tmp_path / "other.jsonl"), "--drop", "0.2", *other]) == 2
        assert "--drop" in capsys.readouterr().err
