"""How much likelier an answer is the right one of a question than a random one: calibrated log-odds, out of fold.

Views weighed by a logistic regression: the dual encoder; the plain cosine of the embeddings and the words in common,
which an adversary reads as well; and habits of writing. A thousand questions are enough to count that "how many" wants
a number and that who begins a question with a capital begins the answer with one; an encoder does not learn it from
so few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from adversarial.relevance import dual_encoder
from adversarial.relevance.habits import information, numbered
from adversarial.relevance.topics import topics
from adversarial.text.traits import HABITS, AnswerTraits, answer_traits, question_traits

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_LEARNED_FROM = 100  # questions: below this the plain embeddings generalise better than anything learned
_PLAIN_SLOPE, _PLAIN_BIAS = 11.6, -2.67  # logistic calibration of MiniLM's cosine on How2QA
_DIRECTIONS = 64  # principal ones of the embeddings, which hold the cosine well enough
_TOPICS = 96
_OTHERS = 20  # random answers that a question is calibrated against


@dataclass(frozen=True)
class PairOdds:
    """``log-odds = questions[i] . (answers[fold[i], j], traits[j]) + bias`` in nats, see MatchingProblem."""

    questions: Floats
    answers: Floats
    traits: Floats
    fold: Ints
    bias: float


@dataclass(frozen=True)
class _View:
    """A product of question and answer vectors: ``questions`` [n, d], ``answers`` [n, d] or one for each fold."""

    questions: Floats
    answers: Floats

    def of(self, asked: NDArray[np.int64], said: NDArray[np.int64], fold: Ints) -> Floats:
        """[b] the products of pairs."""
        answers = self.answers[said] if self.answers.ndim == 2 else self.answers[fold[asked], said]
        found: Floats = np.einsum("ij,ij->i", self.questions[asked], answers)
        return found


def learn(
    texts: Sequence[tuple[str, str]], questions: Floats, answers: Floats, answer_id: Ints, fold: Ints, seed: int
) -> PairOdds:
    """The log-odds of n questions and their n right answers: their texts, their unit embeddings [n, D]; equal answers
    have one id.
    """
    n = len(texts)
    if n < _LEARNED_FROM or fold.max() == 0:
        read = questions * np.float32(_PLAIN_SLOPE)
        return PairOdds(read, answers[None], np.zeros((n, 0), np.float32), np.zeros(n, np.int32), _PLAIN_BIAS)
    encoder = _View(*dual_encoder.learn(questions, answers, answer_id, fold, seed))
    plain = [_cosine(questions, answers), _topics(texts, seed)]
    habits, ones = _habits(texts, fold)
    views = [encoder, *plain, *habits.values()]
    weights, bias = _calibrate(views, answer_id, fold, seed)
    scaled = [view.questions * weight for view, weight in zip(views, weights, strict=True)]
    by_trait = {
        trait: sum(part for (_, said), part in zip(habits, scaled[3:], strict=True) if said == trait) for trait in ones
    }
    return PairOdds(
        np.hstack([*scaled[:3], *by_trait.values()]).astype(np.float32),
        encoder.answers,
        np.hstack([*(view.answers for view in plain), *ones.values()]),
        fold,
        bias,
    )


def _cosine(questions: Floats, answers: Floats) -> _View:
    """The embeddings in their principal directions."""
    both = np.concatenate([questions, answers]).astype(np.float64)
    directions = np.linalg.eigh(both.T @ both)[1][:, -_DIRECTIONS:].astype(np.float32)
    return _View(questions @ directions, answers @ directions)


def _topics(texts: Sequence[tuple[str, str]], seed: int) -> _View:
    """What question and answer share in letters."""
    asked, said = zip(*texts, strict=True)
    vectors = topics([*asked, *said], _TOPICS, seed)
    return _View(vectors[: len(asked)], vectors[len(asked) :])


def _habits(texts: Sequence[tuple[str, str]], fold: Ints) -> tuple[dict[tuple[str, str], _View], dict[str, Floats]]:
    """The view of each of HABITS, and for each trait of answers which of its values an answer has, [n, m]."""
    asked = [question_traits(question) for question, _ in texts]
    said = [answer_traits(answer) for _, answer in texts]
    number = {trait: numbered([getattr(one, trait) for one in said]) for trait in AnswerTraits._fields}
    ones = {trait: np.eye(int(value.max()) + 1, dtype=np.float32)[value] for trait, value in number.items()}
    views = {}
    for mine, its in HABITS:
        told = information(numbered([getattr(one, mine) for one in asked]), number[its], fold)
        views[mine, its] = _View(told, ones[its])
    return views, ones


def _calibrate(views: Sequence[_View], answer_id: Ints, fold: Ints, seed: int) -> tuple[Floats, float]:
    """Weights of the views and the bias: own answers against random ones, both kinds weighing the same."""
    n = len(fold)
    own = np.arange(n)
    drawn = np.random.default_rng(seed).integers(0, n, size=(n, _OTHERS))
    asked, said = np.repeat(own, _OTHERS + 1), np.hstack([own[:, None], drawn]).ravel()
    mine = asked == said
    kept = mine | (answer_id[asked] != answer_id[said])
    asked, said, mine = asked[kept], said[kept], mine[kept]
    x = np.column_stack([*(view.of(asked, said, fold) for view in views), np.ones(len(asked))]).astype(np.float64)
    mass = np.where(mine, 1 / mine.sum(), 1 / max(1, (~mine).sum()))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        z = x @ weights
        slack = mass * (1 / (1 + np.exp(-z)) - mine)
        return float(mass @ (np.logaddexp(0, z) - mine * z)), slack @ x

    found = minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x
    return found[:-1].astype(np.float32), float(found[-1])
