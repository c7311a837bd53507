"""The audit's splits: by video, and blind to what a matched negative ties to the other side."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adversarial.audit.splits import audit_splits
from adversarial.data.errors import ItemError
from adversarial.data.options import option_sources
from adversarial.data.schema import parse_rows, row_of
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


def written_by(rows: list[dict[str, Any]], people: int, videos_of_each: int) -> list[dict[str, Any]]:
    """Question by question another of so many people, on videos of whom two people share each."""
    for at, row in enumerate(rows):
        person = at % people
        number = (at // people) % videos_of_each
        row |= {"annotator": f"w{person}", "video_id": f"v{person // 2}-{number}"}
    return rows


@settings(max_examples=30)
@given(st.integers(60, 90), st.integers(0, 1000), st.integers(10, 15))
def test_nobody_is_tested_who_was_learned_from_where_all_are_known(count: int, seed: int, people: int) -> None:
    items = parse_rows(written_by(make_rows(count, seed), people, 3))
    tested = []
    for split in audit_splits(items, option_sources(items), 5, seed):
        tested += split.test.tolist()
        for field in ("annotator", "video_id"):
            there = {getattr(items[row], field) for row in split.test}
            assert not there & {getattr(items[row], field) for row in split.train}
    assert sorted(tested) == list(range(count))


@pytest.mark.parametrize("known", ["all but one", "too few", "who have seen the same videos"])
def test_splits_go_by_video_alone_where_annotators_cannot_be_told_apart(known: str) -> None:
    people = {"all but one": 20, "too few": 4, "who have seen the same videos": 20}[known]
    rows = written_by(make_rows(60, 0), people, 3)
    if known == "all but one":
        del rows[0]["annotator"]
    if known == "who have seen the same videos":
        for at, row in enumerate(rows):
            row["video_id"] = f"v{at % 7}"
    items = parse_rows(rows)
    nameless = parse_rows([{key: value for key, value in row.items() if key != "annotator"} for row in rows])
    sources = option_sources(items)
    for split, expected in zip(audit_splits(items, sources, 5, 0), audit_splits(nameless, sources, 5, 0), strict=True):
        assert split.train.tolist() == expected.train.tolist()
        assert split.test.tolist() == expected.test.tolist()


def test_an_annotator_is_kept_and_checked() -> None:
    row = make_rows(1, 0)[0] | {"annotator": 7}
    assert row_of(parse_rows([row])[0])["annotator"] == 7
    with pytest.raises(ItemError, match=r"row 1 \(qid 0\): field annotator: expected a non-empty string or an integer"):
        parse_rows([row | {"annotator": ""}])
