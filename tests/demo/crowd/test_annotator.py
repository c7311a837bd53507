from itertools import pairwise
from random import Random

import msgspec
import numpy as np
import pytest

from benchmark_site.demo.crowd.annotator import Annotator, Task
from benchmark_site.demo.crowd.queries import unambiguous
from benchmark_site.demo.world.films import LISTED, Listed
from benchmark_site.demo.world.generate import FPS
from benchmark_site.demo.world.plot import invent_clip
from benchmark_site.demo.world.script import Clip, overlap

CLIPS = [
    msgspec.structs.replace(invent_clip(f"shapes-{number:03d}", 0, FPS), sha256=f"{number:064x}")
    for number in range(60)
]
FILMS = [film.clip for film in msgspec.json.decode(LISTED.read_bytes(), type=list[Listed])]
CROWD = [Annotator(number, 0) for number in range(1, 19)]
HONEST = [annotator for annotator in CROWD if annotator.skill != "spammer"]


def moments(clip: Clip, narration: bool) -> list[Task]:
    return [Task(clip, event.start, event.end, narration) for event in clip.events]


def test_every_third_of_the_crowd_holds_both_kinds_of_bad_annotators() -> None:
    for group in ([CROWD[first::3] for first in range(3)], [CROWD[:6], CROWD[6:12], CROWD[12:]]):
        assert all({"careful", "sloppy", "spammer"} == {annotator.skill for annotator in third} for third in group)


def test_an_answer_depends_on_seed_annotator_clip_and_task_alone() -> None:
    task = Task(CLIPS[0], 3.0, 8.0, True)
    one, twin, stranger, later = Annotator(1, 0), Annotator(1, 0), Annotator(3, 0), Annotator(1, 5)
    assert (one.segment(task), one.query(task), one.question(task)) == (
        twin.segment(task),
        twin.query(task),
        twin.question(task),
    )
    assert one.query(task) != stranger.query(task) or one.question(task) != stranger.question(task)
    assert one.query(task) != later.query(task) or one.question(task) != later.question(task)


@pytest.mark.parametrize("clip", [*CLIPS[::6], *FILMS], ids=lambda clip: clip.name)
def test_every_answer_keeps_the_rules_of_its_form(clip: Clip) -> None:
    for annotator in CROWD:
        span = annotator.segment(Task(clip))
        assert float(span["start"]) >= 0
        assert float(span["end"]) <= clip.duration + 0.05
        assert float(span["end"]) - float(span["start"]) >= 2.0
        for task in [*moments(clip, True), *moments(clip, False)]:
            query = annotator.query(task)
            assert 8 <= len(query["query"].split()) <= 20, query
            assert query["based_on"] == "v" or (task.narration and query["based_on"] in ("t", "vt"))
            question = annotator.question(task)
            assert question["question"].endswith("?")
            answers = [question[name].casefold().strip(".") for name in ("correct", "wrong_1", "wrong_2", "wrong_3")]
            assert len(set(answers)) == 4, question


def test_good_annotators_mark_an_event_closely_and_the_others_do_not() -> None:
    def best(annotator: Annotator, clip: Clip) -> float:
        span = annotator.segment(Task(clip))
        return max(overlap(float(span["start"]), float(span["end"]), event.start, event.end) for event in clip.events)

    mean = {
        skill: np.mean([best(annotator, clip) for annotator in CROWD if annotator.skill == skill for clip in CLIPS])
        for skill in ("careful", "sloppy", "spammer")
    }
    assert mean["careful"] > 0.88
    assert 0.55 < mean["sloppy"] < 0.8
    assert mean["spammer"] < 0.4


def test_four_neighbours_of_a_group_mark_at_least_three_events() -> None:
    careful = [annotator for annotator in CROWD[::3] if annotator.skill == "careful"][:4]
    different = []
    for clip in CLIPS:
        spans = [annotator.segment(Task(clip)) for annotator in careful]
        marked = [
            max(clip.events, key=lambda e, s=span: overlap(float(s["start"]), float(s["end"]), e.start, e.end))
            for span in spans
        ]
        different.append(len({event.start for event in marked}))
    assert np.mean(different) >= 3


def test_about_half_of_the_queries_are_about_the_picture_when_a_third_see_no_words() -> None:
    kinds = [
        annotator.query(task)["based_on"]
        for number, clip in enumerate(CLIPS)
        for task in moments(clip, narration=number % 3 > 0)
        for annotator in HONEST[:4]
    ]
    assert 0.4 < kinds.count("v") / len(kinds) < 0.65
    assert min(kinds.count("t"), kinds.count("vt")) / len(kinds) > 0.12


def test_different_people_use_different_words() -> None:
    texts = [
        annotator.query(task)["query"] for clip in CLIPS for task in moments(clip, True) for annotator in HONEST[:2]
    ]
    assert len(set(texts)) > 0.95 * len(texts)


def test_a_mention_fits_one_event_of_its_kind_only() -> None:
    rng = Random(0)
    checked = 0
    for clip in [invent_clip(f"any-{number}", 1, FPS) for number in range(300)]:
        for event in clip.events:
            rivals = [other for other in clip.events if other is not event and other.kind == event.kind]
            for other in rivals:
                assert event.subject
                assert other.subject
                checked += 1
                assert not unambiguous(rng, clip, event).fits(event.subject, other.subject)
    assert checked > 50


def test_wrong_answers_are_shorter_than_right_ones_as_people_write_them() -> None:
    asked = [annotator.question(task) for clip in CLIPS for task in moments(clip, True) for annotator in HONEST[:1]]
    right = np.mean([len(question["correct"]) for question in asked])
    wrong = np.mean([len(question[f"wrong_{n}"]) for question in asked for n in (1, 2, 3)])
    assert wrong < 0.7 * right


@pytest.mark.parametrize("clip", FILMS, ids=lambda clip: clip.name)
def test_moments_of_films_lie_in_order_and_are_told_in_several_ways(clip: Clip) -> None:
    for event in clip.events:
        assert 0 <= event.start < event.end <= clip.duration
        assert len({query.text for query in event.queries}) >= 3
        assert event.questions
    assert all(one.end <= after.start for one, after in pairwise(clip.events))
