"""The numbers of a match: of one shard, and of all together."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.data.errors import ItemError
from adversarial.data.schema import Item
from adversarial.matching.kernels import SAME
from adversarial.negatives import selection
from adversarial.negatives.lending import why_nobody_lends
from adversarial.negatives.match_shard import ShardMatch
from adversarial.negatives.settings import MatchSettings
from adversarial.text import answer_equivalence
from adversarial.text.language import english_share
from adversarial.text.normalise import canonical

Row = dict[str, Any]


def shard_numbers(shard: int, items: Sequence[Item], matched: Sequence[Item], found: ShardMatch) -> Row:
    """One shard's share of the report: per round the certificate, and how often answers were given.

    ``items`` are all of the shard's, ``matched`` what matched_items gave out of them.
    """
    n = len(matched)
    reserve = [item for item in items if item.reserve]
    uses = Counter(origin.source_qid for item in matched for origin in item.origins if origin.source == "matched")
    return {
        "n": n,
        "replaced": sum(uses.values()),
        "fallbacks": sum(bool(item.fallback) for item in matched),
        "equal_written": sum(map(_equal_written, matched)),
        "equal_ids": [item.qid for item in items if selection.equal_written(item)],
        "most_uses": max(uses.values(), default=0),
        "fewest_uses": min(uses.values(), default=0),
        "reserve": len(reserve),
        "english": english_share([item.question for item in items]),
        "per_round": [
            {
                "fold": shard,
                "round": number,
                "n": matching.wanted,
                "value": matching.value / max(1, matching.wanted),
                "upper_bound": matching.upper_bound / max(1, matching.wanted),
                "certified_gap": matching.gap,
                "passes": matching.passes,
                "edges": matching.edges,
                "unmatched": matching.wanted - int((matching.columns != np.arange(len(items))).sum()),
            }
            for number, matching in enumerate(found.rounds, 1)
        ],
    }


def _equal_written(item: Item) -> int:
    """How many written wrong answers that stayed say the same as the right one."""
    pairs = zip(item.answers, item.origins, strict=True)
    written = [answer for answer, origin in pairs if origin.source == "human"]
    return sum(answer_equivalence.compare_texts(answer, item.correct) == SAME for answer in written)


def overall_report(shards: Sequence[Row], settings: MatchSettings) -> Row:
    """The report over all shards: values are nats per question and round, the gap is the worst of all rounds."""
    rounds = [entry for shard in shards for entry in shard["per_round"]]
    total = max(1, sum(entry["n"] for entry in rounds))
    return {
        "n": sum(shard["n"] for shard in shards),
        "folds": len(shards),
        "rounds": settings.replace,
        "value": sum(entry["value"] * entry["n"] for entry in rounds) / total,
        "upper_bound": sum(entry["upper_bound"] * entry["n"] for entry in rounds) / total,
        "certified_gap": max((entry["certified_gap"] for entry in rounds), default=0.0),
        "replaced": sum(shard["replaced"] for shard in shards),
        "fallbacks": sum(shard["fallbacks"] for shard in shards),
        "equal_written": sum(shard["equal_written"] for shard in shards),
        "equal_ids": [qid for shard in shards for qid in shard["equal_ids"]],
        "most_uses": max(shard["most_uses"] for shard in shards),
        "fewest_uses": min(shard["fewest_uses"] for shard in shards),
        "reserve": sum(shard["reserve"] for shard in shards),
        "english": sum(shard["english"] * shard["n"] for shard in shards) / max(1, sum(shard["n"] for shard in shards)),
        "seed": settings.seed,
        "lam": settings.lam,
        "model": settings.model,
        "per_round": rounds,
    }


def require_matches(report: Row, items: Sequence[Item]) -> None:
    """Raises ItemError where not one question could be matched, and says why."""
    if report["replaced"]:
        return
    videos = len({item.video_id for item in items})
    answers = len({canonical(item.correct) for item in items})
    why = why_nobody_lends(items)
    why = why or "every other answer says the same, is about the same video, or does not go with the question at all"
    raise ItemError(
        f"no question can be matched: {why} ({len(items)} questions, {videos} videos, {answers} distinct right answers)"
    )
