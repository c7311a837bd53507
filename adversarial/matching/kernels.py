"""The compiled inner loops: the comparison of two answers' profiles, and the sifting of a block of pairs.

One file, constants and the arguments' type included, because the compiler's cache notices a change only in the file
that it compiles.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

UNKNOWN, SAME, DIFFERENT = 0, 1, 2
ANYTHING, NUMBER, COLOUR = 0, 1, 2

# Columns of a profile, an int64 row: flags, bit masks, codes of a quantity and of a sign, then three small sets padded
# with 0.
NEGATED, POLARITY, COLOURS, RELATIONS, QUANTITY, SIGN, NUMBERS_LEN, CONTENT_LEN, MEANT_LEN = range(9)
NUMBERS, MAX_NUMBERS = 9, 6
CONTENT, MAX_CONTENT = NUMBERS + MAX_NUMBERS, 24
MEANT, MAX_MEANT = CONTENT + MAX_CONTENT, 40  # the content and the wider words that it may go by
WIDTH = MEANT + MAX_MEANT

_QUANTILES = 2**14
_GUMBEL = -np.log(-np.log((np.arange(_QUANTILES) + 0.5) / _QUANTILES)).astype(np.float32)

RELUCTANTLY = 16  # from this bit on `accepts` says which kinds are taken at a price
RELUCTANCE = np.float32(6.0)  # the price in nats, more than the draws make up


class Pairs(NamedTuple):
    """What weighs a pair of question i and answer j beside the product of their vectors; see MatchingProblem."""

    bias: np.float32
    temperature: np.float32
    draw: np.int64
    similarity_slope: np.float32
    similarity_bias: np.float32
    lambda_: np.float32
    same_answer_cosine: np.float32
    embeddings: Floats
    video: Ints
    question_id: Ints
    answer_id: Ints
    asks_for: Ints
    accepts: Ints
    kind: Ints
    profiles: NDArray[np.int64]
    question_profile: Ints
    kept_negatives: Ints
    assigned: Ints


class Ceilings(NamedTuple):
    """What each answer is worth at most to each question of a block, in nats, and where that is its weight itself."""

    most: Floats  # [b, m] the weight without the similarity, or the weight; -inf where the pair is not legal
    exact: NDArray[np.bool_]  # [b, m]


@numba.njit(cache=True, nogil=True)
def _within(
    first: NDArray[np.int64], start_a: int, length_a: int, second: NDArray[np.int64], start_b: int, length_b: int
) -> bool:
    """Whether every entry of one profile's sorted set is in another's; by index, since slices cost more than this."""
    at = start_b
    for place in range(start_a, start_a + length_a):
        while at < start_b + length_b and second[at] < first[place]:
            at += 1
        if at == start_b + length_b or second[at] != first[place]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def compare(first: NDArray[np.int64], second: NDArray[np.int64]) -> int:
    """SAME, DIFFERENT or UNKNOWN for two profiles; symmetric."""
    if first[POLARITY] and second[POLARITY] and first[POLARITY] != second[POLARITY]:
        return DIFFERENT
    if first[NEGATED] != second[NEGATED] and not (first[POLARITY] == 2 or second[POLARITY] == 2):
        return DIFFERENT
    if first[SIGN] != second[SIGN] and first[SIGN] and second[SIGN]:
        return DIFFERENT
    if first[QUANTITY] and second[QUANTITY]:
        return SAME if first[QUANTITY] == second[QUANTITY] else DIFFERENT
    numbers_a, numbers_b = first[NUMBERS_LEN], second[NUMBERS_LEN]
    a_in_b = _within(first, NUMBERS, numbers_a, second, NUMBERS, numbers_b)
    b_in_a = _within(second, NUMBERS, numbers_b, first, NUMBERS, numbers_a)
    if numbers_a and numbers_b and not (a_in_b or b_in_a):
        return DIFFERENT
    for mask in (COLOURS, RELATIONS):
        if first[mask] and second[mask] and first[mask] & second[mask] not in (first[mask], second[mask]):
            return DIFFERENT
    shared = first[COLOURS] & second[COLOURS]
    a_in_b = a_in_b and shared == first[COLOURS] and first[POLARITY] in (0, second[POLARITY])
    b_in_a = b_in_a and shared == second[COLOURS] and second[POLARITY] in (0, first[POLARITY])
    content_a, content_b = first[CONTENT_LEN], second[CONTENT_LEN]
    a_in_b = a_in_b and _within(first, CONTENT, content_a, second, MEANT, second[MEANT_LEN])
    b_in_a = b_in_a and _within(second, CONTENT, content_b, first, MEANT, first[MEANT_LEN])
    said_a = content_a + numbers_a + first[COLOURS] + first[POLARITY]
    said_b = content_b + numbers_b + second[COLOURS] + second[POLARITY]
    if not said_a and not said_b:  # only where something is, or only a negation
        return SAME if first[RELATIONS] & second[RELATIONS] or first[RELATIONS] == second[RELATIONS] else UNKNOWN
    return SAME if (a_in_b and said_a) or (b_in_a and said_b) else UNKNOWN


@numba.njit(cache=True, nogil=True)
def equal_for(asked: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> bool:
    """Whether two answers are equal for a question that asks_for a number (the same) or a colour (one in common)."""
    if asked == COLOUR:
        return first[COLOURS] & second[COLOURS] != 0
    count = first[NUMBERS_LEN]
    if first[QUANTITY] and second[QUANTITY]:
        return asked == NUMBER and first[QUANTITY] == second[QUANTITY]
    if asked != NUMBER or count == 0 or count != second[NUMBERS_LEN]:
        return False
    return _within(first, NUMBERS, count, second, NUMBERS, count)


@numba.njit(cache=True, nogil=True)
def echoes(question: NDArray[np.int64], answer: NDArray[np.int64]) -> bool:
    """Whether an answer says nothing that its question has not said: nobody would fall for it."""
    said, asked = answer[CONTENT_LEN], question[CONTENT_LEN]
    if answer[NUMBERS_LEN] or answer[POLARITY] or not (said or answer[COLOURS]):
        return False
    return answer[COLOURS] & ~question[COLOURS] == 0 and _within(answer, CONTENT, said, question, CONTENT, asked)


@numba.njit(cache=True, nogil=True)
def _log_sigmoid(value: float) -> float:
    if value > 0:
        return -np.log1p(np.exp(-value))
    return value - np.log1p(np.exp(value))


@numba.njit(cache=True, nogil=True, inline="always")
def _gumbel(draw: int, i: int, j: int) -> np.float32:
    """A repeatable draw from the Gumbel distribution for a pair."""
    mixed = (
        np.uint64(i) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(j) * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(draw)
    )
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0x94D049BB133111EB)
    return _GUMBEL[mixed >> np.uint64(50)]


@numba.njit(cache=True, nogil=True)
def _ceilings(pairs: Pairs, products: Floats, i: int, lenders: Ints, out: Floats) -> None:
    """[m] what the answers of ``lenders`` are worth to question i before their similarity, which only takes away."""
    for at in range(len(lenders)):
        out[at] = products[at] + pairs.bias + pairs.temperature * _gumbel(pairs.draw, i, lenders[at])


@numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _dot(first: Floats, second: Floats) -> np.float32:
    total = np.float32(0)
    for at in range(len(first)):
        total += first[at] * second[at]
    return total


@numba.njit(cache=True, nogil=True, inline="always")  # a call would copy all of Pairs
def _clashes(pairs: Pairs, i: int, j: int, target: int) -> bool:
    """Whether answer j says what ``target`` says, as far as question i is concerned."""
    verdict = compare(pairs.profiles[target], pairs.profiles[j])
    if verdict == SAME or (
        verdict == UNKNOWN and _dot(pairs.embeddings[target], pairs.embeddings[j]) >= pairs.same_answer_cosine
    ):
        return True
    return equal_for(pairs.asks_for[i], pairs.profiles[target], pairs.profiles[j])


@numba.njit(cache=True, nogil=True, inline="always")  # a call would copy all of Pairs
def _dissimilarity(pairs: Pairs, i: int, j: int) -> float:
    """lambda * log(1 - P_sim) in nats, less what a strange kind of answer costs; -inf where the names alone tell that
    answer j is no negative of question i.
    """
    if (
        i == j
        or pairs.video[i] == pairs.video[j]
        or pairs.question_id[i] == pairs.question_id[j]
        or pairs.answer_id[i] == pairs.answer_id[j]
        or not pairs.accepts[i] >> pairs.kind[j] & 1
    ):
        return -np.inf
    strange = RELUCTANCE if pairs.accepts[i] >> (RELUCTANTLY + pairs.kind[j]) & 1 else np.float32(0)
    cosine = _dot(pairs.embeddings[i], pairs.embeddings[j])
    for place in range(pairs.assigned.shape[1]):  # by index: a view of the row costs more than the comparison
        target = pairs.assigned[i, place]
        if target < 0:
            continue
        if pairs.answer_id[target] == pairs.answer_id[j]:
            return -np.inf
        cosine = max(cosine, _dot(pairs.embeddings[target], pairs.embeddings[j]))
    return pairs.lambda_ * _log_sigmoid(-(pairs.similarity_slope * cosine + pairs.similarity_bias)) - strange


@numba.njit(cache=True, nogil=True, inline="always")  # a call would copy all of Pairs
def _forbidden(pairs: Pairs, i: int, j: int) -> bool:
    """Whether answer j echoes question i, or says what its right answer or one of its other negatives says."""
    if echoes(pairs.profiles[pairs.question_profile[i]], pairs.profiles[j]):
        return True
    if _clashes(pairs, i, j, i):
        return True
    for place in range(pairs.assigned.shape[1]):
        target = pairs.assigned[i, place]
        if target >= 0 and _clashes(pairs, i, j, target):
            return True
    for place in range(pairs.kept_negatives.shape[1]):
        target = pairs.kept_negatives[i, place]
        if target >= 0 and compare(pairs.profiles[target], pairs.profiles[j]) == SAME:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def dense(pairs: Pairs, products: Floats, rows: Ints, lenders: Ints) -> Floats:
    """w_ij of questions ``rows`` with the answers of ``lenders``, -inf where the pair is not legal; [b, m] both."""
    out = np.empty(products.shape, np.float32)
    for at in range(len(rows)):
        i = rows[at]
        _ceilings(pairs, products[at], i, lenders, out[at])
        for place in range(len(lenders)):
            j = lenders[place]
            out[at, place] += _dissimilarity(pairs, i, j)
            if out[at, place] > -np.inf and _forbidden(pairs, i, j):
                out[at, place] = -np.inf
    return out


@numba.njit(cache=True, nogil=True)
def bid(pairs: Pairs, products: Floats, rows: Ints, lenders: Ints, profits: Floats, offers: Floats) -> None:
    """Raise every answer's offer [m] to the most that one of these questions would pay: w_ij less its profit [b]."""
    ceilings = np.empty(len(lenders), np.float32)
    for at in range(len(rows)):
        i = rows[at]
        _ceilings(pairs, products[at], i, lenders, ceilings)
        for place in range(len(lenders)):
            least = offers[place] + profits[at]
            if ceilings[place] <= least:
                continue
            j = lenders[place]
            weight = ceilings[place] + _dissimilarity(pairs, i, j)
            if weight <= least or _forbidden(pairs, i, j):
                continue
            offers[place] = weight - profits[at]


