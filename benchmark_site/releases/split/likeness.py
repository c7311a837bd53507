"""Which films show the same, although their files differ: copies scaled, coded again, cut, framed, with a logo.

A film is known by its looks (annotation.media.normal_form.stills): one perceptual hash of every third second. Two films
are alike where looks that differ among themselves come in both of them in the same order, as far apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

SAME_BITS = 10  # of 64, by which two looks of one picture may differ
ENOUGH = 2.5  # common looks, times the share that they are of those of the film with fewer
BANDS = 4  # of 16 bits: copies have one in common somewhere
CROWDED = 100  # films that have a band in common: it tells nothing of any of them

Looks = NDArray[np.uint64]


def alike(looks: Mapping[str, Sequence[int]]) -> list[tuple[str, str]]:
    """Pairs of names of films that show the same, each pair once, in the order of names.

    `looks` holds signed numbers of 64 bits by name, in the order of time, every third second; 0 shows nothing. A film
    with fewer than three different pictures is like no other.
    """
    films = {name: np.asarray(looks[name], np.int64).view(np.uint64) for name in sorted(looks)}
    different = {name: _different(film) for name, film in films.items()}
    return [pair for pair in _candidates(films) if _show_the_same(*pair, films, different)]


def _candidates(films: Mapping[str, Looks]) -> Iterator[tuple[str, str]]:
    """Pairs with more bands of their looks in common than chance gives films of their lengths, in order."""
    names = list(films)
    shown = [film[film != 0] for film in films.values()]
    length = [len(film) for film in shown]
    owners = np.repeat(np.arange(len(names)), length)
    every = np.concatenate([*shown, np.zeros(0, np.uint64)])
    shared: Counter[tuple[int, int]] = Counter()
    for band in range(BANDS):
        value = (every >> np.uint64(16 * band)) & np.uint64(0xFFFF)
        known = np.unique(np.stack([value.astype(np.int64), owners]), axis=1)
        for group in np.split(known[1], np.flatnonzero(np.diff(known[0])) + 1):
            if 1 < len(group) <= CROWDED:
                shared.update(combinations(group.tolist(), 2))
    for (first, second), bands in sorted(shared.items()):
        by_chance = BANDS * length[first] * length[second] / 2**16
        if bands > 1 + 2 * by_chance:
            yield names[first], names[second]


def _show_the_same(
    first: str, second: str, films: Mapping[str, Looks], different: Mapping[str, NDArray[np.int64]]
) -> bool:
    few, many = sorted((first, second), key=lambda name: (len(different[name]), name))
    places = different[few]
    if not len(places):
        return False
    same = _distance(films[few][places], films[many]) <= SAME_BITS
    which, where = np.nonzero(same)
    shift = where - places[which]
    # A copy that was cut begins between two thumbnails: the next one to either side counts, too.
    found = {(int(by) + near, int(look)) for by, look in zip(shift, which, strict=True) for near in (-1, 0, 1)}
    common = max(Counter(by for by, _ in found).values(), default=0)
    return common**2 / len(places) >= ENOUGH


def _different(film: Looks) -> NDArray[np.int64]:
    """Places of looks none of which is nearly equal to an earlier one: a picture that stands counts once."""
    kept: list[int] = []
    for place in np.flatnonzero(film).tolist():
        if not kept or _distance(film[place : place + 1], film[kept]).min() > SAME_BITS:
            kept.append(place)
    return np.asarray(kept, np.int64)


def _distance(some: Looks, others: Looks) -> NDArray[np.uint8]:
    """Bits by which each of `some` [N] differs from each of `others` [M]: [N, M]."""
    return np.bitwise_count(some[:, None] ^ others[None, :])
