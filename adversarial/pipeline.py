"""From rows to rows, in memory: match every fold and write the borrowed answers into the options."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from adversarial.assemble import fold_numbers, fold_rows, refuse_nothing, whole_report
from adversarial.borrow import Settings, match_fold
from adversarial.encoder import DEFAULT_MODEL
from adversarial.items import ItemError, parse_rows
from adversarial.memory import PeakMemory
from adversarial.splits import MAX_FOLD, assign_folds


def match_items(
    rows: Sequence[dict[str, Any]],
    *,
    replace: int = 1,
    seed: int = 0,
    progress: Callable[[str, float], None] | None = None,
    lam: float = 0.1,
    model: str = DEFAULT_MODEL,
    max_fold: int = MAX_FOLD,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Replace ``replace`` written negatives of every question by right answers of other questions.

    ``rows``: ``{"qid", "video_id", "question", "answers", "answer_idx", "fold"?}``; the field ``fold`` keeps
    matching inside a split. Returns the rows in the input's order, the options in a new order, with one entry of
    ``options`` for each of ``answers``: ``source`` (``correct``, ``human``, ``matched``) and for a matched one
    ``source_qid``, ``relevance``, ``similarity``, ``replaced``; and the report. An item for which no legal answer is
    left keeps its written negative and says so under ``fallback``. Raises ItemError for bad rows, and where not one
    question can be matched. ``progress(stage, share)`` is called as the work goes on.
    """
    if replace < 1:
        raise ItemError(f"replace: expected 1 or more, got {replace}")
    started = time.perf_counter()
    settings = Settings(replace=replace, seed=seed, lam=lam, model=model)
    with PeakMemory() as peak:
        items = parse_rows(rows)
        folds = assign_folds([(item.split, item.video_id) for item in items], max_fold, seed)
        output: list[dict[str, Any]] = [{}] * len(rows)
        numbers = []
        for fold in range(int(folds.max()) + 1):

            def report(stage: str, share: float, fold: int = fold) -> None:
                if progress:
                    progress(f"fold {fold + 1} of {folds.max() + 1}: {stage}", share)

            members = sorted(np.flatnonzero(folds == fold).tolist(), key=lambda index: items[index].sort_key)
            found = match_fold([items[index] for index in members], settings, report)
            new = fold_rows([rows[index] for index in members], [items[index] for index in members], found, settings)
            for index, row in zip(members, new, strict=True):
                output[index] = row
            numbers.append(fold_numbers(fold, new, found))
        summary = whole_report(numbers, settings)
        refuse_nothing(summary, items)
    return output, summary | {"seconds": time.perf_counter() - started, "peak_bytes": peak.bytes}
