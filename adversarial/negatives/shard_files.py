"""Matching on files, one fold at a time: what a queue of workers runs.

``plan`` writes a folder with one file a fold; ``run_fold`` matches one of them, in any order, on any worker, as
often as it likes: a finished fold is left as it is, a killed one goes on where it stood; ``gather`` joins them in the
order of the input. None of the three holds more than one fold in memory or more than a few files open, and
match_items gives the same rows.
"""

import fcntl
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adversarial.data.atomic_files import whole_folder, write_whole
from adversarial.data.errors import ItemError, refusing
from adversarial.data.schema import Item, checked, iterate_rows, parse_row, parse_rows
from adversarial.matching.reserve import idle
from adversarial.negatives.match_shard import Progress, Settings, match_fold
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.report import fold_numbers, fold_rows, refuse_nothing, whole_report
from adversarial.negatives.shards import MAX_FOLD, assign_folds
from adversarial.negatives.step_cache import Store

_IDLE = "idle.json"  # the ids of the reserve that do not lend, over all folds
_ROWS = "fold-rows"  # the folder of the folds' input; a killed plan is made anew
_HELD = 2**26  # letters of rows in memory before they are dealt to the folds' files
_WINDOW = 2**16  # rows in memory while the folds are joined


@dataclass(frozen=True)
class Plan:
    """What plan.json holds: the input by its digest, how it was cut, and what every fold is matched with."""

    sha256: str
    max_fold: int
    settings: Settings
    folds: int

    @classmethod
    def read(cls, work: Path) -> "Plan":
        """Raises ItemError, naming the file, where it was not written here, and FileNotFoundError where none lies."""
        path = work / "plan.json"
        found = _read(path, "no plan of this program")
        with refusing(f"{path}: no plan of this program"):
            plan = cls(found["sha256"], found["max_fold"], Settings(**found["settings"]), found["folds"])
            range(plan.folds)  # raises unless it is a whole number
        return plan


def plan(source: Path, work: Path, settings: Settings, max_fold: int = MAX_FOLD) -> int:
    """Cut ``source`` into folds under the folder ``work``; returns their number.

    A folder that already holds this plan is taken as it is, so that a killed run goes on. Raises ItemError for bad
    rows, and where the folder holds another plan.
    """
    if work.exists() and not work.is_dir():
        raise ItemError(f"{work}: is no folder, expected one to keep the steps in")
    if source.exists() and not source.is_file():
        raise ItemError(f"{source}: is read more than once, expected a regular file")
    digest = _digest(source)
    if (work / "plan.json").exists():
        found = Plan.read(work)
        if found != Plan(digest, max_fold, settings, found.folds):
            raise ItemError(f"{work}: holds the folds of another input or other settings: name another folder")
        return found.folds
    if next(work.glob("fold-[0-9]*"), None):
        raise ItemError(f"{work}: holds folds without their plan: name another folder, or empty this one")
    items = checked(iterate_rows(source), f"{source}: line", settings.replace)
    keys = [(item.split, item.video_id, item.reserve) for item in items]
    sealed = {split for split, _, reserve in keys if reserve}
    place = assign_folds([key[:2] for key in keys], max_fold, settings.seed, sealed).tolist()
    del keys
    work.mkdir(parents=True, exist_ok=True)
    again = checked(iterate_rows(source), f"{source}: line") if sealed else iter(())
    with whole_folder(work / _ROWS) as folder:
        _write(folder / _IDLE, {"qids": list(idle([item for item in again if item.split in sealed]))})
        _deal(source, place, folder)
    folds = max(place) + 1
    _write(work / "plan.json", asdict(Plan(digest, max_fold, settings, folds)))
    return folds


def _deal(source: Path, place: Sequence[int], folder: Path) -> None:
    """Append every row to its fold's file, many rows at a time, so that one file is open and not one a fold."""
    held: dict[int, list[str]] = defaultdict(list)
    size = 0

    def append() -> None:
        for fold, lines in held.items():
            with (folder / _name(fold)).open("a", encoding="utf-8") as out:
                out.writelines(lines)
        held.clear()

    for at, (_, row) in enumerate(iterate_rows(source)):
        line = json.dumps([at, row], ensure_ascii=False) + "\n"
        held[place[at]].append(line)
        size += len(line)
        if size >= _HELD:
            append()
            size = 0
    append()


