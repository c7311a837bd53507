"""What is wrong with a release as a whole stops it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from adversarial.text.normalise import canonical
from benchmark_site.releases.models import Item, Negative, Release, Split
from benchmark_site.releases.quality.items import bad_options
from benchmark_site.releases.quality.rows import Row, item_row, told_row
from benchmark_site.releases.split.seal import HIDDEN

ENOUGH_TO_TEST = 100  # questions of a split from which on positions are tested
RAREST_CHANCE = 1e-6  # of a split whose places are drawn, that it is stopped all the same


def check_splits(items: Sequence[Item]) -> Row:
    """Whether each task that has items at all has some to publish in every split."""
    found = {(item.kind, item.split) for item in items if item.published}
    kinds = sorted({item.kind for item in items})
    missing = [f"{kind} {split}" for kind in kinds for split in Split.values if (kind, split) not in found]
    return told_row("B0", "every split has items of every task", missing, len(kinds) * len(Split.values))


def check_ledger(items: Sequence[Item]) -> Row:
    """Whether every video lies in one split: of this release, for both tasks, and of every frozen one."""
    now: dict[int, set[str]] = defaultdict(set)
    for item in items:
        now[item.video_id].add(item.split)
    frozen = Item.objects.filter(release__state=Release.State.FROZEN).values_list("video_id", "split")
    for video, split in frozen.distinct().order_by():
        if video in now:
            now[video].add(split)
    names = {item.video_id: item.video.public_id for item in items}
    torn = sorted(names[video] for video, splits in now.items() if len(splits) > 1)
    return told_row("B3", "a video lies in one split, over tasks and releases", torn, len(now))


def check_matched(
    release: Release, items: Sequence[Item], negatives: Sequence[Negative], suspects: Sequence[Row]
) -> list[Row]:
    """The checks on the published questions, their matched negatives and the places of the right answers.

    `suspects` are the wrong options, `{"qid", …}`, that the audit found too close to the right one and nobody accepted.
    """
    lent = Counter(negative.source_id for negative in negatives)
    suspected = {row["qid"] for row in suspects}
    count = release.option_count
    uneven = [split for split in Split.values if not _even([i for i in items if i.split == split], count)]
    title = (
        "matched negatives come from another video of the same split, each used once or, if published, "
        f"{count - 1} times at most"
    )
    ill = [n.item for n in negatives if _ill_matched(n) or lent[n.source_id] > _most_uses(n, count)]
    return [
        item_row("B4", "the same after the matching", (item for item in items if bad_options(item, count)), items),
        told_row("B5", "the right answer stands in every place equally often", uneven, len(Split.values)),
        item_row("B7", title, ill, negatives),
        item_row(
            "B10",
            "no published question lends to the sealed split",
            _lent_by_published(release, negatives),
            negatives,
        ),
        item_row(
            "W8",
            "no wrong option says the same as the right one",
            (item for item in items if item.public_id in suspected),
            items,
            severity="warn",
        ),
    ]


def _even(questions: Sequence[Item], option_count: int) -> bool:
    from scipy.stats import chisquare

    if len(questions) < ENOUGH_TO_TEST:
        return True
    places = Counter(item.answer_index for item in questions)
    return bool(chisquare([places[place] for place in range(option_count)]).pvalue > RAREST_CHANCE)


def _lent_by_published(release: Release, negatives: Sequence[Negative]) -> list[Item]:
    """Questions of a sealed split with a negative that is right in another question of the file."""
    sealed = release.hidden == Release.Hidden.SEALED
    return [row.item for row in negatives if sealed and row.item.split == HIDDEN and row.source.published]


def _most_uses(negative: Negative, option_count: int) -> int:
    """In balance a published right answer stands in as many wrong places as its question has wrong options."""
    return option_count - 1 if negative.source.published else 1


def _ill_matched(negative: Negative) -> bool:
    item, source = negative.item, negative.source
    assert item.answer_index is not None
    return (
        item.split != source.split
        or item.video_id == source.video_id
        or canonical(item.options[negative.option]) == canonical(item.options[item.answer_index])
    )
