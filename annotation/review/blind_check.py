"""Blind in the loop: whether a question can be guessed without its film, asked while it is being written.

The web process only looks whether a verdict lies in the broker's store, and else puts the texts into a queue; a worker
of the queue `blind` scores them. What nobody has answered within a second, nobody waits for any more.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from annotation.models import BlindCheck, Question, Video
from annotation.review.text.text_hints import OPTIONS
from annotation.task_names import CHECK_BLIND
from benchmark_site.jobs import asking

if TYPE_CHECKING:
    from adversarial.audit.live_guess import BlindGuesser, Guess

WAIT_S = 1.0  # after that a message is dropped
LATEST = 1000  # questions that the model is fitted on
REFIT_S = 3600

Texts = dict[str, str]


def look(texts: Texts, unit: int) -> dict[str, Any] | None:
    """The verdict on these texts: `{"chance": 0 to 1, "why": …}`; None while there is none (it is asked for once).

    One question of a unit (its HIT's key) waits at a time: whoever works on it, and however many of them.
    """
    return asking.look(CHECK_BLIND, {"texts": _read(texts)}, wait_s=WAIT_S, asker=f"unit {unit}")


def check(texts: Texts) -> None:
    """Score the texts and leave the verdict where `look` finds it. In a worker: it loads torch."""
    guess = judge(texts)
    asking.leave(CHECK_BLIND, {"texts": _read(texts)}, {"chance": round(guess.chance, 3), "why": guess.why})


def judge(texts: Texts) -> Guess:
    """Whether the model guesses a question that it has not been fitted on. In a worker: it loads torch."""
    hidden = Video.objects.filter(Video.is_hidden()).count()
    guesser = _guesser(int(time.time() // REFIT_S), hidden)
    return guesser.guess(texts["question"], [texts[n] for n in OPTIONS], 0)


def _read(texts: Texts) -> Texts:
    """Those that the verdict follows from."""
    return {name: texts[name] for name in ("question", *OPTIONS)}


@lru_cache(maxsize=1)
def _guesser(_hour: int, _hidden: int) -> BlindGuesser:
    """Fitted anew each hour, and when videos are hidden, on the latest questions that were accepted.

    Not on those of the hidden split: who asks about a published question would be told which option was fitted. Nor on
    those whose writer waits to hear whether they can be guessed: what was fitted is.
    """
    from adversarial.audit.live_guess import BlindGuesser
    from adversarial.data.schema import Item

    told = Question.objects.filter(~Video.is_hidden("segment__clip__video__"), withdrawn_by=None)
    told = told.exclude(assignment__blind_check__state=BlindCheck.State.WAITING)
    rows = told.select_related("segment__clip__video").prefetch_related("answers").order_by("-pk")
    items = []
    for row in rows[:LATEST]:
        answers = sorted(row.answers.all(), key=lambda answer: answer.position)
        right = next((place for place, answer in enumerate(answers) if answer.correct), None)
        if right is not None and len(answers) == len(OPTIONS):
            video = row.segment.clip.video.public_id
            items.append(Item(row.public_id, video, row.text, tuple(one.text for one in answers), right, ""))
    return BlindGuesser(items)
