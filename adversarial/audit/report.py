"""The audit: how often models that never see the video find the right answer, and by what."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from adversarial.audit.artifacts import artifact_accuracies, suspects
from adversarial.audit.cross_encoder import cross_encoder
from adversarial.audit.installed_members import installed_members, member_scores
from adversarial.audit.lent_answers import lent_auc
from adversarial.audit.option_features import read
from adversarial.audit.partial_input import TRAINED, Scores, ensembles, predict
from adversarial.audit.set_features import set_features
from adversarial.audit.splits import AuditSplit, audit_splits
from adversarial.data.errors import ItemError
from adversarial.data.options import option_sources, written_item
from adversarial.data.schema import Item, parse_rows
from adversarial.progress import Progress, of_stage
from adversarial.relevance.likeness import Texts, texts_of
from adversarial.text.normalise import question_type

_FOLDS = 5
_LISTED = 50  # most guessable items named in the report
_SUSPECTS = 500
_REWRITE = 0.8  # mean confidence from which an item should be rewritten or removed
_MIN_ITEMS = 10
_MIN_TRAINING = 5  # questions that the models can be trained on in every split


def audit_items(
    rows: Sequence[dict[str, Any]],
    *,
    seed: int = 0,
    encoder: str | None = None,
    before: bool = True,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """As blind_report, for ``rows`` as match_items takes or gives them: they are checked and made items here.

    Raises ItemError for bad rows or fewer than 10 questions or 2 videos.
    """
    return blind_report(parse_rows(rows), seed=seed, encoder=encoder, before=before, progress=progress)


def blind_report(
    items: Sequence[Item],
    *,
    seed: int = 0,
    encoder: str | None = None,
    before: bool = True,
    progress: Progress | None = None,
    known: Texts | None = None,
) -> dict[str, Any]:
    """Try to answer the questions without the video; see docs/adversarial.md for every field of the report.

    ``panel`` holds for every adversary ``accuracy``, ``low``, ``high`` (95 %, resampled by video), ``difficulty`` the
    members' mean probability of the right answer by id, ``lent_auc`` how well lent answers are told from right ones
    (one half: not at all). Where negatives were matched and ``before`` is asked for, the panel of the written negatives
    that they replaced, trained on the very questions that the models on the matched ones could train on. ``known`` are
    texts that were encoded before. Raises ItemError for fewer than 10 questions or 2 videos.
    """
    started = time.perf_counter()
    items = _audited(items)
    written = [written_item(item) for item in items]
    splits = _splits(items, seed)
    known = Texts(texts_of([*items, *written]), known=known)
    texts = Texts(texts_of(items), known=known)
    with threadpool_limits(1):
        told = lent_auc(read(items), set_features(read(items), texts), splits, seed)
    report = {
        "n": len(items),
        "trained_on": int(np.mean([len(split.train) for split in splits])),
        "chance": float(np.mean([1 / len(item.answers) for item in items])),
        **_accuracies(items, splits, seed, encoder, of_stage(progress, "panel"), texts),
        "lent_auc": told,
        "cues": artifact_accuracies(items),
        "suspects": suspects(items)[:_SUSPECTS],
        "seed": seed,
    }
    if before and any(was.answers != item.answers for was, item in zip(written, items, strict=True)):
        report["before"] = _before(written, splits, seed, encoder, progress, Texts(texts_of(written), known=known))
    return report | {"seconds": time.perf_counter() - started}


def blind_chances(items: Sequence[Item], *, seed: int = 0, known: Texts | None = None) -> dict[str | int, float]:
    """By id: the trained members' mean probability of the right answer, from models that never saw the video.

    ``known`` and errors as blind_report.
    """
    items = _audited(items)
    return _chances(items, _splits(items, seed), seed, known)


def chances_from(
    labelled: Sequence[Item], hidden: Sequence[Item], *, seed: int = 0, known: Texts | None = None
) -> dict[str | int, float]:
    """As blind_chances, of the ``hidden`` questions, from models of all ``labelled`` ones: what a participant has.

    The two share neither video nor matched answer. Errors as blind_report.
    """
    items = [*_audited(labelled), *hidden]
    rows = np.arange(len(items))
    nothing = np.zeros((len(items), max(len(item.answers) for item in items)), bool)
    split = AuditSplit(rows[: len(labelled)], rows[len(labelled) :], nothing)
    return _chances(items, [split], seed, known)


def _chances(
    items: Sequence[Item], splits: Sequence[AuditSplit], seed: int, known: Texts | None
) -> dict[str | int, float]:
    with threadpool_limits(1):
        scores = predict(items, splits, seed, Texts(texts_of(items), known=known))
    tested = np.concatenate([split.test for split in splits])
    asked = [items[row] for row in tested.tolist()]
    chances = _confidence_of(asked, {name: scores[name][tested] for name in TRAINED}, TRAINED)
    return {item.qid: round(float(chance), 4) for item, chance in zip(asked, chances, strict=True)}


def _audited(items: Sequence[Item]) -> list[Item]:
    """In the order of their ids. Raises ItemError for too few."""
    if len(items) < _MIN_ITEMS or len({item.video_id for item in items}) < 2:
        raise ItemError(f"an audit needs {_MIN_ITEMS} questions on 2 videos or more, got {len(items)}")
    return sorted(items, key=lambda item: item.sort_key)


def _splits(items: Sequence[Item], seed: int) -> list[AuditSplit]:
    """Raises ItemError where one of them has too little to train on."""
    splits = audit_splits(items, option_sources(items), _FOLDS, seed)
    fewest = min(len(split.train) for split in splits)
    if fewest < _MIN_TRAINING:
        raise ItemError(
            f"an audit needs {_MIN_TRAINING} questions to train on beside those that are tested or tied to them by a "
            f"matched answer, but only {fewest} of {len(items)} are left: audit more questions on more videos together"
        )
    return splits


def _before(
    written: Sequence[Item],
    splits: Sequence[AuditSplit],
    seed: int,
    encoder: str | None,
    progress: Progress | None,
    texts: Texts,
) -> dict[str, Any]:
    """The numbers of the written negatives, ``splits`` being those of the matched ones.

    No other training: with more questions to learn from, the written ones would look easier than they are.
    """
    same = [replace(split, hidden=np.zeros_like(split.hidden)) for split in splits]
    numbers = _accuracies(written, same, seed, encoder, of_stage(progress, "panel before"), texts)
    report = {key: numbers[key] for key in ("panel", "strongest", "by_question_type")}
    return report | {"cues": artifact_accuracies(written)}


def _accuracies(
    items: Sequence[Item],
    splits: Sequence[AuditSplit],
    seed: int,
    encoder: str | None,
    progress: Callable[[float], None] | None,
    texts: Texts,
) -> dict[str, Any]:
    right = np.array([item.answer_idx for item in items])
    with threadpool_limits(1):  # one thread for each product: the result stays the same
        scores = predict(items, splits, seed, texts, progress)
        installed = installed_members()
        if encoder:
            installed["cross_encoder"] = partial(cross_encoder, model=encoder, progress=progress)
        most = scores["answer_only"].shape[1]
        scores |= {name: member_scores(name, member, items, splits, most, seed) for name, member in installed.items()}
        members = (*TRAINED, *installed)
        scores |= ensembles(scores, members, read(items), splits)
    credits = {name: _credit(table, right) for name, table in scores.items()}
    accuracies = {name: _interval(credit, items, seed) for name, credit in credits.items()}
    confidence = _confidence_of(items, scores, members)
    return {
        "panel": accuracies,
        "strongest": max(accuracies, key=lambda name: accuracies[name]["accuracy"]),
        "by_question_type": _by_type(items, credits),
        "difficulty": {str(item.qid): round(float(sure), 4) for item, sure in zip(items, confidence, strict=True)},
        "easiest": _most_guessable(items, confidence),
    }


def _credit(scores: Scores, right: NDArray[np.int64]) -> Scores:
    """[n] 1 where the right option scores highest, shared where options tie."""
    top = scores == scores.max(axis=1, keepdims=True)
    rows = np.arange(len(right))
    return np.where(top[rows, right], 1 / top.sum(axis=1), 0.0)


def _confidence_of(items: Sequence[Item], scores: Mapping[str, Scores], members: Sequence[str]) -> Scores:
    """[n] the members' mean probability of the right option."""
    right = np.array([item.answer_idx for item in items])
    return np.asarray(np.mean([_confidence(scores[name], right) for name in members], axis=0))


def _confidence(scores: Scores, right: NDArray[np.int64]) -> Scores:
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted[np.arange(len(right)), right] / shifted.sum(axis=1)


def _interval(credit: Scores, items: Sequence[Item], seed: int, draws: int = 1000) -> dict[str, float]:
    """Accuracy with a 95 % interval from resampling whole videos.

    Not evaluation's bootstrap, though the method is the same: it draws other videos from the same seed, and the audits
    of frozen releases could not be had again to the last digit.
    """
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


def _most_guessable(items: Sequence[Item], confidence: Scores) -> list[dict[str, Any]]:
    """The items that the trained models answer with the highest mean confidence, and whether to rewrite them."""
    order = np.argsort(-confidence, kind="stable")
    listed = order[: max(_LISTED, int((confidence >= _REWRITE).sum()))]
    return [
        {
            "qid": items[index].qid,
            "confidence": round(float(confidence[index]), 4),
            "rewrite": bool(confidence[index] >= _REWRITE),
        }
        for index in listed
    ]
