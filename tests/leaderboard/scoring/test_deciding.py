"""What a private part is looked up for: few of a team, few of a person, what was chosen before what is best."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark_site.leaderboard.scoring.deciding import Candidate, deciding

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def one(key: int, value: float | None, *people: int, team: int = 1, chosen: bool = False) -> Candidate:
    return Candidate(UUID(int=key), team, frozenset(people), value, NOON + timedelta(minutes=key), chosen)


def keys(candidates: list[Candidate], most: int) -> list[int]:
    return sorted(found.key.int for found in deciding(candidates, most))


@pytest.mark.parametrize(
    ("candidates", "most", "kept"),
    [
        ([], 2, []),
        ([one(1, 5.0, 7), one(2, 9.0, 7), one(3, 7.0, 7)], 2, [2, 3]),
        ([one(1, 5.0, 7), one(2, 5.0, 7)], 1, [1]),  # of equal ones the earlier
        ([one(1, None, 7), one(2, 0.0, 7)], 1, [2]),
        ([one(1, None, 7)], 1, [1]),  # it may still be scored
        ([one(1, 5.0, 7, chosen=True), one(2, 9.0, 7)], 2, [1]),  # who has chosen has chosen all
        # a second team of a person has what the person has left
        ([one(1, 5.0, 7), one(2, 9.0, 7, team=2)], 1, [2]),
        ([one(1, 5.0, 7, chosen=True), one(2, 9.0, 7, team=2)], 1, [1]),
        ([one(1, 5.0, 7, chosen=True), one(2, 9.0, 7, team=2), one(3, 8.0, 7, team=2)], 2, [1, 2]),
        # a team whose people have come and gone is one team
        ([one(1, 5.0, 7), one(2, 9.0, 8)], 1, [2]),
        ([one(1, 5.0, 7), one(2, 9.0, 8, team=2)], 1, [1, 2]),
    ],
)
def test_what_decides(candidates: list[Candidate], most: int, kept: list[int]) -> None:
    assert keys(candidates, most) == kept
    assert keys(candidates[::-1], most) == kept


boards = st.lists(
    st.tuples(
        st.none() | st.integers(0, 5), st.frozensets(st.integers(0, 4), min_size=1, max_size=3), st.integers(1, 3),
        st.booleans(),
    ),
    max_size=10,
).map(
    lambda rows: [
        one(key, value, *people, team=team, chosen=chosen) for key, (value, people, team, chosen) in enumerate(rows)
    ]
)  # fmt: skip


@given(boards, st.integers(1, 3))
def test_nobody_has_more_than_the_board_allows(candidates: list[Candidate], most: int) -> None:
    kept = deciding(candidates, most)
    for holder in {holder for found in kept for holder in found.holders}:
        assert sum(holder in found.holders for found in kept) <= most
