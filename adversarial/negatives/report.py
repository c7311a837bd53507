"""From picks to output rows, and the numbers of the report."""

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.data.schema import Item, ItemError
from adversarial.matching.kernels import SAME
from adversarial.negatives.match_shard import FoldMatch, Settings
from adversarial.text import answer_equivalence
from adversarial.text.normalise import canonical

Row = dict[str, Any]


def fold_rows(rows: Sequence[Row], items: Sequence[Item], found: FoldMatch, settings: Settings) -> dict[int, Row]:
    """The output rows of one fold by their place in ``rows``; ``items`` are theirs. The reserve is not given out."""
    orders = _option_orders([item for item in items if not item.reserve], settings.seed)
    output: dict[int, Row] = {}
    for place, (row, item, picks) in enumerate(zip(rows, items, found.picks, strict=True)):
        if item.reserve:
            continue
        options: list[Row] = [{"text": answer, "source": "human"} for answer in item.answers]
        options[item.answer_idx]["source"] = "correct"
        for pick in picks:
            options[pick.option] = {
                "text": items[pick.source].correct,
                "source": "matched",
                "source_qid": items[pick.source].qid,
                "relevance": round(pick.relevance, 6),
                "similarity": round(pick.similarity, 6),
                "replaced": item.answers[pick.option],
            }
        order = orders[item.qid]
        new = {key: value for key, value in row.items() if key != "fallback"}
        new["answers"] = [options[option]["text"] for option in order]
        new["answer_idx"] = order.index(item.answer_idx)
        new["options"] = [{key: value for key, value in options[option].items() if key != "text"} for option in order]
        if len(picks) < settings.replace:
            kept = settings.replace - len(picks)
            new["fallback"] = f"{kept} written negative(s) kept: no legal answer of another question was left"
        output[place] = new
    return output


def _option_orders(items: Sequence[Item], seed: int) -> dict[str | int, list[int]]:
    """A new order of every item's options: over a fold the right one stands equally often at every place.

    Where the places do not come out even, which of them stand once more differs from fold to fold.
    """
    rng = np.random.default_rng([seed, zlib.crc32("\n".join(str(item.qid) for item in items).encode())])
    groups: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        groups[len(item.answers)].append(item)
    orders: dict[str | int, list[int]] = {}
    for count in sorted(groups):
        members = groups[count]
        places = rng.permutation((np.arange(len(members)) + rng.integers(count)) % count)
        for item, place in zip(members, places.tolist(), strict=True):
            wrong = [position for position in range(count) if position != item.answer_idx]
            order = [wrong[at] for at in rng.permutation(len(wrong))]
            order.insert(place, item.answer_idx)
            orders[item.qid] = order
    return orders


def fold_numbers(fold: int, items: Sequence[Item], rows: Sequence[Row], found: FoldMatch) -> Row:
    """One fold's share of the report: per round the certificate, and how often answers were borrowed.

    ``items`` are all of the fold's, ``rows`` what fold_rows gave out of them.
    """
    n = len(rows)
    reserve = [item for item in items if item.reserve]
    uses = Counter(option["source_qid"] for row in rows for option in row["options"] if option["source"] == "matched")
    return {
        "n": n,
        "replaced": sum(uses.values()),
        "fallbacks": sum("fallback" in row for row in rows),
        "equal_written": sum(map(_equal_written, rows)),
        "most_uses": max(uses.values(), default=0),
        "fewest_uses": min(uses[item.qid] for item in reserve or items),
        "reserve": len(reserve),
        "per_round": [
            {
                "fold": fold,
                "round": number,
                "n": n,
                "value": matching.value / max(1, n),
                "upper_bound": matching.upper_bound / max(1, n),
                "certified_gap": matching.gap,
                "passes": matching.passes,
                "edges": matching.edges,
                "unmatched": int((matching.columns == np.arange(len(items))).sum()) - len(reserve),
            }
            for number, matching in enumerate(found.rounds, 1)
        ],
    }


def _equal_written(row: Row) -> int:
    """How many written wrong answers that stayed say the same as the right one."""
    right = row["answers"][row["answer_idx"]]
    written = [
        answer for answer, option in zip(row["answers"], row["options"], strict=True) if option["source"] == "human"
    ]
    return sum(answer_equivalence.compare_texts(answer, right) == SAME for answer in written)


def whole_report(folds: Sequence[Row], settings: Settings) -> Row:
    """The report over all folds: values are nats per question and round, the gap is the worst of all rounds."""
    rounds = [entry for fold in folds for entry in fold["per_round"]]
    total = sum(entry["n"] for entry in rounds)
    return {
        "n": sum(fold["n"] for fold in folds),
        "folds": len(folds),
        "rounds": settings.replace,
        "value": sum(entry["value"] * entry["n"] for entry in rounds) / total,
        "upper_bound": sum(entry["upper_bound"] * entry["n"] for entry in rounds) / total,
        "certified_gap": max(entry["certified_gap"] for entry in rounds),
        "replaced": sum(fold["replaced"] for fold in folds),
        "fallbacks": sum(fold["fallbacks"] for fold in folds),
        "equal_written": sum(fold["equal_written"] for fold in folds),
        "most_uses": max(fold["most_uses"] for fold in folds),
        "fewest_uses": min(fold["fewest_uses"] for fold in folds),
        "reserve": sum(fold["reserve"] for fold in folds),
        "seed": settings.seed,
        "lam": settings.lam,
        "model": settings.model,
        "per_round": rounds,
    }


def refuse_nothing(report: Row, items: Sequence[Item]) -> None:
    """Raises ItemError where not one question could be matched, and says why."""
    if report["replaced"]:
        return
    videos = len({item.video_id for item in items})
    answers = len({canonical(item.correct) for item in items})
    questions = len({canonical(item.question) for item in items})
    why = "every other answer says the same, is about the same video, or does not go with the question at all"
    if len(items) == 1:
        why = "there is only one question"
    elif videos == 1:
        why = "all questions are about one video, and a negative must come from another"
    elif answers == 1:
        why = "all right answers are equal"
    elif questions == 1:
        why = "all questions are equal, and the right answer to an equal question may be right here"
    raise ItemError(
        f"no question can be matched: {why} ({len(items)} questions, {videos} videos, {answers} distinct right answers)"
    )
