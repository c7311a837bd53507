"""Matching on files, one shard at a time: what a queue of workers runs.

``plan`` writes a folder with one file a shard; ``run_shard`` matches one of them, in any order, on any worker, as
often as it likes: a finished shard is left as it is, a killed one goes on where it stood; ``gather`` joins them in the
order of the input. None of the three holds more than one shard in memory or more than a few files open, and
match_items gives the same rows.
"""

import fcntl
import time
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from adversarial.data.errors import ItemError
from adversarial.data.paths import write_output
from adversarial.data.schema import Item
from adversarial.negatives import shard_folder
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.pipeline import match_items_of_shard
from adversarial.negatives.report import overall_report, require_matches
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shard_plan import Plan, QuestionFile, plan
from adversarial.negatives.shards import MAX_SHARD
from adversarial.negatives.step_cache import StepCache
from adversarial.progress import Progress, within
from adversarial.relevance.likeness import Texts

_WINDOW = 2**16  # rows in memory while the shards are joined


def run_shard(work: Path, shard: int, progress: Progress | None = None) -> dict[str, Any]:
    """Match one shard of a plan and return its numbers; at once where that was done before.

    A second caller waits for the first, which a queue that delivers a task twice needs. Raises ItemError where there
    is no such shard or the plan is broken, FileNotFoundError where the folder is gone.
    """
    found = Plan.read(work)
    if not 0 <= shard < found.folds:
        raise ItemError(f"{work}: fold {shard}: expected 0 to {found.folds - 1}")
    with (work / f"fold-{shard:05}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel drops it when its holder is killed
        if not shard_folder.done(work, shard).exists():
            _match_files(work, shard, found, progress)
    return _numbers(work, shard)


def _match_files(work: Path, shard: int, plan: Plan, progress: Progress | None) -> None:
    started = time.process_time()
    rows = work / shard_folder.ROWS
    with PeakMemory() as peak:
        read = shard_folder.read_items(rows / shard_folder.input_name(shard))
        placed = sorted(read, key=lambda pair: pair[1].sort_key)
        steps = StepCache(work / f"fold-{shard:05}.steps")
        items = [item for _, item in placed]
        known = Texts.load(Path(plan.texts)) if plan.texts else None
        new, numbers = match_items_of_shard(shard, items, plan.settings, progress, steps, known)
    matched = sorted(((placed[index][0], item) for index, item in new.items()), key=itemgetter(0))
    shard_folder.write_items(shard_folder.output(work, shard), matched)
    seconds = time.process_time() - started  # of this process: a shard that was killed began with more
    numbers |= {"cpu_seconds": seconds, "peak_bytes": peak.bytes}
    shard_folder.write_object(shard_folder.done(work, shard), numbers)
    steps.clear()


def gather(work: Path, target: Path) -> dict[str, Any]:
    """Join the shards' rows in the order of the input; returns the report.

    Raises ItemError while shards are missing, naming them, and where not one question could be matched.
    """
    report = _report(work)
    write_output(target, _in_order(work, report["folds"], report["n"] + report["reserve"]))
    return report


def gather_items(work: Path) -> tuple[list[Item], dict[str, Any]]:
    """As gather, all items at once and in memory."""
    report = _report(work)
    placed = [
        pair for shard in range(report["folds"]) for pair in shard_folder.read_items(shard_folder.output(work, shard))
    ]
    return [item for _, item in sorted(placed, key=itemgetter(0))], report


def _report(work: Path) -> dict[str, Any]:
    """Raises ItemError as gather."""
    found = Plan.read(work)
    missing = [shard for shard in range(found.folds) if not shard_folder.done(work, shard).exists()]
    if missing:
        raise ItemError(f"{work}: {len(missing)} of {found.folds} folds are not done: {missing[:10]}")
    numbers = [_numbers(work, shard) for shard in range(found.folds)]
    report = overall_report(numbers, found.settings)
    if not report["replaced"]:
        require_matches(report, list(_input(work, found.folds)))
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
    shards = plan(QuestionFile(source), work, settings, max_fold)
    for shard in range(shards):
        run_shard(work, shard, within(progress, f"fold {shard + 1} of {shards}"))
    return gather(work, target) | {"seconds": time.perf_counter() - started}


def _input(work: Path, shards: int) -> Iterator[Item]:
    for shard in range(shards):
        for _, item in shard_folder.read_items(work / shard_folder.ROWS / shard_folder.input_name(shard)):
            yield item


def _in_order(work: Path, shards: int, rows: int) -> Iterator[bytes]:
    """The shards' rows in the order of the input: a window of them at a time, one file open at a time."""
    positions = [0] * shards  # bytes of a shard's file that were read
    for start in range(0, rows, _WINDOW):
        window = [b""] * min(_WINDOW, rows - start)
        for shard in range(shards):
            with shard_folder.output(work, shard).open("rb") as lines:
                lines.seek(positions[shard])
                for line in lines:
                    at, text = shard_folder.place_and_text(line)
                    if at >= start + len(window):
                        break
                    window[at - start] = text + b"\n"
                    positions[shard] += len(line)
        yield from window


def _numbers(work: Path, shard: int) -> dict[str, Any]:
    """What a finished shard adds to the report; raises ItemError where that is broken."""
    return shard_folder.read_object(shard_folder.done(work, shard), "broken, delete it to match the fold again")
