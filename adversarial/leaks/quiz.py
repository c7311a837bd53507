"""The questions of all splits as blind models read them, and what these reach item by item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import log_softmax

from adversarial.audit import option_features, partial_input
from adversarial.audit.option_features import OptionTable
from adversarial.audit.partial_input import TRAINED
from adversarial.audit.splits import AuditSplit
from adversarial.data.schema import Item
from adversarial.leaks.scoring import Attack, Values, score_answers
from adversarial.relevance.likeness import Texts
from evaluation.metrics.baselines import QA_KINDS, qa_baseline
from evaluation.release import Questions

Scores = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Quiz:
    """The public rows of train, val and test as n rows of o options, in this order; `truth` is for scoring alone."""

    splits: list[Questions]
    truth: Questions
    texts: Texts
    seed: int
    progress: Callable[[float], None] | None = None

    @cached_property
    def split_rows(self) -> list[Places]:
        """The rows of train, val and test."""
        ends = np.cumsum([0] + [len(rows) for rows in self.splits])
        return [np.arange(low, high) for low, high in pairwise(ends)]

    @property
    def train(self) -> Places:
        return self.split_rows[0]

    @property
    def val(self) -> Places:
        return self.split_rows[1]

    @property
    def test(self) -> Places:
        return self.split_rows[2]

    @property
    def labelled(self) -> Places:
        return np.concatenate(self.split_rows[:2])

    @cached_property
    def questions(self) -> list[str]:
        return [text for rows in self.splits for text in rows.q]

    @cached_property
    def options(self) -> list[tuple[str, ...]]:
        return [options for rows in self.splits for options in rows.options]

    @cached_property
    def videos(self) -> list[str]:
        return [name for rows in self.splits for name in rows.video]

    @cached_property
    def ids(self) -> Places:
        return np.concatenate([rows.qids for rows in self.splits])

    @cached_property
    def right(self) -> Places:
        return np.maximum(np.concatenate([rows.answer for rows in self.splits]), 0)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.questions), len(self.options[0])

    @cached_property
    def items(self) -> list[Item]:
        columns = zip(self.videos, self.questions, self.options, self.right.tolist(), strict=True)
        return [Item(row, *column, split="") for row, column in enumerate(columns)]

    @cached_property
    def read(self) -> OptionTable:
        return option_features.read(self.items)

    def learn(self) -> list[tuple[Places, Places]]:
        """(rows learned from, rows tested): val by train, so that weights can be fitted; test by train and val."""
        return [(self.train, self.val), (self.labelled, self.test)]

    @cached_property
    def members(self) -> dict[str, Scores]:
        """Scores [n, o] of every blind model, those of val and test filled."""
        nothing = np.zeros(self.shape, bool)
        splits = [AuditSplit(seen, tested, nothing) for seen, tested in self.learn()]
        return partial_input.predict(self.items, splits, self.seed, self.texts, self.progress)

    @cached_property
    def item_features(self) -> Scores:
        """[n, o, members] log-chances of the trained models; 0 in the rows of train."""
        known = np.concatenate([self.val, self.test])
        found = np.zeros((*self.shape, len(TRAINED)))
        for index, name in enumerate(TRAINED):
            found[known, :, index] = log_softmax(self.members[name][known], axis=1)
        return found

    def stack(self, *features: Scores) -> Scores:
        """Scores [n_test, o] of all item-level models together with attack features [n, o]; weights fitted on val."""
        table = np.concatenate([self.item_features, *(feature[:, :, None] for feature in features)], axis=2)
        flat = sparse.csr_matrix(table.reshape(-1, table.shape[2]))
        return partial_input.linear(flat, self.read, AuditSplit(self.val, self.test, np.zeros(self.shape, bool)))

    @cached_property
    def stacked(self) -> Scores:
        """`stack` without an attack."""
        return self.stack()

    def choose(self, scores: Scores) -> Places:
        """The option of each test row [n_test] that scores highest in [n_test, o]; ties fall by lot."""
        tops = scores >= scores.max(axis=1, keepdims=True) - 1e-9
        return np.where(tops, np.random.default_rng(self.seed).random(scores.shape), -1).argmax(axis=1)

    def attack(self, name: str, kind: str, answers: Places) -> Attack:
        return Attack(name, kind, "qa", score_answers(answers, self.truth))


def without_leaks(quiz: Quiz) -> dict[str, Values]:
    """Every item-level model, all of them together, and the evaluator's baselines."""
    scores = {name: table[quiz.test] for name, table in quiz.members.items()} | {
        "all models": quiz.stacked,
        "mean of all models": quiz.item_features[quiz.test].mean(axis=2),
    }
    answers = {name: quiz.choose(table) for name, table in scores.items()}
    train = quiz.splits[0]
    answers |= {kind: qa_baseline(kind, quiz.truth, train, quiz.seed) for kind in QA_KINDS}
    return {name: score_answers(chosen, quiz.truth) for name, chosen in answers.items()}


def flat(options: Sequence[tuple[str, ...]]) -> list[str]:
    """All options in row order."""
    return [text for row in options for text in row]
