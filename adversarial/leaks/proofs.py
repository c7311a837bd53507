"""What needs no statistics: hidden items that stand in a labelled split, ids that are made of the truth."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from adversarial.leaks import recipes, redraw
from adversarial.leaks.view import Audited, View
from adversarial.text.normalise import canonical
from evaluation.release import MomentQueries, Questions

_SAME_TIME = 0.05  # seconds


def proofs(audited: Audited) -> dict[str, list[int | str]]:
    """Name of each proof -> the ids (or files) that it convicts; names without any are left out."""
    found: dict[str, list[int | str]] = {"public files outside the format": list(audited.strange_files)}
    if audited.moments:
        found["moment copied from a labelled split"] = _copied_moments(audited.view, audited.moments)
        rows = recipes.moment_rows(audited.moments)
        found |= _made_ids("desc_id", audited.moments.desc_ids.tolist(), rows, {"clip", "start", "end"})
    if audited.questions:
        found["question copied from a labelled split"] = _copied_questions(audited.view, audited.questions)
        secret = {"right answer", "answer index"}
        if np.isnan(audited.view.questions["test"].span).any():
            secret |= {"start", "end"}
        if recipe := redraw.redrawn(audited.questions, audited.seed):
            found[f"places of the right answers: {recipe}"] = list(audited.questions.qids.tolist())
        found |= _made_ids("qid", audited.questions.qids.tolist(), recipes.question_rows(audited.questions), secret)
    return {name: ids for name, ids in found.items() if ids}


def _made_ids(field: str, ids: list[int], rows: list[recipes.Row], secrets: set[str]) -> dict[str, list[int | str]]:
    recipe = recipes.reproduced(ids, rows, secrets)
    return {f"{field} is {recipe}": list(ids)} if recipe else {}


def _copied_moments(view: View, truth: MomentQueries) -> list[int | str]:
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


def _copied_questions(view: View, truth: Questions) -> list[int | str]:
    """Ids of hidden questions that stand with the same options in a labelled split, always with the same right one."""
    labelled = defaultdict(set)
    for split in ("train", "val"):
        for asked, right in _asked(rows) if (rows := view.questions.get(split)) else ():
            labelled[asked].add(right)
    asked_and_right = zip(truth.qids, _asked(truth), strict=True)
    return [int(qid) for qid, (asked, right) in asked_and_right if labelled.get(asked) == {right}]


def _asked(rows: Questions) -> Iterator[tuple[tuple[str, ...], str]]:
    """(the question and its options in alphabetical order, the right one) of every row, folded."""
    for question, options, right in zip(rows.q, rows.options, rows.answer, strict=True):
        folded = [canonical(option) for option in options]
        yield (canonical(question), *sorted(folded)), folded[right]
