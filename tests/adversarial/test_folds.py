"""Folds on files: the same rows as in memory, resumable, and through a real queue with a worker killed in between."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from adversarial import borrow
from adversarial.borrow import Settings
from adversarial.folds import gather, plan, run_all, run_fold
from adversarial.items import ItemError, read_rows, write_rows
from adversarial.pipeline import match_items

from .conftest import make_rows

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("folds") / "in.jsonl"
    write_rows(path, make_rows(160))
    return path


@pytest.fixture(scope="module")
def expected() -> Rows:
    return match_items(make_rows(160), seed=5, max_fold=60)[0]


def test_files_give_the_rows_that_memory_gives(source: Path, expected: Rows, tmp_path: Path) -> None:
    report = run_all(source, tmp_path / "out.jsonl", tmp_path / "work", Settings(seed=5), max_fold=60)
    assert read_rows(tmp_path / "out.jsonl") == expected
    assert report["folds"] == 3
    assert report["peak_bytes"] >= 0


def test_finished_folds_and_steps_are_not_done_again(
    source: Path, expected: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    assert plan(source, work, Settings(seed=5), 60) == 3
    for fold in (2, 0):
        run_fold(work, fold)
    with pytest.raises(ItemError, match=r"1 of 3 folds are not done: \[1\]"):
        gather(work, tmp_path / "out.jsonl")
    with monkeypatch.context() as broken:
        broken.setattr(borrow, "match", _killed)
        with pytest.raises(KeyboardInterrupt):
            run_fold(work, 1)
    assert (work / "fold-00001.steps" / "learnt.npz").exists()
    monkeypatch.setattr(borrow.encoder, "encode", _killed)  # what was learnt need not be learnt again
    for fold in range(3):
        run_fold(work, fold)
    gather(work, tmp_path / "out.jsonl")
    assert read_rows(tmp_path / "out.jsonl") == expected


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_of_another_plan_is_refused(source: Path, tmp_path: Path) -> None:
    plan(source, tmp_path / "work", Settings(seed=5), 60)
    with pytest.raises(ItemError, match="another input or other settings"):
        plan(source, tmp_path / "work", Settings(seed=6), 60)


@pytest.mark.slow
def test_worker_killed_in_a_fold_changes_nothing(source: Path, expected: Rows, tmp_path: Path) -> None:
    from benchmarks.million import start_worker, valkey

    work = tmp_path / "work"
    folds = plan(source, work, Settings(seed=5), 60)
    with valkey(tmp_path / "valkey") as url:
        variables = os.environ | {"FOLD_BROKER": url, "FOLD_VISIBILITY_S": "4", "WORK": str(work)}
        send = "import os; from benchmarks.fold_worker import match_one as m; "
        send += f"[m.delay(os.environ['WORK'], fold) for fold in range({folds})]"
        subprocess.run([sys.executable, "-c", send], env=variables, check=True, timeout=120)
        first = start_worker(url, FOLD_VISIBILITY_S="4")
        _wait(lambda: any(work.glob("fold-*.steps")), 120)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert len(list(work.glob("fold-*.json"))) < folds
        second = start_worker(url, FOLD_VISIBILITY_S="4")
        try:
            _wait(lambda: len(list(work.glob("fold-?????.json"))) == folds, 240)
        finally:
            os.killpg(second.pid, signal.SIGKILL)
            second.wait()
    gather(work, tmp_path / "out.jsonl")
    assert read_rows(tmp_path / "out.jsonl") == expected
    assert json.loads((work / "plan.json").read_text())["folds"] == folds


def _wait(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
