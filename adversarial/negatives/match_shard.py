"""Right answers of other questions as wrong ones, for the questions of one shard: the unit of work.

Nothing passes between shards, so each can run anywhere, at any time, and with a step cache it goes on where it was
killed.
"""

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.data.errors import ItemError
from adversarial.data.options import MatchedOption
from adversarial.data.schema import Item
from adversarial.learning.group_kfold import video_folds
from adversarial.matching.column_generation import Matching, solve_matching
from adversarial.matching.kernels import SAME
from adversarial.matching.problem import MatchingProblem
from adversarial.negatives import selection
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.step_cache import Arrays, MemoryStepCache, StepCache
from adversarial.progress import Progress
from adversarial.relevance import dual_encoder, sentence_encoder
from adversarial.text import answer_equivalence
from adversarial.text.normalise import canonical

_FOLDS = 5


@dataclass(frozen=True)
class ShardMatch:
    """What matching a shard yields; ``options[i]`` belongs to its item i, fewer where a round found nothing."""

    options: list[list[MatchedOption]]
    rounds: list[Matching]


def match_shard(
    items: Sequence[Item],
    settings: MatchSettings,
    progress: Progress | None = None,
    cache: StepCache | MemoryStepCache | None = None,
    idle: AbstractSet[str | int] = frozenset(),
) -> ShardMatch:
    """Match ``settings.replace`` answers to every item of a shard; the items stand in the order of their ids.

    Where the shard is sealed, its reserve receives nothing and alone lends, each item once over all rounds, but for
    the ``idle`` ones. Raises ItemError where an item has fewer wrong options than are to be replaced.
    """
    for item in items:
        if len(item.answers) - 1 < settings.replace:
            raise ItemError(
                f"qid {item.qid!r}: has {len(item.answers) - 1} wrong options, "
                f"fewer than the {settings.replace} to be replaced"
            )
    steps, report = cache or MemoryStepCache(), progress or _silent
    with threadpool_limits(1):  # one thread for each product: the sum's order, hence the result, stays the same
        learned = steps.remember("learned", lambda: _learn(items, settings, report))
        replaced = learned["replacement_order"][:, : settings.replace]
        problem = _with_reserve(_problem(items, learned, replaced, settings), items, idle)
        rounds: list[Matching] = []
        for number in range(settings.replace):
            stage = f"match {number + 1} of {settings.replace}"
            rounds.append(_round(problem, rounds, settings, partial(report, stage), steps))
            problem = problem.after(rounds[-1].columns)
    options = _matched_options(problem, replaced)
    for row, own in enumerate(options):
        if len(own) < settings.replace:
            options[row] = _without_repeats(items[row], own, items)
    return ShardMatch(options, rounds)


def _silent(stage: str, share: float) -> None:
    """Nobody watches."""


def _learn(items: Sequence[Item], settings: MatchSettings, progress: Progress) -> Arrays:
    """What the shard's texts teach: embeddings, which negatives go first, and the relevance."""
    texts = sorted({item.question for item in items} | {answer for item in items for answer in item.answers})
    vectors = sentence_encoder.encode(texts, settings.model, partial(progress, "encode"))
    place = {text: index for index, text in enumerate(texts)}
    asked = np.array([place[item.question] for item in items], np.int32)
    options = np.full((len(items), max(len(item.answers) for item in items)), -1, np.int32)
    for row, item in enumerate(items):
        options[row, : len(item.answers)] = [place[answer] for answer in item.answers]
    fold = video_folds([item.video_id for item in items], _FOLDS, settings.seed)
    progress("selection", 0.0)
    scores = selection.option_scores(items, vectors, asked, options, fold, settings.seed)
    progress("relevance", 0.0)
    answers = vectors[options[np.arange(len(items)), [item.answer_idx for item in items]]]
    names = _ids([canonical(item.correct) for item in items])
    found = dual_encoder.learn(vectors[asked], answers, names, fold, settings.seed)
    return {
        "embeddings": answers,
        "replacement_order": selection.replacement_order(items, scores),
        "questions": found.questions,
        "answers": found.answers,
        "fold": found.fold,
        "calibration": np.array([found.slope, found.bias]),
    }


