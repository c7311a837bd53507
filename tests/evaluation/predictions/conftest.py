"""Predictions are scored in one child process under limits on memory and time; what broke them would kill it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from tests.evaluation.conftest import REPOSITORY
from tests.evaluation.predictions.hostile_child import MEMORY_LIMIT, SECONDS_LIMIT

Json = dict[str, Any]


class Child:
    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.evaluation.predictions.hostile_child"]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def run(self, *arguments: object) -> Json:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([str(argument) for argument in arguments]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the child died with status {self.process.wait()}"
        result: Json = json.loads(answer)
        assert "Traceback" not in result["output"]
        assert result["seconds"] < SECONDS_LIMIT
        assert result["peak"] < MEMORY_LIMIT
        return result


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    assert child.process.stdin
    child.process.stdin.close()
    assert child.process.wait(10) == 0


@pytest.fixture(scope="module")
def good(release: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A submission that is in order, as text."""
    out = tmp_path_factory.mktemp("good") / "good.json"
    assert main(["baseline", str(release), "--kind", "random", "--out", str(out)]) == 0
    return out.read_text()


@pytest.fixture
def score(child: Child, release: Path, tmp_path: Path) -> Callable[..., Json]:
    """Score bytes in the child; gives the JSON report with "output" added."""

    def run(raw: bytes, *options: str, name: str = "predictions.json", expect: int = 2) -> Json:
        (tmp_path / name).write_bytes(raw)
        out = tmp_path / "report.json"
        result = child.run("score", release, tmp_path / name, "--json", out, *options)
        report: Json = json.loads(out.read_text())
        assert result["code"] == expect, result["output"]
        assert (report["refused"] is None) == (expect == 0)
        assert bool(report["metrics"]) == (expect == 0)
        return report | {"output": result["output"]}

    return run
