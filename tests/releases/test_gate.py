"""Each row of the quality gate that speaks of published questions: what it names, and what it lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Video
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.quality.checks import (
    check_accepted,
    check_matched,
    check_splits,
    copied_into_labelled,
    found_copies,
    refuse_blocked,
)

SHARED, SEALED = (Release(hidden=hidden) for hidden in (Release.Hidden.SHARED, Release.Hidden.SEALED))


def question(number: int, **changes: Any) -> Item:
    """A question about a video of its own, four options, the first one right; never saved."""
    values: dict[str, Any] = {
        "kind": Item.Kind.QA,
        "split": "train",
        "video": Video(pk=number, public_id=f"v{number}"),
        "vid_name": f"v{number}_0.00_30.00",
        "text": f"what is {number}?",
        "options": [f"answer {number}", *(f"wrong {number} {n}" for n in range(3))],
        "answer_index": 0,
        "start": 0.0,
        "end": 5.0,
        "duration": 30.0,
    }
    return Item(pk=number, public_id=number, **(values | changes))


def query(number: int, **changes: Any) -> Item:
    return question(number, kind=Item.Kind.MOMENT, options=[], answer_index=None, **changes)


def lend(source: Item, item: Item, option: int = 1) -> Negative:
    """Put the right answer of `source` in the place of one of the options of `item`."""
    assert source.answer_index is not None
    item.options = [*item.options[:option], source.options[source.answer_index], *item.options[option + 1 :]]
    return Negative(item=item, source=source, option=option)


def matched(items: list[Item], *negatives: Negative, release: Release = SHARED, suspects: Any = ()) -> dict[str, Any]:
    """{check: who is named} of the rows that found something."""
    return {row["id"]: row["first"] for row in check_matched(release, items, negatives, suspects) if row["n"]}


def test_what_is_in_order_is_named_nowhere() -> None:
    first, second, third = (question(number) for number in (1, 2, 3))
    assert matched([first, second, third], lend(second, first), lend(third, second), lend(first, third)) == {}


def test_b4_options_that_became_equal() -> None:
    first, second = question(1), question(2, options=["Wrong 1 2!", "x", "y", "z"])
    assert matched([first, second], lend(second, first)) == {"B4": ["qa 1"]}


@pytest.mark.parametrize("count", [99, 100])
@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_b5_right_answers_in_one_place_where_there_are_enough_to_tell(split: str, count: int) -> None:
    items = [question(number, split=split) for number in range(1, count + 1)]
    assert matched(items) == ({"B5": [split]} if count == 100 else {})


def test_b5_every_split_is_looked_at_alone() -> None:
    """Over all splits together the places are even."""
    items = [
        question(100 * place + n, split=split, answer_index=place)
        for place, split in enumerate(("train", "val", "test", "train"))
        for n in range(100)
    ]
    assert matched(items) == {"B5": ["train", "val", "test"]}


def test_b5_even_places_pass() -> None:
    assert matched([question(number, answer_index=number % 4) for number in range(1, 121)]) == {}


def test_b7_a_negative_from_the_questions_own_video() -> None:
    item = question(1)
    assert matched([item], lend(question(2, video=item.video), item)) == {"B7": ["qa 1"]}


def test_b7_a_negative_from_another_split() -> None:
    item = question(1)
    assert matched([item], lend(question(2, split="val"), item)) == {"B7": ["qa 1"]}


def test_b7_a_negative_that_says_the_right_answer() -> None:
    item = question(1)
    assert matched([item], lend(question(2, options=["ANSWER 1", "x", "y", "z"]), item))["B7"] == ["qa 1"]


def test_b7_an_answer_that_is_lent_too_often() -> None:
    items, source = [question(number) for number in range(1, 5)], question(5)
    assert matched(items[:3], *(lend(source, item) for item in items[:3])) == {}
    assert matched(items, *(lend(source, item) for item in items))["B7"] == [f"qa {number}" for number in range(1, 5)]
    source.published = False
    assert matched(items[:2], *(lend(source, item) for item in items[:2])) == {"B7": ["qa 1", "qa 2"]}


def test_b10_a_sealed_question_takes_from_the_reserve_alone() -> None:
    item, published = question(1, split="test"), question(2, split="test")
    reserve = question(3, split="test", published=False)
    assert matched([item], lend(reserve, item), release=SEALED) == {}
    assert matched([item], lend(published, item), release=SEALED) == {"B10": ["qa 1"]}
    assert matched([item], lend(published, item), release=SHARED) == {}


def test_w8_suspects_of_the_audit_are_named_and_do_not_block() -> None:
    assert matched([question(1), question(2)], suspects=[{"qid": 2}]) == {"W8": ["qa 2"]}
    refuse_blocked(check_matched(SHARED, [question(1)], [], [{"qid": 1}]))


def test_b0_every_task_has_something_to_publish_in_every_split() -> None:
    items = [kind(n, split=split) for n, split in enumerate(("train", "val", "test")) for kind in (question, query)]
    assert check_splits(items)["n"] == 0
    items[-1].published = False
    assert check_splits(items)["first"] == ["moment test"]
    assert check_splits([item for item in items if item.kind == Item.Kind.QA])["n"] == 0


@pytest.mark.django_db
def test_w3_one_text_on_two_videos_is_told_and_does_not_block() -> None:
    rows = check_accepted([query(1, text="a dog runs"), query(2, text="A dog runs."), query(3, text="a cat")])
    assert {row["id"]: row["first"] for row in rows if row["n"]} == {"W3": ["moment 1", "moment 2"]}
    refuse_blocked(rows)


def test_w4_hidden_items_that_can_be_looked_up() -> None:
    text = {"text": "a dog runs"}
    shown, same_times, other_times = query(1, **text), query(2, split="test", **text), query(3, split="test", **text)
    other_times.start = 9.0
    asked = question(4)
    same_options = question(5, split="test", text=asked.text, options=asked.options[::-1], answer_index=3)
    other_answer = question(6, split="test", text=asked.text, options=asked.options, answer_index=2)
    items = [shown, same_times, other_times, asked, same_options, other_answer]
    copies = copied_into_labelled(items)
    assert copies == [same_times, same_options]
    assert found_copies(copies, items)["first"] == ["moment 2", "qa 5"]


def test_what_blocks_is_told_with_its_names() -> None:
    item = question(1)
    with pytest.raises(BuildError, match=r"quality gate: B7 \(.*\): 1 of 1, qa 1$"):
        refuse_blocked(check_matched(SHARED, [item], [lend(question(2, split="val"), item)], []))
