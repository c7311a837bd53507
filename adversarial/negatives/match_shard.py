"""Borrowing right answers as wrong ones for the questions of one fold: the unit of work.

Nothing passes between folds, so each can run anywhere, at any time, and with a store it goes on where it was killed.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.data.schema import Item, ItemError
from adversarial.learning.group_kfold import check_seed, video_parts
from adversarial.matching.column_generation import Matching, match
from adversarial.matching.kernels import SAME
from adversarial.matching.problem import Pool
from adversarial.negatives import selection
from adversarial.negatives.step_cache import Arrays, Memory, Store
from adversarial.relevance import dual_encoder, sentence_encoder
from adversarial.text import answer_equivalence
from adversarial.text.normalise import canonical

Progress = Callable[[str, float], None]

LAMBDA = 0.03  # more makes borrowed answers easier to tell, less lets rewordings of the right one through
_PARTS = 5
_RANGES = {  # of the settings; with a negative lam the bound would certify nothing
    "lam": (0.0, 5.0),
    "sim_slope": (0.0, 100.0),
    "sim_bias": (-100.0, 100.0),
    "near": (0.0, 1.0),
    "tolerance": (1e-9, 1.0),
}


@dataclass(frozen=True)
class Settings:
    """What a match depends on beside the rows; the same settings and rows give the same output.

    Raises ItemError that names the setting and what is expected of it.
    """

    replace: int = 1
    seed: int = 0
    lam: float = LAMBDA  # weight of log(1 - P_sim) against log P_rel
    model: str = sentence_encoder.DEFAULT_MODEL
    sim_slope: float = 12.0  # P_sim = sigmoid(slope * cosine + bias): one half at cosine 0.6
    sim_bias: float = -7.2
    near: float = 0.85  # cosine from which two answers count as one
    tolerance: float = 5e-5  # nats per question

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if not isinstance(self.replace, int) or self.replace < 1:
            raise ItemError(f"replace: expected a whole number of 1 or more, got {self.replace!r}")
        if not isinstance(self.model, str) or not self.model.strip():
            raise ItemError(f"model: expected the name of a sentence-transformers model, got {self.model!r}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not low <= value <= high:  # nan is in no range
                raise ItemError(f"{name}: expected a number from {low:g} to {high:g}, got {value!r}")


@dataclass(frozen=True)
class Pick:
    """One borrowed answer: which option it replaces, whose right answer it is, and how the pair scored."""

    option: int
    source: int  # index into the fold's items
    relevance: float
    similarity: float


@dataclass(frozen=True)
class FoldMatch:
    """What matching a fold yields; ``picks[i]`` belongs to the fold's item i, shorter where a round found nothing."""

    picks: list[list[Pick]]
    rounds: list[Matching]


def match_fold(
    items: Sequence[Item],
    settings: Settings,
    progress: Progress | None = None,
    store: Store | Memory | None = None,
    idle: AbstractSet[str | int] = frozenset(),
) -> FoldMatch:
    """Borrow ``settings.replace`` answers for every item of a fold; the items stand in the order of their ids.

    Where the fold has a reserve, its items borrow nothing and they alone lend, each once over all rounds, but for the
    ``idle`` ones. Raises ItemError where an item has fewer wrong options than are to be replaced.
    """
    for item in items:
        if len(item.answers) - 1 < settings.replace:
            raise ItemError(
                f"qid {item.qid!r}: has {len(item.answers) - 1} wrong options, "
                f"fewer than the {settings.replace} to be replaced"
            )
    steps = store or Memory()
    with threadpool_limits(1):  # one thread for each product: the sum's order, hence the result, stays the same
        learnt = steps.remember("learnt", lambda: _learn(items, settings, progress or _silent))
        pool = _pool(items, learnt, settings)
        kept = np.array([item.reserve for item in items])
        if kept.any():
            lends = kept & [item.qid not in idle for item in items]
            pool = replace(pool, borrowers=_indices(~kept), lenders=_indices(lends))
        rounds: list[Matching] = []
        for number in range(settings.replace):
            stage = f"match {number + 1} of {settings.replace}"
            rounds.append(_round(pool, rounds, settings, partial(progress or _silent, stage), steps))
            pool = pool.after(rounds[-1].columns)
    picks = _picks(pool, learnt["easiest"][:, : settings.replace])
    for row, own in enumerate(picks):
        if len(own) < settings.replace:
            picks[row] = _without_repeats(items[row], own, items)
    return FoldMatch(picks, rounds)


