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
Profiles = NDArray[np.int64]  # [n, WIDTH]

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
    profiles: Profiles
    question_profile: Ints
    kept_negatives: Ints
    assigned: Ints


class Ceilings(NamedTuple):
    """What each answer is worth at most to each question of a block, in nats, and where that is its weight itself."""

    most: Floats  # [b, m] the weight without the similarity, or the weight; -inf where the pair is not legal
    exact: NDArray[np.bool_]  # [b, m]


@numba.njit(cache=True, nogil=True)
def _within(profiles: Profiles, a: int, start_a: int, length_a: int, b: int, start_b: int, length_b: int) -> bool:
    """Whether every entry of a sorted set of profile ``a`` is in one of profile ``b``."""
    at = start_b
    for place in range(start_a, start_a + length_a):
        while at < start_b + length_b and profiles[b, at] < profiles[a, place]:
            at += 1
        if at == start_b + length_b or profiles[b, at] != profiles[a, place]:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def compare(profiles: Profiles, a: int, b: int) -> int:
    """SAME, DIFFERENT or UNKNOWN for two rows of profiles; symmetric.

    By index, here and below: a view of a row costs more than the comparison.
    """
    polarity_a, polarity_b = profiles[a, POLARITY], profiles[b, POLARITY]
    if polarity_a and polarity_b and polarity_a != polarity_b:
        return DIFFERENT
    if profiles[a, NEGATED] != profiles[b, NEGATED] and not (polarity_a == 2 or polarity_b == 2):
        return DIFFERENT
    if profiles[a, SIGN] != profiles[b, SIGN] and profiles[a, SIGN] and profiles[b, SIGN]:
        return DIFFERENT
    if profiles[a, QUANTITY] and profiles[b, QUANTITY]:
        return SAME if profiles[a, QUANTITY] == profiles[b, QUANTITY] else DIFFERENT
    numbers_a, numbers_b = profiles[a, NUMBERS_LEN], profiles[b, NUMBERS_LEN]
    a_in_b = _within(profiles, a, NUMBERS, numbers_a, b, NUMBERS, numbers_b)
    b_in_a = _within(profiles, b, NUMBERS, numbers_b, a, NUMBERS, numbers_a)
    if numbers_a and numbers_b and not (a_in_b or b_in_a):
        return DIFFERENT
    colours_a, colours_b = profiles[a, COLOURS], profiles[b, COLOURS]
    relations_a, relations_b = profiles[a, RELATIONS], profiles[b, RELATIONS]
    for mask_a, mask_b in ((colours_a, colours_b), (relations_a, relations_b)):
        if mask_a and mask_b and mask_a & mask_b not in (mask_a, mask_b):
            return DIFFERENT
    a_in_b = a_in_b and colours_a & colours_b == colours_a and polarity_a in (0, polarity_b)
    b_in_a = b_in_a and colours_a & colours_b == colours_b and polarity_b in (0, polarity_a)
    content_a, content_b = profiles[a, CONTENT_LEN], profiles[b, CONTENT_LEN]
    a_in_b = a_in_b and _within(profiles, a, CONTENT, content_a, b, MEANT, profiles[b, MEANT_LEN])
    b_in_a = b_in_a and _within(profiles, b, CONTENT, content_b, a, MEANT, profiles[a, MEANT_LEN])
    said_a = content_a + numbers_a + colours_a + polarity_a
    said_b = content_b + numbers_b + colours_b + polarity_b
    if not said_a and not said_b:  # only where something is, or only a negation
        return SAME if relations_a & relations_b or relations_a == relations_b else UNKNOWN
    return SAME if (a_in_b and said_a) or (b_in_a and said_b) else UNKNOWN


@numba.njit(cache=True, nogil=True)
def equal_for(asked: int, profiles: Profiles, a: int, b: int) -> bool:
    """Whether two answers are equal for a question that asks_for a number (the same) or a colour (one in common)."""
    if asked == COLOUR:
        return profiles[a, COLOURS] & profiles[b, COLOURS] != 0
    count = profiles[a, NUMBERS_LEN]
    if profiles[a, QUANTITY] and profiles[b, QUANTITY]:
        return asked == NUMBER and profiles[a, QUANTITY] == profiles[b, QUANTITY]
    if asked != NUMBER or count == 0 or count != profiles[b, NUMBERS_LEN]:
        return False
    return _within(profiles, a, NUMBERS, count, b, NUMBERS, count)


@numba.njit(cache=True, nogil=True)
def echoes(profiles: Profiles, question: int, answer: int) -> bool:
    """Whether an answer says nothing that its question has not said: nobody would fall for it."""
    said, colours = profiles[answer, CONTENT_LEN], profiles[answer, COLOURS]
    if profiles[answer, NUMBERS_LEN] or profiles[answer, POLARITY] or not (said or colours):
        return False
    asked = profiles[question, CONTENT_LEN]
    return colours & ~profiles[question, COLOURS] == 0 and _within(
        profiles, answer, CONTENT, said, question, CONTENT, asked
    )


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
    verdict = compare(pairs.profiles, target, j)
    if verdict == SAME or (
        verdict == UNKNOWN and _dot(pairs.embeddings[target], pairs.embeddings[j]) >= pairs.same_answer_cosine
    ):
        return True
    return equal_for(pairs.asks_for[i], pairs.profiles, target, j)


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
    if echoes(pairs.profiles, pairs.question_profile[i], j):
        return True
    if _clashes(pairs, i, j, i):
        return True
    for place in range(pairs.assigned.shape[1]):
        target = pairs.assigned[i, place]
        if target >= 0 and _clashes(pairs, i, j, target):
            return True
    for place in range(pairs.kept_negatives.shape[1]):
        target = pairs.kept_negatives[i, place]
        if target >= 0 and compare(pairs.profiles, target, j) == SAME:
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
