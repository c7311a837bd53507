"""Ids made by hashing what is withheld: recipes in use are tried on the truth; one that gives the ids is a proof."""

import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import permutations, product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.release import MomentQueries, Questions

Row = Mapping[str, str | float]

_SAMPLE = 40  # rows that a recipe must reproduce, every one
_FEWEST = 4
_MOST_FIELDS = 4
_JOINERS = ("", "|", ":", "_", "-", ",", ", ", " ", "\t", "\n", "/", ";", "#", "\0")
_NUMBERS: dict[str, Callable[[float], str]] = {
    "%r": repr,
    "%g": lambda value: f"{value:g}",
    "%.1f": lambda value: f"{value:.1f}",
    "%.2f": lambda value: f"{value:.2f}",
    "%.3f": lambda value: f"{value:.3f}",
    "whole s": lambda value: str(int(value)),
    "whole ms": lambda value: str(round(value * 1000)),
}
_HASHES: dict[str, Callable[[bytes], bytes]] = {
    "md5": lambda raw: hashlib.md5(raw, usedforsecurity=False).digest(),
    "sha1": lambda raw: hashlib.sha1(raw, usedforsecurity=False).digest(),
    "sha256": lambda raw: hashlib.sha256(raw).digest(),
    "blake2b": lambda raw: hashlib.blake2b(raw).digest(),
    "blake2b-8": lambda raw: hashlib.blake2b(raw, digest_size=8).digest(),
    "blake2b-4": lambda raw: hashlib.blake2b(raw, digest_size=4).digest(),
    "crc32": lambda raw: zlib.crc32(raw).to_bytes(4, "big"),
}
_HEX_DIGITS = (7, 8, 12, 13, 14, 15, 16)  # 8 and 16: 4 and 8 bytes
_MODULI = (2**31 - 1, 2**31, 2**32, 2**52, 2**53 - 1, 2**53, 2**63 - 1, 2**63, *(10**power for power in range(5, 19)))
_ORDERS: tuple[Literal["big"], Literal["little"]] = ("big", "little")
_SPARE = 1000  # ids drawn from M numbers do not all lie below M / 1000


def moment_rows(truth: MomentQueries) -> list[Row]:
    """What an id of a moment can be made of."""
    columns = zip(truth.desc, truth.video, truth.start.tolist(), truth.end.tolist(), strict=True)
    return [
        {"text": text, "clip": truth.videos.names[place], "start": start, "end": end}
        for text, place, start, end in columns
    ]


def question_rows(truth: Questions) -> list[Row]:
    """What an id of a question can be made of."""
    columns = zip(truth.q, truth.video, truth.options, truth.answer.tolist(), *truth.span.T.tolist(), strict=True)
    return [
        {
            "text": text,
            "clip": clip,
            "right answer": options[right],
            "answer index": str(right),
            "start": start,
            "end": end,
        }
        for text, clip, options, right, start, end in columns
    ]