def _indices(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.flatnonzero(mask).astype(np.int32)


def _silent(stage: str, share: float) -> None:
    """Nobody watches."""


def _learn(items: Sequence[Item], settings: Settings, progress: Progress) -> Arrays:
    """What the fold's texts teach: embeddings, which negatives go, and the relevance."""
    texts = sorted({item.question for item in items} | {answer for item in items for answer in item.answers})
    vectors = sentence_encoder.encode(texts, settings.model, partial(progress, "encode"))
    place = {text: index for index, text in enumerate(texts)}
    asked = np.array([place[item.question] for item in items], np.int32)
    options = np.full((len(items), max(len(item.answers) for item in items)), -1, np.int32)
    for row, item in enumerate(items):
        options[row, : len(item.answers)] = [place[answer] for answer in item.answers]
    part = video_parts([item.video_id for item in items], _PARTS, settings.seed)
    progress("judge", 0.0)
    scores = selection.option_scores(items, vectors, asked, options, part, settings.seed)
    progress("relevance", 0.0)
    answers = vectors[options[np.arange(len(items)), [item.answer_idx for item in items]]]
    names = _ids([canonical(item.correct) for item in items])
    found = dual_encoder.learn(vectors[asked], answers, names, part, settings.seed)
    return {
        "embeddings": answers,
        "easiest": selection.easiest(items, scores),
        "questions": found.questions,
        "answers": found.answers,
        "part": found.part,
        "calibration": np.array([found.slope, found.bias]),
    }


def _pool(items: Sequence[Item], learnt: Arrays, settings: Settings) -> Pool:
    others, profiles, asked = _texts(items, learnt["easiest"][:, : settings.replace])
    return Pool(
        questions=learnt["questions"],
        answers=learnt["answers"],
        part=learnt["part"],
        embeddings=learnt["embeddings"],
        rel_slope=float(learnt["calibration"][0]),
        rel_bias=float(learnt["calibration"][1]),
        sim_slope=settings.sim_slope,
        sim_bias=settings.sim_bias,
        lam=settings.lam,
        near=settings.near,
        video=_ids([item.video_id for item in items]),
        question_id=_ids([canonical(item.question) for item in items]),
        answer_id=_ids([canonical(item.correct) for item in items]),
        asks_for=np.array([answer_equivalence.asks_for(item.question) for item in items], np.int32),
        profiles=profiles,
        asked=asked,
        others=others,
        taken=np.zeros((len(items), 0), np.int32),
    )


def _round(
    pool: Pool,
    earlier: Sequence[Matching],
    settings: Settings,
    progress: Callable[[float], None],
    store: Store | Memory,
) -> Matching:
    def solve() -> Arrays:
        progress(0.0)
        found = match(pool, settings.tolerance, earlier[-1].prices if earlier else None, progress)
        progress(1.0)
        sums = np.array([found.value, found.upper_bound, found.passes, found.edges])
        return {"columns": found.columns, "weights": found.weights, "prices": found.prices, "sums": sums}

    kept = store.remember(f"round-{len(earlier) + 1}", solve)
    value, upper_bound, passes, edges = kept["sums"].tolist()
    return Matching(kept["columns"], kept["weights"], kept["prices"], value, upper_bound, int(passes), int(edges))


def _ids(values: Sequence[str]) -> NDArray[np.int32]:
    return np.unique(np.array(values, dtype=object), return_inverse=True)[1].astype(np.int32)


def _texts(
    items: Sequence[Item], replaced: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """What the guard compares: (rows of the kept negatives [n, h], -1 for none; profiles; rows of the questions)."""
    kept = [
        [answer for option, answer in enumerate(item.answers) if option != item.answer_idx and option not in gone]
        for item, gone in zip(items, replaced.tolist(), strict=True)
    ]
    more = sorted({answer for answers in kept for answer in answers} | {item.question for item in items})
    place = {text: len(items) + index for index, text in enumerate(more)}
    others = np.full((len(items), max(map(len, kept))), -1, np.int32)
    for row, answers in enumerate(kept):
        others[row, : len(answers)] = [place[answer] for answer in answers]
    asked = np.array([place[item.question] for item in items], np.int32)
    return others, answer_equivalence.profiles([item.correct for item in items] + more), asked


def _picks(pool: Pool, replaced: NDArray[np.int32]) -> list[list[Pick]]:
    picks: list[list[Pick]] = []
    for row in range(pool.size):
        found = []
        for option, source in zip(replaced[row].tolist(), pool.taken[row].tolist(), strict=True):
            if source < 0:
                continue
            product = float(pool.questions[row] @ pool.answers[pool.part[row], source])
            cosine = float(pool.embeddings[row] @ pool.embeddings[source])
            found.append(
                Pick(
                    option,
                    source,
                    _sigmoid(pool.rel_slope * product + pool.rel_bias),
                    _sigmoid(pool.sim_slope * cosine + pool.sim_bias),
                )
            )
        picks.append(found)
    return picks


def _without_repeats(item: Item, picks: list[Pick], items: Sequence[Item]) -> list[Pick]:
    """Without the borrowed answers that say what a written one says which had to stay after all."""
    while True:
        gone = {pick.option for pick in picks}
        kept = [answer for option, answer in enumerate(item.answers) if option not in gone]
        fine = [
            pick
            for pick in picks
            if all(answer_equivalence.compare_texts(items[pick.source].correct, answer) != SAME for answer in kept)
        ]
        if len(fine) == len(picks):
            return picks
        picks = fine


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
