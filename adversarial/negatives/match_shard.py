"""Right answers of other questions as wrong ones, for the questions of one shard: the unit of work.

Nothing passes between shards, so each can run anywhere, at any time, and with a step cache it goes on where it was
killed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.data.errors import ItemError
from adversarial.data.options import MatchedOption
from adversarial.data.schema import Item
from adversarial.learning.group_kfold import group_folds
from adversarial.matching.column_generation import Matching, solve_matching
from adversarial.matching.kernels import RELUCTANTLY, SAME
from adversarial.matching.problem import MatchingProblem, aligned
from adversarial.negatives import selection
from adversarial.negatives.lending import Lending, plan_lending, why_nobody_lends
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.step_cache import Arrays, MemoryStepCache, StepCache
from adversarial.progress import Progress
from adversarial.relevance import pair_odds
from adversarial.relevance.likeness import Texts, texts_of
from adversarial.text import answer_equivalence, answer_types
from adversarial.text.normalise import canonical

_FOLDS = 5
_FEW = 100  # questions, among which many would find nothing


@dataclass(frozen=True)
class ShardMatch:
    """What matching a shard yields; ``options[i]`` belongs to its item i, fewer than wanted where none was left."""

    options: list[list[MatchedOption]]
    lending: Lending
    rounds: list[Matching]


def match_shard(
    items: Sequence[Item],
    settings: MatchSettings,
    progress: Progress | None = None,
    cache: StepCache | MemoryStepCache | None = None,
    known: Texts | None = None,
) -> ShardMatch:
    """Match ``settings.replace`` answers an item on average; the items stand in the order of their ids.

    ``known`` are texts that were encoded before, by the same model.
    Where the shard is sealed, its reserve receives nothing and alone lends, each item once over all rounds.
    Raises ItemError where an item has fewer wrong options than are to be replaced.
    """
    for item in items:
        if len(item.answers) - 1 < settings.replace:
            raise ItemError(
                f"qid {item.qid!r}: has {len(item.answers) - 1} wrong options, "
                f"fewer than the {settings.replace} to be replaced"
            )
    if why_nobody_lends(items):  # known before anything is learned
        return ShardMatch([[] for _ in items], Lending(np.ones(len(items), np.int32), []), [])
    steps, report = cache or MemoryStepCache(), progress or _silent
    with threadpool_limits(1):  # one thread for each product: the sum's order, hence the result, stays the same
        learned = steps.remember("learned", lambda: _learn(items, settings, report, known))
        found = _lend(items, learned, settings, report, steps)
    for row, own in enumerate(found.options):
        if len(own) < found.lending.counts[row]:
            found.options[row] = _without_repeats(items[row], own, items)
    return found


def _lend(
    items: Sequence[Item],
    learned: Arrays,
    settings: MatchSettings,
    progress: Progress,
    steps: StepCache | MemoryStepCache,
) -> ShardMatch:
    order = selection.replacement_order(items, learned["scores"])
    ease = selection.ease(items, learned["scores"])
    lending = plan_lending(items, ease, settings.replace, settings.seed)
    gone = np.where(np.arange(order.shape[1]) < lending.counts[:, None], order, -1)
    problem = _problem(items, learned, gone, settings)
    rounds: list[Matching] = []
    for number, (asked, lenders, reserve) in enumerate(lending.rounds):
        stage = f"match {number + 1} of {len(lending.rounds)}"
        free = np.setdiff1d(lenders, problem.assigned).astype(np.int32) if reserve else lenders
        pair = (asked, free) if reserve else aligned(asked, free)
        draw = problem.between(*pair, draw=settings.seed * 64 + number)
        rounds.append(_round(draw, rounds, settings, partial(progress, stage), steps))
        problem = problem.after(rounds[-1].columns)
    return ShardMatch(_matched_options(problem, order), lending, rounds)


def _silent(stage: str, share: float) -> None:
    """Nobody watches."""


def _learn(items: Sequence[Item], settings: MatchSettings, progress: Progress, known: Texts | None) -> Arrays:
    """What the shard's texts teach: embeddings, which negatives go first, and the relevance."""
    texts = Texts(texts_of(items), partial(progress, "encode"), settings.model, known)
    fold = group_folds([item.video_id for item in items], _FOLDS, settings.seed)
    progress("selection", 0.0)
    scores = selection.option_scores(items, texts, settings.seed)
    progress("relevance", 0.0)
    questions, answers = (texts.vectors([getattr(item, side) for item in items]) for side in ("question", "correct"))
    names = _ids([canonical(item.correct) for item in items])
    pairs = [(item.question, item.correct) for item in items]
    found = pair_odds.learn(pairs, questions, answers, names, fold, settings.seed)
    return {
        "embeddings": answers,
        "scores": scores,
        "questions": found.questions,
        "answers": found.answers,
        "traits": found.traits,
        "fold": found.fold,
        "bias": np.array(found.bias),
    }


