"""The field ``options`` of a row: written when negatives are matched, read back by the audit.

Every option says its ``source``: ``correct``, ``human`` (a written negative) or ``matched`` (the right answer of the
question ``source_qid``, in the place of the written negative ``replaced``).
"""

import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item

Row = dict[str, Any]


@dataclass(frozen=True)
class MatchedOption:
    """One matched negative: which option it replaces, whose right answer it is, and how the pair scored."""

    option: int
    source: int  # index into the shard's items
    relevance: float
    similarity: float


def matched_rows(
    rows: Sequence[Row],
    items: Sequence[Item],
    matches: Sequence[Sequence[MatchedOption]],
    *,
    replace: int,
    seed: int,
    order_key: str,
) -> dict[int, Row]:
    """The output rows of one shard by their place in ``rows``; ``items`` and ``matches`` are theirs.

    The reserve is not given out. A row with fewer than ``replace`` matched negatives says so under ``fallback``.
    """
    orders = option_orders([item for item in items if not item.reserve], seed, order_key)
    output: dict[int, Row] = {}
    for place, (row, item, matched) in enumerate(zip(rows, items, matches, strict=True)):
        if item.reserve:
            continue
        options = _options(item, items, matched)
        order = orders[item.qid]
        new = {key: value for key, value in row.items() if key != "fallback"}
        new["answers"] = [options[option]["text"] for option in order]
        new["answer_idx"] = order.index(item.answer_idx)
        new["options"] = [{key: value for key, value in options[option].items() if key != "text"} for option in order]
        if len(matched) < replace:
            kept = replace - len(matched)
            new["fallback"] = f"{kept} written negative(s) kept: no legal answer of another question was left"
        output[place] = new
    return output


def _options(item: Item, items: Sequence[Item], matched: Sequence[MatchedOption]) -> list[Row]:
    """The item's options in their old order, each with its text."""
    options: list[Row] = [{"text": answer, "source": "human"} for answer in item.answers]
    options[item.answer_idx]["source"] = "correct"
    for match in matched:
        options[match.option] = {
            "text": items[match.source].correct,
            "source": "matched",
            "source_qid": items[match.source].qid,
            "relevance": round(match.relevance, 6),
            "similarity": round(match.similarity, 6),
            "replaced": item.answers[match.option],
        }
    return options


def option_orders(items: Sequence[Item], seed: int, key: str) -> dict[str | int, list[int]]:
    """A new order of every item's options: over a shard the right one stands equally often at every place.

    Where the places do not come out even, which of them stand once more differs from shard to shard. Ids and seed are
    public where a release is: only a secret key keeps the order from being drawn again by anybody.
    """
    ids = "\n".join(str(item.qid) for item in items)
    drawn = hmac.digest(key.encode(), f"{seed}\n{ids}".encode(), "sha256")
    rng = np.random.default_rng(int.from_bytes(drawn))
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


def written_row(row: Row) -> Row:
    """The row as it was before matching, its written negatives back in place of the matched ones."""
    options = row.get("options") or [{}] * len(row["answers"])
    answers = [option.get("replaced", answer) for option, answer in zip(options, row["answers"], strict=True)]
    return {key: value for key, value in row.items() if key != "options"} | {"answers": answers}


def option_sources(items: Sequence[Item], rows: Sequence[Row]) -> NDArray[np.int64]:
    """[n, o]: the index of the item whose right answer an option is; -1 for written ones.

    An item that is not there (removed since, or left out of a sample) gets an index from n on: what it lent ties
    together the questions that have it all the same.
    """
    place = {item.qid: index for index, item in enumerate(items)}
    most = max(len(item.answers) for item in items)
    found = np.full((len(items), most), -1, np.int64)
    for index, row in enumerate(rows):
        for option, entry in enumerate(row.get("options") or []):
            if isinstance(entry, dict) and entry.get("source") == "matched":
                found[index, option] = place.setdefault(entry["source_qid"], len(place))
    return found