@numba.njit(cache=True, nogil=True)
def _sift(
    keys: NDArray[np.float64], columns: Ints, weights: Floats, key: float, column: np.int32, weight: np.float32
) -> None:
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
def ceilings(pairs: Pairs, products: Floats, rows: Ints, lenders: Ints) -> Ceilings:
    """What every answer is worth at most to every question of ``rows``, in the place of ``products`` [b, m]."""
    for at in range(len(rows)):
        _ceilings(pairs, products[at], rows[at], lenders, products[at])
    return Ceilings(products, np.zeros(products.shape, np.bool_))


@numba.njit(cache=True, nogil=True)
def select(
    pairs: Pairs,
    ceilings: Ceilings,
    rows: Ints,
    lenders: Ints,
    prices: Floats,
    width: int,
    floor: NDArray[np.float64],
    known: NDArray[np.float64],
) -> tuple[Ints, Floats, NDArray[np.float64]]:
    """The places in ``lenders`` of the ``width`` best answers of every question at these prices, see pricing.price.

    What it finds out about a pair stands in ``ceilings`` for the passes after.
    """
    columns = np.full((len(rows), width), np.int32(-1), np.int32)
    weights = np.full((len(rows), width), np.float32(-np.inf), np.float32)
    best = known.copy()
    for at in range(len(rows)):
        i = rows[at]
        most, exact = ceilings.most[at], ceilings.exact[at]
        keys = np.full(width, floor[at])
        for place in range(len(lenders)):
            least = min(keys[0], best[at])
            if most[place] - prices[place] <= least:
                continue
            if not exact[place]:
                j = lenders[place]
                weight = np.float32(most[place] + _dissimilarity(pairs, i, j))
                if weight - prices[place] <= least:
                    continue
                exact[place] = True
                most[place] = -np.inf if _forbidden(pairs, i, j) else weight
            value = most[place] - prices[place]
            best[at] = max(best[at], value)
            if value > keys[0]:
                _sift(keys, columns[at], weights[at], value, np.int32(place), most[place])
    return columns, weights, best
