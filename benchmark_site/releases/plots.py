"""The figures of a release's page, of train and val alone: what a plot of test would tell is withheld.

Frozen releases never change, so each is counted once a process.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from annotation.review.text.text_rules import words
from benchmark_site.releases.models import Item, Release, Split

LABELLED = (Split.TRAIN, Split.VAL)
CACHED = 32  # releases
SECONDS = (0, 5, 10, 15, 20, 25, 30, 40, 60)
QUERY_WORDS = (1, 4, 8, 12, 16, 21, 31)
ANSWER_WORDS = (1, 2, 3, 4, 6, 8, 12)
LEADING = 7  # first words that have a sector of their own
SECOND = 4  # second words within each
RINGS = ((18, 34), (35, 49))  # inner and outer radius, in units of a picture of 100


@dataclass(frozen=True)
class Bar:
    """One bar: `x` and `width` of the plot's 100 units, `height` of its 40."""

    label: str
    n: int
    share: float  # per cent
    x: float
    width: float
    height: float

    @property
    def y(self) -> float:
        return 40 - self.height

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class Histogram:
    """A titled plot with its unit and median."""

    title: str
    unit: str
    median: float
    bars: list[Bar]


@dataclass(frozen=True)
class Sector:
    """One sector of the picture of leading words; `path` is SVG's, `ring` 0 inside and 1 outside."""

    words: str
    n: int
    share: float  # per cent
    ring: int
    place: int  # of its first word, which gives the colour
    path: str
    x: float
    y: float
    shown: bool  # whether its name has room

    @property
    def name(self) -> str:
        """What is written on it: outside the second word alone."""
        return self.words.split()[-1] if self.words else ""


@dataclass(frozen=True)
class Figures:
    """Everything that is drawn."""

    histograms: list[Histogram]
    sectors: list[Sector]


def figures(release: Release) -> Figures:
    """The figures of a release; of one that is being built they may change."""
    return _figures(release.pk, release.sha256) if release.sha256 else _count(release.pk)


@lru_cache(maxsize=CACHED)
def _figures(pk: int, sha256: str) -> Figures:
    return _count(pk)


def _count(pk: int) -> Figures:
    fields = ("kind", "start", "end", "text", "options", "answer_index")
    found = list(Item.objects.filter(release=pk, split__in=LABELLED).values_list(*fields).order_by())
    queries = [text for kind, _, _, text, _, _ in found if kind == Item.Kind.MOMENT]
    questions = [text for kind, _, _, text, _, _ in found if kind == Item.Kind.QA]
    answers = [options[right] for kind, *_, options, right in found if kind == Item.Kind.QA]
    plots = [
        _histogram("Length of segments", "s", [end - start for _, start, end, *_ in found], SECONDS),
        _histogram("Length of queries", "words", [len(words(text)) for text in queries], QUERY_WORDS),
        _histogram("Length of questions", "words", [len(words(text)) for text in questions], QUERY_WORDS),
        _histogram("Length of right answers", "words", [len(words(text)) for text in answers], ANSWER_WORDS),
    ]
    return Figures([plot for plot in plots if plot is not None], _sunburst(questions))


def _histogram(title: str, unit: str, values: Sequence[float], edges: Sequence[int]) -> Histogram | None:
    """Values by bins from edge to edge; the last bin is open. None where there is no value."""
    if not values:
        return None
    counts = Counter(max(sum(value >= edge for edge in edges) - 1, 0) for value in values)
    width, most = 100 / len(edges), max(counts.values())
    whole = unit == "words"
    bars = []
    for place, edge in enumerate(edges):
        last = place + 1 == len(edges)
        end = "" if last else edges[place + 1] - whole
        label = f"{edge}+" if last else f"{edge}" if end == edge else f"{edge}–{end}"
        n = counts[place]
        x, height = round(place * width + 0.5, 2), round(36 * n / most, 2)
        bars.append(Bar(label, n, 100 * n / len(values), x, round(width - 1, 2), height))
    ordered = sorted(values)
    return Histogram(title, unit, ordered[len(ordered) // 2], bars)


def _sunburst(questions: Iterable[str]) -> list[Sector]:
    """First words of questions inside, the word after each outside; rare ones together."""
    pairs: Counter[tuple[str, str]] = Counter()
    for text in questions:
        first, second, *_ = [*(word.casefold().strip("?,.") for word in words(text)), "", ""]
        pairs[first, second] += 1
    total = pairs.total()
    firsts: Counter[str] = Counter()
    for (first, _), n in pairs.items():
        firsts[first] += n
    sectors: list[Sector] = []
    at = 0.0
    for place, (word, n) in enumerate(firsts.most_common(LEADING)):
        sectors.append(_sector(word, n, total, 0, place, at))
        start = at
        inside = Counter({second: count for (first, second), count in pairs.items() if first == word})
        for second, count in inside.most_common(SECOND):
            sectors.append(_sector(f"{word} {second}".strip(), count, total, 1, place, start))
            start += count / total
        at += n / total
    rest = total - sum(n for _, n in firsts.most_common(LEADING))
    return [*sectors, _sector("others", rest, total, 0, LEADING, at)] if rest else sectors


def _sector(name: str, n: int, total: int, ring: int, place: int, start: float) -> Sector:
    inner, outer = RINGS[ring]
    share = n / total
    end = start + min(share, 0.9999)  # a whole circle has no end
    large = int(share > 0.5)
    (x0, y0), (x1, y1) = _at(outer, start), _at(outer, end)
    (x2, y2), (x3, y3) = _at(inner, end), _at(inner, start)
    path = f"M{x0} {y0}A{outer} {outer} 0 {large} 1 {x1} {y1}L{x2} {y2}A{inner} {inner} 0 {large} 0 {x3} {y3}Z"
    x, y = _at((inner + outer) / 2, (start + end) / 2)
    return Sector(name, n, 100 * share, ring, place, path, x, y, shown=share >= (0.05 if ring else 0.03))


def _at(radius: float, turn: float) -> tuple[float, float]:
    """A point of a circle around (50, 50), clockwise from the top."""
    angle = 2 * math.pi * turn
    return round(50 + radius * math.sin(angle), 2), round(50 - radius * math.cos(angle), 2)
