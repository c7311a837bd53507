"""Training and scoring the rows, run by run: what is finished is not done again, what was cut off goes on."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from evaluation.io.atomic import write_atomic
from evaluation.io.errors import refusing
from hero_model.data.release import open_release
from hero_model.errors import InputError
from hero_model.reproduce.rows import ROWS
from hero_model.training.plan import STAGES

Read = TypeVar("Read")
METRICS = {"moment": "VCMR.R@1.tiou0.5.raw", "qa": "QA.accuracy"}


@dataclass(frozen=True)
class Study:
    """Where the runs lie and what all of them share: releases, the split they are compared on, options of `train`."""

    out: Path
    release: Path
    second: Path
    split: str
    options: tuple[str, ...]  # of train, for every row

    def begin(self) -> None:
        """Note what is compared. Raises InputError where the folder holds runs that were asked for otherwise."""
        asked = {"release": _hash(self.release), "second": _hash(self.second), "split": self.split,
                 "options": list(self.options)}  # fmt: skip
        self.out.mkdir(parents=True, exist_ok=True)
        path = self.out / "study.json"
        if path.exists():
            begun = _read(path, dict[str, Any])
            if lacking := sorted(asked.keys() - begun.keys()):
                raise InputError(f"{path}: lacks {', '.join(lacking)}; name another OUT")
            for name, value in asked.items():
                if begun[name] != value and value is not None and begun[name] is not None:
                    raise InputError(f"{path}: {name} is {begun[name]} there, asked for {value}; name another OUT")
            asked = {name: begun[name] if value is None else value for name, value in asked.items()}
        write_atomic(path, [json.dumps(asked, sort_keys=True).encode()])

    def result_file(self, row: str, seed: int) -> Path:
        return self.out / "runs" / f"{row}-{seed}" / "result.json"


def _read(path: Path, kind: type[Read]) -> Read:
    """Raises InputError that names the file where it holds anything else."""
    with refusing(f"{path}: damaged", InputError):
        return msgspec.json.decode(path.read_bytes(), type=kind)


def _hash(folder: Path) -> str | None:
    """Of a release's manifest; None where there is none (the second corpus, where no row asks for it)."""
    return open_release(folder).manifest_sha256 if folder.exists() else None


Tell = Callable[[str], None]


def run_all(study: Study, rows: Sequence[str], seeds: Sequence[int], jobs: int, tell: Tell) -> None:
    """So many runs side by side. Raises InputError where a command of a run fails; no further run begins then."""
    pairs = [(row, seed) for seed in seeds for row in rows]  # a whole table first, more seeds later

    def run(number: int, row: str, seed: int) -> None:
        target = study.result_file(row, seed)
        done = target.exists()
        tell(f"run {number} of {len(pairs)}: {ROWS[row].label}, seed {seed}" + (", done before" if done else ""))
        if not done:
            target.parent.mkdir(parents=True, exist_ok=True)
            scores = dict(_run(study, row, seed, target.parent))
            write_atomic(target, [json.dumps(scores, sort_keys=True).encode()])

    with ThreadPoolExecutor(jobs) as runners:
        running = [runners.submit(run, number, row, seed) for number, (row, seed) in enumerate(pairs, 1)]
        wait(running, return_when=FIRST_EXCEPTION)
        runners.shutdown(wait=True, cancel_futures=True)
        for one in running:
            if not one.cancelled():
                one.result()


def _run(study: Study, row: str, seed: int, folder: Path) -> Iterator[tuple[str, float]]:
    """Train, predict and score by the commands that anybody can give; the score of each task."""
    models, release, split = folder / "models", str(study.release), study.split
    asked = ROWS[row].arguments(str(study.second))
    _command("hero_model", "train", release, str(models), "--seed", str(seed), *asked, *study.options)
    for task in [stage for stage in STAGES[ROWS[row].model] if stage in METRICS]:
        predicted, scored = str(folder / f"{task}.json"), folder / f"{task}-scores.json"
        of = ["--task", task, "--split", split]
        _command("hero_model", "predict", str(models), release, *of, "--out", predicted)
        _command("evaluation", "score", release, predicted, *of, "--json", str(scored))
        yield task, _metric(scored, METRICS[task])


def _command(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise InputError(f"python -m {' '.join(arguments)}: ended with status {done.returncode}: {' '.join(last)}")


def _metric(path: Path, name: str) -> float:
    metrics: list[dict[str, Any]] = json.loads(path.read_bytes())["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["key"] == name)


def results(study: Study, row: str, seeds: Sequence[int]) -> dict[str, list[float]]:
    """{task: the score of every seed that is done}, in percent."""
    found: dict[str, list[float]] = {}
    for seed in seeds:
        path = study.result_file(row, seed)
        if path.exists():
            for task, value in _read(path, dict[str, float]).items():
                found.setdefault(task, []).append(value)
    return found
