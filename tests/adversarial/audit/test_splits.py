"""The audit's cuts: by video, and blind to what a borrowed answer ties to the other side."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adversarial.audit.splits import cuts, sources
from adversarial.data.schema import parse_rows
from tests.adversarial.conftest import make_rows


def borrowed_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows in which two wrong options of every question are borrowed from random others."""
    rng = np.random.default_rng(seed)
    rows = make_rows(count, seed)
    for row in rows:
        row["options"] = [{"source": "human"} for _ in row["answers"]]
        row["options"][row["answer_idx"]] = {"source": "correct"}
        wrong = [at for at in range(len(row["answers"])) if at != row["answer_idx"]]
        for at in wrong[:2]:
            row["options"][at] = {"source": "matched", "source_qid": int(rng.integers(0, count))}
    return rows


@settings(max_examples=30, deadline=None)
@given(st.integers(12, 80), st.integers(0, 1000))
def test_an_item_that_was_removed_still_ties_those_that_borrowed_from_it(count: int, seed: int) -> None:
    rows = borrowed_rows(count, seed)[: count * 2 // 3]
    items = parse_rows(rows)
    borrowed = sources(items, rows)
    lenders = [[option.get("source_qid") for option in row["options"]] for row in rows]
    for cut in cuts(items, borrowed, 5, seed):
        tested = {qid for row in cut.test for qid in lenders[row]} - {None}
        for row in cut.train:
            seen = {qid for qid, hidden in zip(lenders[row], cut.hidden[row], strict=False) if not hidden}
            assert not tested & seen


@settings(max_examples=30, deadline=None)
@given(st.integers(12, 80), st.integers(0, 1000))
def test_no_tested_text_is_trained_on_from_the_other_side(count: int, seed: int) -> None:
    rows = borrowed_rows(count, seed)
    items = parse_rows(rows)
    borrowed = sources(items, rows)
    tested = []
    for cut in cuts(items, borrowed, 5, seed):
        tested += cut.test.tolist()
        videos = {items[row].video_id for row in cut.test}
        assert not videos & {items[row].video_id for row in cut.train}
        told = set(cut.test.tolist()) | set(borrowed[cut.test].ravel().tolist()) - {-1}
        assert not told & set(cut.train.tolist())
        for row in cut.train:
            seen = borrowed[row][~cut.hidden[row]]
            assert not told & set(seen.tolist())
    assert sorted(tested) == list(range(count))
