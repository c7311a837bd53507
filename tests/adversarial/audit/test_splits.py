"""The audit's splits: by video, and blind to what a matched negative ties to the other side."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adversarial.audit.splits import audit_splits
from adversarial.data.options import option_sources
from adversarial.data.schema import parse_rows
from tests.adversarial.conftest import make_rows


def matched_rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows in which two wrong options of every question are right answers of random others."""
    rng = np.random.default_rng(seed)
    rows = make_rows(count, seed)
    for row in rows:
        row["options"] = [{"source": "human"} for _ in row["answers"]]
        row["options"][row["answer_idx"]] = {"source": "correct"}
        wrong = [at for at in range(len(row["answers"])) if at != row["answer_idx"]]
        for at in wrong[:2]:
            row["options"][at] = {"source": "matched", "source_qid": int(rng.integers(0, count))}
    return rows


@settings(max_examples=30)
@given(st.integers(12, 80), st.integers(0, 1000))
def test_an_item_that_was_removed_still_ties_those_that_have_its_answer(count: int, seed: int) -> None:
    rows = matched_rows(count, seed)[: count * 2 // 3]
    items = parse_rows(rows)
    sources = option_sources(items)
    lenders = [[option.get("source_qid") for option in row["options"]] for row in rows]
    for split in audit_splits(items, sources, 5, seed):
        tested = {qid for row in split.test for qid in lenders[row]} - {None}
        for row in split.train:
            seen = {qid for qid, hidden in zip(lenders[row], split.hidden[row], strict=False) if not hidden}
            assert not tested & seen


@settings(max_examples=30)
@given(st.integers(12, 80), st.integers(0, 1000))
def test_no_tested_text_is_trained_on_from_the_other_side(count: int, seed: int) -> None:
    rows = matched_rows(count, seed)
    items = parse_rows(rows)
    sources = option_sources(items)
    tested = []
    for split in audit_splits(items, sources, 5, seed):
        tested += split.test.tolist()
        videos = {items[row].video_id for row in split.test}
        assert not videos & {items[row].video_id for row in split.train}
        told = set(split.test.tolist()) | set(sources[split.test].ravel().tolist()) - {-1}
        assert not told & set(split.train.tolist())
        for row in split.train:
            seen = sources[row][~split.hidden[row]]
            assert not told & set(seen.tolist())
    assert sorted(tested) == list(range(count))
