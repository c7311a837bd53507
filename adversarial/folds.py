"""Matching on files, one fold at a time: what a queue of workers runs.

``plan`` writes a folder with one file a fold; ``run_fold`` matches one of them, in any order, on any worker, as
often as it likes: a finished fold is left as it is, a killed one goes on where it stood; ``gather`` joins them in the
order of the input. None of the three holds more than one fold in memory, and match_items gives the same rows.
"""

import fcntl
import hashlib
import heapq
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from adversarial.assemble import fold_numbers, fold_rows, refuse_nothing, whole_report
from adversarial.borrow import Progress, Settings, match_fold
from adversarial.items import Item, ItemError, iterate_rows, parse_row, parse_rows
from adversarial.memory import PeakMemory
from adversarial.paths import write_whole
from adversarial.splits import MAX_FOLD, assign_folds
from adversarial.store import Store


def plan(source: Path, work: Path, settings: Settings, max_fold: int = MAX_FOLD) -> int:
    """Cut ``source`` into folds under the folder ``work``; returns their number.

    A folder that already holds this plan is taken as it is, so that a killed run goes on. Raises ItemError for bad
    rows, and where the folder holds another plan.
    """
    wanted = {"sha256": _digest(source), "max_fold": max_fold, "settings": asdict(settings)}
    if (work / "plan.json").exists():
        found = _read(work / "plan.json")
        if {key: found[key] for key in wanted} != wanted:
            raise ItemError(f"{work}: holds the folds of another input or other settings: name another folder")
        return int(found["folds"])
    work.mkdir(parents=True, exist_ok=True)
    seen: set[str | int] = set()
    keys = []
    labels = 0
    for number, row in iterate_rows(source):
        item = parse_row(row, f"{source}: line {number}")
        if item.qid in seen:
            raise ItemError(f"{source}: line {number}: qid {item.qid!r} was already used")
        seen.add(item.qid)
        labels += "fold" in row
        keys.append((item.split, item.video_id))
    if labels not in (0, len(keys)):
        raise ItemError(f"{source}: {labels} of {len(keys)} rows have a fold: expected all of them or none")
    place = assign_folds(keys, max_fold, settings.seed)
    folds = int(place.max()) + 1
    del seen, keys
    with ExitStack() as stack:
        files = [stack.enter_context(_input(work, fold).open("w", encoding="utf-8")) for fold in range(folds)]
        for at, (_, row) in enumerate(iterate_rows(source)):
            files[place[at]].write(json.dumps([at, row], ensure_ascii=False) + "\n")
    _write(work / "plan.json", wanted | {"folds": folds})
    return folds


def run_fold(work: Path, fold: int, progress: Progress | None = None) -> dict[str, Any]:
    """Match one fold of a plan and return its numbers; at once where that was done before.

    A second caller waits for the first, which a queue that delivers a task twice needs.
    """
    done = work / f"fold-{fold:05}.json"
    with (work / f"fold-{fold:05}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel drops it when its holder is killed
        if not done.exists():
            _match_files(work, fold, done, progress)
    return _read(done)


def _match_files(work: Path, fold: int, done: Path, progress: Progress | None) -> None:
    settings = Settings(**_read(work / "plan.json")["settings"])
    started = time.process_time()
    with PeakMemory() as peak:
        with _input(work, fold).open(encoding="utf-8") as lines:
            numbered = [json.loads(line) for line in lines]
        items = parse_rows([row for _, row in numbered])
        order = sorted(range(len(items)), key=lambda index: items[index].sort_key)
        items = [items[index] for index in order]
        store = Store(work / f"fold-{fold:05}.steps")
        found = match_fold(items, settings, progress, store)
        new = fold_rows([numbered[index][1] for index in order], items, found, settings)
        numbers = fold_numbers(fold, new, found)
    lines_of = sorted(zip((numbered[index][0] for index in order), new, strict=True), key=lambda pair: pair[0])
    write_whole(_output(work, fold), (json.dumps(line, ensure_ascii=False) + "\n" for line in lines_of))
    seconds = time.process_time() - started  # of this process: a fold that was killed began with more
    _write(done, numbers | {"cpu_seconds": seconds, "peak_bytes": peak.bytes})
    store.clear()


def gather(work: Path, target: Path) -> dict[str, Any]:
    """Join the folds' rows in the order of the input; returns the report.

    Raises ItemError while folds are missing, naming them, and where not one question could be matched.
    """
    found = _read(work / "plan.json")
    missing = [fold for fold in range(found["folds"]) if not (work / f"fold-{fold:05}.json").exists()]
    if missing:
        raise ItemError(f"{work}: {len(missing)} of {found['folds']} folds are not done: {missing[:10]}")
    numbers = [_read(work / f"fold-{fold:05}.json") for fold in range(found["folds"])]
    report = whole_report(numbers, Settings(**found["settings"]))
    if not report["replaced"]:
        refuse_nothing(report, [item for fold in range(found["folds"]) for item in _items(work, fold)])
    with ExitStack() as stack:
        files = [stack.enter_context(_output(work, fold).open(encoding="utf-8")) for fold in range(found["folds"])]
        merged = heapq.merge(*map(_numbered_lines, files))
        write_whole(target, (line for _, line in merged))
    return report | {
        "cpu_seconds": sum(fold["cpu_seconds"] for fold in numbers),
        "peak_bytes": max(fold["peak_bytes"] for fold in numbers),
    }


def run_all(
    source: Path,
    target: Path,
    work: Path,
    settings: Settings,
    max_fold: int = MAX_FOLD,
    progress: Callable[[str, float], None] | None = None,
) -> dict[str, Any]:
    """Plan, run every fold that is not done, gather: one process, resumable."""
    started = time.perf_counter()
    folds = plan(source, work, settings, max_fold)
    for fold in range(folds):

        def report(stage: str, share: float, fold: int = fold) -> None:
            if progress:
                progress(f"fold {fold + 1} of {folds}: {stage}", share)

        run_fold(work, fold, report)
    return gather(work, target) | {"seconds": time.perf_counter() - started}


def _items(work: Path, fold: int) -> list[Item]:
    with _input(work, fold).open(encoding="utf-8") as lines:
        return [parse_row(json.loads(line)[1], f"fold {fold}") for line in lines]


def _numbered_lines(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    for line in lines:
        at, row = json.loads(line)
        yield at, json.dumps(row, ensure_ascii=False) + "\n"


def _input(work: Path, fold: int) -> Path:
    return work / f"fold-{fold:05}.in.jsonl"


def _output(work: Path, fold: int) -> Path:
    return work / f"fold-{fold:05}.out.jsonl"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, [json.dumps(content, indent=1), "\n"])
