"""Hidden items that can be looked up in what is published with its answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from adversarial.text.normalise import canonical
from benchmark_site.releases.models import Item
from benchmark_site.releases.quality.items import TOLERANCE_S
from benchmark_site.releases.split.seal import HIDDEN


def copied_into_labelled(items: Sequence[Item]) -> list[Item]:
    """Hidden items that can be looked up: the labelled ones of the same text all have the same times, or those with
    the same options the same right one. A general text that stands there with other answers as well tells nothing.

    Whatever they would measure, it is not looking at a video, so they are left out of the release.
    """
    spans = defaultdict(list)
    asked = defaultdict(set)
    for item in items:
        if item.split == HIDDEN:
            continue
        if item.kind == Item.Kind.MOMENT:
            spans[canonical(item.text)].append(item)
        else:
            asked[_asked(item)].add(_right(item))
    return [
        item
        for item in items
        if item.split == HIDDEN
        and (
            asked[_asked(item)] == {_right(item)}
            if item.kind == Item.Kind.QA
            else _timed_alike(item, spans[canonical(item.text)])
        )
    ]


def _asked(item: Item) -> tuple[str, frozenset[str]]:
    """What makes a question the same: its text and its options, in any order."""
    return canonical(item.text), frozenset(map(canonical, item.options))


def _right(item: Item) -> str:
    assert item.answer_index is not None
    return canonical(item.options[item.answer_index])


def _timed_alike(item: Item, others: Sequence[Item]) -> bool:
    return bool(others) and all(
        max(abs(item.start - one.start), abs(item.end - one.end)) <= TOLERANCE_S for one in others
    )
