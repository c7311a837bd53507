"""Matching one fold: the unit of work. Nothing passes between folds, so each can run anywhere, at any time."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from adversarial import encoder, guard, judge, relevance
from adversarial.items import Item, ItemError
from adversarial.matching import Matching, match
from adversarial.parts import video_parts
from adversarial.pool import Pool
from adversarial.text import canonical

Progress = Callable[[str, float], None]

MAX_FOLD = 40_000  # questions: what one process matches in about 1.5 GB
_PARTS = 5


@dataclass(frozen=True)
class Settings:
    """What a match depends on beside the rows; the same settings and rows give the same output."""

    replace: int = 1
    seed: int = 0
    lam: float = 0.1  # weight of log(1 - P_sim) against log P_rel
    model: str = encoder.DEFAULT_MODEL
    sim_slope: float = 12.0  # P_sim = sigmoid(slope * cosine + bias): one half at cosine 0.6
    sim_bias: float = -7.2
    near: float = 0.85  # cosine from which two answers count as one
    tolerance: float = 5e-5  # nats per question
    max_fold: int = MAX_FOLD


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


def make_folds(items: Sequence[Item], max_fold: int, seed: int) -> list[list[Item]]:
    """Folds of at most about ``max_fold`` questions: inside each split, all questions of a video together.

    A function of the set of items, not of their order; items inside a fold are sorted by qid.
    """
    splits: dict[str, list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.sort_key):
        splits[item.split].append(item)
    folds = []
    for name in sorted(splits):
        members = splits[name]
        part = video_parts([item.video_id for item in members], -(-len(members) // max_fold), seed)
        folds += [
            [item for item, at in zip(members, part, strict=True) if at == index] for index in range(part.max() + 1)
        ]
    return folds


def match_fold(items: Sequence[Item], settings: Settings, progress: Progress | None = None) -> FoldMatch:
    """Borrow ``settings.replace`` answers for every item of a fold (sorted by qid, see make_folds).

    Raises ItemError where an item has fewer wrong options than are to be replaced.
    """
    for item in items:
        if len(item.answers) - 1 < settings.replace:
            raise ItemError(
                f"qid {item.qid!r}: has {len(item.answers) - 1} wrong options, "
                f"fewer than the {settings.replace} to be replaced"
            )

    def report(stage: str, share: float) -> None:
        if progress:
            progress(stage, share)

    report("encode", 0.0)
    texts = sorted({item.question for item in items} | {answer for item in items for answer in item.answers})
    vectors = encoder.encode(texts, settings.model, lambda share: report("encode", share))
    place = {text: index for index, text in enumerate(texts)}
    questions = vectors[[place[item.question] for item in items]]
    answers = vectors[[place[item.correct] for item in items]]
    part = video_parts([item.video_id for item in items], _PARTS, settings.seed)
    answer_id = _ids([canonical(item.correct) for item in items])

    report("judge", 0.0)
    most = max(len(item.answers) for item in items)
    options = np.full((len(items), most, vectors.shape[1]), np.nan, np.float32)
    for row, item in enumerate(items):
        options[row, : len(item.answers)] = vectors[[place[answer] for answer in item.answers]]
    scores = judge.option_scores(items, questions, options, part, settings.seed)
    replaced = judge.easiest(items, scores, settings.replace)

    report("relevance", 0.0)
    learnt = relevance.learn(questions, answers, answer_id, part, settings.seed)
    others, profiles = _kept_options(items, replaced)
    pool = Pool(
        questions=learnt.questions,
        answers=learnt.answers,
        part=learnt.part,
        embeddings=answers,
        rel_slope=learnt.slope,
        rel_bias=learnt.bias,
        sim_slope=settings.sim_slope,
        sim_bias=settings.sim_bias,
        lam=settings.lam,
        near=settings.near,
        video=_ids([item.video_id for item in items]),
        question_id=_ids([canonical(item.question) for item in items]),
        answer_id=answer_id,
        counting=np.array([guard.asks_number(item.question) for item in items]),
        profiles=profiles,
        others=others,
        taken=np.zeros((len(items), 0), np.int32),
    )
    rounds: list[Matching] = []
    for number in range(settings.replace):
        stage = f"match {number + 1} of {settings.replace}"
        report(stage, 0.0)
        prices = rounds[-1].prices if rounds else None
        rounds.append(match(pool, settings.tolerance, prices, partial(report, stage)))
        pool = pool.after(rounds[-1].columns)
    report("done", 1.0)
    return FoldMatch(_picks(pool, replaced), rounds)


def _ids(values: Sequence[str]) -> NDArray[np.int32]:
    return np.unique(np.array(values, dtype=object), return_inverse=True)[1].astype(np.int32)


def _kept_options(items: Sequence[Item], replaced: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """(rows of the profiles that hold each item's kept negatives, -1 for none; all profiles)."""
    kept = [
        [answer for option, answer in enumerate(item.answers) if option != item.answer_idx and option not in gone]
        for item, gone in zip(items, replaced.tolist(), strict=True)
    ]
    extra = sorted({answer for answers in kept for answer in answers})
    place = {text: len(items) + index for index, text in enumerate(extra)}
    others = np.full((len(items), max(map(len, kept))), -1, np.int32)
    for row, answers in enumerate(kept):
        others[row, : len(answers)] = [place[answer] for answer in answers]
    return others, guard.profiles([item.correct for item in items] + extra)


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


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
