"""From rows to rows: match every fold and write the borrowed answers into the options."""

import resource
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from adversarial.encoder import DEFAULT_MODEL
from adversarial.folds import MAX_FOLD, FoldMatch, Progress, Settings, make_folds, match_fold
from adversarial.items import Item, ItemError, parse_rows


def match_items(
    rows: Sequence[dict[str, Any]],
    *,
    replace: int = 1,
    seed: int = 0,
    progress: Progress | None = None,
    lam: float = 0.1,
    model: str = DEFAULT_MODEL,
    max_fold: int = MAX_FOLD,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Replace ``replace`` written negatives of every question by right answers of other questions.

    ``rows``: ``{"qid", "video_id", "question", "answers", "answer_idx", "fold"?}``; the field ``fold`` keeps
    matching inside a split. Returns the rows in the input's order, the options in a new order, with one entry of
    ``options`` for each of ``answers``: ``source`` (``correct``, ``human``, ``matched``) and for a matched one
    ``source_qid``, ``relevance``, ``similarity``, ``replaced``; and the report. An item for which no legal answer is
    left keeps its written negative and says so under ``fallback``. Raises ItemError for bad rows, and where not one
    question can be matched.
    """
    started = time.perf_counter()
    base = _peak_bytes()
    items = parse_rows(rows)
    if replace < 1:
        raise ItemError(f"replace: expected 1 or more, got {replace}")
    settings = Settings(replace=replace, seed=seed, lam=lam, model=model, max_fold=max_fold)
    folds = make_folds(items, max_fold, seed)
    matched = []
    for number, fold in enumerate(folds):

        def report(stage: str, share: float, number: int = number) -> None:
            if progress:
                progress(f"fold {number + 1} of {len(folds)}: {stage}", share)

        matched.append(match_fold(fold, settings, report))
    output = assemble(rows, items, folds, matched, seed)
    summary = summarise(output, folds, matched, settings)
    summary |= {"seconds": time.perf_counter() - started, "peak_bytes": max(0, _peak_bytes() - base)}
    return output, summary


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def assemble(
    rows: Sequence[dict[str, Any]],
    items: Sequence[Item],
    folds: Sequence[Sequence[Item]],
    matched: Sequence[FoldMatch],
    seed: int,
) -> list[dict[str, Any]]:
    """The output rows, in the order of ``rows``. Raises ItemError where not one question could be matched."""
    options_of: dict[str | int, list[dict[str, Any]]] = {}
    for fold, result in zip(folds, matched, strict=True):
        for item, picks in zip(fold, result.picks, strict=True):
            options: list[dict[str, Any]] = [{"text": answer, "source": "human"} for answer in item.answers]
            options[item.answer_idx]["source"] = "correct"
            for pick in picks:
                options[pick.option] = {
                    "text": fold[pick.source].correct,
                    "source": "matched",
                    "source_qid": fold[pick.source].qid,
                    "relevance": round(pick.relevance, 6),
                    "similarity": round(pick.similarity, 6),
                    "replaced": item.answers[pick.option],
                }
            options_of[item.qid] = options
    if not any(picks for result in matched for picks in result.picks):
        raise ItemError(_why_nothing(items))
    order = _option_orders(items, seed)
    output = []
    for row, item in zip(rows, items, strict=True):
        options = [options_of[item.qid][position] for position in order[item.qid]]
        new = dict(row)
        new["answers"] = [option["text"] for option in options]
        new["answer_idx"] = order[item.qid].index(item.answer_idx)
        new["options"] = [{key: value for key, value in option.items() if key != "text"} for option in options]
        output.append(new)
    wanted = max(len(result.rounds) for result in matched)
    for new in output:
        got = sum(option["source"] == "matched" for option in new["options"])
        if got < wanted:
            new["fallback"] = f"{wanted - got} written negative(s) kept: no legal answer of another question was left"
    return output


def _why_nothing(items: Sequence[Item]) -> str:
    videos = len({item.video_id for item in items})
    answers = len({item.correct.casefold() for item in items})
    why = "every other answer is excluded by the value guard"
    if len(items) == 1:
        why = "there is only one question"
    elif videos == 1:
        why = "all questions are about one video, and a negative must come from another"
    elif answers == 1:
        why = "all right answers are equal"
    return f"no question can be matched: {why} ({len(items)} questions, {videos} videos, {answers} distinct answers)"


def _option_orders(items: Sequence[Item], seed: int) -> dict[str | int, list[int]]:
    """A new order of every item's options: the right one stands equally often at every place, split by split."""
    rng = np.random.default_rng(seed)
    groups: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for item in sorted(items, key=lambda item: item.sort_key):
        groups[item.split, len(item.answers)].append(item)
    orders: dict[str | int, list[int]] = {}
    for key in sorted(groups):
        members = groups[key]
        places = rng.permutation(np.arange(len(members)) % key[1])
        for item, place in zip(members, places.tolist(), strict=True):
            wrong = [position for position in range(key[1]) if position != item.answer_idx]
            order = [wrong[at] for at in rng.permutation(len(wrong))]
            order.insert(place, item.answer_idx)
            orders[item.qid] = order
    return orders


def summarise(
    output: Sequence[dict[str, Any]],
    folds: Sequence[Sequence[Item]],
    matched: Sequence[FoldMatch],
    settings: Settings,
) -> dict[str, Any]:
    """The report's numbers: sums of nats are given per question and round, the gap is the worst of all rounds."""
    n = len(output)
    rounds = [
        {
            "fold": number,
            "round": at + 1,
            "n": len(fold),
            "value": matching.value / len(fold),
            "upper_bound": matching.upper_bound / len(fold),
            "certified_gap": matching.gap,
            "passes": matching.passes,
            "edges": matching.edges,
            "unmatched": int((matching.columns == np.arange(len(fold))).sum()),
        }
        for number, (fold, result) in enumerate(zip(folds, matched, strict=True))
        for at, matching in enumerate(result.rounds)
    ]
    uses = Counter(option["source_qid"] for row in output for option in row["options"] if option["source"] == "matched")
    total = sum(entry["n"] for entry in rounds)
    return {
        "n": n,
        "folds": len(folds),
        "rounds": settings.replace,
        "value": sum(entry["value"] * entry["n"] for entry in rounds) / total,
        "upper_bound": sum(entry["upper_bound"] * entry["n"] for entry in rounds) / total,
        "certified_gap": max(entry["certified_gap"] for entry in rounds),
        "replaced": sum(uses.values()),
        "fallbacks": sum("fallback" in row for row in output),
        "most_uses": max(uses.values()),
        "fewest_uses": min(uses[item.qid] for fold in folds for item in fold),
        "seed": settings.seed,
        "lam": settings.lam,
        "model": settings.model,
        "per_round": rounds,
    }
