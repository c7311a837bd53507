"""Mutation testing: `make mutants ARGS="ledger split"` changes one operator or number at a time and runs the tests.

A mutant that no test notices survives. It works on a copy of the tree; a run that was cut off goes on where it
stopped, since its session lies in `mutants/`. One PostgreSQL and one Valkey serve all the runs.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests import services

ROOT = Path(__file__).resolve().parents[1]
SESSIONS = ROOT / "mutants"


@dataclass(frozen=True)
class Target:
    """What is changed, the tests that must notice, and the seconds after which a run counts as noticed."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]
    timeout_s: int = 60


TARGETS = {
    "ledger": Target(("annotation/review/ledger.py",), ("tests/annotation/test_ledger.py",)),
    "split": Target(("benchmark_site/releases/split/video_split.py",), ("tests/releases/split/test_video_split.py",)),
    "metrics": Target(
        tuple(f"evaluation/metrics/{name}.py" for name in ("iou", "nms", "ranking", "bootstrap", "baselines")),
        ("tests/evaluation/metrics",),
        timeout_s=300,
    ),
    "matching": Target(
        tuple(f"adversarial/matching/{name}.py" for name in ("column_generation", "pricing", "auction", "kernels")),
        ("tests/adversarial/matching", "tests/adversarial/text"),
        timeout_s=300,
    ),
}


def main() -> None:
    """Run the named targets one after another and print their scores; exit 1 where a mutant survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default: all")
    parser.add_argument("--sample", type=int, metavar="N", help="try N mutants of each new target, the same every time")
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        parser.error(f"no target {', '.join(unknown)}, there are: {', '.join(TARGETS)}")
    SESSIONS.mkdir(exist_ok=True)
    os.environ.setdefault("BENCH_SHARED", str(ROOT.parent / "shared"))  # the copy has other neighbours
    with services.running():
        survived = sum(_run(name, TARGETS[name], options.sample) for name in names)
    sys.exit(1 if survived else 0)


def _run(name: str, target: Target, sample: int | None) -> int:
    """Finish the session of a target; how many mutants survived."""
    session = SESSIONS / f"{name}.sqlite"
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = _copy(Path(folder))
        (copy / "mutants.toml").write_text(_configuration(target))
        if not session.exists():
            _tool(copy, "cosmic-ray", "baseline", "mutants.toml")
            _tool(copy, "cosmic-ray", "init", "mutants.toml", str(session))
            _tool(copy, "cr-filter-operators", str(session), "mutants.toml")
            if sample is not None:
                _leave(session, sample)
        _tool(copy, "cosmic-ray", "exec", "mutants.toml", str(session))
        return _report(name, _tool(copy, "cosmic-ray", "dump", str(session)))


def _leave(session: Path, sample: int) -> None:
    """Skip all pending mutants but a sample, drawn from an order that does not depend on their random ids."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    with use_db(str(session)) as database:
        pending = sorted(database.pending_work_items, key=lambda item: repr(item.mutations))
        random.Random(0).shuffle(pending)
        for item in pending[sample:]:
            database.set_result(item.job_id, WorkResult(WorkerOutcome.SKIPPED))


def _copy(folder: Path) -> Path:
    """The files that git knows or would, without its history, beside the same environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    for name in (".venv", "node_modules"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def _configuration(target: Target) -> str:
    tests = " ".join(target.tests)
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider --reuse-db -m 'not slow' {tests}"
    return (
        f"[cosmic-ray]\nmodule-path = {json.dumps(target.modules)}\ntimeout = {target.timeout_s}\n"
        f"excluded-modules = []\ntest-command = {json.dumps(command)}\n"
        '[cosmic-ray.distributor]\nname = "local"\n'
        # The | of a type hint is never evaluated.
        "[cosmic-ray.filters.operators-filter]\nexclude-operators = ['core/ReplaceBinaryOperator_BitOr_.*']\n"
    )


def _tool(copy: Path, name: str, *arguments: str) -> str:
    """What one of cosmic-ray's programs prints."""
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{name} {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def _report(name: str, dump: str) -> int:
    """Print a target's score and every survivor as a diff; how many there are."""
    results = [result for _, result in map(json.loads, dump.splitlines()) if result]
    counts = Counter(result["test_outcome"] for result in results)
    for result in results:
        if result["test_outcome"] == "survived":
            print(result["diff"])
    total = counts["survived"] + counts["killed"]
    print(f"{name}: {counts['killed']} of {total} mutants noticed, {100 * counts['killed'] / max(total, 1):.0f} %")
    return counts["survived"]


if __name__ == "__main__":
    main()
