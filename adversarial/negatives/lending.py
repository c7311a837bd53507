"""Who lends to whom, so that neither an item nor a whole file tells a lent answer from a right one.

*Balanced* lending: a question with n options lends its right answer n - 1 times or not at all, so of the n places of
a lent text one is right, as chance has it; and a right answer lends with the probability with which a written wrong
one is replaced, so neither the number of places of a text nor the pattern of repeated texts in a question says
anything. A sealed split lends from its reserve alone: each of its answers stands in one place and is right nowhere.
What the reserve is short of stays written.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from adversarial.data.schema import Item
from adversarial.text.normalise import canonical

Ints = NDArray[np.int32]


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


def plan_lending(
    items: Sequence[Item], first: NDArray[np.float64], replace: int, seed: int, idle: AbstractSet[str | int]
) -> Lending:
    """``replace`` negatives a question on average; who is easiest to answer gives away most, by ``first`` [n], falling.

    The numbers are drawn as if every written negative went with the same probability.
    """
    rng = np.random.default_rng(seed)
    asks = np.array([not item.reserve for item in items])
    wrong = np.array([len(item.answers) - 1 for item in items]) * asks
    spare = np.flatnonzero(~asks & [item.qid not in idle for item in items]).astype(np.int32)
    taken = min(len(spare), replace * int(asks.sum()))
    sealed = any(item.reserve is not None for item in items)
    lends = _lenders(wrong, 0 if sealed else replace, rng)
    turns = int(wrong.max(initial=0))
    pools = [np.flatnonzero(lends & (wrong > number)).astype(np.int32) for number in range(turns)]
    quotas = [len(pool) for pool in pools] + [len(part) for part in np.array_split(np.arange(taken), max(1, turns))]
    asked = _rounds(_counts(wrong, sum(quotas), first, rng), quotas)
    counts = np.bincount(np.concatenate(asked), minlength=len(items)).astype(np.int32)
    rounds = [Round(rows, pool, reserve=False) for rows, pool in zip(asked, pools, strict=False)]
    rounds += [Round(rows, spare, reserve=True) for rows in asked[turns:]]
    return Lending(counts, [one for one in rounds if len(one.asked)])


def _lenders(wrong: NDArray[np.int64], replace: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """[n] who lends: among questions with w wrong options a share of replace / w, drawn."""
    lends = np.zeros(len(wrong), bool)
    for width in np.unique(wrong[wrong > 0]):
        rows = np.flatnonzero(wrong == width)
        share = min(1.0, replace / width)
        lends[rng.permutation(rows)[: round(share * len(rows))]] = True
    return lends


def _counts(most: NDArray[np.int64], total: int, first: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """[n] numbers from 0 to ``most`` that sum to ``total``, drawn slot by slot and dealt by ``first``, falling."""
    owner = np.repeat(np.arange(len(most)), most)
    drawn = np.bincount(rng.permutation(owner)[:total], minlength=len(most))
    counts = np.zeros(len(most), np.int32)
    for width in np.unique(most):
        rows = np.flatnonzero(most == width)
        by_ease = rows[np.argsort(-first[rows], kind="stable")]
        counts[by_ease] = np.sort(drawn[rows])[::-1]
    return counts


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
