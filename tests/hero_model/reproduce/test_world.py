"""The procedural world: one event answers a query, words have to be put together, and a seed gives its bytes."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from evaluation.release import SUBTITLES, Release
from hero_model.data.subtitles import read_subtitles
from hero_model.reproduce import world
from hero_model.reproduce.words import PEOPLE, PLACES, SEEN, THINGS
from hero_model.reproduce.world import (
    FRAMES,
    INTERVAL,
    draw_events,
    frames_of,
    write_world,
    written_queries,
    written_questions,
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder = tmp_path_factory.mktemp("world")
    write_world(folder, 300, 4)
    return Release.open(folder)


def test_it_is_a_release_that_verifies(release: Release) -> None:
    release.verify()
    sizes = {split: len(release.videos(split).names) for split in ("train", "val", "test")}
    assert sum(sizes.values()) == 300
    assert 200 < sizes["train"] < 270
    assert release.tasks == ["moment", "qa"]


def test_a_tenth_of_the_train_clips_has_labels_and_all_others_have(release: Release) -> None:
    rows = {split: release.moments(split) for split in ("train", "val")}
    share = {split: len(np.unique(found.video)) / len(found.videos.names) for split, found in rows.items()}
    assert 0.03 < share["train"] < 0.2
    assert share["val"] == 1


def test_a_word_has_one_meaning() -> None:
    """Each is in one list, once; what stands around it in a sentence is in none."""
    places = [word for place in PLACES for word in place.split() if word != "the"]
    words = Counter([*SEEN, *PEOPLE, *places])
    assert [word for word, count in words.items() if count > 1] == []
    around = re.sub(r"\{\w+\}", "", " ".join((*world.NAMINGS, *world.REMARKS))).lower()
    assert set(re.findall(r"\w+", around)) & set(words) == set()


def test_speech_names_things_more_often_than_labels_do(release: Release) -> None:
    """What pre-training is for: of the train clips, and in more clips of them."""
    train = release.moments("train")
    spoken = read_subtitles(release.root / SUBTITLES)
    told = {name: " ".join(line.text for line in spoken[name]) for name in train.videos.names}
    asked = dict.fromkeys(train.videos.names, "")
    for text, row in zip(train.desc, train.video, strict=True):
        asked[train.videos.names[row]] += text
    named, labelled = (
        sum(thing in re.findall(r"\w+", text) for text in texts.values() for thing in THINGS) for texts in (told, asked)
    )
    assert named > 3 * labelled > 0


@pytest.mark.parametrize("seed", range(40))
def test_speech_names_nothing_else_than_what_is_seen_then(seed: int) -> None:
    for event in draw_events(np.random.default_rng(seed)):
        named = set(re.findall(r"\w+", event.said)) & set(SEEN)
        assert named <= {event.verb, event.colour, event.thing}
        assert not (named and event.about)


def test_half_of_the_clips_are_narrated() -> None:
    """There most events are named, elsewhere few: the share of named events has two humps and nothing between."""
    clips = [draw_events(np.random.default_rng(seed)) for seed in range(400)]
    shares = [np.mean([bool(event.said) and event.about is None for event in events]) for events in clips]
    counts, _ = np.histogram(shares, bins=[0, 0.35, 0.45, 1.01])
    assert min(counts[0], counts[2]) > 150
    assert counts[1] < 50


def test_the_same_seed_gives_the_same_bytes(release: Release, tmp_path: Path) -> None:
    write_world(tmp_path, 300, 4)
    assert Release.open(tmp_path).manifest_sha256 == release.manifest_sha256


@pytest.mark.parametrize("seed", range(40))
def test_events_fill_the_clip_one_after_the_other(seed: int) -> None:
    events = draw_events(np.random.default_rng(seed))
    assert [event.first for event in events] == [0, *(event.last + 1 for event in events[:-1])]
    assert events[-1].last == FRAMES - 1
    assert all(3 <= event.last - event.first + 1 <= 8 for event in events)


@pytest.mark.parametrize("seed", range(40))
def test_a_query_means_one_event(seed: int) -> None:
    """Found again from its words: no other event of the clip has all of them."""
    rng = np.random.default_rng(seed)
    events = draw_events(rng)
    for query in written_queries("clip", "train", events, rng, 0):
        own = next(event for event in events if event.seconds == (query.start, query.end))
        if query.text.startswith("They talk"):
            alike = [event for event in events if event.about == own.about]
        elif "while talking" in query.text:
            alike = [e for e in events if (e.verb, e.thing) == (own.verb, own.thing) and e.about and own.about
                     and e.about[0] == own.about[0]]  # fmt: skip
        elif "right after" in query.text:
            before = dict(zip([e.first for e in events[1:]], events[:-1], strict=True))
            alike = [e for e in events if e.first and (e.verb, e.thing) == (own.verb, own.thing)
                     and (before[e.first].verb, before[e.first].thing)
                     == (before[own.first].verb, before[own.first].thing)]  # fmt: skip
        elif "takes" in query.text:
            alike = [e for e in events if (e.verb, e.thing, world.pace(e)) == (own.verb, own.thing, world.pace(own))]
        else:
            alike = [e for e in events if (e.verb, e.colour, e.thing) == (own.verb, own.colour, own.thing)]
        assert alike == [own], query.text
        assert 0 <= query.start < query.end <= FRAMES * INTERVAL


def test_one_word_does_not_find_it() -> None:
    """Most events share verb, thing and person with others of their clip."""
    shared: Counter[str] = Counter()
    total = 0
    for seed in range(100):
        events = draw_events(np.random.default_rng(seed))
        total += len(events)
        for name in ("verb", "thing", "colour"):
            counts = Counter(getattr(event, name) for event in events)
            shared[name] += sum(counts[getattr(event, name)] > 1 for event in events)
    assert min(shared.values()) > 0.8 * total


@pytest.mark.parametrize("seed", range(40))
def test_a_question_has_four_answers_of_which_one_is_right(seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = draw_events(rng)
    for question in written_questions("clip", "train", events, rng, 0):
        assert len(set(question.options)) == 4
        own = next(event for event in events if event.seconds == (question.start, question.end))
        right = question.options[question.answer]
        if right.startswith("a ") and " and " in right:
            assert own.about
            assert right == f"a {own.about[0]} and {own.about[1]}"
        else:
            assert right == f"a {own.colour} {own.thing}"


def test_the_right_answer_stands_everywhere(release: Release) -> None:
    places = Counter(release.questions("val").answer.tolist())
    assert set(places) == {0, 1, 2, 3}


def test_what_happens_can_be_seen() -> None:
    """Frames are nearer to the looks of their event's words than to those of any other event's."""
    events = draw_events(np.random.default_rng(1))
    frames = frames_of(events, np.random.default_rng(2))
    for event in events:
        own = frames[event.first : event.last + 1].mean(0)
        likeness = {thing: float(own @ world.LOOKS[thing][0]) for thing in THINGS}
        assert max(likeness, key=likeness.__getitem__) == event.thing
