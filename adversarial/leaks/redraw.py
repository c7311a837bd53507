"""Places of right answers that can be drawn again: by a counter, from the ids, or with a public seed."""

import random
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product

import numpy as np
from numpy.typing import NDArray

from adversarial.data.options import option_orders
from adversarial.data.schema import Item
from evaluation.release import Questions

Places = NDArray[np.int64]
Recipe = Callable[[int], Sequence[int] | Places]  # places of the first so many questions

_FEWEST = 12  # questions: one recipe of the few thousand gives fewer by chance
_SEEDS = range(300)
_DIVISORS = (*range(1, 17), 20, 32, 64, 100, 256, 1000, 1024, 65536)


def redrawn(questions: Questions, seed: int) -> str | None:
    """The first recipe that gives the place of every right answer, in words; ``seed`` is the release's own."""
    n, options = len(questions), len(questions.options[0])
    if n < _FEWEST or any(len(row) != options for row in questions.options):
        return None
    by_id = np.argsort(questions.qids, kind="stable")
    for rows, order in (("file", np.arange(n)), ("id", by_id)):
        truth, ids = questions.answer[order], questions.qids[order].tolist()
        for name, recipe in _recipes(ids, options, (seed, *_SEEDS)):
            few = _FEWEST if name.startswith("stream") else n
            if np.array_equal(recipe(few)[:_FEWEST], truth[:_FEWEST]) and np.array_equal(recipe(n), truth):
                return f"{name}, rows by {rows}"
    return None


def _recipes(ids: list[int], options: int, seeds: Sequence[int]) -> Iterator[tuple[str, Recipe]]:
    numbers = {"row number": np.arange(len(ids)), "id": np.array(ids)}
    for (what, number), divisor in product(numbers.items(), _DIVISORS):
        yield f"{what} // {divisor}", partial(_first, number // divisor % options)
        yield f"{what} % {divisor}", partial(_first, number % divisor % options)
    for name, draw in _PER_ID.items():
        yield f"{name} seeded by the id", partial(_each, draw, ids, options)
    for seed in seeds:
        for name, stream in _STREAMS.items():
            yield f"stream of {name}, seed {seed}", partial(stream, seed, options)
        yield f"balanced places, seed {seed} and ids", partial(_balanced_by_key, ids, options, seed)
        yield f"balanced places, seed {seed} and crc32 of the ids", partial(_balanced, ids, options, seed)
        yield f"permutation of balanced places, seed {seed}", partial(_permuted, len(ids), options, seed)


def _first(places: Places, count: int) -> Places:
    return places[:count]


def _each(draw: Callable[[int, int], int], ids: list[int], options: int, count: int) -> list[int]:
    return [draw(number, options) for number in ids[:count]]


def _python_integers(seed: int, options: int, count: int) -> Sequence[int]:
    rng = random.Random(seed)
    return [rng.randrange(options) for _ in range(count)]


def _python_shuffles(seed: int, options: int, count: int) -> Sequence[int]:
    """Where the first option goes when every row is shuffled."""
    rng = random.Random(seed)
    return [_shuffled(rng, options).index(0) for _ in range(count)]


def _python_shuffles_last(seed: int, options: int, count: int) -> Sequence[int]:
    rng = random.Random(seed)
    return [_shuffled(rng, options).index(options - 1) for _ in range(count)]


def _shuffled(rng: random.Random, options: int) -> list[int]:
    places = list(range(options))
    rng.shuffle(places)
    return places


def _numpy_integers(seed: int, options: int, count: int) -> Places:
    return np.random.default_rng(seed).integers(0, options, count)


def _numpy_permutations(seed: int, options: int, count: int) -> Sequence[int]:
    rng = np.random.default_rng(seed)
    return [rng.permutation(options).tolist().index(0) for _ in range(count)]


def _old_numpy_integers(seed: int, options: int, count: int) -> Places:
    return np.random.RandomState(seed % 2**32).randint(0, options, count)


_STREAMS: dict[str, Callable[[int, int, int], Sequence[int] | Places]] = {
    "random.randrange": _python_integers,
    "random.shuffle": _python_shuffles,
    "random.shuffle, right one last": _python_shuffles_last,
    "numpy integers": _numpy_integers,
    "numpy permutations": _numpy_permutations,
    "numpy RandomState": _old_numpy_integers,
}
_PER_ID: dict[str, Callable[[int, int], int]] = {
    "random.randrange": lambda number, options: random.Random(number).randrange(options),
    "random.shuffle": lambda number, options: _shuffled(random.Random(number), options).index(0),
    "random.randrange by text": lambda number, options: random.Random(str(number)).randrange(options),
    "numpy integers": lambda number, options: int(np.random.default_rng(number).integers(options)),
}


def _balanced_by_key(ids: list[int], options: int, seed: int, count: int) -> list[int]:
    """What this package draws without a secret key."""
    items = [Item(number, "", "", ("",) * options, 0, "") for number in ids]
    orders = option_orders(items, seed, "")
    return [orders[number].index(0) for number in ids[:count]]


def _balanced(ids: list[int], options: int, seed: int, count: int) -> Places:
    """What this package drew before it took a key."""
    rng = np.random.default_rng([seed, zlib.crc32("\n".join(map(str, ids)).encode())])
    return _balance(len(ids), options, rng)[:count]


def _permuted(n: int, options: int, seed: int, count: int) -> Places:
    return np.random.default_rng(seed).permutation(np.arange(n) % options)[:count]


def _balance(n: int, options: int, rng: np.random.Generator) -> Places:
    return rng.permutation((np.arange(n) + rng.integers(options)) % options)
