"""What is wrong with an item keeps that item out of a release, and no other."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from adversarial.text.normalise import canonical
from annotation.models import Worker
from benchmark_site.releases.models import Exclusion, Item, Release
from benchmark_site.releases.quality.rows import Row, item_row

TOLERANCE_S = 0.05  # segments that overrun their clip by this much are clamped


@dataclass(frozen=True)
class Check:
    """A fault that items may have: which of them do, and how it is told of one."""

    id: str
    title: str
    find: Callable[[Sequence[Item]], list[Item]]
    tell: Callable[[Item], str]


def check_accepted(
    items: Sequence[Item], option_count: int = Release.OptionCount.FOUR
) -> tuple[list[Row], list[Item], list[Exclusion]]:
    """The checks on what was collected, before anything is split: (rows, items without a fault, what is left out).

    Questions are to have `option_count` options. Segments are in seconds of the clip. Every check sees all items; one
    with several faults is listed for the first.
    """
    rows = []
    faulty: dict[int, Exclusion] = {}
    for check in _checks(option_count):
        found = check.find(items)
        rows.append(item_row(check.id, check.title, found, items, "exclude"))
        for item in found:
            faulty.setdefault(id(item), exclusion(item, check.id, check.tell(item)))
    return rows, [item for item in items if id(item) not in faulty], list(faulty.values())


def exclusion(item: Item, check: str, reason: str) -> Exclusion:
    """An unsaved line of the list of what is left out."""
    return Exclusion(
        release_id=item.release_id,
        kind=item.kind,
        public_id=item.public_id,
        vid_name=item.vid_name,
        text=item.text,
        check_id=check,
        reason=reason,
    )


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


def _outside(items: Sequence[Item]) -> list[Item]:
    return [
        item
        for item in items
        if not 0 <= item.start < min(item.end, item.duration) or item.end > item.duration + TOLERANCE_S
    ]


def _where(item: Item) -> str:
    return f"[{item.start:g}, {item.end:g}] of a clip of {item.duration:g} s"


def bad_options(item: Item, count: int) -> bool:
    """Whether a question lacks `count` different options of which one is right."""
    folded = {canonical(option) for option in item.options}
    return len(item.options) != count or len(folded) != count or "" in folded or item.answer_index not in range(count)


def _ill_asked(count: int, items: Sequence[Item]) -> list[Item]:
    return [item for item in items if item.kind == Item.Kind.QA and bad_options(item, count)]


def _options(count: int, item: Item) -> str:
    listed = " | ".join(item.options)
    return listed if len(item.options) == count else f"{len(item.options)} options, expected {count}: {listed}"


def _repeated(items: Sequence[Item]) -> list[Item]:
    """Later items that repeat a text of their clip on the same moment, or on the abutting half of it."""
    same_text = defaultdict(list)
    for item in items:
        same_text[item.kind, item.vid_name, canonical(item.text)].append(item)
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


def _dirty(items: Sequence[Item]) -> list[Item]:
    return [item for item in items if not all(map(_clean, (item.text, *item.options)))]


def _clean(text: str) -> bool:
    return bool(text.strip()) and not any(
        unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} for character in text
    )


def _quoted(item: Item) -> str:
    return repr(item.text)


def _with_worker_ids(items: Sequence[Item]) -> list[Item]:
    ids = set(Worker.objects.values_list("worker_id", flat=True))
    return [item for item in items if not ids.isdisjoint(" ".join((item.text, *item.options)).split())]


def _checks(option_count: int) -> tuple[Check, ...]:
    differ = f"{option_count} different options, one of them right"
    return (
        Check(
            "B1",
            "no id stands for other content than in an earlier release",
            _reused_ids,
            lambda item: "it stood for another text or clip",
        ),
        Check("B2", f"segments lie inside their clip (within {TOLERANCE_S} s)", _outside, _where),
        Check("B4", differ, partial(_ill_asked, option_count), partial(_options, option_count)),
        Check("B6", "no text twice on one moment, none copied over two halves of one", _repeated, _where),
        Check(
            "B8", "texts are neither blank nor hold control or direction marks", _dirty, lambda item: repr(item.text)
        ),
        Check("B9", "no text holds a worker's id", _with_worker_ids, lambda item: "one of its words"),
    )
