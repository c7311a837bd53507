"""Two releases side by side: which items were added, corrected, withdrawn or moved to another split.

Public copies are compared as far as they tell; where both hold the truth of test, that too.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evaluation.release import SPLITS, Release
from evaluation.release.queries import MomentQueries, Questions

Content = tuple[Any, ...]
Found = dict[tuple[str, int], tuple[str, Content]]


@dataclass(frozen=True)
class Change:
    """One item that stands otherwise in the second release; `why` names what differs."""

    task: str
    id: int
    word: str
    split: str
    why: str = ""


@dataclass(frozen=True)
class Difference:
    """What `second` holds otherwise than `first`, and the clips that came and went."""

    first: Release
    second: Release
    items: list[Change]
    clips_added: list[str]
    clips_removed: list[str]

    def counts(self) -> Counter[tuple[str, str, str]]:
        """{(word, task, split): items}."""
        return Counter((change.word, change.task, change.split) for change in self.items)


def difference(first: Release, second: Release) -> Difference:
    """Compare by id. Raises ReleaseError where a folder cannot be read.

    Wrong options are drawn anew in each version and are no change; another right answer is.
    """
    truth = first.has_held_out and second.has_held_out
    before, now = _items(first, truth), _items(second, truth)
    changes = [
        change for key in sorted(before.keys() | now.keys()) if (change := _change(key, before.get(key), now.get(key)))
    ]
    clips = [_clips(release) for release in (first, second)]
    return Difference(first, second, changes, sorted(clips[1] - clips[0]), sorted(clips[0] - clips[1]))


FIELDS = {"moment": ("text", "clip", "start", "end", "type"), "qa": ("text", "clip", "start", "end", "answer")}


def _change(key: tuple[str, int], before: tuple[str, Content] | None, now: tuple[str, Content] | None) -> Change | None:
    task, number = key
    if before is None or now is None:
        (split, _), word = (now, "added") if now is not None else (before, "withdrawn")  # type: ignore[misc]
        return Change(task, number, word, split)
    differs = [name for name, was, is_ in zip(FIELDS[task], before[1], now[1], strict=True) if was != is_]
    if differs:
        return Change(task, number, "corrected", now[0], ", ".join(differs))
    return None if before[0] == now[0] else Change(task, number, "moved", now[0], f"from {before[0]}")


def _items(release: Release, truth: bool) -> Found:
    found: Found = {}
    for split in SPLITS:
        if "moment" in release.tasks:
            for number, content in _moments(release.moments(split, truth=truth or split != "test")):
                found["moment", number] = split, content
        if "qa" in release.tasks:
            for number, content in _questions(release.questions(split, truth=truth or split != "test")):
                found["qa", number] = split, content
    return found


def _moments(queries: MomentQueries) -> Iterator[tuple[int, Content]]:
    for place, number in enumerate(queries.desc_ids.tolist()):
        where: Content = (None, None, None)
        if queries.has_truth:
            clip = queries.videos.names[int(queries.video[place])]
            where = (clip, float(queries.start[place]), float(queries.end[place]))
        yield number, (queries.desc[place], *where, str(queries.types[place]))


def _questions(questions: Questions) -> Iterator[tuple[int, Content]]:
    for place, number in enumerate(questions.qids.tolist()):
        when: Content = (None, None, None)
        if questions.has_truth:
            right = questions.options[place][int(questions.answer[place])]
            start, end = questions.span[place].tolist()
            when = (None, None, right) if math.isnan(start) else (start, end, right)
        yield number, (questions.q[place], questions.video[place], *when)


def _clips(release: Release) -> set[str]:
    return {name for split in SPLITS for name in release.videos(split).names}
