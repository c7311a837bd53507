"""Quality gate: what keeps a release from being frozen, and what its page warns of.

Each check returns a row `{"id", "severity": "block"|"warn", "title", "n", "total", "first"}`: n of total items are
wrong, `first` names up to 20 of them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from adversarial.text.normalise import canonical
from annotation.models import Worker
from annotation.review.text_rules import fold
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import OPTIONS, Item, Negative, Release, Split
from benchmark_site.releases.split.seal import HIDDEN

TOLERANCE_S = 0.05  # segments that overrun their clip by this much are clamped
FIRST = 20
ENOUGH_TO_TEST = 100  # questions of a split from which on positions are tested
RAREST_CHANCE = 0.001

Row = dict[str, Any]


def check_accepted(items: Sequence[Item]) -> list[Row]:
    """The checks on what was collected, before anything is matched; segments are in seconds of the clip."""
    questions = [item for item in items if item.kind == Item.Kind.QA]
    return [
        _row("B1", "no id stands for other content than in an earlier release", _reused_ids(items), items),
        _row("B2", f"segments lie inside their clip (within {TOLERANCE_S} s)", filter(_outside, items), items),
        _row("B4", f"{OPTIONS} different options, one of them right", filter(_bad_options, questions), questions),
        _row("B6", "no text twice on one moment, none copied over two halves of one", _repeated(items), items),
        _row("B8", "texts are neither blank nor hold control or direction marks", filter(_dirty, items), items),
        _row("B9", "no text holds a worker's id", _with_worker_ids(items), items),
        _row("W3", "one text on several videos", _on_several_videos(items), items, severity="warn"),
    ]


def check_splits(items: Sequence[Item]) -> Row:
    """Whether each task that has items at all has some to publish in every split."""
    found = {(item.kind, item.split) for item in items if item.published}
    kinds = sorted({item.kind for item in items})
    missing = [f"{kind} {split}" for kind in kinds for split in Split.values if (kind, split) not in found]
    return {
        "id": "B0", "severity": "block", "title": "every split has items of every task",
        "n": len(missing), "total": len(kinds) * len(Split.values), "first": missing,
    }  # fmt: skip


def check_feature_sets(lacking: Mapping[str, int], clips: int) -> Row:
    """The sets that are left out of the release, since they have not described every clip of it."""
    told = [f"{name} lacks {n} of {clips} clips" for name, n in sorted(lacking.items()) if n]
    return {
        "id": "W6", "severity": "warn", "title": "feature sets describe every clip; others are left out",
        "n": len(told), "total": len(lacking), "first": told[:FIRST],
    }  # fmt: skip


def copied_into_labelled(items: Sequence[Item]) -> list[Item]:
    """Hidden items that can be looked up: the labelled ones of the same text all have the same times, or those with
    the same options the same right one. A general text that stands there with other answers as well tells nothing.

    Whatever they would measure, it is not looking at a video, so they are left out of the release.
    """
    spans = defaultdict(list)
    asked = defaultdict(set)
    for item in items:
        if item.split == HIDDEN:
            continue
        if item.kind == Item.Kind.MOMENT:
            spans[canonical(item.text)].append(item)
        else:
            asked[_asked(item)].add(_right(item))
    return [
        item
        for item in items
        if item.split == HIDDEN
        and (
            asked[_asked(item)] == {_right(item)}
            if item.kind == Item.Kind.QA
            else _timed_alike(item, spans[canonical(item.text)])
        )
    ]


def found_copies(copies: Sequence[Item], items: Sequence[Item]) -> Row:
    """The row that says how many there were."""
    return _row("W4", "no hidden item stands in train or val as well (left out)", copies, items, severity="warn")


def found_corrected(corrected: Sequence[Item], items: Sequence[Item]) -> Row:
    """The row that says how many there were."""
    title = "no hidden question was corrected after a release had published it (left out)"
    return _row("W5", title, corrected, items, severity="warn")


def _asked(item: Item) -> tuple[str, frozenset[str]]:
    """What makes a question the same: its text and its options, in any order."""
    return canonical(item.text), frozenset(map(canonical, item.options))


def _right(item: Item) -> str:
    assert item.answer_index is not None
    return canonical(item.options[item.answer_index])


def _timed_alike(item: Item, others: Sequence[Item]) -> bool:
    return bool(others) and all(
        max(abs(item.start - one.start), abs(item.end - one.end)) <= TOLERANCE_S for one in others
    )


def check_matched(
    release: Release, items: Sequence[Item], negatives: Sequence[Negative], suspects: Sequence[Row]
) -> list[Row]:
    """The checks on the published questions, their matched negatives and the places of the right answers.

    `suspects` are the wrong options, `{"qid", …}`, that the audit found too close to the right one.
    """
    lent = Counter(negative.source_id for negative in negatives)
    suspected = {row["qid"] for row in suspects}
    uneven = [split for split in Split.values if not _even([i for i in items if i.split == split])]
    return [
        _row("B4", "the same after the matching", filter(_bad_options, items), items),
        {
            "id": "B5", "severity": "block", "title": "the right answer stands in every place equally often",
            "n": len(uneven), "total": len(Split.values), "first": uneven,
        },
        _row(
            "B7",
            f"matched negatives come from another video of the same split, each used once or, if published, "
            f"{OPTIONS - 1} times at most",
            (n.item for n in negatives if _ill_matched(n) or lent[n.source_id] > _most_uses(n)),
            negatives,
        ),
        _row(
            "B10",
            "no published question lends to the sealed split",
            _lent_by_published(release, negatives),
            negatives,
        ),
        _row(
            "W8",
            "no wrong option says the same as the right one",
            (item for item in items if item.public_id in suspected),
            items,
            severity="warn",
        ),
    ]  # fmt: skip


def refuse_blocked(rows: Iterable[Row]) -> None:
    """Raises BuildError where a blocking check found something."""
    found = [row for row in rows if row["severity"] == "block" and row["n"]]
    if found:
        raise BuildError(
            "quality gate: "
            + "; ".join(
                f"{row['id']} ({row['title']}): {row['n']} of {row['total']}, {', '.join(row['first'][:5])}"
                for row in found
            )
        )


def _row(check: str, title: str, wrong: Iterable[Item], total: Sequence[Any], severity: str = "block") -> Row:
    names = [f"{item.kind} {item.public_id}" for item in wrong]
    return {
        "id": check, "severity": severity, "title": title,
        "n": len(names), "total": len(total), "first": names[:FIRST],
    }  # fmt: skip


def _reused_ids(items: Sequence[Item]) -> list[Item]:
    published = Item.objects.filter(release__state=Release.State.FROZEN)
    known = {
        (kind, public_id): (vid_name, text)
        for kind, public_id, vid_name, text in published.values_list("kind", "public_id", "vid_name", "text")
    }
    return [
        item
        for item in items
        if known.get((item.kind, item.public_id), (item.vid_name, item.text)) != (item.vid_name, item.text)
    ]


def _outside(item: Item) -> bool:
    return not 0 <= item.start < min(item.end, item.duration) or item.end > item.duration + TOLERANCE_S


def _bad_options(item: Item) -> bool:
    folded = {fold(option) or option.strip() for option in item.options}
    return (
        len(item.options) != OPTIONS
        or len(folded) != OPTIONS
        or "" in folded
        or item.answer_index not in range(OPTIONS)
    )


def _repeated(items: Sequence[Item]) -> list[Item]:
    """Later items that repeat a text of their clip on the same moment, or on the abutting half of it."""
    same_text = defaultdict(list)
    for item in items:
        same_text[item.kind, item.vid_name, fold(item.text)].append(item)
    return [
        later
        for group in same_text.values()
        for position, later in enumerate(group)
        if any(_same_moment(earlier, later) or _halves(earlier, later) for earlier in group[:position])
    ]


def _same_moment(one: Item, other: Item) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _halves(one: Item, other: Item) -> bool:
    """Whether a moment was cut in two and its description copied; a question may well be asked of both halves."""
    if one.kind != Item.Kind.MOMENT:
        return False
    first, second = sorted((one, other), key=lambda item: item.start)
    return (
        abs(first.end - second.start) <= TOLERANCE_S
        and abs((first.end - first.start) - (second.end - second.start)) <= TOLERANCE_S
    )


def _dirty(item: Item) -> bool:
    return any(
        not text.strip() or any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} for character in text)
        for text in (item.text, *item.options)
    )


def _with_worker_ids(items: Sequence[Item]) -> list[Item]:
    ids = set(Worker.objects.values_list("worker_id", flat=True))
    return [item for item in items if not ids.isdisjoint(" ".join((item.text, *item.options)).split())]


def _on_several_videos(items: Sequence[Item]) -> list[Item]:
    videos = defaultdict(set)
    for item in items:
        videos[item.kind, fold(item.text)].add(item.video_id)
    return [item for item in items if len(videos[item.kind, fold(item.text)]) > 1]


def _even(questions: Sequence[Item]) -> bool:
    from scipy.stats import chisquare

    if len(questions) < ENOUGH_TO_TEST:
        return True
    places = Counter(item.answer_index for item in questions)
    return bool(chisquare([places[place] for place in range(OPTIONS)]).pvalue > RAREST_CHANCE)


def _lent_by_published(release: Release, negatives: Sequence[Negative]) -> list[Item]:
    """Questions of a sealed split with a negative that is right in another question of the file."""
    sealed = release.hidden == Release.Hidden.SEALED
    return [row.item for row in negatives if sealed and row.item.split == HIDDEN and row.source.published]


def _most_uses(negative: Negative) -> int:
    """In balance a published right answer stands in as many wrong places as its question has wrong options."""
    return OPTIONS - 1 if negative.source.published else 1


def _ill_matched(negative: Negative) -> bool:
    item, source = negative.item, negative.source
    assert item.answer_index is not None
    return (
        item.split != source.split
        or item.video_id == source.video_id
        or fold(item.options[negative.option]) == fold(item.options[item.answer_index])
    )
