"""Simulated annotators: what one of them answers to a task.

Every answer is a function of the seed, the annotator's number, the clip's sha256 and the task alone, so that the
same crowd gives the same answers however its work is cut up in time.
"""

import hashlib
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from benchmark_site.demo.crowd.queries import write_query
from benchmark_site.demo.crowd.questions import write_question
from benchmark_site.demo.world.script import BasedOn, Clip, Event, Subtitle, WrittenQuestion, overlap

Skill = Literal["careful", "sloppy", "spammer"]
ROTA = 18  # skills repeat after so many annotators
SLOPPY = (2, 9, 13)  # chosen so that each of three groups gets one of either kind
SPAMMERS = (4, 12, 17)
GROUPS = 3
SHORTEST = 2.1  # seconds, a little more than the task asks for
HEARD = 0.35  # share of a moment that must be spoken over for a line to count as said in it
CHOICES: tuple[BasedOn, ...] = ("v", "t", "t", "vt", "vt")  # what a query is based on, where there is a choice
JUNK = (
    "good video very nice i like this video so much thank you",
    "this is a video about something that happens in the video",
    "asdf asdf hjkl asdf asdf hjkl asdf asdf hjkl",
    "please approve my work i need this money for my family",
)


@dataclass(frozen=True)
class Task:
    """What a page asks: the clip, the moment (query and qa) and whether the spoken words were shown."""

    clip: Clip
    start: float = 0.0
    end: float = 0.0
    narration: bool = False


@dataclass(frozen=True)
class Annotator:
    """Number ``number`` (from 1) of a crowd with ``seed``."""

    number: int
    seed: int

    @property
    def name(self) -> str:
        return f"worker-{self.number:02d}"

    @property
    def skill(self) -> Skill:
        place = (self.number - 1) % ROTA + 1
        return "spammer" if place in SPAMMERS else "sloppy" if place in SLOPPY else "careful"

    def segment(self, task: Task) -> dict[str, str]:
        """Start and end of a moment, in seconds with one decimal."""
        rng = self._mood("segment", task)
        start, end = self._span(rng, task.clip)
        return {"start": f"{start:.1f}", "end": f"{end:.1f}"}

    def query(self, task: Task) -> dict[str, str]:
        """A sentence about the moment and what it is based on."""
        rng = self._mood("query", task)
        if self.skill == "spammer":
            return {"query": _spam(rng, task), "based_on": "v"}
        event = _event_in(task)
        if event.queries:
            written = [query for query in event.queries if task.narration or query.based_on == "v"]
            chosen = rng.choice(written)
            return {"query": chosen.text, "based_on": chosen.based_on}
        line = _line_in(task)
        based_on = rng.choice(CHOICES) if line else "v"
        if self.skill == "sloppy" and rng.random() < 0.25:
            event = rng.choice(task.clip.events)  # describes what happens elsewhere in the clip
        return {"query": write_query(rng, task.clip, event, line, based_on), "based_on": based_on}

    def segment_and_query(self, task: Task) -> dict[str, str]:
        """A moment, and a sentence about it."""
        moment = self.segment(task)
        return moment | self.query(replace(task, start=float(moment["start"]), end=float(moment["end"])))

    def question(self, task: Task) -> dict[str, str]:
        """A question about the moment, its right answer and three wrong ones."""
        rng = self._mood("qa", task)
        if self.skill == "spammer":
            return _as_fields(WrittenQuestion("What is in the video?", "A video", ("good", "nice", "ok")))
        event = _event_in(task)
        if event.questions:
            return _as_fields(rng.choice(event.questions))
        asked = write_question(rng, task.clip, event, _line_in(task))
        if self.skill == "sloppy" and rng.random() < 0.25:
            asked = WrittenQuestion(asked.question, asked.correct, ("No", "I do not know", "Nothing at all"))
        return _as_fields(asked)

    def _mood(self, stage: str, task: Task) -> Random:
        return Random(
            f"{self.seed}/{self.name}/{stage}/{task.clip.sha256}/{task.start:.2f}/{task.end:.2f}/{task.narration}"
        )

    def _span(self, rng: Random, clip: Clip) -> tuple[float, float]:
        if self.skill == "spammer":
            if rng.random() < 0.5:
                return 0.0, round(clip.duration - 0.1, 1)
            start = rng.uniform(0, clip.duration - 4)
            return start, start + rng.uniform(SHORTEST, 3.5)
        event = clip.events[self._favourite(clip)]
        slip = rng.uniform(0.8, 2.5) if self.skill == "sloppy" else rng.uniform(0.1, 0.5)
        start = max(0.0, event.start + rng.uniform(-slip, slip))
        end = min(clip.duration - 0.1, event.end + rng.uniform(-slip, slip))
        if end - start < SHORTEST:
            start = max(0.0, end - SHORTEST)
        return start, max(end, start + SHORTEST)

    def _favourite(self, clip: Clip) -> int:
        """The event this annotator marks: neighbours in a group take neighbouring events."""
        offset = hashlib.sha256(f"{self.seed}/{clip.sha256}".encode()).digest()[0]
        return (offset + (self.number - 1) // GROUPS) % len(clip.events)


def _event_in(task: Task) -> Event:
    """The event that fills the moment best."""
    return max(task.clip.events, key=lambda event: overlap(task.start, task.end, event.start, event.end))


def _line_in(task: Task) -> Subtitle | None:
    """The line that is spoken over most of the moment, where the page shows what is said."""
    if not task.narration:
        return None

    def spoken(line: Subtitle) -> float:
        return min(line.end, task.end) - max(line.start, task.start)

    line = max(task.clip.subtitles, key=spoken, default=None)
    return line if line is not None and spoken(line) >= HEARD * (task.end - task.start) else None


def _spam(rng: Random, task: Task) -> str:
    """Junk, or the subtitles copied."""
    if task.narration and task.clip.subtitles and rng.random() < 0.4:
        copied = " ".join(line.text for line in task.clip.subtitles).split()
        return " ".join(copied[:14]) if len(copied) >= 8 else JUNK[0]
    return rng.choice(JUNK)


def _as_fields(asked: WrittenQuestion) -> dict[str, str]:
    first, second, third = asked.wrong
    return {
        "question": asked.question,
        "correct": asked.correct,
        "wrong_1": first,
        "wrong_2": second,
        "wrong_3": third,
    }
