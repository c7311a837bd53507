"""Places of right answers that can be drawn again are named by their recipe; a secret key is not."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable

import numpy as np
import pytest

from adversarial.data.options import option_orders
from adversarial.data.schema import Item
from adversarial.leaks.redraw import redrawn
from evaluation.release import Questions

N = 40
IDS = np.random.default_rng(3).choice(2**31, N, replace=False)


def questions(places: list[int]) -> Questions:
    return Questions(
        qids=IDS.astype(np.int64),
        q=["?"] * N,
        options=[("a", "b", "c", "d")] * N,
        video=["v"] * N,
        span=np.full((N, 2), np.nan),
        answer=np.array(places, np.int64),
    )


def by_key(key: str, seed: int) -> list[int]:
    items = [Item(number, "", "", ("",) * 4, 0, "") for number in sorted(IDS.tolist())]
    orders = option_orders(items, seed, key)
    return [orders[number].index(0) for number in IDS.tolist()]


def before_the_key() -> list[int]:
    ids = sorted(IDS.tolist())
    rng = np.random.default_rng([7, zlib.crc32("\n".join(map(str, ids)).encode())])
    places = dict(zip(ids, rng.permutation((np.arange(N) + rng.integers(4)) % 4).tolist(), strict=True))
    return [places[number] for number in IDS.tolist()]


def stream() -> list[int]:
    rng = random.Random(42)
    return [rng.randrange(4) for _ in range(N)]


KNOWN: dict[str, tuple[Callable[[], list[int]], str]] = {
    "counted": (lambda: [row % 4 for row in range(N)], "row number // 1, rows by file"),
    "id": (lambda: [int(number) % 10 % 4 for number in IDS], "id % 10, rows by file"),
    "random by id": (lambda: [random.Random(int(number)).randrange(4) for number in IDS], "random.randrange seeded by"),
    "stream": (stream, "stream of random.randrange, seed 42, rows by file"),
    "no key": (lambda: by_key("", 123_456), "balanced places, seed 123456 and ids, rows by id"),
    "crc32": (before_the_key, "balanced places, seed 7 and crc32 of the ids, rows by id"),
}


@pytest.mark.parametrize(("places", "name"), KNOWN.values(), ids=KNOWN)
def test_a_public_recipe_is_named(places: Callable[[], list[int]], name: str) -> None:
    found = redrawn(questions(places()), 123_456)
    assert found is not None
    assert found.startswith(name)


def test_a_secret_key_is_not_found() -> None:
    assert redrawn(questions(by_key("a secret of enough bytes", 0)), 0) is None


def test_one_place_that_differs_is_no_recipe() -> None:
    places = stream()
    places[-1] = (places[-1] + 1) % 4
    assert redrawn(questions(places), 0) is None
