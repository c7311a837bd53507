"""Parts of a split to look at apart: query type, segment length, position in the clip, question type."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.release import MomentQueries, Questions

LENGTHS = ("short", "middle", "long")
POSITIONS = ("first third", "second third", "last third")
TYPES = ("v", "t", "vt")
QUESTION_WORDS = ("how many", "how much", "what", "who", "where", "when", "why", "how", "which", "whose")


@dataclass(frozen=True)
class Group:
    """The queries of one part: `inside` bool [N]; `by` names the division."""

    by: str
    name: str
    inside: NDArray[np.bool_]


def moment_groups(truth: MomentQueries) -> list[Group]:
    """By type (video, text, both), by tertile of the truth's length, by where the truth's middle lies in the clip.

    Of several true moments the first counts; where there are none, by type alone.
    """
    kinds = [Group("type", name, truth.types == name) for name in TYPES]
    if not truth.has_moments:
        return _filled(kinds)
    length = truth.end - truth.start
    middle = (truth.start + truth.end) / 2 / truth.videos.durations[truth.video]
    tertile = np.searchsorted(np.quantile(length, [1 / 3, 2 / 3]), length)
    third = np.clip((middle * 3).astype(np.int64), 0, 2)
    return _filled(
        kinds
        + [Group("length", name, tertile == n) for n, name in enumerate(LENGTHS)]
        + [Group("position", name, third == n) for n, name in enumerate(POSITIONS)]
    )


def question_groups(truth: Questions) -> list[Group]:
    """By question word; none where the truth holds no text."""
    types = np.array([question_word(text) for text in truth.q])
    return [Group("question_type", name, types == name) for name in np.unique(types).tolist()]


def question_word(question: str) -> str:
    """The question word that a question starts with, or "other"."""
    lowered = question.lower().lstrip()
    return next((word for word in QUESTION_WORDS if lowered.startswith(word)), "other")


def _filled(groups: list[Group]) -> list[Group]:
    return [group for group in groups if group.inside.any()]
