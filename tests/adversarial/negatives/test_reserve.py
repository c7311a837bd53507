"""Lending from a reserve: it alone lends, each question once, as often as people say it; the optimum is exact."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from adversarial.data.errors import ItemError
from adversarial.data.jsonl import read_rows, write_rows
from adversarial.data.schema import parse_rows
from adversarial.negatives.pipeline import match_items
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shard_files import match_file
from adversarial.text.normalise import canonical
from tests.adversarial.conftest import make_rows

WORDS = ["oak", "pine", "elm", "ash", "fir", "yew", "box", "bay", "fig", "plum"]


def sealed_rows(count: int = 80, seed: int = 0) -> list[dict[str, Any]]:
    """A labelled split, and a sealed one in which every other video is the reserve; most answers are distinct."""
    rows = make_rows(count, seed)
    for number, row in enumerate(rows):
        row["fold"] = "test" if number >= count // 4 else "train"
        if row["fold"] == "test":
            row["reserve"] = number // 2 % 2 == 1
        right = row["answers"][row["answer_idx"]]
        row["answers"][row["answer_idx"]] = f"{right} and {WORDS[number % 10]} {WORDS[number // 10]}"
    return rows


def options_of(rows: list[dict[str, Any]], source: str) -> list[str]:
    return [
        canonical(answer)
        for row in rows
        if row["fold"] == "test"
        for answer, option in zip(row["answers"], row["options"], strict=True)
        if option["source"] == source
    ]


def test_a_split_with_a_reserve_takes_from_it_alone_each_question_once() -> None:
    rows = sealed_rows()
    reserve = {row["qid"] for row in rows if row.get("reserve")}
    output, report = match_items(rows)
    assert {row["qid"] for row in output} == {row["qid"] for row in rows} - reserve
    lenders = Counter(
        option["source_qid"]
        for row in output
        if row["fold"] == "test"
        for option in row["options"]
        if option["source"] == "matched"
    )
    assert lenders
    assert lenders.keys() <= reserve
    assert max(lenders.values()) == 1
    assert report["reserve"] == len(reserve)
    assert report["n"] == len(output)
    assert report["replaced"] == sum(option["source"] == "matched" for row in output for option in row["options"])


def test_other_splits_lend_among_themselves() -> None:
    output, _ = match_items(sealed_rows())
    train = {row["qid"] for row in output if row["fold"] == "train"}
    lenders = {
        option["source_qid"]
        for row in output
        if row["fold"] == "train"
        for option in row["options"]
        if option["source"] == "matched"
    }
    assert lenders
    assert lenders <= train


def test_what_is_often_right_is_often_lent() -> None:
    """Were frequent texts kept from lending, whatever stands often in the file would be right."""
    rows = sealed_rows(96)
    for number, row in enumerate(rows):
        row["question"] = f"what does she take from shelf {number}?"
        if row["fold"] == "test" and number // 4 % 3 == 0:  # of published and reserve alike
            row["answers"][row["answer_idx"]] = "a wooden spoon"
    output, _ = match_items(rows, replace=3)
    frequent = options_of(output, "correct").count("a wooden spoon")
    assert frequent > 10
    assert frequent / 2 < options_of(output, "matched").count("a wooden spoon") <= frequent


def test_a_question_takes_no_text_that_is_right_in_it() -> None:
    rows = sealed_rows()
    published = [row for row in rows if row["fold"] == "test" and not row.get("reserve")]
    for row in rows:
        if row.get("reserve"):
            row["answers"][row["answer_idx"]] = published[0]["answers"][published[0]["answer_idx"]]
    output, _ = match_items(rows)
    first = next(row for row in output if row["qid"] == published[0]["qid"])
    assert "matched" not in {option["source"] for option in first["options"]}
    assert max(Counter(map(canonical, row["answers"])).most_common(1)[0][1] for row in output) == 1


def test_files_fold_by_fold_give_the_same_rows(tmp_path: Path) -> None:
    rows = sealed_rows()
    write_rows(tmp_path / "in.jsonl", rows)
    report = match_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", tmp_path / "work", MatchSettings())
    expected, expected_report = match_items(rows)
    assert read_rows(tmp_path / "out.jsonl") == expected
    assert {key: report[key] for key in ("n", "reserve", "replaced", "value")} == {
        key: expected_report[key] for key in ("n", "reserve", "replaced", "value")
    }


def test_the_lending_is_the_best_there_is() -> None:
    """Against scipy on the dense weights of the symmetric problem, restricted to the reserve by hand."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    from adversarial.matching.column_generation import UNMATCHED, solve_matching
    from adversarial.matching.pricing import blocks, dense_rows
    from tests.adversarial.matching.test_column_generation import random_problem

    problem = random_problem(60, 5, videos=30, answers=50)
    lenders = np.arange(35, 60, dtype=np.int32)
    recipients = np.arange(35, dtype=np.int32)
    worth = np.empty((60, 60), np.float32)
    for rows in blocks(problem.fold):
        worth[rows] = dense_rows(problem, rows)
    clipped = np.maximum(worth[:35, 35:], UNMATCHED)
    best = clipped[linear_sum_assignment(clipped, maximize=True)].sum() + 10 * UNMATCHED
    from dataclasses import replace

    found = solve_matching(replace(problem, recipients=recipients, lenders=lenders))
    assert found.value == pytest.approx(best, rel=1e-6)
    assert found.gap == 0
    assert (found.columns[35:] == lenders).all()


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_reserve_is_true_or_false(value: object) -> None:
    rows = make_rows(4)
    rows[2]["reserve"] = value
    with pytest.raises(ItemError, match=r"row 3 .*field reserve: expected true or false"):
        parse_rows(rows)
