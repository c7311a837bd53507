"""Who lends to whom: counts, rounds and the laws that keep a whole file from telling lent answers from right ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversarial.data.schema import Item
from adversarial.negatives.lending import plan_lending


def items_of(options: list[int], reserve: bool | None = None) -> list[Item]:
    return [
        Item(number, f"v{number}", f"q{number}?", tuple(f"{number} {at}" for at in range(count)), 0, "", reserve)
        for number, count in enumerate(options)
    ]


@given(st.lists(st.integers(3, 6), min_size=2, max_size=60), st.integers(1, 2), st.integers(0, 99))
def test_every_lender_lends_once_a_round_and_no_question_twice(options: list[int], replace: int, seed: int) -> None:
    items = items_of(options)
    found = plan_lending(items, np.random.default_rng(seed).random(len(items)), replace, seed)
    lent = np.zeros(len(items), int)
    asked = np.zeros(len(items), int)
    for recipients, lenders, _ in found.rounds:
        assert len(set(recipients.tolist())) == len(recipients) <= len(lenders)
        lent[lenders] += 1
        asked[recipients] += 1
    wrong = np.array(options) - 1
    assert (lent <= wrong).all()
    if min(np.bincount(options)[3:], key=lambda n: n or 99) >= 12:  # of very few some texts find no place
        assert set(lent[lent > 0] - wrong[lent > 0]) <= {0}
    assert (asked == found.counts).all()
    assert (found.counts <= wrong).all()


@pytest.mark.parametrize("replace", [1, 2])
def test_the_easiest_give_away_and_the_hardest_keep_what_was_written(replace: int) -> None:
    ease = np.random.default_rng(0).permutation(600).astype(float)
    counts = plan_lending(items_of([4] * 600), ease, replace, 0).counts[np.argsort(-ease)]
    assert counts.sum() == 600 * replace  # of 1,800
    open_rows = {1: 270, 2: 400}[replace]  # 800 places of 4 lent texts fill 400 questions, more than the 45 % that must
    assert (counts[:open_rows] > 0).all()
    assert not counts[open_rows:].any()


@pytest.mark.parametrize("replace", [1, 2, 3])
def test_of_the_lent_texts_in_a_question_the_right_one_is_one_by_lot_however_easy_it_is(replace: int) -> None:
    items = items_of([4] * 4000)
    ease = np.random.default_rng(1).random(4000)
    found = plan_lending(items, ease, replace, 0)
    lends = np.isin(np.arange(4000), found.rounds[0].lenders)
    places = found.counts + lends
    assert (found.counts + lends).sum() == 4 * lends.sum()
    for count in range(5):
        rows = np.flatnonzero(places == count)
        if len(rows) < 100:
            continue
        assert lends[rows].mean() == pytest.approx(count / 4, abs=0.01)
        easy = ease[rows] > np.median(ease[rows])
        assert lends[rows[easy]].mean() == pytest.approx(count / 4, abs=0.07)


def test_all_go_where_all_are_asked_for() -> None:
    found = plan_lending(items_of([4] * 20), np.zeros(20), 3, 0)
    assert (found.counts == 3).all()
    assert all(len(recipients) == 20 for recipients, _, _ in found.rounds)


def test_what_a_reserve_is_short_of_stays_written() -> None:
    items = items_of([4] * 30, reserve=False)
    items += [Item(100 + at, "r", "?", ("a", "b", "c", "d"), 0, "", True) for at in range(16)]
    found = plan_lending(items, np.zeros(46), 1, 0)
    assert all(one.reserve for one in found.rounds)
    assert sum(len(one.asked) for one in found.rounds) == found.counts.sum() == 16
    assert set(found.rounds[0].lenders) == set(range(30, 46))
    assert not found.counts[30:].any()
