"""Matching on files, one shard at a time: what a queue of workers runs.

``plan`` writes a folder with one file a shard; ``run_shard`` matches one of them, in any order, on any worker, as
often as it likes: a finished shard is left as it is, a killed one goes on where it stood; ``gather`` joins them in the
order of the input. None of the three holds more than one shard in memory or more than a few files open, and
match_items gives the same rows. The files and the fields of plan.json call a shard a fold.
"""

import fcntl
import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adversarial.data.atomic_files import atomic_folder, write_atomic
from adversarial.data.errors import ItemError, refusing
from adversarial.data.jsonl import iterate_rows
from adversarial.data.schema import Item, checked, parse_row, parse_rows, row_of
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.pipeline import match_items_of_shard
from adversarial.negatives.report import overall_report, require_matches
from adversarial.negatives.reserve import idle_lenders
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shards import MAX_SHARD, assign_shards
from adversarial.negatives.step_cache import StepCache
from adversarial.progress import Progress, within

_IDLE = "idle.json"  # the ids of the reserve that do not lend, over all shards
_ROWS = "fold-rows"  # the folder of the shards' input; a killed plan is made anew
_HELD = 2**26  # letters of rows in memory before they are dealt to the shards' files
_WINDOW = 2**16  # rows in memory while the shards are joined


@dataclass(frozen=True)
class Plan:
    """What plan.json holds: the input by its digest, how it was cut, and what every shard is matched with."""

    sha256: str
    max_fold: int
    settings: MatchSettings
    folds: int  # how many shards

    @classmethod
    def read(cls, work: Path) -> "Plan":
        """Raises ItemError, naming the file, where it was not written here, and FileNotFoundError where none lies."""
        path = work / "plan.json"
        found = _read(path, "no plan of this program")
        with refusing(f"{path}: no plan of this program"):
            plan = cls(found["sha256"], found["max_fold"], MatchSettings(**found["settings"]), found["folds"])
            range(plan.folds)  # raises unless it is a whole number
        return plan


def plan(source: Path, work: Path, settings: MatchSettings, max_fold: int = MAX_SHARD) -> int:
    """Cut ``source`` into shards under the folder ``work``; returns their number.

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
    reserved = {split for split, _, reserve in keys if reserve is not None}
    place = assign_shards([key[:2] for key in keys], max_fold, settings.seed, reserved).tolist()
    del keys
    work.mkdir(parents=True, exist_ok=True)
    again = checked(iterate_rows(source), f"{source}: line") if reserved else iter(())
    with atomic_folder(work / _ROWS) as folder:
        _write(folder / _IDLE, {"qids": list(idle_lenders([item for item in again if item.split in reserved]))})
        _deal(source, place, folder)
    shards = max(place) + 1
    _write(work / "plan.json", asdict(Plan(digest, max_fold, settings, shards)))
    return shards


def _deal(source: Path, place: Sequence[int], folder: Path) -> None:
    """Append every row to its shard's file, many rows at a time, so that one file is open and not one a shard."""
    held: dict[int, list[str]] = defaultdict(list)
    size = 0

    def append() -> None:
        for shard, lines in held.items():
            with (folder / _name(shard)).open("a", encoding="utf-8") as out:
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


