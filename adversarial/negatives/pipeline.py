"""From items to items, in memory: match every shard and give the answers found to the options."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.data.options import matched_items
from adversarial.data.schema import Item, parse_rows, row_of
from adversarial.negatives.match_shard import match_shard
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.report import overall_report, require_matches, shard_numbers
from adversarial.negatives.settings import LAMBDA, MatchSettings
from adversarial.negatives.shards import MAX_SHARD, assign_shards
from adversarial.negatives.step_cache import MemoryStepCache, StepCache
from adversarial.progress import Progress, within
from adversarial.relevance.likeness import Texts
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
    items, report = ItemMatcher(parse_rows(rows, replace=replace), settings, max_fold).match(settings, progress)
    return [row_of(item) for item in items], report


class ItemMatcher:
    """Items cut into shards; what a shard's texts taught is kept from one match to the next."""

    def __init__(self, items: Sequence[Item], settings: MatchSettings, max_fold: int = MAX_SHARD) -> None:
        """``settings.seed`` cuts them. Raises ItemError for a ``max_fold`` that leaves no choice."""
        self.items = items
        reserved = {item.split for item in self.items if item.reserve is not None}
        place = assign_shards([(item.split, item.video_id) for item in self.items], max_fold, settings.seed, reserved)
        self._shards = [
            sorted(np.flatnonzero(place == shard).tolist(), key=lambda index: self.items[index].sort_key)
            for shard in range(int(place.max()) + 1)
        ]
        self._steps = [MemoryStepCache(keep={"learned"}) for _ in self._shards]

    def match(self, settings: MatchSettings, progress: Progress | None = None) -> tuple[list[Item], dict[str, Any]]:
        """The items with their new options, in their old order, and the report; raises ItemError as match_items."""
        started = time.perf_counter()
        output: dict[int, Item] = {}
        numbers = []
        with PeakMemory() as peak:
            for shard, (members, steps) in enumerate(zip(self._shards, self._steps, strict=True)):
                name = f"fold {shard + 1} of {len(self._shards)}"
                items = [self.items[index] for index in members]
                new, own = match_items_of_shard(shard, items, settings, within(progress, name), steps)
                output |= {members[place]: item for place, item in new.items()}
                numbers.append(own)
            report = overall_report(numbers, settings)
            require_matches(report, self.items)
        report |= {"seconds": time.perf_counter() - started, "peak_bytes": peak.bytes}
        return [output[index] for index in sorted(output)], report


def match_items_of_shard(
    shard: int,
    items: Sequence[Item],
    settings: MatchSettings,
    progress: Progress | None,
    steps: StepCache | MemoryStepCache,
    known: Texts | None = None,
) -> tuple[dict[int, Item], dict[str, Any]]:
    """The items of one shard with their new options, by their place in ``items``, and the shard's numbers.

    Arguments and errors as match_shard's.
    """
    found = match_shard(items, settings, progress, steps, known)
    new = matched_items(
        items, found.options, wanted=found.lending.counts.tolist(), seed=settings.seed, order_key=settings.order_key
    )
    return new, shard_numbers(shard, items, list(new.values()), found)