def _problem(
    items: Sequence[Item], learned: Arrays, gone: NDArray[np.int32], settings: MatchSettings
) -> MatchingProblem:
    kept_negatives, profiles, question_profile = _profiles(items, gone)
    everybody = np.arange(len(items), dtype=np.int32)
    return MatchingProblem(
        questions=learned["questions"],
        answers=learned["answers"],
        traits=learned["traits"],
        fold=learned["fold"],
        embeddings=learned["embeddings"],
        bias=float(learned["bias"]),
        temperature=settings.temperature,
        similarity_slope=settings.sim_slope,
        similarity_bias=settings.sim_bias,
        lambda_=settings.lam,
        same_answer_cosine=settings.near,
        video=_ids([item.video_id for item in items]),
        question_id=_ids([canonical(item.question) for item in items]),
        answer_id=_ids([canonical(item.correct) for item in items]),
        asks_for=np.array([answer_equivalence.asks_for(item.question) for item in items], np.int32),
        accepts=_accepted(items),
        kind=np.array([answer_types.answer_kind(item.correct) for item in items], np.int32),
        profiles=profiles,
        question_profile=question_profile,
        kept_negatives=kept_negatives,
        assigned=np.zeros((len(items), 0), np.int32),
        recipients=everybody,
        lenders=everybody,
    )


def _accepted(items: Sequence[Item]) -> NDArray[np.int32]:
    """[n] kinds of answers that may be lent to each: strange ones among few questions, or for what is no wrong answer.

    Elsewhere a written answer stays rather than a strange one comes: equal numbers cannot be lent to each other, so
    there is not always another number. In a sealed shard it stays however few there are: where all that is lent is
    wrong, what is not of the kind that is asked for gives itself away at a glance.
    """
    few = len(items) < _FEW and all(item.reserve is None for item in items)
    strange = [few or bool(selection.equal_written(item)) for item in items]
    accepted = [answer_types.accepted_kinds(item.question) for item in items]
    usual = [kinds & ~(kinds >> RELUCTANTLY) & (1 << RELUCTANTLY) - 1 for kinds in accepted]
    return np.where(strange, accepted, usual).astype(np.int32)


def _ids(values: Sequence[str]) -> NDArray[np.int32]:
    return np.unique(np.array(values, dtype=object), return_inverse=True)[1].astype(np.int32)


def _profiles(
    items: Sequence[Item], gone: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
    """What is compared: (rows of the kept negatives [n, h], -1 for none; profiles; rows of the questions).

    What a person refused counts as kept: nothing that says the same is lent.
    """
    kept = [
        [answer for option, answer in enumerate(item.answers) if option != item.answer_idx and option not in lost]
        + list(item.unwanted)
        for item, lost in zip(items, gone.tolist(), strict=True)
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
        sums = np.array([found.wanted, found.value, found.upper_bound, found.passes, found.edges])
        return {"columns": found.columns, "weights": found.weights, "prices": found.prices, "sums": sums}

    kept = cache.remember(f"round-{len(earlier) + 1}", solve)
    wanted, value, upper, passes, edges = kept["sums"].tolist()
    return Matching(
        kept["columns"], kept["weights"], kept["prices"], int(wanted), value, upper, int(passes), int(edges)
    )


def _matched_options(problem: MatchingProblem, order: NDArray[np.int32]) -> list[list[MatchedOption]]:
    """The answers each item was given, in place of its options in ``order``."""
    found: list[list[MatchedOption]] = []
    for row, assigned in enumerate(problem.assigned):
        given = assigned[assigned >= 0].tolist()
        found.append([_matched_option(problem, row, *pair) for pair in zip(order[row].tolist(), given, strict=False)])
    return found


def _matched_option(problem: MatchingProblem, row: int, option: int, source: int) -> MatchedOption:
    answer = np.concatenate([problem.answers[problem.fold[row], source], problem.traits[source]])
    cosine = float(problem.embeddings[row] @ problem.embeddings[source])
    return MatchedOption(
        option,
        source,
        relevance=_sigmoid(float(problem.questions[row] @ answer) + problem.bias),
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