def run_shard(work: Path, shard: int, progress: Progress | None = None) -> dict[str, Any]:
    """Match one shard of a plan and return its numbers; at once where that was done before.

    A second caller waits for the first, which a queue that delivers a task twice needs. Raises ItemError where there
    is no such shard or the plan is broken, FileNotFoundError where the folder is gone.
    """
    found = Plan.read(work)
    if not 0 <= shard < found.folds:
        raise ItemError(f"{work}: fold {shard}: expected 0 to {found.folds - 1}")
    done = _done(work, shard)
    with (work / f"fold-{shard:05}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel drops it when its holder is killed
        if not done.exists():
            _match_files(work, shard, found.settings, done, progress)
    return _numbers(work, shard)


def _match_files(work: Path, shard: int, settings: MatchSettings, done: Path, progress: Progress | None) -> None:
    started = time.process_time()
    with PeakMemory() as peak:
        with _input(work, shard).open(encoding="utf-8") as lines:
            numbered = [json.loads(line) for line in lines]
        items = parse_rows([row for _, row in numbered])
        order = sorted(range(len(items)), key=lambda index: items[index].sort_key)
        items = [items[index] for index in order]
        cache = StepCache(work / f"fold-{shard:05}.steps")
        idle_ids = frozenset(_read(work / _ROWS / _IDLE, "broken, name another folder")["qids"])
        new, numbers = match_items_of_shard(shard, items, settings, progress, cache, idle_ids)
    placed = ((numbered[order[place]][0], row_of(item)) for place, item in new.items())
    lines_of = sorted(placed, key=lambda pair: pair[0])
    write_atomic(_output(work, shard), (json.dumps(line, ensure_ascii=False) + "\n" for line in lines_of))
    seconds = time.process_time() - started  # of this process: a shard that was killed began with more
    _write(done, numbers | {"cpu_seconds": seconds, "peak_bytes": peak.bytes})
    cache.clear()


def gather(work: Path, target: Path) -> dict[str, Any]:
    """Join the shards' rows in the order of the input; returns the report.

    Raises ItemError while shards are missing, naming them, and where not one question could be matched.
    """
    found = Plan.read(work)
    missing = [shard for shard in range(found.folds) if not _done(work, shard).exists()]
    if missing:
        raise ItemError(f"{work}: {len(missing)} of {found.folds} folds are not done: {missing[:10]}")
    numbers = [_numbers(work, shard) for shard in range(found.folds)]
    report = overall_report(numbers, found.settings)
    if not report["replaced"]:
        require_matches(report, [item for shard in range(found.folds) for item in _items(work, shard)])
    write_atomic(target, _in_order(work, found.folds, report["n"] + report["reserve"]))
    return report | {
        "cpu_seconds": sum(shard["cpu_seconds"] for shard in numbers),
        "peak_bytes": max(shard["peak_bytes"] for shard in numbers),
    }


def match_file(
    source: Path,
    target: Path,
    work: Path,
    settings: MatchSettings,
    max_fold: int = MAX_SHARD,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Plan, run every shard that is not done, gather: one process, resumable."""
    started = time.perf_counter()
    shards = plan(source, work, settings, max_fold)
    for shard in range(shards):
        run_shard(work, shard, within(progress, f"fold {shard + 1} of {shards}"))
    return gather(work, target) | {"seconds": time.perf_counter() - started}


def _items(work: Path, shard: int) -> list[Item]:
    with _input(work, shard).open(encoding="utf-8") as lines:
        return [parse_row(json.loads(line)[1], f"fold {shard}") for line in lines]


def _in_order(work: Path, shards: int, rows: int) -> Iterator[str]:
    """The shards' rows in the order of the input: a window of them at a time, one file open at a time."""
    positions = [0] * shards  # bytes of a shard's file that were read
    for start in range(0, rows, _WINDOW):
        window = [""] * min(_WINDOW, rows - start)
        for shard in range(shards):
            with _output(work, shard).open("rb") as lines:
                lines.seek(positions[shard])
                for line in lines:
                    at, row = json.loads(line)
                    if at >= start + len(window):
                        break
                    window[at - start] = json.dumps(row, ensure_ascii=False) + "\n"
                    positions[shard] += len(line)
        yield from window


def _input(work: Path, shard: int) -> Path:
    return work / _ROWS / _name(shard)


def _output(work: Path, shard: int) -> Path:
    return work / f"fold-{shard:05}.out.jsonl"


def _done(work: Path, shard: int) -> Path:
    """The shard's numbers, written last: where they lie the shard is done."""
    return work / f"fold-{shard:05}.json"


def _name(shard: int) -> str:
    return f"fold-{shard:05}.jsonl"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _numbers(work: Path, shard: int) -> dict[str, Any]:
    """What a finished shard adds to the report; raises ItemError where that is broken."""
    return _read(_done(work, shard), "broken, delete it to match the fold again")


def _read(path: Path, otherwise: str) -> dict[str, Any]:
    content = path.read_bytes()
    with refusing(f"{path}: {otherwise}"):
        found: dict[str, Any] = json.loads(content)
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    write_atomic(path, [json.dumps(content, indent=1), "\n"])
