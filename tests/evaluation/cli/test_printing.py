"""What is printed, and whether anybody can read it, decides nothing about a run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.cli.main import main
from tests.evaluation.conftest import REPOSITORY


@pytest.fixture
def predictions(release: Path, tmp_path: Path) -> Path:
    assert main(["baseline", str(release), "--kind", "random", "--out", str(tmp_path / "p.json")]) == 0
    return tmp_path / "p.json"


def shell(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A bash script with the command as $EVALUATION; its status is that of the command, not of what reads it."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {script}", "bash", *map(str, arguments)],
        cwd=REPOSITORY,
        env=os.environ | {"EVALUATION": f"{sys.executable} -m evaluation"} | environment,
        capture_output=True,
        encoding="latin-1",
    )


READERS = {
    "nobody": "| true",
    "one line": "| head -1",
    "a full disk": ">/dev/full",
    "closed": ">&-",
}


@pytest.mark.parametrize("reader", READERS)
def test_the_report_is_written_whoever_reads_the_terminal(
    reader: str, release: Path, predictions: Path, tmp_path: Path
) -> None:
    done = shell(
        f'$EVALUATION score "$1" "$2" --json "$3" {READERS[reader]}', release, predictions, tmp_path / "o.json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "o.json").read_text())["refused"] is None


def test_a_refusal_stays_one_whoever_reads_it(release: Path, predictions: Path, tmp_path: Path) -> None:
    predictions.write_text("{}")
    done = shell('$EVALUATION score "$1" "$2" --json "$3" 2>/dev/full', release, predictions, tmp_path / "o.json")
    assert done.returncode == 2
    assert json.loads((tmp_path / "o.json").read_text())["refused"]


def test_a_terminal_without_utf8_gets_what_it_can_show(release: Path, predictions: Path, tmp_path: Path) -> None:
    done = shell(
        '$EVALUATION score "$1" "$2" --json "$3"', release, predictions, tmp_path / "o.json", PYTHONIOENCODING="latin-1"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "R@1.tiou0.7.raw" in done.stdout
    assert (tmp_path / "o.json").exists()


def test_a_comparison_is_written_before_it_is_printed(release: Path, predictions: Path, tmp_path: Path) -> None:
    done = shell('$EVALUATION compare "$1" "$2" "$2" --json "$3" >&-', release, predictions, tmp_path / "o.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads((tmp_path / "o.json").read_text())["differences"]
