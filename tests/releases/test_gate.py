"""Each row of the quality gate that speaks of published questions: what it names, and what it lets pass."""

from __future__ import annotations

from typing import Any

import pytest

from annotation.models import Clip, Subtitle, Video
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item, Negative, Release
from benchmark_site.releases.quality.copies import copied_into_labelled
from benchmark_site.releases.quality.items import check_accepted
from benchmark_site.releases.quality.rows import refuse_blocked
from benchmark_site.releases.quality.warnings import warn_of_blind, warn_of_footage, warn_of_items
from benchmark_site.releases.quality.whole import check_ledger, check_matched, check_splits

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


def warned(items: list[Item]) -> dict[str, Any]:
    """{check: who is named} of the warnings that found more than they allow."""
    return {row["id"]: row["first"] for row in warn_of_items(items) if row["n"] > row["allowed"]}


def test_h1_hidden_items_that_can_be_looked_up() -> None:
    text = {"text": "a dog runs"}
    shown, same_times, other_times = query(1, **text), query(2, split="test", **text), query(3, split="test", **text)
    other_times.start = 9.0
    asked = question(4)
    same_options = question(5, split="test", text=asked.text, options=asked.options[::-1], answer_index=3)
    other_answer = question(6, split="test", text=asked.text, options=asked.options, answer_index=2)
    items = [shown, same_times, other_times, asked, same_options, other_answer]
    copies = copied_into_labelled(items)
    assert copies == [same_times, same_options]


def test_what_blocks_is_told_with_its_names() -> None:
    item = question(1)
    with pytest.raises(BuildError, match=r"quality gate: B7 \(.*\): 1 of 1, qa 1$"):
        refuse_blocked(check_matched(SHARED, [item], [lend(question(2, split="val"), item)], []))


FINE = {"text": "a man in a red coat opens the old door", "end": 9.0}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("W1", {"end": 4.9}),
        ("W1", {"end": 30.1, "duration": 60.0}),
        ("W2", {"text": "a man opens the old door"}),
        ("W12", {"text": "A MAN IN A RED COAT OPENS DOORS"}),
        ("W12", {"text": "in this video a man opens the old door"}),
    ],
)
def test_warnings_about_a_query(check: str, changes: dict[str, Any]) -> None:
    fine = [query(n, **FINE | {"text": f"a man in a red coat opens door {n}"}) for n in range(1, 6)]
    assert warned(fine).keys() <= {"W10"}
    assert warned([*fine, query(6, **FINE | changes)])[check] == ["moment 6"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("W5", {"text": "which is it"}),
        ("W5", {"text": "red or blue?"}),
        ("W6", {"options": ["by far the longest", "b", "c", "d"]}),
        ("W7", {"options": ["answer", *(f"wrong 1 {n}" for n in range(3))]}),
    ],
)
def test_warnings_about_a_question(check: str, changes: dict[str, Any]) -> None:
    fine = [question(n, end=9.0, options=["answer", *(f"wrong {n} {k}" for k in range(3))]) for n in range(1, 4)]
    assert warned(fine).keys() <= {"W10"}
    assert "qa 4" in warned([*fine, *(question(n, end=9.0, **changes) for n in (4, 5))])[check]


@pytest.mark.django_db
def test_w3_one_text_on_two_videos_is_told() -> None:
    rows = [query(1, text="a dog runs"), query(2, text="A dog runs."), query(3, text="a cat")]
    assert warned(rows)["W3"] == ["moment 1", "moment 2"]


@pytest.mark.django_db
def test_w4_a_hidden_text_that_is_nearly_a_labelled_one() -> None:
    shown = query(1, text="a man in a red coat slowly opens the old wooden door")
    near = query(2, split="test", text="A man in a red coat slowly opens the old wooden doors, a door")
    far = query(3, split="test", text="three dogs run over a field of grass in the rain")
    assert warned([shown, near, far])["W4"] == ["moment 2"]


@pytest.mark.django_db
def test_w10_shares_that_are_not_80_10_10() -> None:
    items = [query(n, split="train" if n < 80 else "val" if n < 90 else "test") for n in range(100)]
    assert "W10" not in warned(items)
    assert "videos val 12.0 %" in warned([query(n, split="val" if n > 87 else "train") for n in range(100)])["W10"]


