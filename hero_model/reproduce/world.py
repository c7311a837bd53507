"""A world of thousands of clips made straight as frame features, for runs that films would make too slow.

Each clip is a line of events: somebody does something to a coloured thing, and says something. The words of an
event's look (verb, thing, colour) and of its speech (person, place) are drawn from few that the clip has, so that none
of them alone finds it: look, speech, order and duration have to be put together. There are about three hundred looks,
and the labelled clips name each a few times only; some clips are narrated, and there speech names what is seen far more
often, while in the others looks have to be known. How words look is the same in every world; what else is drawn follows
from the seed. Shapes: F frames, V feature size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.release.schema import SubtitleLine
from evaluation.release.writer import Clip, FeatureSet, Query, Question, write_file, write_files, write_manifests
from hero_model.reproduce.words import COLOURS, PEOPLE, PLACES, SEEN, THINGS, VERBS

REMARKS = (
    "My {person} showed me this at {place}.",
    "I was at {place} with my {person} last year.",
    "This reminds me of my {person} and of {place}.",
    "My {person} would never do that at {place}.",
)
NAMINGS = (
    "Now I {verb} the {colour} {thing}.",
    "Next I {verb} this {thing}.",
    "Here we have the {colour} {thing}.",
    "And now the {thing}.",
    "Let us {verb} the {thing}, the {colour} one.",
    "This is how I {verb} it.",
    "You should {verb} your {thing} like this.",
    "I always {verb} a {colour} {thing} this way.",
)

INTERVAL, FRAMES, SIZE = 1.5, 32, 128  # seconds; a clip has 48 of them
NOISE, BACKGROUND = 0.6, 0.6  # beside looks of size 1
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
LABELLED = 0.1  # of the train clips: the rest is for pre-training alone
NARRATED = 0.5  # of the clips: who speaks there says what is done, elsewhere people chat or are silent
NAMING, REMARKING = {True: 0.75, False: 0.05}, {True: 0.2, False: 0.6}  # shares of the events, by whether narrated


@dataclass(frozen=True)
class Event:
    """From frame `first` to frame `last`; `said` is what is heard then, about `person` and `place` if not None."""

    first: int
    last: int
    verb: str
    colour: str
    thing: str
    said: str
    about: tuple[str, str] | None

    @property
    def seconds(self) -> tuple[float, float]:
        return self.first * INTERVAL, (self.last + 1) * INTERVAL


def write_world(folder: Path, clips: int, seed: int) -> None:
    """A release of the world in an empty folder. Raises OSError."""
    rng = np.random.default_rng(seed)
    made = [draw_events(rng) for _ in range(clips)]
    split_of = [str(split) for split in rng.choice(list(SHARES), clips, p=list(SHARES.values()))]
    names = [f"world{seed}-{number:05d}" for number in range(clips)]
    queries: list[Query] = []
    questions: list[Question] = []
    for name, split, events in zip(names, split_of, made, strict=True):
        if split != "train" or rng.random() < LABELLED:
            queries += written_queries(name, split, events, rng, len(queries))
            questions += written_questions(name, split, events, rng, len(questions))
    features = FeatureSet(
        name="looks",
        model="procedural looks",
        interval_s=INTERVAL,
        vectors={name: frames_of(events, rng) for name, events in zip(names, made, strict=True)},
    )
    rows = [
        Clip(name=name, split=split, duration=FRAMES * INTERVAL, tasks=("moment", "qa"), subtitles=subtitles(events))
        for name, split, events in zip(names, split_of, made, strict=True)
    ]
    files = write_files(folder, queries, questions, rows, [features])
    files.append(write_file(folder, "README.md", b"Clips of hero_model.reproduce.world: a benchmark for programs.\n"))
    nonce = rng.bytes(32).hex()
    write_manifests(folder, files, name="world", version="1.0.0", seed=seed, hidden="shared", nonce=nonce)


def draw_events(rng: np.random.Generator) -> list[Event]:
    """Events of three to six frames that fill a clip, of two verbs, three things, two colours, and two people and
    places that are talked of; in narrated clips most of what is done is said as well."""
    narrated = bool(rng.random() < NARRATED)
    verbs, things, colours, people, places = (
        rng.choice(words, count, replace=False)
        for words, count in ((VERBS, 2), (THINGS, 3), (COLOURS, 2), (PEOPLE, 2), (PLACES, 2))
    )
    bounds = [0]
    while FRAMES - bounds[-1] > 8:
        bounds.append(bounds[-1] + int(rng.integers(3, 7)))
    events = []
    for first, after in pairwise([*bounds, FRAMES]):
        verb, thing, colour = str(rng.choice(verbs)), str(rng.choice(things)), str(rng.choice(colours))
        about, said = None, ""
        kind = rng.random()
        if kind < REMARKING[narrated]:
            about = str(rng.choice(people)), str(rng.choice(places))
            said = str(rng.choice(REMARKS)).format(person=about[0], place=about[1])
        elif kind < REMARKING[narrated] + NAMING[narrated]:
            said = str(rng.choice(NAMINGS)).format(verb=verb, thing=thing, colour=colour)
        events.append(Event(first, after - 1, verb, colour, thing, said, about))
    return events


def subtitles(events: Sequence[Event]) -> list[SubtitleLine]:
    return [
        SubtitleLine(text=event.said, start=event.seconds[0] + 0.2, end=event.seconds[1] - 0.2)
        for event in events
        if event.said
    ]


def frames_of(events: Sequence[Event], rng: np.random.Generator) -> NDArray[np.float32]:
    """[F, V]: thing and colour, what is done as a way from one look to another, the clip's own background, noise."""
    frames = rng.normal(scale=NOISE, size=(FRAMES, SIZE)) + rng.normal(scale=BACKGROUND, size=SIZE)
    for event in events:
        count = event.last - event.first + 1
        way = np.linspace(0, 1, count)[:, None]
        begins, ends = LOOKS[event.verb]
        frames[event.first : event.last + 1] += LOOKS[event.thing][0] + LOOKS[event.colour][0]
        frames[event.first : event.last + 1] += begins * (1 - way) + ends * way
    return frames.astype(np.float32)


