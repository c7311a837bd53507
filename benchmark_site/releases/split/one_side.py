"""Which videos a release keeps in one split: those that show the same, and, where asked, those of one annotator."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from annotation.media.normal_form import STILL_EVERY_S
from annotation.models import Clip, Query, Question
from benchmark_site.releases.split.likeness import alike
from benchmark_site.releases.split.video_split import TARGETS, SplitError, place_videos


def by_looks(videos: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of these videos that show the same, as far as their films were taken in here."""
    looks: dict[str, list[int]] = {}
    clips = Clip.objects.filter(video__public_id__in=list(videos)).exclude(looks=[]).order_by("start", "pk")
    for name, start, found in clips.values_list("video__public_id", "start", "looks"):
        film = looks.setdefault(name, [])
        film.extend([0] * (round(start / STILL_EVERY_S) - len(film)))  # what lies between two clips nobody has seen
        film.extend(found)
    return alike(looks)


def by_annotators(videos: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of these videos that an annotator has written for, one after the other; what was imported has none."""
    wanted, written = set(videos), defaultdict(set)
    for model in (Query, Question):
        rows = model._default_manager.filter(assignment__isnull=False)
        for worker, name in rows.values_list("assignment__worker", "segment__clip__video__public_id"):
            written[worker].add(name)
    return [pair for names in written.values() for pair in pairwise(sorted(names & wanted))]


def place_groups(
    loads: Mapping[str, Sequence[int]], ledger: Mapping[str, str], links: Iterable[tuple[str, str]]
) -> dict[str, str]:
    """As `place_videos`, with all that is linked, over however many steps, in one split.

    `links` may name videos of the ledger that are not among the loads. A group of which some are placed goes where most
    of these are. Raises SplitError.
    """
    group_of = _groups(loads.keys() | ledger.keys(), links)
    placed_in: dict[str, Counter[str]] = defaultdict(Counter)
    for name, split in ledger.items():
        placed_in[group_of[name]][split] += 1
    sides = {group: max(TARGETS, key=counts.__getitem__) for group, counts in placed_in.items()}
    together: dict[str, list[int]] = {}
    for name, counts in loads.items():
        known = together.get(group_of[name], [0] * len(counts))
        together[group_of[name]] = [total + count for total, count in zip(known, counts, strict=True)]
    try:
        sides = place_videos(together, sides) | sides
    except SplitError as error:
        most = max(Counter(group_of[name] for name in loads).values(), default=0)
        raise SplitError(f"{error}; {most} are kept on one side together" if most > 1 else str(error)) from error
    return {name: sides[group_of[name]] for name in _in_order(loads.keys() - ledger.keys(), sides, group_of)}


def apart(links: Iterable[tuple[str, str]], split_of: Mapping[str, str]) -> list[str]:
    """The linked pairs that lie in two splits, in words: placed before anybody knew."""
    return [
        f"{one} ({split_of[one]}) and {other} ({split_of[other]})"
        for one, other in links
        if split_of[one] != split_of[other]
    ]


def _groups(names: Iterable[str], links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The group of each name, called by its first member."""
    order = sorted(names)
    place = {name: number for number, name in enumerate(order)}
    ends = np.array([(place[one], place[other]) for one, other in links], np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(order), len(order)))
    _, labels = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    return {name: first.setdefault(int(label), name) for name, label in zip(order, labels, strict=True)}


def _in_order(names: Iterable[str], sides: Mapping[str, str], group_of: Mapping[str, str]) -> Iterator[str]:
    """In the order in which the groups were placed, so that the ledger is the same whoever builds it."""
    rank = {group: number for number, group in enumerate(sides)}
    yield from sorted(names, key=lambda name: (rank[group_of[name]], name))
