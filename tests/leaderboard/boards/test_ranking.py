from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark_site.leaderboard.boards.ranking import Entry, best_per_team, ranked

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def entry(key: str, value: float | None, minute: int = 0, team: int = 1, baseline: bool = False) -> Entry:
    return Entry(key, team, value, NOON + timedelta(minutes=minute), baseline)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([3.0], [1]),
        ([9.0, 8.0, 8.0, 7.0], [1, 2, 2, 4]),
        ([5.0, 5.0, 5.0], [1, 1, 1]),
        ([5.0, None, 4.0], [1, 2, None]),
        ([None, None], [None, None]),
        ([0.0, float("nan")], [1, None]),
    ],
)
def test_ranks(values: list[float | None], expected: list[int | None]) -> None:
    entries = [entry(str(place), value) for place, value in enumerate(values)]
    assert [one.rank for one in ranked(entries)] == expected


def test_inside_a_tie_the_earlier_stands_first() -> None:
    """By time, not by key; the key decides where the times are equal, too."""
    found = ranked([entry("a", 5.0, 9), entry("d", 5.0, 1), entry("c", 5.0, 9), entry("b", 6.0, 99)])
    assert [one.entry.key for one in found] == ["b", "d", "a", "c"]


def test_of_a_teams_equal_entries_the_earlier_stays() -> None:
    assert [one.key for one in best_per_team([entry("a", 5.0, 9), entry("b", 5.0, 1)])] == ["b"]


def test_the_best_of_each_team_and_every_baseline_stay() -> None:
    entries = [
        entry("a1", 5.0, 0, team=1),
        entry("a2", 7.0, 1, team=1),
        entry("a3", 7.0, 2, team=1),
        entry("b1", None, 0, team=2),
        entry("x", 1.0, 0, team=3, baseline=True),
        entry("y", 2.0, 0, team=3, baseline=True),
    ]
    assert [one.key for one in best_per_team(entries)] == ["a2", "y", "x", "b1"]


values = st.none() | st.floats(0, 100) | st.just(float("nan"))
boards = st.lists(
    st.builds(
        lambda value, minute, team, baseline: (value, minute, team, baseline),
        values, st.integers(0, 5), st.integers(1, 3), st.booleans(),
    ),
    max_size=12,
).map(lambda rows: [entry(str(key), *row) for key, row in enumerate(rows)])  # fmt: skip


@given(boards, st.randoms())
def test_the_order_of_the_rows_read_does_not_matter(entries: list[Entry], random: object) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert [one.entry.key for one in ranked(entries)] == [one.entry.key for one in ranked(shuffled)]


@given(boards)
def test_a_rank_is_one_more_than_the_number_of_better_values(entries: list[Entry]) -> None:
    for one in ranked(entries):
        if one.rank is None:
            assert one.entry.value is None or one.entry.value != one.entry.value
        else:
            assert one.rank == 1 + sum(
                1 for other in entries if other.value is not None and other.value > one.entry.value
            )


@given(boards)
def test_no_team_has_a_better_value_that_was_left_out(entries: list[Entry]) -> None:
    kept = {one.key for one in best_per_team(entries)}
    for team in {one.team for one in entries if not one.baseline}:
        of_team = [one for one in entries if one.team == team and not one.baseline]
        (stays,) = [one for one in of_team if one.key in kept]
        assert all(stays.order <= one.order for one in of_team)
