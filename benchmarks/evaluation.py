"""CPU, wall and peak memory of `python -m evaluation score` on a full-size file, beside json.load of the same file.

    BENCH_SHARED=../shared .venv/bin/python benchmarks/evaluation.py            # makes the files on the first run
    .venv/bin/python benchmarks/evaluation.py --folder /tmp/bench --repeats 5

Every number is of a fresh process running the shipped command with its default output (all metrics, both NMS states,
intervals, blind bars); the first run of each, which may compile, is shown apart. The split by stage comes from one
more process that times the same calls from inside.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
SHARED = Path(os.environ.get("BENCH_SHARED", REPOSITORY / "../shared")).resolve()
TRUTH = SHARED / "data/tvr/tvr_val_release.jsonl"
INDEX = SHARED / "data/tvr/tvr_video2dur_idx_val.json"
JSON_LOAD = "import json, sys\nwith open(sys.argv[1]) as file: json.load(file)"
AIMS = {"JSON": 0.35, "Parquet": 0.125}
MEMORY_AIM = 700  # MB


@dataclass(frozen=True)
class Cost:
    """What one child process used: CPU and wall seconds, peak resident MB."""

    cpu: float
    wall: float
    peak: float

    def __str__(self) -> str:
        return f"{self.cpu:6.2f} s CPU {self.wall:6.2f} s wall {self.peak:6.0f} MB"


def run(command: list[str]) -> Cost:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    begin = time.monotonic()
    child = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1000)


def score_command(predictions: Path) -> list[str]:
    truth = ["--truth", str(TRUTH), "--video-index", str(INDEX)]
    return [sys.executable, "-m", "evaluation", "score", *truth, str(predictions)]


def make_files(folder: Path) -> tuple[Path, Path]:
    """The full-size predictions as JSON (by the shared tool) and, converted, as Parquet."""
    predictions, parquet = folder / "full.json", folder / "full.parquet"
    folder.mkdir(parents=True, exist_ok=True)
    if not predictions.exists():
        run([sys.executable, str(SHARED / "tools/make_full_predictions.py"), str(predictions)])
    if not parquet.exists():
        run([sys.executable, "-m", "evaluation", "convert", str(predictions), str(parquet)])
    return predictions, parquet


def best(command: list[str], repeats: int) -> Cost:
    """The run with the least CPU: the others were disturbed."""
    return min((run(command) for _ in range(repeats)), key=lambda cost: cost.cpu)


def stages(predictions: Path) -> None:
    """Run the command inside this process and print the CPU seconds of its stages."""
    begin = time.process_time()
    from evaluation.cli import commands
    from evaluation.cli.main import main
    from evaluation.metrics.ranking import RankTables
    from evaluation.predictions.validation import ListValidator
    from evaluation.reports import report, scoring

    spent = {"start and imports": begin + time.process_time() - begin}

    def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def inner(*arguments: Any, **named: Any) -> Any:
            start, nested = time.process_time(), sum(spent.values())
            result = function(*arguments, **named)
            nested = sum(spent.values()) - nested
            spent[stage] = spent.get(stage, 0.0) + time.process_time() - start - nested
            return result

        return inner

    def timed_reading(*arguments: Any, **named: Any) -> Iterator[Any]:
        lists = iter(timed("read and hash", read_lists)(*arguments, **named))
        step = timed("read and hash", lambda: next(lists, None))
        while (part := step()) is not None:
            yield part

    read_lists = scoring.read_lists
    scoring.read_lists = timed_reading
    ListValidator.check = timed("check", ListValidator.check)  # type: ignore[method-assign]
    RankTables.add = timed("rank, raw and NMS", RankTables.add)  # type: ignore[method-assign]
    commands.moments_of = timed("read the truth", commands.moments_of)
    report.moment_baseline_bar = timed("blind baselines", report.moment_baseline_bar)
    report._scored = timed("metrics and intervals", report._scored)
    commands.print_report = timed("print", commands.print_report)
    main(score_command(predictions)[3:])
    spent["rest"] = time.process_time() - sum(spent.values())
    for stage, seconds in spent.items():
        print(f"    {seconds:6.2f} s  {stage}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "hero-bench-evaluation")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stages:
        stages(arguments.stages)
        return
    predictions, parquet = make_files(arguments.folder)
    print(f"{predictions.stat().st_size / 1e6:.0f} MB JSON, {parquet.stat().st_size / 1e6:.0f} MB Parquet")
    load = best([sys.executable, "-c", JSON_LOAD, str(predictions)], arguments.repeats)
    print(f"json.load     {load}")
    for name, path in (("JSON", predictions), ("Parquet", parquet)):
        first = run(score_command(path))
        cost = best(score_command(path), arguments.repeats)
        share = cost.cpu / load.cpu
        verdict = "met" if share <= AIMS[name] and cost.peak < MEMORY_AIM else "missed"
        print(f"score {name:7} {cost}   {share:.3f} of json.load (aim {AIMS[name]}, {MEMORY_AIM} MB: {verdict})")
        print(f"  first run   {first}\n  CPU by stage:", flush=True)
        stage_command = [sys.executable, "-m", "benchmarks.evaluation", "--stages", str(path)]
        subprocess.run(
            stage_command,
            cwd=REPOSITORY,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            check=True,
        )


if __name__ == "__main__":
    main()
