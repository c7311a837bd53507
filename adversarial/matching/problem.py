"""The matching problem of one round: what answer j is worth to question i, in arrays of size n, never n x n.

Legend: n questions (and as many right answers) of the shard, m of them that want an answer and as many that lend
one, k folds of the cross-validation, d dimensions of the encoder, t of the traits, D of the embeddings, r rounds
already matched.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import Floats, Ints, Pairs


@dataclass(frozen=True)
class MatchingProblem:
    """``w_ij = log-odds(q_i, a_j) + temperature * g_ij + lambda * log(1 - P_sim)`` in nats, and what is not legal.

    ``log-odds = u_i.v_j + bias`` with ``v`` from the encoder that never saw question i's video, see pair_odds; ``g``
    are draws from the Gumbel distribution, other ones for every ``draw``: the best matching of so perturbed weights
    is a sample of the matchings, not the likeliest one (perturb and MAP, Papandreou & Yuille 2011). ``P_sim =
    sigmoid(similarity_slope * cos + similarity_bias)`` with the largest cosine of answer j to the right answer and to
    the negatives that earlier rounds gave to question i.
    """

    questions: Floats  # [n, d + t] u_i
    answers: Floats  # [k, n, d] the first d of v_j as each fold's encoder sees it
    traits: Floats  # [n, t] the rest of v_j, the same for all
    fold: Ints  # [n] whose encoder reads question i
    embeddings: Floats  # [n, D] unit length, for the similarity
    bias: float
    temperature: float
    similarity_slope: float
    similarity_bias: float
    lambda_: float
    same_answer_cosine: float  # from here on two answers count as the same, unless their profiles say otherwise
    video: Ints  # [n]
    question_id: Ints  # [n] equal where the canonical questions are equal
    answer_id: Ints  # [n] equal where the canonical answers are equal
    asks_for: Ints  # [n] what the question asks for, see answer_equivalence.asks_for
    accepts: Ints  # [n] bit mask of the kinds of answers that may go with the question, see answer_types
    kind: Ints  # [n] the kind of the answer
    profiles: NDArray[np.int64]  # [n + more, m] of the answers, and of the texts below, see answer_equivalence
    question_profile: Ints  # [n] rows of profiles that hold the questions
    kept_negatives: Ints  # [n, h] rows of profiles that hold the negatives question i keeps, -1 for none
    assigned: Ints  # [n, r] answers that earlier rounds gave to question i, -1 for none
    recipients: Ints  # [m] questions that want an answer
    lenders: Ints  # [m] whose answers may be given, each once; who is both stands at the same place in both
    draw: int = 0

    @property
    def size(self) -> int:
        """m, how many want an answer."""
        return len(self.recipients)

    @property
    def pairs(self) -> Pairs:
        """What the kernels read."""
        return Pairs(
            np.float32(self.bias),
            np.float32(self.temperature),
            np.int64(self.draw),
            np.float32(self.similarity_slope),
            np.float32(self.similarity_bias),
            np.float32(self.lambda_),
            np.float32(self.same_answer_cosine),
            self.embeddings,
            self.video,
            self.question_id,
            self.answer_id,
            self.asks_for,
            self.accepts,
            self.kind,
            self.profiles,
            self.question_profile,
            self.kept_negatives,
            self.assigned,
        )

    def products(self, rows: Ints) -> Floats:
        """u_i.v_j of questions ``rows``, all of one fold, with the answers of the lenders; [b, m]."""
        fold = self.fold[rows[0]]
        width = self.answers.shape[2]
        whole = len(self.lenders) == len(self.questions)  # then they stand in order, and a copy is saved
        learned, traits = (side if whole else side[self.lenders] for side in (self.answers[fold], self.traits))
        found: Floats = self.questions[rows, :width] @ learned.T
        found += self.questions[rows, width:] @ traits.T
        return found

    def between(self, recipients: Ints, lenders: Ints, draw: int) -> "MatchingProblem":
        """The problem of a round in which these lend to those."""
        return replace(self, recipients=recipients, lenders=lenders, draw=draw)

    def after(self, columns: Ints) -> "MatchingProblem":
        """The problem once ``columns[i]`` [n] was given to question i (its own index: it got none)."""
        own = columns == np.arange(len(columns))
        given = np.where(own, -1, columns).astype(np.int32)[:, None]
        return replace(self, assigned=np.ascontiguousarray(np.hstack([self.assigned, given])))

    def subset(self, places: Ints) -> "MatchingProblem":
        """Only these places [s] of recipients and lenders."""
        return replace(self, recipients=self.recipients[places], lenders=self.lenders[places])


def aligned(recipients: Ints, lenders: Ints) -> tuple[Ints, Ints]:
    """Both, of equal length, so that who is in both stands at the same place: a question that stays unmatched then
    keeps no answer from others.
    """
    both = np.intersect1d(recipients, lenders)
    sides = [np.concatenate([both, np.setdiff1d(side, both)]) for side in (recipients, lenders)]
    if len(sides[0]) == len(both):
        return both, both
    return sides[0].astype(np.int32), sides[1].astype(np.int32)
