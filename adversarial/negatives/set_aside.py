"""Setting the most predictable questions aside before the negatives are dealt (AFLite, Le Bras et al. 2020).

What models guess without the video after a first match is left out, and the rest is matched anew: were it taken from
the matched file itself, texts would lose some of their places, and how often one stands would tell where it is right.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from adversarial.audit.report import blind_chances
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item
from adversarial.negatives.pipeline import ItemMatcher
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shards import MAX_SHARD
from adversarial.progress import Progress, within


def match_hardest(
    items: Sequence[Item],
    settings: MatchSettings,
    *,
    drop: float,
    max_fold: int = MAX_SHARD,
    progress: Progress | None = None,
) -> tuple[list[Item], dict[str, Any]]:
    """Match, set the share ``drop`` of every split aside that is guessed most surely, and match the others anew.

    Returns as ItemMatcher does; the report also holds ``set_aside``, the probability of the right answer by id. Raises
    ItemError as ItemMatcher and blind_chances, and for a share that is not from 0 to 0.5.
    """
    if not 0 <= drop <= 0.5:
        raise ItemError(f"drop: expected a share from 0 to 0.5, got {drop}")
    matched, _ = ItemMatcher(items, settings, max_fold).match(settings, within(progress, "first match"))
    chances = blind_chances(matched, seed=settings.seed)
    gone = most_predictable(matched, chances, drop)
    kept = [item for item in items if item.qid not in gone]
    output, report = ItemMatcher(kept, settings, max_fold).match(settings, within(progress, "second match"))
    return output, report | {"set_aside": {str(qid): chances[qid] for qid in gone}}


def most_predictable(items: Sequence[Item], chances: Mapping[str | int, float], share: float) -> list[str | int]:
    """Ids of the share of every split that has the largest ``chances``, surest first."""
    by_split: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_split[item.split].append(item)
    return [
        item.qid
        for _, own in sorted(by_split.items())
        for item in sorted(own, key=lambda item: (-chances[item.qid], item.sort_key))[: round(share * len(own))]
    ]