def run_fold(work: Path, fold: int, progress: Progress | None = None) -> dict[str, Any]:
    """Match one fold of a plan and return its numbers; at once where that was done before.

    A second caller waits for the first, which a queue that delivers a task twice needs. Raises ItemError where there
    is no such fold or the plan is broken, FileNotFoundError where the folder is gone.
    """
    found = Plan.read(work)
    if not 0 <= fold < found.folds:
        raise ItemError(f"{work}: fold {fold}: expected 0 to {found.folds - 1}")
    done = work / f"fold-{fold:05}.json"
    with (work / f"fold-{fold:05}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel drops it when its holder is killed
        if not done.exists():
            _match_files(work, fold, found.settings, done, progress)
    return _numbers(work, fold)


def _match_files(work: Path, fold: int, settings: Settings, done: Path, progress: Progress | None) -> None:
    started = time.process_time()
    with PeakMemory() as peak:
        with _input(work, fold).open(encoding="utf-8") as lines:
            numbered = [json.loads(line) for line in lines]
        items = parse_rows([row for _, row in numbered])
        order = sorted(range(len(items)), key=lambda index: items[index].sort_key)
        items = [items[index] for index in order]
        store = Store(work / f"fold-{fold:05}.steps")
        idle_ids = frozenset(_read(work / _ROWS / _IDLE, "broken, name another folder")["qids"])
        found = match_fold(items, settings, progress, store, idle_ids)
        new = fold_rows([numbered[index][1] for index in order], items, found, settings)
        numbers = fold_numbers(fold, items, list(new.values()), found)
    lines_of = sorted(((numbered[order[place]][0], row) for place, row in new.items()), key=lambda pair: pair[0])
    write_whole(_output(work, fold), (json.dumps(line, ensure_ascii=False) + "\n" for line in lines_of))
    seconds = time.process_time() - started  # of this process: a fold that was killed began with more
    _write(done, numbers | {"cpu_seconds": seconds, "peak_bytes": peak.bytes})
    store.clear()


def gather(work: Path, target: Path) -> dict[str, Any]:
    """Join the folds' rows in the order of the input; returns the report.

    Raises ItemError while folds are missing, naming them, and where not one question could be matched.
    """
    found = Plan.read(work)
    missing = [fold for fold in range(found.folds) if not (work / f"fold-{fold:05}.json").exists()]
    if missing:
        raise ItemError(f"{work}: {len(missing)} of {found.folds} folds are not done: {missing[:10]}")
    numbers = [_numbers(work, fold) for fold in range(found.folds)]
    report = whole_report(numbers, found.settings)
    if not report["replaced"]:
        refuse_nothing(report, [item for fold in range(found.folds) for item in _items(work, fold)])
    write_whole(target, _in_order(work, found.folds, report["n"] + report["reserve"]))
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


def _in_order(work: Path, folds: int, rows: int) -> Iterator[str]:
    """The folds' rows in the order of the input: a window of them at a time, one file open at a time."""
    positions = [0] * folds  # bytes of a fold's file that were read
    for start in range(0, rows, _WINDOW):
        window = [""] * min(_WINDOW, rows - start)
        for fold in range(folds):
            with _output(work, fold).open("rb") as lines:
                lines.seek(positions[fold])
                for line in lines:
                    at, row = json.loads(line)
                    if at >= start + len(window):
                        break
                    window[at - start] = json.dumps(row, ensure_ascii=False) + "\n"
                    positions[fold] += len(line)
        yield from window


def _input(work: Path, fold: int) -> Path:
    return work / _ROWS / _name(fold)


def _output(work: Path, fold: int) -> Path:
    return work / f"fold-{fold:05}.out.jsonl"


def _name(fold: int) -> str:
    return f"fold-{fold:05}.jsonl"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbers(work: Path, fold: int) -> dict[str, Any]:
    """What a finished fold adds to the report; raises ItemError where that is broken."""
    return _read(work / f"fold-{fold:05}.json", "broken, delete it to match the fold again")


def _read(path: Path, otherwise: str) -> dict[str, Any]:
    content = path.read_bytes()
    with refusing(f"{path}: {otherwise}"):
        found: dict[str, Any] = json.loads(content)
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    write_whole(path, [json.dumps(content, indent=1), "\n"])
