"""Questions without a video, by what stands outside the item: the other task's rows, the labelled splits."""

from collections.abc import Iterator, Sequence

import numpy as np

from adversarial.leaks.quiz import Places, Quiz, Scores
from adversarial.leaks.scoring import Attack
from adversarial.leaks.view import View
from adversarial.relevance.likeness import SPACES, Floats
from evaluation.release import SPLITS

_NEIGHBOURS = 5  # labelled questions that vote


def cross_task(quiz: Quiz, view: View) -> Iterator[Attack]:
    """An option that resembles a moment query of its own split."""
    if not all(split in view.moments for split in SPLITS):
        return
    for space in SPACES:
        option, pair = np.zeros(quiz.shape), np.zeros(quiz.shape)
        for split, rows in zip(SPLITS, quiz.split_rows, strict=True):
            queries = view.moments[split].desc
            for place, texts in enumerate(zip(*(quiz.options[row] for row in rows), strict=True)):
                option[rows, place], pair[rows, place] = _likeness(
                    quiz, space, [quiz.questions[row] for row in rows], texts, queries
                )
        yield from alone_and_stacked(quiz, f"moment queries: option, {space}", "cross-task", option)
        yield from alone_and_stacked(quiz, f"moment queries: question and option, {space}", "cross-task", pair)


def _likeness(
    quiz: Quiz, space: str, asked: Sequence[str], options: Sequence[str], queries: Sequence[str]
) -> tuple[Floats, Floats]:
    """[N] cosine of each option with the query most like it, and the same summed with the question's."""
    option, pair = np.empty(len(options), np.float32), np.empty(len(options), np.float32)
    for part, table in quiz.texts.blocks(space, options, queries):
        option[part] = table.max(axis=1)
        pair[part] = (table + quiz.texts.similarity(space, asked[part], queries)).max(axis=1)
    return option, pair


def across_splits(quiz: Quiz) -> Iterator[Attack]:
    """An option that resembles the right answers of the labelled questions that read most alike."""
    for space in SPACES:
        vote = np.zeros(quiz.shape)
        for seen, tested in quiz.learn():
            vote[tested] = _votes(quiz, space, seen, tested)
        yield from alone_and_stacked(quiz, f"nearest labelled questions, {space}", "across splits", vote)


def _votes(quiz: Quiz, space: str, seen: Places, tested: Places) -> Scores:
    """[tested, o]: likeness to the neighbours' right answers, each weighted by how near its question is."""
    asked = [quiz.questions[row] for row in tested]
    found = np.empty((len(tested), quiz.shape[1]))
    for part, table in quiz.texts.blocks(space, asked, [quiz.questions[row] for row in seen]):
        for at, cosines in enumerate(table, part.start):
            near = np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]
            lent = [quiz.options[row][quiz.right[row]] for row in seen[near]]
            likeness = quiz.texts.similarity(space, quiz.options[tested[at]], lent)
            found[at] = (likeness * cosines[near] ** 4).max(axis=1)  # a text twice as like counts for much more
    return found


def alone_and_stacked(quiz: Quiz, name: str, kind: str, feature: Scores) -> Iterator[Attack]:
    """A feature [n, o] as a guess of its own, and on top of the item-level models."""
    yield quiz.attack(name, kind, quiz.choose(feature[quiz.test]))
    yield quiz.attack(f"{name}, with all models", kind, quiz.choose(quiz.stack(feature)))
