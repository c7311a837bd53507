"""Who lends to whom, so that neither an item nor a whole file tells a lent answer from a right one.

*Balanced* lending: a question with n options lends its right answer n - 1 times or not at all, so of the n places of
a lent text one is right, as chance has it. Of the options of a question that stand in several places the right one is
one by lot, so neither the number of places of a text nor the pattern of repeated texts in a question says anything.
A sealed split takes from its reserve alone, each question of which lends once. Who is published and who is reserve was
cut by lot, so what is lent and what is right are samples of the same answers, and how often a text stands in the file
says nothing. (Were texts that stand in a published option kept from lending, whatever people say often would be right.)
What the reserve is short of stays written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.text.normalise import canonical

Ints = NDArray[np.int32]

_OPEN = 0.45  # of the questions, the easiest, give something away: in the others people's own answers fool the models


def why_nobody_lends(items: Sequence[Item]) -> str:
    """Why no answer can be lent among these items, seen from the rows alone; empty where one may."""
    if len(items) == 1:
        return "there is only one question"
    if len({item.video_id for item in items}) == 1:
        return "all questions are about one video, and a negative must come from another"
    if len({canonical(item.correct) for item in items}) == 1:
        return "all right answers are equal"
    if len({canonical(item.question) for item in items}) == 1:
        return "all questions are equal, and the right answer to an equal question may be right here"
    return ""


class Round(NamedTuple):
    """Who asks and who may lend; all lend where ``reserve`` is false, else those who have not lent before."""

    asked: Ints
    lenders: Ints
    reserve: bool


@dataclass(frozen=True)
class Lending:
    """``counts`` [n]: how many written negatives each question gives away, and the rounds in which it gets others."""

    counts: Ints
    rounds: list[Round]


def plan_lending(items: Sequence[Item], first: NDArray[np.float64], replace: int, seed: int) -> Lending:
    """``replace`` negatives a question on average, from those that are easiest to answer by ``first`` [n], falling.

    A question is dealt a number of places for texts that are lent here. Which of its options stand there, the right
    one among them, is drawn by lot, so that a text's places tell nothing, whatever else is known of the question.
    """
    rng = np.random.default_rng(seed)
    asks = np.array([not item.reserve for item in items])
    wrong = np.array([len(item.answers) - 1 for item in items]) * asks
    if any(item.reserve is not None for item in items):
        spare = np.flatnonzero(~asks).astype(np.int32)
        counts = _dealt(wrong, min(len(spare), replace * int(asks.sum())), first)
        turns = [len(part) for part in np.array_split(np.arange(counts.sum()), max(1, wrong.max()))]
        rounds = [Round(rows, spare, reserve=True) for rows in _rounds(counts, turns)]
    else:
        lends = np.zeros(len(items), bool)
        places = np.zeros(len(items), np.int32)
        for width in np.unique(wrong):
            rows = np.flatnonzero(wrong == width)
            lenders = max(1, round(replace / width * len(rows)))
            room = width + 1 if lenders == len(rows) else min(lenders, width + 1)  # nobody takes a text twice
            total = min(lenders * (width + 1), room * len(rows))
            places[rows] = _dealt(np.full(len(rows), room), total, first[rows])
            lends[rows] = _right_ones(places[rows], lenders, width + 1, rng)
        pools = [np.flatnonzero(lends & (wrong > number)).astype(np.int32) for number in range(wrong.max())]
        asked = _rounds((places - lends).astype(np.int32), [len(pool) for pool in pools])
        rounds = [Round(rows, pool, reserve=False) for rows, pool in zip(asked, pools, strict=True)]
    rounds = [one for one in rounds if len(one.asked)]
    asked_in_all = np.concatenate([np.zeros(0, np.int32), *(one.asked for one in rounds)])
    return Lending(np.bincount(asked_in_all, minlength=len(items)).astype(np.int32), rounds)


def _dealt(most: NDArray[np.int64], total: int, first: NDArray[np.float64]) -> Ints:
    """[n] numbers up to ``most`` that sum to ``total``: none for the hardest, for the others as equal as may be."""
    counts = np.zeros(len(most), np.int32)
    by_ease = np.argsort(-np.where(most > 0, first, -np.inf), kind="stable")
    room = most[by_ease]
    enough = int(np.searchsorted(np.cumsum(room), total)) + 1  # so many questions hold the total if full
    open_rows = by_ease[: max(enough, round(_OPEN * np.count_nonzero(most)))]
    level = 0
    while (left := total - int(counts.sum())) > 0:
        level += 1
        able = open_rows[most[open_rows] >= level]
        counts[able[:left]] += 1
    return counts


def _right_ones(places: Ints, lenders: int, options: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """[n] whose right answer stands in one of its ``places`` of ``options``: so often as if they were drawn by lot.

    ``lenders`` of them in all: of very few questions, whose places do not divide, some more.
    """
    lends = np.zeros(len(places), bool)
    owed = 0.0
    for count in range(1, options + 1):
        rows = rng.permutation(np.flatnonzero(places == count))
        owed += len(rows) * count / options
        chosen = rows[: round(owed)]
        lends[chosen] = True
        owed -= len(chosen)
    more = rng.permutation(np.flatnonzero((places > 0) & ~lends))
    lends[more[: max(0, lenders - int(lends.sum()))]] = True
    return lends


def _rounds(counts: Ints, quotas: Sequence[int]) -> list[Ints]:
    """The questions of each round, at most as many as its quota, none twice.

    Where all have as many options every question finds its rounds; else a few go without.
    """
    left = list(quotas)
    asked: list[list[int]] = [[] for _ in quotas]
    for row in np.argsort(-counts, kind="stable").tolist():
        open_rounds = sorted((number for number in range(len(left)) if left[number]), key=lambda number: -left[number])
        for number in open_rounds[: counts[row]]:
            asked[number].append(row)
            left[number] -= 1
    return [np.array(sorted(rows), np.int32) for rows in asked]