def _problem(
    items: Sequence[Item], learned: Arrays, replaced: NDArray[np.int32], settings: MatchSettings
) -> MatchingProblem:
    kept_negatives, profiles, question_profile = _profiles(items, replaced)
    return MatchingProblem(
        questions=learned["questions"],
        answers=learned["answers"],
        fold=learned["fold"],
        embeddings=learned["embeddings"],
        relevance_slope=float(learned["calibration"][0]),
        relevance_bias=float(learned["calibration"][1]),
        similarity_slope=settings.sim_slope,
        similarity_bias=settings.sim_bias,
        lambda_=settings.lam,
        same_answer_cosine=settings.near,
        video=_ids([item.video_id for item in items]),
        question_id=_ids([canonical(item.question) for item in items]),
        answer_id=_ids([canonical(item.correct) for item in items]),
        asks_for=np.array([answer_equivalence.asks_for(item.question) for item in items], np.int32),
        profiles=profiles,
        question_profile=question_profile,
        kept_negatives=kept_negatives,
        assigned=np.zeros((len(items), 0), np.int32),
    )


def _with_reserve(problem: MatchingProblem, items: Sequence[Item], idle: AbstractSet[str | int]) -> MatchingProblem:
    if all(item.reserve is None for item in items):
        return problem
    kept = np.array([bool(item.reserve) for item in items])
    lends = kept & [item.qid not in idle for item in items]
    return replace(problem, recipients=_indices(~kept), lenders=_indices(lends))


def _indices(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    return np.flatnonzero(mask).astype(np.int32)


def _ids(values: Sequence[str]) -> NDArray[np.int32]:
    return np.unique(np.array(values, dtype=object), return_inverse=True)[1].astype(np.int32)


def _profiles(
    items: Sequence[Item], replaced: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """What is compared: (rows of the kept negatives [n, h], -1 for none; profiles; rows of the questions)."""
    kept = [
        [answer for option, answer in enumerate(item.answers) if option != item.answer_idx and option not in gone]
        for item, gone in zip(items, replaced.tolist(), strict=True)
    ]
    more = sorted({answer for answers in kept for answer in answers} | {item.question for item in items})
    place = {text: len(items) + index for index, text in enumerate(more)}
    kept_negatives = np.full((len(items), max(map(len, kept))), -1, np.int32)
    for row, answers in enumerate(kept):
        kept_negatives[row, : len(answers)] = [place[answer] for answer in answers]
    question_profile = np.array([place[item.question] for item in items], np.int32)
    return kept_negatives, answer_equivalence.profiles([item.correct for item in items] + more), question_profile


def _round(
    problem: MatchingProblem,
    earlier: Sequence[Matching],
    settings: MatchSettings,
    progress: Callable[[float], None],
    cache: StepCache | MemoryStepCache,
) -> Matching:
    def solve() -> Arrays:
        progress(0.0)
        found = solve_matching(problem, settings.tolerance, earlier[-1].prices if earlier else None, progress)
        progress(1.0)
        sums = np.array([found.value, found.upper_bound, found.passes, found.edges])
        return {"columns": found.columns, "weights": found.weights, "prices": found.prices, "sums": sums}

    kept = cache.remember(f"round-{len(earlier) + 1}", solve)
    value, upper_bound, passes, edges = kept["sums"].tolist()
    return Matching(kept["columns"], kept["weights"], kept["prices"], value, upper_bound, int(passes), int(edges))


def _matched_options(problem: MatchingProblem, replaced: NDArray[np.int32]) -> list[list[MatchedOption]]:
    found: list[list[MatchedOption]] = []
    for row in range(problem.size):
        given = zip(replaced[row].tolist(), problem.assigned[row].tolist(), strict=True)
        found.append([_matched_option(problem, row, option, source) for option, source in given if source >= 0])
    return found


def _matched_option(problem: MatchingProblem, row: int, option: int, source: int) -> MatchedOption:
    product = float(problem.questions[row] @ problem.answers[problem.fold[row], source])
    cosine = float(problem.embeddings[row] @ problem.embeddings[source])
    return MatchedOption(
        option,
        source,
        relevance=_sigmoid(problem.relevance_slope * product + problem.relevance_bias),
        similarity=_sigmoid(problem.similarity_slope * cosine + problem.similarity_bias),
    )


def _without_repeats(item: Item, matched: list[MatchedOption], items: Sequence[Item]) -> list[MatchedOption]:
    """Without the matched answers that say what a written one says which had to stay after all."""
    while True:
        gone = {match.option for match in matched}
        kept = [answer for option, answer in enumerate(item.answers) if option not in gone]
        fine = [
            match
            for match in matched
            if all(answer_equivalence.compare_texts(items[match.source].correct, answer) != SAME for answer in kept)
        ]
        if len(fine) == len(matched):
            return matched
        matched = fine


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