def _looks() -> dict[str, NDArray[np.float64]]:
    """[2, V] for every word that can be seen: how it begins and how it ends. The same in every world."""
    rng = np.random.default_rng(20_200_923)
    return {word: rng.normal(size=(2, SIZE)) for word in SEEN}


LOOKS = _looks()

Key = tuple[object, ...]
KeyOf = Callable[[Event, Event | None], Key | None]  # of an event and the one before it; None: it has none


def written_queries(
    clip: str, split: str, events: Sequence[Event], rng: np.random.Generator, first_id: int
) -> list[Query]:
    """Up to two queries of each kind that only one event of the clip answers."""
    found: list[tuple[str, str, KeyOf]] = [
        ("v", "Someone begins to {verb} a {colour} {thing}.", lambda e, _: (e.verb, e.colour, e.thing)),
        ("t", "They talk about a {person} and {place}.", lambda e, _: e.about),
        ("vt", "Someone begins to {verb} a {thing} while talking about a {person}.",
         lambda e, _: e.about and (e.verb, e.thing, e.about[0])),
        ("v", "Someone begins to {verb} a {thing} right after they {before.verb} a {before.thing}.",
         lambda e, b: (e.verb, e.thing, b.verb, b.thing) if b else None),
        ("v", "Someone takes {long} to {verb} a {thing}.", lambda e, _: (e.verb, e.thing, pace(e))),
    ]  # fmt: skip
    rows: list[Query] = []
    for kind, form, key in found:
        unique = _unique(events, key)
        for place in rng.permutation(len(unique))[:2]:
            event, before = unique[place]
            start, end = event.seconds
            rows.append(
                Query(
                    id=first_id + len(rows),
                    split=split,
                    published=True,
                    clip=clip,
                    text=_worded(form, event, before),
                    start=start,
                    end=end,
                    duration=FRAMES * INTERVAL,
                    type=kind,
                )
            )
    return rows


def written_questions(
    clip: str, split: str, events: Sequence[Event], rng: np.random.Generator, first_id: int
) -> list[Question]:
    """Up to one question of each kind; its wrong answers are true of other events of the clip where there are such."""
    things = [f"a {colour} {thing}" for thing in THINGS for colour in COLOURS]
    talks = [f"a {person} and {place}" for person in PEOPLE for place in PLACES]
    found: list[tuple[str, KeyOf, str, list[str]]] = [
        ("What do they {verb} while talking about a {person}?",
         lambda e, _: e.about and (e.verb, e.about[0]), "a {colour} {thing}", things),
        ("What do they {verb} right after they {before.verb} a {before.thing}?",
         lambda e, b: (e.verb, b.verb, b.thing) if b else None, "a {colour} {thing}", things),
        ("What do they talk about when someone begins to {verb} a {colour} {thing}?",
         lambda e, _: e.about and (e.verb, e.colour, e.thing), "a {person} and {place}", talks),
    ]  # fmt: skip
    rows: list[Question] = []
    for form, key, answer, everything in found:
        unique = _unique(events, key)
        if not unique:
            continue
        event, before = unique[rng.integers(len(unique))]
        right = _worded(answer, event, before)
        there = {_worded(answer, e, None) for e in events if e.about or "person" not in answer} - {right}
        wrong = [str(text) for text in rng.permutation(sorted(there))[:3]]
        others = [text for text in rng.permutation(everything) if text != right and text not in wrong]
        options = [right, *wrong, *map(str, others[: 3 - len(wrong)])]
        order = rng.permutation(4)
        rows.append(
            Question(
                id=first_id + len(rows),
                split=split,
                published=True,
                clip=clip,
                text=_worded(form, event, before),
                start=event.seconds[0],
                end=event.seconds[1],
                options=[options[i] for i in order],
                answer=int(np.flatnonzero(order == 0)[0]),
            )
        )
    return rows


def pace(event: Event) -> str:
    return "long" if event.last - event.first + 1 >= 5 else "a moment"


def _unique(events: Sequence[Event], key: KeyOf) -> list[tuple[Event, Event | None]]:
    """The events whose key no other event of the clip has, each with the one before it."""
    pairs = list(zip(events, [None, *events[:-1]], strict=True))
    keys = [key(event, before) for event, before in pairs]
    return [pair for pair, own in zip(pairs, keys, strict=True) if own and keys.count(own) == 1]


def _worded(form: str, event: Event, before: Event | None) -> str:
    person, place = event.about or ("", "")
    words = {"verb": event.verb, "colour": event.colour, "thing": event.thing, "person": person, "place": place}
    return form.format(**words, before=before, long=pace(event))
