"""Folds on files: the same rows as in memory, resumable, and through a real queue with a worker killed in between."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from adversarial.data.errors import ItemError
from adversarial.data.jsonl import read_rows, write_rows
from adversarial.data.schema import parse_rows, row_of
from adversarial.negatives import match_shard, shard_files, shard_plan
from adversarial.negatives.pipeline import match_items
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shard_files import gather, gather_items, match_file, run_shard
from adversarial.negatives.shard_plan import QuestionFile, QuestionTable, plan
from tests.adversarial.conftest import make_rows

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
    report = match_file(source, tmp_path / "out.jsonl", tmp_path / "work", MatchSettings(seed=5), max_fold=60)
    assert read_rows(tmp_path / "out.jsonl") == expected
    assert report["folds"] == 3
    assert report["peak_bytes"] >= 0


def test_questions_in_memory_are_matched_like_a_file(expected: Rows, tmp_path: Path) -> None:
    for shard in range(plan(QuestionTable(parse_rows(make_rows(160))), tmp_path, MatchSettings(seed=5), 60)):
        run_shard(tmp_path, shard)
    items, report = gather_items(tmp_path)
    assert [row_of(item) for item in items] == expected
    assert report == gather(tmp_path, tmp_path / "out.jsonl")
    with pytest.raises(ItemError, match="no questions"):
        QuestionTable([])


def test_finished_folds_and_steps_are_not_done_again(
    source: Path, expected: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    assert plan(QuestionFile(source), work, MatchSettings(seed=5), 60) == 3
    for shard in (2, 0):
        run_shard(work, shard)
    with pytest.raises(ItemError, match=r"1 of 3 folds are not done: \[1\]"):
        gather(work, tmp_path / "out.jsonl")
    with monkeypatch.context() as broken:
        broken.setattr(match_shard, "solve_matching", _killed)
        with pytest.raises(KeyboardInterrupt):
            run_shard(work, 1)
    assert (work / "fold-00001.steps" / "learned.npz").exists()
    monkeypatch.setattr(match_shard, "Texts", _killed)  # what was learned need not be learned again
    for shard in range(3):
        run_shard(work, shard)
    gather(work, tmp_path / "out.jsonl")
    assert read_rows(tmp_path / "out.jsonl") == expected


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_folder_of_another_plan_is_refused(source: Path, tmp_path: Path) -> None:
    plan(QuestionFile(source), tmp_path / "work", MatchSettings(seed=5), 60)
    with pytest.raises(ItemError, match="another input or other settings"):
        plan(QuestionFile(source), tmp_path / "work", MatchSettings(seed=6), 60)


def test_more_folds_than_files_may_be_open(tmp_path: Path) -> None:
    rows = [row | {"video_id": f"v{row['qid']}"} for row in make_rows(80)]
    source, work, target = tmp_path / "in.jsonl", tmp_path / "work", tmp_path / "out.jsonl"
    write_rows(source, rows)
    with few_files(20):
        assert plan(QuestionFile(source), work, MatchSettings(), 2) == 40
    for shard in range(40):
        run_shard(work, shard)
    with few_files(20):
        report = gather(work, target)
    assert report["folds"] == 40
    assert [row["qid"] for row in read_rows(target)] == list(range(80))
    assert read_rows(target) == match_items(rows, max_fold=2)[0]


@contextmanager
def few_files(more: int) -> Iterator[None]:
    """This process may open about so many more files than it has open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_rows_and_windows_in_small_pieces_give_the_same_files(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(QuestionFile(source), tmp_path / "whole", MatchSettings(seed=5), 60)
    monkeypatch.setattr(shard_plan, "_HELD", 1000)
    monkeypatch.setattr(shard_files, "_WINDOW", 7)
    plan(QuestionFile(source), tmp_path / "pieces", MatchSettings(seed=5), 60)
    names = sorted(path.name for path in (tmp_path / "whole" / "fold-rows").iterdir())
    assert len(names) == 3
    for name in names:
        assert (tmp_path / "whole/fold-rows" / name).read_bytes() == (tmp_path / "pieces/fold-rows" / name).read_bytes()
    for shard in range(3):
        run_shard(tmp_path / "pieces", shard)
    gather(tmp_path / "pieces", tmp_path / "out.jsonl")
    assert [row["qid"] for row in read_rows(tmp_path / "out.jsonl")] == list(range(160))


def test_a_plan_that_fails_leaves_nothing_half_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    bad = tmp_path / "bad.jsonl"
    write_rows(bad, [*make_rows(3), make_rows(1)[0]])
    with pytest.raises(ItemError, match=r"bad\.jsonl: line 4 \(qid 0\): field qid"):
        plan(QuestionFile(bad), work, MatchSettings())
    assert not work.exists()
    with monkeypatch.context() as broken:
        broken.setattr(json, "dumps", _killed)
        with pytest.raises(KeyboardInterrupt):
            plan(QuestionFile(source), work, MatchSettings(seed=5), 60)
    assert not list(work.iterdir())
    (work / "fold-rows.part").mkdir()  # what kill -9 leaves
    (work / "fold-rows.part" / "fold-00000.jsonl").write_text("half")
    (work / "fold-rows").mkdir()
    (work / "input").mkdir()  # not ours, so not touched
    assert plan(QuestionFile(source), work, MatchSettings(seed=5), 60) == 3
    (work / "input").rmdir()
    assert sorted(path.name for path in work.iterdir()) == ["fold-rows", "plan.json"]


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", '"a"', '{"folds": "x"}', "\ufeff"])
def test_a_broken_plan_is_named(content: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(content)
    for call in (
        lambda: plan(QuestionFile(source), tmp_path, MatchSettings()),
        lambda: run_shard(tmp_path, 0),
        lambda: gather(tmp_path, tmp_path / "out.jsonl"),
    ):
        with pytest.raises(ItemError, match=r"plan\.json: "):
            call()
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_a_folder_that_is_gone_is_told_from_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        run_shard(tmp_path / "work", 0)


def test_a_broken_fold_is_named(source: Path, tmp_path: Path) -> None:
    for shard in range(plan(QuestionFile(source), tmp_path, MatchSettings(seed=5), 60)):
        (tmp_path / f"fold-{shard:05}.json").write_text("{")
    with pytest.raises(ItemError, match=r"fold-00000\.json: "):
        gather(tmp_path, tmp_path / "out.jsonl")
    with pytest.raises(ItemError, match=r"fold-00000\.json: "):
        run_shard(tmp_path, 0)


def test_broken_rows_of_a_fold_are_named(source: Path, tmp_path: Path) -> None:
    plan(QuestionFile(source), tmp_path, MatchSettings(seed=5), 60)
    rows = tmp_path / "fold-rows" / "fold-00000.jsonl"
    for broken in ("{", "[0, {}]", "7"):
        rows.write_text(broken)
        with pytest.raises(ItemError, match=r"fold-00000\.jsonl: broken, name another folder"):
            run_shard(tmp_path, 0)


def test_broken_steps_are_named(source: Path, tmp_path: Path) -> None:
    plan(QuestionFile(source), tmp_path, MatchSettings(seed=5), 60)
    (tmp_path / "fold-00000.steps").mkdir()
    (tmp_path / "fold-00000.steps" / "learned.npz").write_bytes(b"broken")
    with pytest.raises(ItemError, match=r"fold-00000\.steps/learned\.npz: broken, delete it"):
        run_shard(tmp_path, 0)


def test_folds_without_their_plan_are_not_taken_over(source: Path, tmp_path: Path) -> None:
    (tmp_path / "fold-00000.json").write_text("{}")
    with pytest.raises(ItemError, match="folds without their plan"):
        plan(QuestionFile(source), tmp_path, MatchSettings())


def test_a_file_is_no_folder_of_steps_and_a_pipe_no_input(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ItemError, match=r"in\.jsonl: is no folder"):
        plan(QuestionFile(source), source, MatchSettings())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ItemError, match="pipe: is read more than once"):
        plan(QuestionFile(tmp_path / "pipe"), tmp_path / "work", MatchSettings())


def test_a_fold_that_is_not_there_is_an_error(source: Path, tmp_path: Path) -> None:
    plan(QuestionFile(source), tmp_path, MatchSettings(seed=5), 60)
    for shard in (3, -1):
        with pytest.raises(ItemError, match=f"fold {shard}: expected 0 to 2"):
            run_shard(tmp_path, shard)


@pytest.mark.slow
def test_worker_killed_in_a_fold_changes_nothing(source: Path, expected: Rows, tmp_path: Path) -> None:
    from benchmarks.million import start_worker, valkey

    work = tmp_path / "work"
    count = plan(QuestionFile(source), work, MatchSettings(seed=5), 60)
    with valkey(tmp_path / "valkey") as url:
        variables = os.environ | {"SHARD_BROKER": url, "SHARD_VISIBILITY_S": "4", "WORK": str(work)}
        send = "import os; from benchmarks.shard_worker import match_one as m; "
        send += f"[m.delay(os.environ['WORK'], shard) for shard in range({count})]"
        subprocess.run([sys.executable, "-c", send], env=variables, check=True, timeout=120)
        first = start_worker(url, SHARD_VISIBILITY_S="4")
        _wait(lambda: any(work.glob("fold-*.steps")), 120)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert len(list(work.glob("fold-*.json"))) < count
        second = start_worker(url, SHARD_VISIBILITY_S="4")
        try:
            _wait(lambda: len(list(work.glob("fold-?????.json"))) == count, 240)
        finally:
            os.killpg(second.pid, signal.SIGKILL)
            second.wait()
    gather(work, tmp_path / "out.jsonl")
    assert read_rows(tmp_path / "out.jsonl") == expected
    assert json.loads((work / "plan.json").read_text())["folds"] == count


def _wait(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
