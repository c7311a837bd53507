"""One fold's candidates: everything that says what answer j is worth to question i, in arrays of size n, never n x n.

Legend: n questions (and as many right answers) of the fold, k parts of the cross-validation, d relevance
dimensions, D embedding dimensions, r rounds already matched.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Pool:
    """``w_ij = log P_rel(q_i, a_j) + lam * log(1 - P_sim)`` in nats, and the pairs that are not legal.

    ``P_rel = sigmoid(rel_slope * u_i.v_j + rel_bias)`` with ``v`` from the encoder that never saw question i's
    video; ``P_sim = sigmoid(sim_slope * cos + sim_bias)`` with the largest cosine of answer j to the right answer
    and to the negatives that earlier rounds gave to question i.
    """

    questions: Floats  # [n, d] u_i
    answers: Floats  # [k, n, d] v_j as each part's encoder sees it
    part: Ints  # [n] whose encoder reads question i
    embeddings: Floats  # [n, D] unit length, for the similarity
    rel_slope: float
    rel_bias: float
    sim_slope: float
    sim_bias: float
    lam: float
    near: float  # a cosine from here on counts as the same answer, unless the guard knows better
    video: Ints  # [n]
    question_id: Ints  # [n] equal where the canonical questions are equal
    answer_id: Ints  # [n] equal where the canonical answers are equal
    asks_for: Ints  # [n] what the question asks for, see guard.asks_for
    profiles: NDArray[np.int64]  # [n + more, m] what the value guard knows of the answers, and of the texts below
    asked: Ints  # [n] rows of profiles that hold the questions
    others: Ints  # [n, h] rows of profiles that hold the negatives question i keeps, -1 for none
    taken: Ints  # [n, r] answers that earlier rounds gave to question i, -1 for none
    borrowers: Ints | None = None  # questions that want an answer; None: all
    lenders: Ints | None = None  # answers that may be given, each once over all rounds; None: all, once a round

    @property
    def size(self) -> int:
        return len(self.questions)

    def after(self, columns: Ints) -> "Pool":
        """The pool of the next round: ``columns[i]`` is taken by question i (its own index: it got none)."""
        own = columns == np.arange(self.size)
        given = np.where(own, -1, columns).astype(np.int32)[:, None]
        return replace(self, taken=np.ascontiguousarray(np.hstack([self.taken, given])))

    def part_of(self, rows: Ints) -> "Pool":
        """Only these questions and their answers; of a pool that no round was matched on."""
        if self.taken.shape[1]:
            raise ValueError("only a pool before its first round can be cut")
        moved = len(rows) - self.size  # the rows of profiles behind the answers
        return replace(
            self,
            questions=self.questions[rows],
            answers=self.answers[:, rows],
            part=self.part[rows],
            embeddings=self.embeddings[rows],
            video=self.video[rows],
            question_id=self.question_id[rows],
            answer_id=self.answer_id[rows],
            asks_for=self.asks_for[rows],
            profiles=np.concatenate([self.profiles[rows], self.profiles[self.size :]]),
            asked=self.asked[rows] + np.int32(moved),
            others=np.where(self.others[rows] < 0, -1, self.others[rows] + moved).astype(np.int32),
            taken=self.taken[rows],
        )
