"""Workers who know the source, some of whom send spam or send twice, and the reviewer who finds it."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.replay.source import CLIP_S, Row
from tests.marketplace.site import Page, WorkerBrowser

SPAM, TWICE = 0.1, 0.05


@dataclass
class Crowd:
    """What all workers share: the right answers by HIT id, the draw, and what was done."""

    seed: int
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    sent: int = 0
    spammed: set[str] = field(default_factory=set)
    twice: int = 0
    busy: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, what: str, share: float) -> bool:
        """The same draw for the same answer, whoever is first."""
        digest = hashlib.sha256(f"{self.seed}|{what}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32 < share


def work(worker: WorkerBrowser, kind: str, hit_type: str, crowd: Crowd, over: threading.Event) -> None:
    """Take and do tasks until the stage is over."""
    while not over.is_set():
        page = worker.accept(hit_type)
        if page.frame is None:
            time.sleep(0.3)
            continue
        hit_id, name = page.parameter("hitId"), page.parameter("assignmentId")
        with crowd.busy:
            spam = crowd.draw(hit_id, SPAM) and hit_id not in crowd.spammed
            crowd.spammed |= {hit_id} if spam else set()
        answer = _spam(kind) if spam else crowd.answers[hit_id]
        task = Page(worker.frame.get(page.frame))
        if task.status != 200:
            raise RuntimeError(f"{page.frame} answered {task.status}: {task.text[:2000]}")
        token = {"token": task.forms[0]["fields"]["token"]}
        address = page.frame.partition("?")[0]
        twice = crowd.draw(f"twice {name}", TWICE)
        for _ in range(1 + twice):
            received = Page(worker.frame.post(address, data={**{k: str(v) for k, v in answer.items()}, **token}))
            if received.status != 200:
                raise RuntimeError(f"{address} answered {received.status}: {received.text[:2000]}")
            handed_on = received.forms[0]
            worker.frame.post(handed_on["url"], data=handed_on["fields"]).raise_for_status()
        with crowd.busy:
            crowd.sent, crowd.twice = crowd.sent + 1, crowd.twice + twice


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


def review(batch: Any, crowd: Crowd) -> None:
    """Use what equals its source; reject the rest, and it is asked for again."""
    from annotation.models import Assignment
    from annotation.review import verdicts
    from annotation.review.verdicts import Verdict

    waiting = Assignment.objects.filter(hit__batch=batch, state=Assignment.State.SUBMITTED).select_related("hit")
    for answer in waiting:
        if answer.payload == crowd.answers[answer.hit.hit_id or ""]:
            verdicts.decide(answer.pk, Verdict.USE, None)
        else:
            verdicts.decide(answer.pk, Verdict.REJECT, None, "this is not what can be seen there")
