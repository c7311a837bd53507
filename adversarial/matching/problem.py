"""The matching problem of one shard: what answer j is worth to question i, in arrays of size n, never n x n.

Legend: n questions (and as many right answers) of the shard, k folds of the cross-validation, d relevance
dimensions, D embedding dimensions, r rounds already matched.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from adversarial.matching.kernels import Floats, Ints, Pairs


@dataclass(frozen=True)
class MatchingProblem:
    """``w_ij = log P_rel(q_i, a_j) + lambda * log(1 - P_sim)`` in nats, and the pairs that are not legal.

    ``P_rel = sigmoid(relevance_slope * u_i.v_j + relevance_bias)`` with ``v`` from the encoder that never saw
    question i's video; ``P_sim = sigmoid(similarity_slope * cos + similarity_bias)`` with the largest cosine of answer
    j to the right answer and to the negatives that earlier rounds gave to question i.
    """

    questions: Floats  # [n, d] u_i
    answers: Floats  # [k, n, d] v_j as each fold's encoder sees it
    fold: Ints  # [n] whose encoder reads question i
    embeddings: Floats  # [n, D] unit length, for the similarity
    relevance_slope: float
    relevance_bias: float
    similarity_slope: float
    similarity_bias: float
    lambda_: float
    same_answer_cosine: float  # from here on two answers count as the same, unless their profiles say otherwise
    video: Ints  # [n]
    question_id: Ints  # [n] equal where the canonical questions are equal
    answer_id: Ints  # [n] equal where the canonical answers are equal
    asks_for: Ints  # [n] what the question asks for, see answer_equivalence.asks_for
    profiles: NDArray[np.int64]  # [n + more, m] of the answers, and of the texts below, see answer_equivalence
    question_profile: Ints  # [n] rows of profiles that hold the questions
    kept_negatives: Ints  # [n, h] rows of profiles that hold the negatives question i keeps, -1 for none
    assigned: Ints  # [n, r] answers that earlier rounds gave to question i, -1 for none
    recipients: Ints | None = None  # questions that want an answer; None: all
    lenders: Ints | None = None  # answers that may be given, each once over all rounds; None: all, once a round

    @property
    def size(self) -> int:
        return len(self.questions)

    @property
    def pairs(self) -> Pairs:
        """What the kernels read."""
        return Pairs(
            np.float32(self.relevance_slope),
            np.float32(self.relevance_bias),
            np.float32(self.similarity_slope),
            np.float32(self.similarity_bias),
            np.float32(self.lambda_),
            np.float32(self.same_answer_cosine),
            self.embeddings,
            self.video,
            self.question_id,
            self.answer_id,
            self.asks_for,
            self.profiles,
            self.question_profile,
            self.kept_negatives,
            self.assigned,
        )

    def products(self, rows: Ints) -> Floats:
        """u_i.v_j of questions ``rows``, all of one fold, with every answer; [b, n]."""
        found: Floats = self.questions[rows] @ self.answers[self.fold[rows[0]]].T
        return found

    def after(self, columns: Ints) -> "MatchingProblem":
        """The problem of the next round: ``columns[i]`` was given to question i (its own index: it got none)."""
        own = columns == np.arange(self.size)
        given = np.where(own, -1, columns).astype(np.int32)[:, None]
        return replace(self, assigned=np.ascontiguousarray(np.hstack([self.assigned, given])))

    def subset(self, rows: Ints) -> "MatchingProblem":
        """Only these questions and their answers; of a problem that no round was matched on."""
        if self.assigned.shape[1]:
            raise ValueError("only a problem before its first round can be cut")
        moved = len(rows) - self.size  # the rows of profiles behind the answers
        return replace(
            self,
            questions=self.questions[rows],
            answers=self.answers[:, rows],
            fold=self.fold[rows],
            embeddings=self.embeddings[rows],
            video=self.video[rows],
            question_id=self.question_id[rows],
            answer_id=self.answer_id[rows],
            asks_for=self.asks_for[rows],
            profiles=np.concatenate([self.profiles[rows], self.profiles[self.size :]]),
            question_profile=self.question_profile[rows] + np.int32(moved),
            kept_negatives=np.where(self.kept_negatives[rows] < 0, -1, self.kept_negatives[rows] + moved).astype(
                np.int32
            ),
            assigned=self.assigned[rows],
        )
