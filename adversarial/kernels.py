"""The compiled inner loops: the guard's comparison of two profiles, and the sifting of a block of pairs.

One file, because the compiler's cache notices a change only in the file that it compiles.
"""

import numba
import numpy as np
from numpy.typing import NDArray

UNKNOWN, SAME, DIFFERENT = 0, 1, 2
ANYTHING, NUMBER, COLOUR = 0, 1, 2

# Columns of a profile, an int64 row: flags, bit masks, then three small sets padded with 0.
NEGATED, POLARITY, COLOURS, RELATIONS, NUMBERS_LEN, CONTENT_LEN, MEANT_LEN = range(7)
NUMBERS, MAX_NUMBERS = 7, 6
CONTENT, MAX_CONTENT = NUMBERS + MAX_NUMBERS, 24
MEANT, MAX_MEANT = CONTENT + MAX_CONTENT, 40  # the content and the wider words that it may go by
WIDTH = MEANT + MAX_MEANT

_TIE_NOISE = 0.02  # nats: identical answers must not crowd each other out of every list


@numba.njit(cache=True, nogil=True)
def _subset(first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether every entry of one sorted set is in the other."""
    at = 0
    for value in first:
        while at < len(second) and second[at] < value:
            at += 1
        if at == len(second) or second[at] != value:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def compare(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    """SAME, DIFFERENT or UNKNOWN for two profiles; symmetric."""
    if first[POLARITY] and second[POLARITY] and first[POLARITY] != second[POLARITY]:
        return DIFFERENT
    if first[NEGATED] != second[NEGATED] and not (first[POLARITY] == 2 or second[POLARITY] == 2):
        return DIFFERENT
    numbers_a = first[NUMBERS : NUMBERS + first[NUMBERS_LEN]]
    numbers_b = second[NUMBERS : NUMBERS + second[NUMBERS_LEN]]
    content_a = first[CONTENT : CONTENT + first[CONTENT_LEN]]
    content_b = second[CONTENT : CONTENT + second[CONTENT_LEN]]
    a_in_b = _subset(numbers_a, numbers_b)
    b_in_a = _subset(numbers_b, numbers_a)
    if len(numbers_a) and len(numbers_b) and not (a_in_b or b_in_a):
        return DIFFERENT
    for mask in (COLOURS, RELATIONS):
        if first[mask] and second[mask] and first[mask] & second[mask] not in (first[mask], second[mask]):
            return DIFFERENT
    shared = first[COLOURS] & second[COLOURS]
    a_in_b = a_in_b and shared == first[COLOURS] and first[POLARITY] in (0, second[POLARITY])
    b_in_a = b_in_a and shared == second[COLOURS] and second[POLARITY] in (0, first[POLARITY])
    a_in_b = a_in_b and _subset(content_a, second[MEANT : MEANT + second[MEANT_LEN]])
    b_in_a = b_in_a and _subset(content_b, first[MEANT : MEANT + first[MEANT_LEN]])
    said_a = len(content_a) + len(numbers_a) + first[COLOURS] + first[POLARITY]
    said_b = len(content_b) + len(numbers_b) + second[COLOURS] + second[POLARITY]
    if not said_a and not said_b:  # only where something is, or only a negation
        return SAME if first[RELATIONS] & second[RELATIONS] or first[RELATIONS] == second[RELATIONS] else UNKNOWN
    return SAME if (a_in_b and said_a) or (b_in_a and said_b) else UNKNOWN


@numba.njit(cache=True, nogil=True)
def equal_for(asked: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether two answers are equal for a question that asks_for a number (the same) or a colour (one in common)."""
    if asked == COLOUR:
        return first[COLOURS] & second[COLOURS] != 0
    count = first[NUMBERS_LEN]
    if asked != NUMBER or count == 0 or count != second[NUMBERS_LEN]:
        return False
    return np.array_equal(first[NUMBERS : NUMBERS + count], second[NUMBERS : NUMBERS + count])


@numba.njit(cache=True, nogil=True)
def echoes(question: NDArray[np.int64], answer: NDArray[np.int64]) -> bool:
    """Whether an answer says nothing that its question has not said: nobody would fall for it."""
    said = answer[CONTENT : CONTENT + answer[CONTENT_LEN]]
    if answer[NUMBERS_LEN] or answer[POLARITY] or not (len(said) or answer[COLOURS]):
        return False
    asked = question[CONTENT : CONTENT + question[CONTENT_LEN]]
    return answer[COLOURS] & ~question[COLOURS] == 0 and _subset(said, asked)


@numba.njit(cache=True, nogil=True)
def _log_sigmoid(value: float) -> float:
    if value > 0:
        return -np.log1p(np.exp(-value))
    return value - np.log1p(np.exp(value))


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(first: NDArray[np.float32], second: NDArray[np.float32]) -> np.float32:
    total = np.float32(0)
    for at in range(len(first)):
        total += first[at] * second[at]
    return total


@numba.njit(cache=True, nogil=True)
def _clashes(i, j, target, cosine, near, asks_for, profiles):  # type: ignore[no-untyped-def]
    """Whether answer j says what ``target`` says, as far as question i is concerned."""
    verdict = compare(profiles[target], profiles[j])
    if verdict == SAME or (verdict == UNKNOWN and cosine >= near):
        return True
    return equal_for(asks_for[i], profiles[target], profiles[j])


@numba.njit(cache=True, nogil=True)
def _dissimilarity(  # type: ignore[no-untyped-def]
    i, j, constants, embeddings, video, question_id, answer_id, asks_for, profiles, asked, others, taken
):
    """lam * log(1 - P_sim) in nats, -inf where answer j must not be a negative of question i."""
    if i == j or video[i] == video[j] or question_id[i] == question_id[j] or answer_id[i] == answer_id[j]:
        return -np.inf
    if echoes(profiles[asked[i]], profiles[j]):
        return -np.inf
    near = constants[5]
    cosine = _dot(embeddings[i], embeddings[j])
    if _clashes(i, j, i, cosine, near, asks_for, profiles):
        return -np.inf
    for target in taken[i]:
        if target < 0:
            continue
        if answer_id[target] == answer_id[j]:
            return -np.inf
        other = _dot(embeddings[target], embeddings[j])
        if _clashes(i, j, target, other, near, asks_for, profiles):
            return -np.inf
        cosine = max(cosine, other)
    for target in others[i]:
        if target >= 0 and compare(profiles[target], profiles[j]) == SAME:
            return -np.inf
    return constants[4] * _log_sigmoid(-(constants[2] * cosine + constants[3]))


@numba.njit(cache=True, nogil=True)
def dense(products, rows, *arrays):  # type: ignore[no-untyped-def]
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
def select(products, rows, prices, width, floor, known, *arrays):  # type: ignore[no-untyped-def]
    slope, bias = arrays[0][0], arrays[0][1]
    n = products.shape[1]
    columns = np.full((len(rows), width), np.int32(-1), np.int32)
    weights = np.full((len(rows), width), np.float32(-np.inf), np.float32)
    best = known.copy()
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
            noise = _noise(i, j)  # among thousands of equal answers few have the luck to enter
            if relevance + noise - prices[j] <= keys[0] and relevance - prices[j] <= best[at]:
                continue
            weight = relevance + _dissimilarity(i, j, *arrays)
            value = weight - prices[j]
            if value > best[at]:
                best[at] = value
            key = value + noise
            if key > keys[0]:
                _sift(keys, columns[at], weights[at], key, np.int32(j), np.float32(weight))
    return columns, weights, best
