"""The whole way from rows to rows."""

import random
from collections import Counter
from typing import Any

import pytest

from adversarial.data.errors import ItemError
from adversarial.matching.kernels import RELUCTANTLY, SAME
from adversarial.negatives import match_shard
from adversarial.negatives.pipeline import match_items
from adversarial.text.answer_equivalence import compare_texts
from adversarial.text.answer_types import accepted_kinds, answer_kind
from tests.adversarial.conftest import make_rows

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def matched(rows: Rows) -> tuple[Rows, dict[str, Any]]:
    return match_items(rows, replace=2, seed=3)


def test_output_keeps_order_ids_and_right_answers(rows: Rows, matched: tuple[Rows, dict[str, Any]]) -> None:
    output, _ = matched
    assert [row["qid"] for row in output] == [row["qid"] for row in rows]
    for before, after in zip(rows, output, strict=True):
        assert after["answers"][after["answer_idx"]] == before["answers"][before["answer_idx"]]
        assert after["options"][after["answer_idx"]]["source"] == "correct"
        assert len(after["answers"]) == len(after["options"]) == len(before["answers"])


def test_matched_options_come_from_other_videos_and_say_something_else(
    rows: Rows, matched: tuple[Rows, dict[str, Any]]
) -> None:
    by_id = {row["qid"]: row for row in rows}
    seen = 0
    for row in matched[0]:
        right = row["answers"][row["answer_idx"]]
        for answer, option in zip(row["answers"], row["options"], strict=True):
            if option["source"] != "matched":
                continue
            seen += 1
            source = by_id[option["source_qid"]]
            assert source["video_id"] != row["video_id"]
            assert source["answers"][source["answer_idx"]] == answer
            assert option["replaced"] in by_id[row["qid"]]["answers"]
            assert compare_texts(answer, right) != SAME
            assert 0 <= option["relevance"] <= 1
            assert 0 <= option["similarity"] <= 1
        assert len({answer.casefold() for answer in row["answers"]}) == len(row["answers"])
    assert seen > 0.8 * 2 * len(rows)  # a few numbers and colours are equal and cannot be lent to each other


def test_who_lends_does_so_in_every_place_but_its_own(matched: tuple[Rows, dict[str, Any]]) -> None:
    output, report = matched
    uses = Counter(option["source_qid"] for row in output for option in row["options"] if option["source"] == "matched")
    assert max(uses.values()) == 3
    assert sum(count == 3 for count in uses.values()) > 0.6 * len(uses)  # as above
    missing = sum(int(row["fallback"].split()[0]) for row in output if "fallback" in row)
    lenders = round(2 / 3 * len(output))  # of whom each was to lend three times
    assert sum(uses.values()) == 3 * lenders - missing
    assert lenders - missing // 3 <= len(uses) <= lenders  # one not among them misses all three
    assert report["rounds"] == 2
    assert report["n"] == len(output)
    assert 0 <= report["certified_gap"] <= 1e-4
    assert report["value"] <= report["upper_bound"]


def test_right_answer_stands_everywhere_equally_often(matched: tuple[Rows, dict[str, Any]]) -> None:
    places = Counter(row["answer_idx"] for row in matched[0])
    assert max(places.values()) - min(places.values()) <= 1


def test_row_order_does_not_matter(rows: Rows, matched: tuple[Rows, dict[str, Any]]) -> None:
    shuffled = random.Random(1).sample(rows, len(rows))
    again, _ = match_items(shuffled, replace=2, seed=3)
    assert sorted(again, key=lambda row: row["qid"]) == matched[0]


def test_matching_stays_inside_a_split() -> None:
    rows = [row | {"fold": "train" if row["qid"] < 40 else "test"} for row in make_rows(80)]
    split = {row["qid"]: row["fold"] for row in rows}
    for row in match_items(rows)[0]:
        for option in row["options"]:
            if option["source"] == "matched":
                assert split[option["source_qid"]] == row["fold"]


def test_a_handful_of_questions_keeps_what_cannot_be_matched() -> None:
    rows = make_rows(3)
    for row in rows:
        row["video_id"] = "a" if row["qid"] < 2 else "b"
    output, report = match_items(rows)
    assert report["fallbacks"] == sum("fallback" in row for row in output)
    assert report["replaced"] <= 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": "one"}, "one video"),
        ({"answers": ["yes", "no"], "answer_idx": 0}, "all right answers are equal"),
    ],
)
def test_infeasible_inputs_say_why(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemError, match=message):
        match_items([row | change for row in make_rows(12)])


def test_what_the_rows_show_is_refused_before_anything_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(match_shard, "_learn", None)
    with pytest.raises(ItemError, match="all right answers are equal"):
        match_items([row | {"answers": ["yes", "no"], "answer_idx": 0} for row in make_rows(5000)])


def test_more_replacements_than_wrong_options_is_an_error() -> None:
    with pytest.raises(ItemError, match=r"row 1 \(qid 0\): field answers: has 1 wrong options"):
        match_items(make_rows(12, options=2), replace=2)


