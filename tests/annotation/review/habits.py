"""A simulated crowd of thirteen known habits: what each would send, and how it came about.

Nobody keeps to his habit always, and honest people are no machines: they sometimes watch half, paste what they wrote
elsewhere, or make the right answer the longest. The shares below say how often; they are assumptions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

from annotation.review.text.text_rules import RULES

Habit = Literal[
    "honest", "fast", "whole clip", "captions", "template", "longest", "paster", "no playing",
    "instructions", "filler", "rambling", "options alike", "where",
]  # fmt: skip

KEEPS_TO_IT = 0.85  # share of answers in which a habit shows
WATCHES_LITTLE = 0.03  # of honest answers
PASTES = 0.02
LONGEST = 0.12  # of honest questions, the right answer is by far the longest
ODD_LENGTH = 0.03
SAYS_WHERE = 0.02  # of honest descriptions, where in the clip it happens


def _phrases(text: str) -> list[str]:
    return [phrase.strip() for phrase in text.split(",")]


WHO = _phrases(
    """a woman in a green coat, two boys, the man with the beard, an old lady, a cyclist, the cook, a girl on skates,
    the driver, three students, a tall waiter, the brown dog, a nurse, the painter, a couple in raincoats, a drummer"""
)
DOES = _phrases(
    """pours hot soup into, carefully wipes, drops a coin beside, looks under, walks slowly around, points at, lifts,
    takes a picture of, trips over, quickly hides, paints a line on, puts a wet towel over, knocks twice on, folds,
    sits down next to, measures"""
)
WHAT = _phrases(
    """a wooden crate, the blue kettle, a broken bicycle, the long table, an empty glass, the striped tent, the sink,
    a heap of letters, the iron gate, a small drum, the garden bench, a paper boat, the yellow van, the radio"""
)
WHERE = _phrases(
    """by the window, near the harbour, in a crowded hall, under a bridge, behind the counter, on a roof terrace,
    at the bus stop, in the snow, beside a fountain, in a narrow corridor, on the lawn, between parked cars, on stage"""
)
NOTED = _phrases(
    """with one hand, wearing gloves, without looking up, for a long time, against the wind, twice in a row, on tiptoe,
    with a smile, while it gets dark, holding a stick, after somebody calls, in great haste, with both arms, humming"""
)
FRAMES = (
    "{who} {does} {what} {where}",
    "{where} {who} {does} {what}",
    "we watch as {who} {does} {what} {where}",
    "{who} {does} {what} while others wait {where}",
    "after a pause {who} {does} {what} {where}",
    "{where}, somebody laughs when {who} {does} {what}",
)
SPOKEN = (
    "I told you that {what} was never meant to stand {where}",
    "so what we do next is to bring {what} over there {where}",
    "my brother once bought {what} from somebody {where}",
    "and you must not forget to turn around {where} before lunch",
)
IN_THE_CLIP = _phrases(
    """at the beginning of the clip, at 0:12, in the last shot, in the first few seconds, towards the end, right after
    the titles, at the very start, half a minute into the video, in the second half of the film, at 25 seconds"""
)
TEMPLATES = ("in this video you can see {who} doing something nice", "the video is about {what} and it looks very good")


@dataclass(frozen=True)
class Unit:
    """What a task shows: the moment that is marked (segments: the clip's events) and what is said."""

    number: int
    events: tuple[tuple[float, float], ...]
    said: tuple[str, ...]
    scene: dict[str, str]

    @property
    def moment(self) -> tuple[float, float]:
        return self.events[0]


@dataclass(frozen=True)
class Sent:
    unit: Unit
    worker: int  # by place in the crowd
    payload: dict[str, Any]
    conduct: dict[str, Any]
    habit: Habit  # that shows in this answer


def make_units(count: int, seed: int) -> list[Unit]:
    """Clips of 60 s with one to three events, and four sentences that are said."""
    units = []
    for number in range(count):
        rng = Random(f"{seed}/{number}")
        starts = sorted(rng.sample(range(2, 46, 9), rng.choice((1, 1, 2))))
        events = tuple((float(start), start + rng.uniform(5.0, 9.0)) for start in starts)
        said = tuple(rng.choice(SPOKEN).format(what=rng.choice(WHAT), where=rng.choice(WHERE)) for _ in range(4))
        scene = {"who": rng.choice(WHO), "does": rng.choice(DOES), "what": rng.choice(WHAT), "where": rng.choice(WHERE)}
        units.append(Unit(number, events, said, scene))
    return units


def answers(kind: str, units: Sequence[Unit], crowd: Sequence[Habit], each: int, seed: int | str) -> list[Sent]:
    """What so many different workers send about each unit, in the order in which it comes.

    Who draws a unit depends on how many there are: a habit that joins later is a crowd of its own, with a seed of its
    own, so that it changes nothing of what the others send.
    """
    found = []
    for unit in units:
        for worker in Random(f"{seed}/{kind}/{unit.number}").sample(range(len(crowd)), each):
            rng = Random(f"{seed}/{kind}/{unit.number}/{worker}")
            habit: Habit = crowd[worker] if rng.random() < KEEPS_TO_IT else "honest"
            payload = {"segment": _mark, "query": _describe, "qa": _ask}[kind](rng, unit, habit, worker)
            found.append(Sent(unit, worker, payload, _conduct(rng, kind, unit, habit, payload), habit))
    return found


def _mark(rng: Random, unit: Unit, habit: Habit, worker: int) -> dict[str, Any]:
    if habit == "whole clip":
        return {"start": 0.0, "end": round(60 - rng.choice((0.0, 0.1, 0.4)), 1)}
    if habit in {"fast", "no playing"}:
        start = rng.choice((0.0, 5.0, 10.0)) if habit == "fast" else round(rng.uniform(0, 45), 1)
        return {"start": start, "end": start + rng.choice((5.0, 10.0))}
    start, end = rng.choice(unit.events)
    if habit == "rambling":
        start, end = max(start - rng.uniform(8, 15), 0.0), min(end + rng.uniform(18, 25), 60.0)
    if rng.random() < ODD_LENGTH:
        end = min(start + 33, 60.0)
    return {"start": round(max(start + rng.uniform(-1, 1), 0), 1), "end": round(min(end + rng.uniform(-1, 1), 60), 1)}


def _describe(rng: Random, unit: Unit, habit: Habit, worker: int) -> dict[str, Any]:
    text = f"{rng.choice(FRAMES).format(**unit.scene)} {rng.choice(NOTED)}"
    if habit == "captions":
        both = " ".join(rng.sample(unit.said, 2)).split()
        text = " ".join(both[: rng.randint(9, 18)])
    elif habit == "template":
        text = TEMPLATES[worker % 2].format(**unit.scene)
    elif habit == "instructions":
        text = rng.choice([one for one in RULES["instructions"] if 8 <= len(one.split()) <= 20])
    elif habit == "filler":  # up to the words that are asked for
        few = f"{unit.scene['who']} {unit.scene['does']}".split()[:4]
        text = " ".join([*few, *few, *(few if rng.random() < 0.5 else [])]) if len(few) == 4 else "it moves " * 4
    elif habit == "where":
        seen = rng.choice(("is seen", "does it", "comes in"))
        text = f"{unit.scene['who']} {seen} {rng.choice(IN_THE_CLIP)} for a while"
    elif habit == "honest" and rng.random() < SAYS_WHERE:
        text = f"{text} {rng.choice(IN_THE_CLIP)}"
    return {"query": text, "based_on": "v"}


def _ask(rng: Random, unit: Unit, habit: Habit, worker: int) -> dict[str, Any]:
    scene, noted = unit.scene, rng.choice(NOTED)
    asked, right, pool = rng.choice(
        (
            (f"What does {scene['who']} turn to {noted}?", scene["what"], WHAT),
            (f"Which thing is there {scene['where']} {noted}?", scene["what"], WHAT),
            (f"Where does {scene['who']} go {noted}?", scene["where"], WHERE),
            (f"Where do we see {scene['what']} {noted}?", scene["where"], WHERE),
            (f"Who {scene['does']} {scene['what']} {noted}?", scene["who"], WHO),
            (f"Who appears {scene['where']} {noted}?", scene["who"], WHO),
        )
    )
    others = [one for one in pool if one != right]
    wrong = rng.sample(others, 3)
    long = rng.random() < LONGEST
    if habit == "honest" and not long:  # the honest see that the longest gives it away
        as_long = [one for one in others if len(one) >= len(right) and one not in wrong]
        wrong[0] = rng.choice(as_long or [max(others, key=len)])
        wrong[1:] = rng.sample([one for one in others if one != wrong[0]], 2)
    if habit == "longest" or (habit == "honest" and long):
        right = f"{right}, which one sees quite clearly {scene['where']}"
    if habit == "template":
        asked, right, wrong = "What can you see in the video?", scene["what"], ["nothing", "a house", "many people"]
    if habit == "rambling":
        asked = (
            f"{asked[:-1]}, when one looks at all that goes on there and thinks of what went on before it and after?"
        )
        right, *wrong = (f"{one}, as far as one can tell from all that is to be seen {scene['where']}" for one in
                         (right, *wrong))  # fmt: skip
    if habit == "options alike":
        wrong = [f"{right}s", f"{right}es", f"{right}ed"]
    if habit == "captions":
        asked = "What does the person say here?"
        right, wrong = unit.said[0], list(unit.said[1:4])
    return {"question": asked, "correct": right, **{f"wrong_{n}": text for n, text in enumerate(wrong, 1)}}


def _conduct(rng: Random, kind: str, unit: Unit, habit: Habit, payload: dict[str, Any]) -> dict[str, Any]:
    start, end = (0.0, 60.0) if kind == "segment" else unit.moment
    length, written = end - start, sum(len(str(text)) for text in payload.values() if isinstance(text, str))
    played = [[start, end]]
    seconds = length * rng.uniform(1.0, 2.5) + (20 if kind != "segment" else 5)
    pasted = 0
    if habit == "no playing" or (habit == "honest" and rng.random() < WATCHES_LITTLE):
        played, seconds = [[start, start + 0.2 * length * rng.random()]], length * rng.uniform(0.5, 1.2)
    if habit == "fast":
        played, seconds = [[start, start + rng.uniform(0.0, 0.6) * length]], rng.uniform(0.1, 0.55) * length
    if habit in {"paster", "template"} or (habit == "honest" and rng.random() < PASTES):
        pasted = round(written * rng.uniform(0.5, 1.0))
    if habit == "captions":
        pasted = round(written * rng.choice((0.0, 1.0)))
    return {"played": played, "seconds": seconds, "pasted": pasted}
