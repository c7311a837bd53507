"""Questions without a video, by what stands outside the item: the other task's rows, the labelled splits."""

from collections.abc import Iterator

import numpy as np

from adversarial.leaks.moments import question_text
from adversarial.leaks.quiz import Places, Quiz, Scores, flat
from adversarial.leaks.scoring import Attack
from adversarial.leaks.text import SPACES
from adversarial.leaks.view import SPLITS, View

_NEIGHBOURS = 5  # labelled questions that vote


def cross_task(quiz: Quiz, view: View) -> Iterator[Attack]:
    """An option that resembles a moment query of its own split."""
    if not all(split in view.moments for split in SPLITS):
        return
    for space in SPACES:
        option, pair = np.zeros(quiz.shape), np.zeros(quiz.shape)
        for split, rows in zip(SPLITS, quiz.parts, strict=True):
            queries = view.moments[split].desc
            options = flat([quiz.options[row] for row in rows])
            pairs = flat(
                [tuple(question_text(quiz.questions[row], (text,)) for text in quiz.options[row]) for row in rows]
            )
            option[rows] = quiz.texts.nearest(space, options, queries)[1].reshape(len(rows), -1)
            pair[rows] = quiz.texts.nearest(space, pairs, queries)[1].reshape(len(rows), -1)
        yield from alone_and_stacked(quiz, f"moment queries: option, {space}", "cross-task", option)
        yield from alone_and_stacked(quiz, f"moment queries: question and option, {space}", "cross-task", pair)


def across_splits(quiz: Quiz) -> Iterator[Attack]:
    """An option that resembles the right answers of the labelled questions that read most alike."""
    for space in SPACES:
        vote = np.zeros(quiz.shape)
        for seen, judged in quiz.learn():
            vote[judged] = _votes(quiz, space, seen, judged)
        yield from alone_and_stacked(quiz, f"nearest labelled questions, {space}", "across splits", vote)


def _votes(quiz: Quiz, space: str, seen: Places, judged: Places) -> Scores:
    """[judged, o]: likeness to the neighbours' right answers, each weighted by how near its question is."""
    asked = [quiz.questions[row] for row in judged]
    found = np.empty((len(judged), quiz.shape[1]))
    for part, table in quiz.texts.blocks(space, asked, [quiz.questions[row] for row in seen]):
        for at, cosines in enumerate(table, part.start):
            near = np.argsort(-cosines, kind="stable")[:_NEIGHBOURS]
            lent = [quiz.options[row][quiz.right[row]] for row in seen[near]]
            likeness = quiz.texts.similarity(space, quiz.options[judged[at]], lent)
            found[at] = (likeness * cosines[near] ** 4).max(axis=1)  # a text twice as like counts for much more
    return found


def alone_and_stacked(quiz: Quiz, name: str, kind: str, feature: Scores) -> Iterator[Attack]:
    """A feature [n, o] as a guess of its own, and on top of the item-level models."""
    yield quiz.attack(name, kind, quiz.choose(feature[quiz.test]))
    yield quiz.attack(f"{name}, with all models", kind, quiz.choose(quiz.stack(feature)))
