"""Column generation's pricing pass: for every question the best answers at the present prices, over all legal pairs.

One blocked pass costs one matrix product of the relevance vectors; the similarity, the guard and the logarithms are
computed only for pairs whose upper bound can still enter a question's list.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import joblib
import numba
import numpy as np
from numpy.typing import NDArray

from adversarial.guard import SAME, UNKNOWN, compare, same_number
from adversarial.pool import Floats, Ints, Pool

BLOCK = 128  # questions a block: its n x 128 product stays a few MB even at n = 40,000
_TIE_NOISE = 0.02  # nats: identical answers must not crowd each other out of every list

ILLEGAL = np.float32(-np.inf)


@dataclass(frozen=True)
class Priced:
    """The lists of a pass: ``columns[i]`` are good answers for question i, unordered, -1 where there are fewer."""

    columns: Ints  # [n, K]
    weights: Floats  # [n, K] w_ij, without the prices
    best: NDArray[np.float64]  # [n] max over the legal j of w_ij - p_j above the floor; -inf for none


def price(pool: Pool, prices: NDArray[np.float64], width: int, floor: NDArray[np.float64]) -> Priced:
    """One pass over all pairs, in blocks that joblib hands to whatever backend is configured.

    Question i's list leaves out what is worth no more than ``floor[i]`` at these prices: it knows enough such pairs.
    """
    n = pool.size
    columns = np.full((n, width), -1, np.int32)
    weights = np.full((n, width), ILLEGAL, np.float32)
    best = np.full(n, -np.inf)
    blocks = list(_blocks(pool.part))
    for rows, block in zip(
        blocks,
        joblib.Parallel()(joblib.delayed(price_block)(pool, rows, prices, width, floor[rows]) for rows in blocks),
        strict=True,
    ):
        columns[rows], weights[rows], best[rows] = block
    return Priced(columns, weights, best)


def _blocks(part: Ints) -> Iterator[Ints]:
    """Row indices, at most BLOCK a block, all of one part."""
    for index in np.unique(part):
        rows = np.flatnonzero(part == index).astype(np.int32)
        yield from (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def price_block(
    pool: Pool, rows: Ints, prices: NDArray[np.float64], width: int, floor: NDArray[np.float64]
) -> tuple[Ints, Floats, NDArray[np.float64]]:
    """The lists of some questions of one part: ([b, K] columns, [b, K] weights, [b] best priced value)."""
    products = pool.questions[rows] @ pool.answers[pool.part[rows[0]]].T  # [b, n]
    return _select(products, rows, prices.astype(np.float32), width, floor, *_arrays(pool))


def dense_rows(pool: Pool, rows: Ints) -> Floats:
    """w_ij of some questions of one part with every answer, -inf where the pair is not legal; [b, n]."""
    products = pool.questions[rows] @ pool.answers[pool.part[rows[0]]].T
    out: Floats = _dense(products, rows, *_arrays(pool))
    return out


def _arrays(pool: Pool) -> tuple[object, ...]:
    constants = np.array(
        [pool.rel_slope, pool.rel_bias, pool.sim_slope, pool.sim_bias, pool.lam, pool.near], np.float32
    )
    return (
        constants, pool.embeddings, pool.video, pool.question_id, pool.answer_id, pool.counting, pool.profiles,
        pool.others, pool.taken,
    )  # fmt: skip


@numba.njit(cache=True, nogil=True, fastmath=False)
def _log_sigmoid(value: float) -> float:
    if value > 0:
        return -np.log1p(np.exp(-value))
    return value - np.log1p(np.exp(value))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(first: Floats, second: Floats) -> np.float32:
    total = np.float32(0)
    for at in range(len(first)):
        total += first[at] * second[at]
    return total


@numba.njit(cache=True, nogil=True)
def _clashes(i, j, target, cosine, near, counting, profiles):  # type: ignore[no-untyped-def]
    """Whether answer j says what ``target`` says, as far as question i is concerned."""
    verdict = compare(profiles[target], profiles[j])
    if verdict == SAME or (verdict == UNKNOWN and cosine >= near):
        return True
    return counting[i] and same_number(profiles[target], profiles[j])


@numba.njit(cache=True, nogil=True)
def _dissimilarity(  # type: ignore[no-untyped-def]
    i, j, constants, embeddings, video, question_id, answer_id, counting, profiles, others, taken
):
    """lam * log(1 - P_sim) in nats, -inf where answer j must not be a negative of question i."""
    if i == j or video[i] == video[j] or question_id[i] == question_id[j] or answer_id[i] == answer_id[j]:
        return -np.inf
    near = constants[5]
    cosine = _dot(embeddings[i], embeddings[j])
    if _clashes(i, j, i, cosine, near, counting, profiles):
        return -np.inf
    for target in taken[i]:
        if target < 0:
            continue
        if answer_id[target] == answer_id[j]:
            return -np.inf
        other = _dot(embeddings[target], embeddings[j])
        if _clashes(i, j, target, other, near, counting, profiles):
            return -np.inf
        cosine = max(cosine, other)
    for target in others[i]:
        if target >= 0 and compare(profiles[target], profiles[j]) == SAME:
            return -np.inf
    return constants[4] * _log_sigmoid(-(constants[2] * cosine + constants[3]))


@numba.njit(cache=True, nogil=True)
def _dense(products, rows, *arrays):  # type: ignore[no-untyped-def]
    slope, bias = arrays[0][0], arrays[0][1]
    out = np.empty(products.shape, np.float32)
    for at in range(len(rows)):
        for j in range(products.shape[1]):
            relevance = _log_sigmoid(slope * products[at, j] + bias)
            out[at, j] = relevance + _dissimilarity(rows[at], j, *arrays)
    return out


@numba.njit(cache=True, nogil=True)
def _noise(i: int, j: int) -> float:
    """A repeatable number in [0, _TIE_NOISE) for a pair."""
    mixed = np.uint64(i) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(j) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return _TIE_NOISE * np.float64(mixed >> np.uint64(11)) / 9007199254740992.0


@numba.njit(cache=True, nogil=True)
def _sift(keys, columns, weights, key, column, weight):  # type: ignore[no-untyped-def]
    """Replace the smallest entry of a heap and put the new one where it belongs."""
    at = 0
    size = len(keys)
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[at], columns[at], weights[at] = keys[child], columns[child], weights[child]
        at = child
    keys[at], columns[at], weights[at] = key, column, weight


@numba.njit(cache=True, nogil=True)
def _select(products, rows, prices, width, floor, *arrays):  # type: ignore[no-untyped-def]
    slope, bias = arrays[0][0], arrays[0][1]
    n = products.shape[1]
    columns = np.full((len(rows), width), np.int32(-1), np.int32)
    weights = np.full((len(rows), width), np.float32(-np.inf), np.float32)
    best = np.full(len(rows), -np.inf)
    for at in range(len(rows)):
        i = rows[at]
        keys = np.full(width, floor[at])
        for j in range(n):
            # log sigmoid(z) <= min(0, z) and the similarity only takes away: most pairs end here
            z = slope * products[at, j] + bias
            margin = keys[0] + prices[j] - np.float32(_TIE_NOISE)
            if min(np.float32(0), z) <= margin:
                continue
            relevance = _log_sigmoid(z)
            if relevance <= margin:
                continue
            weight = relevance + _dissimilarity(i, j, *arrays)
            value = weight - prices[j]
            if value > best[at]:
                best[at] = value
            key = value + _noise(i, j)
            if key > keys[0]:
                _sift(keys, columns[at], weights[at], key, np.int32(j), np.float32(weight))
    return columns, weights, best