def test_w9_names_the_blind_models_above_chance() -> None:
    panel = {"answer_only": {"accuracy": 0.389}, "prior": {"accuracy": 0.26}}
    (row,) = warn_of_blind({"after": {"panel": panel}})
    assert (row["n"], row["total"], row["first"]) == (1, 2, ["answer only 38.9 %"])
    assert warn_of_blind({"after": {"panel": {}, "refused": "too few"}}) == []


@pytest.mark.django_db
def test_b3_a_video_in_two_splits() -> None:
    one = query(1)
    assert check_ledger([one, question(1, video=one.video)])["n"] == 0
    assert check_ledger([one, question(1, video=one.video, split="val")])["first"] == ["v1"]


@pytest.mark.django_db
def test_an_item_with_a_fault_is_left_out_and_told_and_the_others_stay() -> None:
    fine, outside, twice = (
        query(1, **FINE),
        query(2, **FINE | {"end": 30.06}),
        question(3, options=["a", "A.", "c", "d"]),
    )
    rows, kept, left_out = check_accepted([fine, outside, twice])
    assert kept == [fine]
    assert [(row.public_id, row.check_id, row.reason) for row in left_out] == [
        (2, "B2", "[0, 30.06] of a clip of 30 s"),
        (3, "B4", "a | A. | c | d"),
    ]
    assert {row["id"]: row["n"] for row in rows if row["n"]} == {"B2": 1, "B4": 1}
    refuse_blocked(rows)
    assert check_accepted([query(1, **FINE | {"end": 30.05})])[2] == []


def test_some_checks_of_a_release_may_be_answered_for() -> None:
    rows = check_matched(SHARED, [question(number) for number in range(1, 101)], [], [])
    with pytest.raises(BuildError, match="B5"):
        refuse_blocked(rows)
    refuse_blocked(rows, waived={"B5"})


@pytest.mark.django_db
def test_b4_a_release_asks_for_one_number_of_options() -> None:
    four, five = question(1), question(2, options=["a", "b", "c", "d", "e"], answer_index=4)
    assert [row.reason for row in check_accepted([four, five])[2]] == ["5 options, expected 4: a | b | c | d | e"]
    (left_out,) = check_accepted([four, five], 5)[2]
    assert left_out.reason.startswith("4 options, expected 5: answer 1 | ")


def test_five_places_are_as_even_as_four() -> None:
    release = Release(hidden=Release.Hidden.SHARED, option_count=5)
    items = [
        question(n, options=[f"answer {n}", *(f"wrong {n} {place}" for place in range(4))], answer_index=n % 5)
        for n in range(1, 201)
    ]
    assert matched(items, release=release) == {}
    for item in items:
        item.answer_index %= 4
    assert matched(items, release=release) == {"B5": ["train"]}
    lent = [lend(items[-1], item, (item.answer_index + 1) % 5) for item in items[:4]]
    assert "B7" not in matched(items[:-5], *lent, release=release)
    assert "B7" in matched(items[:-5], *lent, lend(items[-1], items[4], 2), release=release)


def test_w9_chance_is_that_of_the_options() -> None:
    panel = {"prior": {"accuracy": 0.26}}
    assert [row["n"] for row in warn_of_blind({"after": {"panel": panel}}, 5)] == [1]


@pytest.mark.django_db
def test_c1_c2_clips_and_subtitles_past_the_end_of_their_film(corpus) -> None:
    short, fine, unknown = corpus(3, features=False)
    Video.objects.filter(pk=short.pk).update(duration=25.0)  # its clip of 30 s ends later
    Video.objects.filter(pk=unknown.pk).update(duration=None)
    Subtitle.objects.create(video=fine, start=29.0, end=30.9, text="within a second of it")
    Subtitle.objects.create(video=fine, start=29.5, end=31.5, text="past the end")
    Subtitle.objects.create(video=unknown, start=400.0, end=402.0, text="nobody knows")
    rows = {row["id"]: row for row in warn_of_footage(list(Clip.objects.select_related("video")))}
    assert rows["C1"]["first"] == [Clip.objects.get(video=short).name]
    assert rows["C2"]["first"] == [f"{fine.public_id} at 29.5 s"]
    refuse_blocked(rows.values())
