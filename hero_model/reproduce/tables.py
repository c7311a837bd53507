"""The paper's tables beside ours: means over seeds with intervals, and whether what the paper orders stands so."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from hero_model.reproduce.rows import ROWS, TABLES
from hero_model.reproduce.runs import Study, results

TASKS = {"moment": "VCMR R@1, tIoU 0.5", "qa": "QA accuracy"}


@dataclass(frozen=True)
class Cell:
    """One row's score on one task; `half` is half of its 95 % interval over seeds, None with one seed."""

    paper: float | None
    seeds: int
    mean: float | None
    half: float | None


@dataclass(frozen=True)
class Order:
    """Two rows that the paper orders, and whether ours are so."""

    better: str
    worse: str
    task: str
    difference: float  # of ours, in points: positive where the paper's order holds
    half: float | None  # half of its 95 % interval, paired by seed


def cell(study: Study, row: str, task: str, seeds: Sequence[int]) -> Cell:
    paper = ROWS[row].retrieval if task == "moment" else ROWS[row].accuracy
    values = results(study, row, seeds).get(task, [])
    return Cell(paper, len(values), float(np.mean(values)) if values else None, half_interval(values))


def half_interval(values: Sequence[float]) -> float | None:
    """Half of the 95 % interval of a mean (Student's t over seeds); None for less than two values."""
    if len(values) < 2:
        return None
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def orders(study: Study, table: str, seeds: Sequence[int]) -> list[Order]:
    """Every pair of a table's rows that the paper orders and that ran with the same seeds."""
    found = []
    for task in TASKS:
        for pair in combinations(TABLES[table], 2):
            told = {row: cell(study, row, task, seeds).paper for row in pair}
            ours = {row: results(study, row, seeds).get(task, []) for row in pair}
            known = [value for value in told.values() if value is not None]
            if len(known) < 2 or known[0] == known[1] or not 0 < len(ours[pair[0]]) == len(ours[pair[1]]):
                continue
            better, worse = sorted(pair, key=lambda row: -(told[row] or 0))
            differences = np.subtract(ours[better], ours[worse])
            found.append(Order(better, worse, task, float(differences.mean()), half_interval(differences.tolist())))
    return found
