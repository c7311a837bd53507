"""From rows to rows, in memory: match every shard and write the answers given into the options."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.data.options import matched_rows
from adversarial.data.schema import parse_rows
from adversarial.negatives.match_shard import match_shard
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.report import overall_report, require_matches, shard_numbers
from adversarial.negatives.reserve import idle_lenders
from adversarial.negatives.settings import LAMBDA, MatchSettings
from adversarial.negatives.shards import MAX_SHARD, assign_shards
from adversarial.negatives.step_cache import MemoryStepCache
from adversarial.progress import Progress, within
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL


def match_items(
    rows: Sequence[dict[str, Any]],
    *,
    replace: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    lam: float = LAMBDA,
    model: str = DEFAULT_MODEL,
    max_fold: int = MAX_SHARD,
    order_key: str = "",
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Replace ``replace`` written negatives of every question by right answers of other questions.

    ``rows``: ``{"qid", "video_id", "question", "answers", "answer_idx", "fold"?}``; the field ``fold`` keeps
    matching inside a split. Where rows say ``reserve``, those with true lend to the others of their split, which take
    from nobody else, and are left out. Returns the rows in the input's order, the options in a new order, with one
    entry of ``options`` for each of ``answers``: ``source`` (``correct``, ``human``, ``matched``) and for a matched one
    ``source_qid``, ``relevance``, ``similarity``, ``replaced``; and the report. An item for which no legal answer is
    left keeps its written negative and says so under ``fallback``. Raises ItemError for bad rows, and where not one
    question can be matched. ``progress(stage, share)`` is called as the work goes on.
    """
    settings = MatchSettings(replace=replace, seed=seed, lam=lam, model=model, order_key=order_key)
    return ItemMatcher(rows, settings, max_fold).match(settings, progress)


class ItemMatcher:
    """Rows checked and cut into shards; what a shard's texts taught is kept from one match to the next."""

    def __init__(self, rows: Sequence[dict[str, Any]], settings: MatchSettings, max_fold: int = MAX_SHARD) -> None:
        self.rows = rows
        self.items = parse_rows(rows, replace=settings.replace)
        self._idle = idle_lenders(self.items)
        reserved = {item.split for item in self.items if item.reserve is not None}
        place = assign_shards([(item.split, item.video_id) for item in self.items], max_fold, settings.seed, reserved)
        self._shards = [
            sorted(np.flatnonzero(place == shard).tolist(), key=lambda index: self.items[index].sort_key)
            for shard in range(int(place.max()) + 1)
        ]
        self._steps = [MemoryStepCache(keep={"learned"}) for _ in self._shards]

    def match(
        self, settings: MatchSettings, progress: Progress | None = None
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """As match_items."""
        started = time.perf_counter()
        output: dict[int, dict[str, Any]] = {}
        numbers = []
        with PeakMemory() as peak:
            for shard, (members, steps) in enumerate(zip(self._shards, self._steps, strict=True)):
                name = f"fold {shard + 1} of {len(self._shards)}"
                items = [self.items[index] for index in members]
                found = match_shard(items, settings, within(progress, name), steps, self._idle)
                rows = [self.rows[index] for index in members]
                new = matched_rows(
                    rows,
                    items,
                    found.options,
                    replace=settings.replace,
                    seed=settings.seed,
                    order_key=settings.order_key,
                )
                for place, row in new.items():
                    output[members[place]] = row
                numbers.append(shard_numbers(shard, items, list(new.values()), found))
            report = overall_report(numbers, settings)
            require_matches(report, self.items)
        report |= {"seconds": time.perf_counter() - started, "peak_bytes": peak.bytes}
        return [output[index] for index in sorted(output)], report
