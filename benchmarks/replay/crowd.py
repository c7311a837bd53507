"""Workers who know the source, some of whom send spam or send twice, and the reviewer who finds it."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.replay.hands import Hands
from benchmarks.replay.source import CLIP_S, Row

SPAM, TWICE = 0.1, 0.05
COMES_BACK_S = 4.0  # who has found nothing looks again after that, on average; people do not come in step


@dataclass
class Crowd:
    """What all workers share: the right answers by HIT id, the draw, and what was done."""

    seed: int
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: int = 0
    spammed: set[str] = field(default_factory=set)
    twice: int = 0
    idle: int = 0  # workers who found nothing
    busy: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, what: str, share: float) -> bool:
        """The same draw for the same answer, whoever is first."""
        digest = hashlib.sha256(f"{self.seed}|{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < share

    def count(self, **more: int) -> None:
        with self.busy:
            for name, number in more.items():
                setattr(self, name, getattr(self, name) + number)


def work(hands: Hands, kind: str, crowd: Crowd, over: threading.Event) -> None:
    """Take and do tasks until the stage is over."""
    while not over.is_set():
        frame = hands.accept()
        if frame is None:
            crowd.count(idle=1)
            over.wait(random.uniform(0, 2 * COMES_BACK_S))
            crowd.count(idle=-1)
            continue
        hit_id, name = (parse_qs(urlsplit(frame).query)[key][0] for key in ("hitId", "assignmentId"))
        with crowd.busy:
            spam = crowd.draw(hit_id, SPAM) and hit_id not in crowd.spammed
            crowd.spammed |= {hit_id} if spam else set()
        answer = _spam(kind) if spam else crowd.answers[hit_id]
        token = hands.open(frame)
        twice = crowd.draw(f"twice {name}", TWICE)
        for _ in range(1 + twice):
            hands.send(frame, answer, token)
        crowd.count(sent=1, twice=int(twice))
    hands.close()


def _spam(kind: str) -> dict[str, Any]:
    if kind == "segment":
        return {"start": 0.0, "end": CLIP_S}
    if kind == "query":
        return {"query": "good video nice video very good and nice video", "based_on": "v"}
    return {"question": "what?", "correct": "a", "wrong_1": "b", "wrong_2": "c", "wrong_3": "d"}


def right_answers(batch: Any, by_clip: dict[str, Row]) -> dict[str, dict[str, Any]]:
    """What the source says, by HIT id."""
    answers = {}
    for hit in batch.hits.select_related("clip__video", "segment__clip__video"):
        row = by_clip[f"{hit.shown_clip.video.public_id} {hit.shown_clip.start:g}"]
        answers[hit.hit_id] = row.moment if hit.clip_id else dict(row.written)
    return answers


def review(batches: Sequence[Any], crowd: Crowd) -> None:
    """Use what equals its source; reject the rest, and it is asked for again."""
    from annotation.review import verdicts
    from annotation.review.verdicts import BULK, Verdict

    for batch in batches:
        while waiting := list(verdicts.waiting(batch.pk).select_related("hit")[:BULK]):
            right = [row.pk for row in waiting if row.payload == crowd.answers[row.hit.hit_id or ""]]
            if right:
                verdicts.use(batch.pk, right)
            for row in waiting:
                if row.pk not in right:
                    verdicts.decide(row.pk, Verdict.REJECT, None, "this is not what can be seen there")
