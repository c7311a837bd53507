"""What needs no statistics: hidden items that stand in a labelled split, ids that are made of the truth."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from adversarial.leaks import recipes
from adversarial.leaks.view import Audited, View
from adversarial.text.normalise import canonical
from evaluation.release import MomentQueries, Questions

_SAME_TIME = 0.05  # seconds


def proofs(audited: Audited) -> dict[str, list[int]]:
    """Name of each proof -> the ids that it convicts; names without ids are left out."""
    found: dict[str, list[int]] = {}
    if audited.moments:
        found["moment copied from a labelled split"] = _copied_moments(audited.view, audited.moments)
        rows = recipes.moment_rows(audited.moments)
        found |= _made_ids("desc_id", audited.moments.desc_ids.tolist(), rows, {"clip", "start", "end"})
    if audited.questions:
        found["question copied from a labelled split"] = _copied_questions(audited.view, audited.questions)
        secret = {"right answer", "answer index"}
        if np.isnan(audited.view.questions["test"].span).any():
            secret |= {"start", "end"}
        found |= _made_ids("qid", audited.questions.qids.tolist(), recipes.question_rows(audited.questions), secret)
    return {name: ids for name, ids in found.items() if ids}


def _made_ids(field: str, ids: list[int], rows: list[recipes.Row], secrets: set[str]) -> dict[str, list[int]]:
    recipe = recipes.reproduced(ids, rows, secrets)
    return {f"{field} is {recipe}": ids} if recipe else {}


def _copied_moments(view: View, truth: MomentQueries) -> list[int]:
    """Ids of hidden queries whose text stands in train or val, with their times in every such row.

    Where equal texts have other times as well, the text is a general one, and nobody knows which to believe.
    """
    spans = defaultdict(list)
    for split in ("train", "val"):
        if rows := view.moments.get(split):
            for text, start, end in zip(rows.desc, rows.start, rows.end, strict=True):
                spans[canonical(text)].append((start, end))
    return [
        int(desc_id)
        for desc_id, text, start, end in zip(truth.desc_ids, truth.desc, truth.start, truth.end, strict=True)
        if (known := spans.get(canonical(text)))
        and all(max(abs(start - low), abs(end - high)) <= _SAME_TIME for low, high in known)
    ]


def _copied_questions(view: View, truth: Questions) -> list[int]:
    """Ids of hidden questions that stand, with the same options and the same right one, in a labelled split."""
    labelled = {key for split in ("train", "val") if (rows := view.questions.get(split)) for key in _keys(rows)}
    return [int(qid) for qid, key in zip(truth.qids, _keys(truth), strict=True) if key in labelled]


def _keys(rows: Questions) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for question, options, right in zip(rows.q, rows.options, rows.answer, strict=True):
        folded = [canonical(option) for option in options]
        yield canonical(question), folded[right], tuple(sorted(folded))
