"""The options of items: given when negatives are matched, taken back or traced to their lenders by the audit."""

import dataclasses
import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from adversarial.data.schema import Item, Origin

_CORRECT, _HUMAN, _UNKNOWN = Origin("correct"), Origin("human"), Origin()


@dataclass(frozen=True)
class MatchedOption:
    """One matched negative: which option it replaces, whose right answer it is, and how the pair scored."""

    option: int
    source: int  # index into the shard's items
    relevance: float
    similarity: float


def matched_items(
    items: Sequence[Item],
    matches: Sequence[Sequence[MatchedOption]],
    *,
    wanted: Sequence[int],
    seed: int,
    order_key: str,
) -> dict[int, Item]:
    """The items of one shard with their new options, by their place in ``items``; ``matches`` are theirs.

    The reserve is not given out. An item with fewer matched negatives than were ``wanted`` says so under ``fallback``.
    """
    orders = option_orders([item for item in items if not item.reserve], seed, order_key)
    return {
        place: _matched(item, items, matched, orders[item.qid], wanted[place] - len(matched))
        for place, (item, matched) in enumerate(zip(items, matches, strict=True))
        if not item.reserve
    }


def _matched(
    item: Item, items: Sequence[Item], matched: Sequence[MatchedOption], order: Sequence[int], kept: int
) -> Item:
    """The item with its matched options, all in the new order; ``kept`` were to be replaced and were not."""
    answers, origins = list(item.answers), [_HUMAN] * len(item.answers)
    origins[item.answer_idx] = _CORRECT
    for match in matched:
        lender, scores = items[match.source], (round(match.relevance, 6), round(match.similarity, 6))
        answers[match.option] = lender.correct
        origins[match.option] = Origin("matched", lender.qid, *scores, replaced=item.answers[match.option])
    return dataclasses.replace(
        item,
        answers=tuple(answers[option] for option in order),
        answer_idx=order.index(item.answer_idx),
        origins=tuple(origins[option] for option in order),
        fallback=f"{kept} written negative(s) kept: no legal answer of another question was left" if kept > 0 else "",
    )


def option_orders(items: Sequence[Item], seed: int, key: str) -> dict[str | int, list[int]]:
    """A new order of every item's options: over a shard the right one stands equally often at every place.

    In a sealed shard its place is drawn for each by itself: where they are even, who knows the others knows the last.
    Where they do not come out even, which of them stand once more differs from shard to shard. Ids and seed are public
    where a release is: only a secret key keeps the order from being drawn again by anybody.
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
        if any(item.reserve is not None for item in members):
            places = rng.integers(count, size=len(members))
        for item, place in zip(members, places.tolist(), strict=True):
            wrong = [position for position in range(count) if position != item.answer_idx]
            order = [wrong[at] for at in rng.permutation(len(wrong))]
            order.insert(place, item.answer_idx)
            orders[item.qid] = order
    return orders


def origins_of(item: Item) -> Sequence[Origin]:
    """One for each of the answers, also where nothing is known of them."""
    return item.origins or [_UNKNOWN] * len(item.answers)


def written_item(item: Item) -> Item:
    """The item as it was before matching, its written negatives back in place of the matched ones."""
    pairs = zip(item.answers, origins_of(item), strict=True)
    answers = tuple(answer if origin.replaced is None else origin.replaced for answer, origin in pairs)
    return dataclasses.replace(item, answers=answers, origins=())


def option_sources(items: Sequence[Item]) -> NDArray[np.int64]:
    """[n, o]: the index of the item whose right answer an option is; -1 for written ones.

    An item that is not there (removed since, or left out of a sample) gets an index from n on: what it lent ties
    together the questions that have it all the same. Raises ItemError where a matched option names no lender.
    """
    place = {item.qid: index for index, item in enumerate(items)}
    found = np.full((len(items), max(len(item.answers) for item in items)), -1, np.int64)
    for index, item in enumerate(items):
        for option, origin in enumerate(item.origins):
            if origin.source == "matched":
                found[index, option] = place.setdefault(_lender(item, option), len(place))
    return found


def _lender(item: Item, option: int) -> str | int:
    qid = item.origins[option].source_qid
    if qid is None:
        raise ItemError(f"qid {item.qid!r}: field options[{option}].source_qid: missing, expected who lent the answer")
    return qid