class Shortening(NamedTuple):
    """A usual way from a digest to an id: its first `bits` (None: all of them) as a number, modulo `modulus`."""

    name: str
    bits: int | None
    order: Literal["big", "little"]
    modulus: int

    def numbers(self, digests: NDArray[np.uint8]) -> NDArray[Any]:
        """Digests [N, bytes] -> ids [N]; Python's whole numbers where more than 64 bits count."""
        count, width = digests.shape
        bits = min(self.bits or 8 * width, 8 * width)
        if bits > 64:
            raw = digests.tobytes()
            whole = [int.from_bytes(raw[at : at + width], self.order) for at in range(0, len(raw), width)]
            return np.array(whole, object) % self.modulus
        padded = np.zeros((count, 8), np.uint8)
        kept = -(-bits // 8)
        padded[:, :kept] = digests[:, :kept]
        little = self.order == "little"
        found = padded.view("<u8")[:, 0] if little else padded.view(">u8")[:, 0] >> np.uint64(64 - bits)
        return found if self.modulus >> 64 else found % np.uint64(self.modulus)


def reproduced(ids: Sequence[int], rows: Sequence[Row], secrets: Collection[str]) -> str | None:
    """The first recipe that makes the ids of all sampled rows from fields of which one is secret, in words.

    Ids that lie nearly as densely as a count are no hashes and are not tried.
    """
    if len(ids) < _FEWEST or max(ids) - min(ids) < _SPARE * len(ids):
        return None
    sample = list(zip(ids, rows, strict=True))[:: -(-len(ids) // _SAMPLE)]
    shortenings = list(_shortenings(max(ids)))
    texts = list(_texts(tuple(rows[0]), secrets))
    first_id, first = sample[0]
    of_first = [text_of(first).encode() for _, text_of in texts]
    for hashed, digest in _HASHES.items():
        digests = _table(map(digest, of_first))
        for shortening in shortenings:
            for place in np.flatnonzero(shortening.numbers(digests) == first_id):
                name, text_of = texts[place]
                made = shortening.numbers(_table(digest(text_of(row).encode()) for _, row in sample))
                if made.tolist() == [number for number, _ in sample]:
                    return f"{hashed} of {name}; {shortening.name}"
    return None


def _table(digests: Iterable[bytes]) -> NDArray[np.uint8]:
    """Digests of one length, a row each."""
    rows = list(digests)
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)


def _shortenings(highest: int) -> Iterator[Shortening]:
    """Every usual way whose range fits ids up to `highest`."""
    for digits in _HEX_DIGITS:
        if highest < 16**digits <= highest * _SPARE:
            yield Shortening(f"first {digits} hex digits", 4 * digits, "big", 16**digits)
            if digits % 2 == 0:
                yield Shortening(f"{digits // 2} bytes little-endian", 4 * digits, "little", 16**digits)
    for modulus in _MODULI:
        if highest < modulus <= highest * _SPARE:
            for width in (4, 7, 8, None):
                for order in _ORDERS:
                    name = f"{width or 'all'} bytes {order}-endian modulo {modulus}"
                    yield Shortening(name, width and 8 * width, order, modulus)


def _texts(fields: Sequence[str], secrets: Collection[str]) -> Iterator[tuple[str, Callable[[Row], str]]]:
    """(name, text of a row) of every sequence of fields that holds a secret, joined and printed in every way."""
    alone = [field for field in fields if field not in ("start", "end")]
    sequences = {
        chosen: None
        for pool in (tuple(fields), (*alone, "start-end"))
        for count in range(1, min(len(pool), _MOST_FIELDS) + 1)
        for chosen in permutations(pool, count)
    }
    for chosen in sequences:
        if not {part for field in chosen for part in field.split("-")} & set(secrets):
            continue
        timed = any(field in ("start", "end", "start-end") for field in chosen)
        joined = product(_JOINERS if len(chosen) > 1 else ("",), _NUMBERS.items() if timed else [("%r", repr)])
        for joiner, (printed, show) in joined:
            name = f"{' + '.join(chosen)} joined by {joiner!r}" + (f", numbers {printed}" if timed else "")
            yield name, partial(_joined, chosen, joiner, show)
        if "start-end" not in chosen:
            yield f"JSON of [{', '.join(chosen)}]", partial(_as_json, chosen)


def _joined(fields: Sequence[str], joiner: str, show: Callable[[float], str], row: Row) -> str:
    return joiner.join(_shown(row, field, show) for field in fields)


def _as_json(fields: Sequence[str], row: Row) -> str:
    return json.dumps([row[field] for field in fields])


def _shown(row: Row, field: str, show: Callable[[float], str]) -> str:
    if field == "start-end":
        return "-".join(_shown(row, part, show) for part in ("start", "end"))
    value = row[field]
    return value if isinstance(value, str) else show(value)
