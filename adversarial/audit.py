"""The audit: how often models that never see the video find the right answer, and by what."""

import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adversarial import guard
from adversarial.borrow import Progress
from adversarial.cuts import cuts, sources
from adversarial.items import Item, ItemError, parse_rows
from adversarial.panel import Scores, predict
from adversarial.text import canonical, question_type, words

_PARTS = 5
_LISTED = 50  # easiest items and suspects named in the report
_MIN_ITEMS = 10

TRAINED = ("answer_only", "question_answer", "option_set", "hashed_words")


def audit_items(
    rows: Sequence[dict[str, Any]], *, seed: int = 0, thorough: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Try to answer the questions without the video; see docs/adversarial.md for every field of the report.

    ``rows`` as match_items takes or gives them. ``panel`` holds for every adversary ``accuracy``, ``low``, ``high``
    (95 %, resampled by video). Raises ItemError for bad rows or fewer than 10 questions or 2 videos.
    """
    started = time.perf_counter()
    items = parse_rows(rows)
    if len(items) < _MIN_ITEMS or len({item.video_id for item in items}) < 2:
        raise ItemError(f"an audit needs {_MIN_ITEMS} questions on 2 videos or more, got {len(items)}")
    order = sorted(range(len(items)), key=lambda index: items[index].sort_key)
    items = [items[index] for index in order]
    rows = [rows[index] for index in order]
    borrowed = sources(items, rows)
    cut_list = list(cuts(items, borrowed, _PARTS, seed))
    scores = predict(items, cut_list, seed, (lambda share: progress("panel", share)) if progress else None)
    right = np.array([item.answer_idx for item in items])
    chances = {name: _credit(table, right, seed) for name, table in scores.items()}
    chance = float(np.mean([1 / len(item.answers) for item in items]))
    panel = {name: _interval(credit, items, seed) for name, credit in chances.items()}
    strongest = max(TRAINED, key=lambda name: panel[name]["accuracy"])
    confidence = np.mean([_confidence(scores[name], right) for name in TRAINED], axis=0)
    report = {
        "n": len(items),
        "chance": chance,
        "panel": panel,
        "strongest": strongest,
        "by_question_type": _by_type(items, chances),
        "easiest": _easiest(items, confidence),
        "cues": _cues(items),
        "suspects": _suspects(items),
        "seed": seed,
    }
    return report | {"seconds": time.perf_counter() - started}


def _credit(scores: Scores, right: NDArray[np.int64], seed: int) -> Scores:
    """[n] 1 where the right option scores highest, shared where options tie."""
    top = scores == scores.max(axis=1, keepdims=True)
    rows = np.arange(len(right))
    return np.where(top[rows, right], 1 / top.sum(axis=1), 0.0)


def _confidence(scores: Scores, right: NDArray[np.int64]) -> Scores:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted[np.arange(len(right)), right] / shifted.sum(axis=1)


def _interval(credit: Scores, items: Sequence[Item], seed: int, draws: int = 1000) -> dict[str, float]:
    """Accuracy with a 95 % interval from resampling whole videos."""
    index = {video: place for place, video in enumerate(sorted({item.video_id for item in items}))}
    video = np.array([index[item.video_id] for item in items])
    hits = np.bincount(video, weights=credit)
    sizes = np.bincount(video)
    weights = np.random.default_rng(seed).multinomial(len(hits), np.full(len(hits), 1 / len(hits)), size=draws)
    means = (weights @ hits) / (weights @ sizes)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"accuracy": float(credit.mean()), "low": float(low), "high": float(high)}


def _by_type(items: Sequence[Item], credits: dict[str, Scores]) -> dict[str, dict[str, float]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[question_type(item.question)].append(index)
    table = {}
    for kind, members in sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        table[kind] = {"n": len(members)} | {name: float(credits[name][members].mean()) for name in TRAINED}
    return table


def _easiest(items: Sequence[Item], confidence: Scores) -> list[dict[str, Any]]:
    """The items that the trained members answer with the highest mean confidence: rewrite or remove them."""
    order = np.argsort(-confidence, kind="stable")[:_LISTED]
    return [{"qid": items[index].qid, "confidence": round(float(confidence[index]), 4)} for index in order]


def _cues(items: Sequence[Item]) -> dict[str, Any]:
    """Where a guess can come from: shares over items, with what chance would give."""
    longest, shortest, seen_before, overlap = [], [], [], []
    counts: dict[str, int] = defaultdict(int)
    for item in items:
        for answer in item.answers:
            counts[canonical(answer)] += 1
    for item in items:
        sizes = [len(answer) for answer in item.answers]
        size = sizes[item.answer_idx]
        longest.append(size == max(sizes) and sizes.count(size) == 1)
        shortest.append(size == min(sizes) and sizes.count(size) == 1)
        often = [counts[canonical(answer)] for answer in item.answers]
        top = max(often)
        seen_before.append((often[item.answer_idx] == top) / often.count(top))
        asked = set(words(item.question))
        shared = [len(asked & set(words(answer))) for answer in item.answers]
        overlap.append((shared[item.answer_idx] == max(shared)) / shared.count(max(shared)))
    return {
        "right_is_strictly_longest": float(np.mean(longest)),
        "right_is_strictly_shortest": float(np.mean(shortest)),
        "right_is_most_frequent": float(np.mean(seen_before)),
        "right_shares_most_words_with_question": float(np.mean(overlap)),
    }


def _suspects(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Wrong options that may be right after all, for a person to look at."""
    found = []
    for item in items:
        for option, answer in enumerate(item.answers):
            if option != item.answer_idx and guard.compare_texts(answer, item.correct) == guard.SAME:
                found.append({"qid": item.qid, "option": option, "reason": "says the same as the right answer"})
    return found
