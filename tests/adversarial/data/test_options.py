"""The places of right answers: even where labels are public, drawn one by one where they are hidden."""

from collections import Counter

from adversarial.data.options import option_orders
from adversarial.data.schema import Item


def places(key: str, reserve: bool | None) -> list[int]:
    items = [Item(qid, "", "", ("",) * 4, 0, "", reserve) for qid in range(40)]
    orders = option_orders(items, 0, key)
    return [orders[item.qid].index(0) for item in items]


def test_labelled_places_are_even_and_sealed_ones_as_chance_has_it() -> None:
    even = [sorted(Counter(places(str(key), None)).values()) for key in range(30)]
    assert even == [[10, 10, 10, 10]] * 30
    drawn = [Counter(places(str(key), False)) for key in range(30)]
    assert sum(sorted(counts.values()) == [10, 10, 10, 10] for counts in drawn) < 3
    assert all(260 < sum(counts[place] for counts in drawn) < 340 for place in range(4))  # of 1,200


def test_the_key_draws_them() -> None:
    assert places("a", False) == places("a", False) != places("b", False)
