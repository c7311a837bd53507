"""From rows to rows, in memory: match every fold and write the borrowed answers into the options."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.data.schema import parse_rows
from adversarial.matching.reserve import idle
from adversarial.negatives.match_shard import LAMBDA, Progress, Settings, match_fold
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.report import fold_numbers, fold_rows, refuse_nothing, whole_report
from adversarial.negatives.shards import MAX_FOLD, assign_folds
from adversarial.negatives.step_cache import Memory
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL


def match_items(
    rows: Sequence[dict[str, Any]],
    *,
    replace: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    lam: float = LAMBDA,
    model: str = DEFAULT_MODEL,
    max_fold: int = MAX_FOLD,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Replace ``replace`` written negatives of every question by right answers of other questions.

    ``rows``: ``{"qid", "video_id", "question", "answers", "answer_idx", "fold"?}``; the field ``fold`` keeps
    matching inside a split. Rows with ``reserve: true`` lend to the others of their split, which then borrow from
    nobody else, and are left out. Returns the rows in the input's order, the options in a new order, with one entry of
    ``options`` for each of ``answers``: ``source`` (``correct``, ``human``, ``matched``) and for a matched one
    ``source_qid``, ``relevance``, ``similarity``, ``replaced``; and the report. An item for which no legal answer is
    left keeps its written negative and says so under ``fallback``. Raises ItemError for bad rows, and where not one
    question can be matched. ``progress(stage, share)`` is called as the work goes on.
    """
    settings = Settings(replace=replace, seed=seed, lam=lam, model=model)
    return Batch(rows, settings, max_fold).match(settings, progress)


class Batch:
    """Rows checked and cut into folds; what a fold's texts taught is kept from one match to the next."""

    def __init__(self, rows: Sequence[dict[str, Any]], settings: Settings, max_fold: int = MAX_FOLD) -> None:
        self.rows = rows
        self.items = parse_rows(rows, replace=settings.replace)
        self._idle = idle(self.items)
        sealed = {item.split for item in self.items if item.reserve}
        place = assign_folds([(item.split, item.video_id) for item in self.items], max_fold, settings.seed, sealed)
        self._folds = [
            sorted(np.flatnonzero(place == fold).tolist(), key=lambda index: self.items[index].sort_key)
            for fold in range(int(place.max()) + 1)
        ]
        self._steps = [Memory(keep={"learnt"}) for _ in self._folds]

    def match(
        self, settings: Settings, progress: Progress | None = None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """As match_items."""
        started = time.perf_counter()
        output: dict[int, dict[str, Any]] = {}
        numbers = []
        with PeakMemory() as peak:
            for fold, (members, steps) in enumerate(zip(self._folds, self._steps, strict=True)):
                name = f"fold {fold + 1} of {len(self._folds)}"
                items = [self.items[index] for index in members]
                found = match_fold(items, settings, _named(progress, name), steps, self._idle)
                new = fold_rows([self.rows[index] for index in members], items, found, settings)
                for place, row in new.items():
                    output[members[place]] = row
                numbers.append(fold_numbers(fold, items, list(new.values()), found))
            report = whole_report(numbers, settings)
            refuse_nothing(report, self.items)
        report |= {"seconds": time.perf_counter() - started, "peak_bytes": peak.bytes}
        return [output[index] for index in sorted(output)], report


def _named(progress: Progress | None, name: str) -> Progress | None:
    if progress is None:
        return None
    return lambda stage, share: progress(f"{name}: {stage}", share)