def test_right_answer_stands_everywhere_equally_often_over_small_folds() -> None:
    rows = [row | {"fold": f"fold {row['qid'] // 5}"} for row in make_rows(400)]
    places = Counter(row["answer_idx"] for row in match_items(rows)[0])
    assert max(places.values()) < 0.33 * len(rows)  # where every fold began at the first place: 0.4


def test_a_matched_answer_never_repeats_a_written_one_that_had_to_stay() -> None:
    rows = [
        {"qid": 0, "video_id": "a", "question": "what is it?", "answers": ["red cup", "blue plate", "green box"]},
        {"qid": 1, "video_id": "b", "question": "what stands there?", "answers": ["blue plate", "a dog", "a cat"]},
    ]
    output, report = match_items([row | {"answer_idx": 0} for row in rows], replace=2)
    for row in output:
        assert len(set(row["answers"])) == 3
    assert report["fallbacks"] == 2


def test_a_written_negative_that_says_the_right_answer_goes_first() -> None:
    rows = make_rows(120)
    for row in rows[::3]:
        wrong = next(at for at in range(4) if at != row["answer_idx"])
        row["answers"][wrong] = row["answers"][row["answer_idx"]].upper()
    output, report = match_items(rows)
    left = [row for row in output if len({answer.casefold() for answer in row["answers"]}) < 4]
    assert len(left) == report["equal_written"] <= 4  # of 40: how many find no other answer depends on the draw
    assert {row["qid"] for row in left} <= set(report["equal_ids"])
    assert all("no legal answer of another question was left" in row["fallback"] for row in left)


def test_a_written_answer_that_a_person_refused_goes_first() -> None:
    rows = make_rows(120)
    refused = {row["qid"]: row["answers"][(row["answer_idx"] + 1) % 4] for row in rows[::3]}
    marked = [row | ({"unwanted": [refused[row["qid"]]]} if row["qid"] in refused else {}) for row in rows]
    output, report = match_items(marked)
    left = [row["qid"] for row in output if refused.get(row["qid"]) in row["answers"]]
    assert len(left) <= 2 < sum(refused.get(row["qid"]) in row["answers"] for row in match_items(rows)[0])
    assert set(refused) <= set(report["equal_ids"])


def test_what_a_person_refused_is_not_lent_again() -> None:
    rows = make_rows(120)
    lent = {row["qid"]: lent_to(row) for row in match_items(rows)[0]}
    output, _ = match_items([row | {"unwanted": lent[row["qid"]]} for row in rows])
    assert sum(map(len, lent.values())) > 60
    assert not [row["qid"] for row in output if set(lent_to(row)) & set(lent[row["qid"]])]


def lent_to(row: dict[str, Any]) -> list[str]:
    pairs = zip(row["answers"], row["options"], strict=True)
    return [answer for answer, said in pairs if said["source"] == "matched"]


def test_of_a_few_sealed_questions_none_takes_what_is_not_of_its_kind() -> None:
    rows = [row | {"fold": "test", "reserve": row["qid"] % 2 == 0} for row in make_rows(40)]
    accepted = {row["qid"]: accepted_kinds(row["question"]) for row in rows}
    asked = {qid: kinds & ~(kinds >> RELUCTANTLY) for qid, kinds in accepted.items()}
    output, report = match_items(rows)
    lent = [(row["qid"], answer) for row in output for answer in lent_to(row)]
    assert lent
    assert all(asked[qid] >> answer_kind(answer) & 1 for qid, answer in lent)
    assert report["fallbacks"] > 0


def test_a_written_negative_that_says_the_right_answer_and_stays_is_counted() -> None:
    rows = make_rows(40)
    right = rows[3]["answers"][rows[3]["answer_idx"]]
    rows[3]["answers"] = [right, right, right, right]
    report = match_items(rows)[1]
    assert report["equal_ids"] == [3]
    assert report["equal_written"] <= 2


def test_equal_questions_are_named_as_the_reason() -> None:
    rows = [row | {"question": "what color is it?"} for row in make_rows(30)]
    with pytest.raises(ItemError, match="all questions are equal"):
        match_items(rows)


def test_an_old_fallback_is_not_kept() -> None:
    output, report = match_items([row | {"fallback": "of last year"} for row in make_rows(60)])
    assert report["fallbacks"] == sum("fallback" in row for row in output)
    assert all(row.get("fallback") != "of last year" for row in output)


ODD = "photosynthesis in distant galaxies"


@pytest.mark.parametrize("count", [40, 200])
def test_the_written_answer_that_nobody_would_believe_goes_first(count: int) -> None:
    """Judged by likeness to the question where there are few of them, and by a model that has learnt from others."""
    rows = make_rows(count)
    for row in rows:
        row["answers"][(row["answer_idx"] + 1 + row["qid"] % 3) % 4] = ODD
    given = [[o["replaced"] for o in row["options"] if o["source"] == "matched"] for row in match_items(rows)[0]]
    first = [ODD in replaced for replaced in given if replaced]
    assert sum(map(len, given)) > 0.7 * count
    assert sum(first) > 0.8 * len(first)
