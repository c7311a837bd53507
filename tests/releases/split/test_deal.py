"""Dealing hidden videos: one task each for ever, nothing depends on order, published shares near one half."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from benchmark_site.releases.split.deal import FLOOR, TASKS, deal_videos, too_few

counts = st.fixed_dictionaries({"moment": st.integers(0, 9), "qa": st.integers(0, 9)})
loads_of = st.dictionaries(st.text("abcdef", min_size=1, max_size=5), counts, max_size=40)


@given(loads_of, st.randoms())
def test_the_order_of_the_rows_does_not_matter(loads, random):
    shuffled = list(loads.items())
    random.shuffle(shuffled)
    assert deal_videos(dict(shuffled), {}) == deal_videos(loads, {})


@given(loads_of, loads_of)
def test_a_dealt_video_stays_and_new_ones_are_added(first, more):
    ledger = deal_videos(first, {})
    both = {**first, **{video: load for video, load in more.items() if video not in first}}
    added = deal_videos(both, ledger)
    assert added.keys() == both.keys() - first.keys()


@given(loads_of)
def test_a_video_without_questions_serves_moments_where_there_are_any(loads):
    queries = any(load["moment"] for load in loads.values())
    for video, task in deal_videos(loads, {}).items():
        if not queries:
            assert task == "qa"
        elif not loads[video]["qa"]:
            assert task == "moment"


def test_half_of_the_questions_are_kept_also_where_no_query_needs_it():
    loads = {f"q{n}": {"moment": 0, "qa": 2} for n in range(20)} | {f"m{n}": {"moment": 2, "qa": 0} for n in range(20)}
    dealt = deal_videos(loads, {})
    assert all(dealt[video] == "moment" for video in loads if video.startswith("m"))
    assert 8 <= sum(dealt[video] == "qa" for video in loads if video.startswith("q")) <= 12


def test_equal_videos_are_dealt_in_halves():
    loads = {f"v{number}": {"moment": 3, "qa": 3} for number in range(41)}
    dealt = Counter(deal_videos(loads, {}).values())
    assert abs(dealt["moment"] - dealt["qa"]) == 1


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=60, max_size=120))
def test_uneven_videos_publish_near_half_of_each_task(pairs):
    loads = {f"v{number}": {"moment": moments, "qa": qa} for number, (moments, qa) in enumerate(pairs)}
    dealt = deal_videos(loads, {})
    for task in TASKS:
        published = sum(load[task] for video, load in loads.items() if dealt[video] == task)
        assert abs(published / sum(load[task] for load in loads.values()) - 0.5) < 0.1


def test_the_floor_counts_published_items_of_tasks_that_were_collected():
    tasks = {"a": "moment", "b": "qa"}
    assert too_few({"a": {"moment": FLOOR, "qa": 5}, "b": {"moment": 5, "qa": FLOOR}}, tasks) == {}
    assert too_few({"a": {"moment": FLOOR - 1, "qa": 5}, "b": {"qa": FLOOR}}, tasks) == {"moment": FLOOR - 1}
    assert too_few({"a": {"moment": FLOOR}}, tasks) == {}
