"""MinHash sketches of texts, by which nearly equal ones are found among hundreds of thousands.

The database looks them up by a GIN index, so a library that keeps an index of its own in memory would not help; the
sketch itself is three lines.
"""

from __future__ import annotations

import hashlib
import zlib

import numpy as np

from annotation.review.text.text_hints import trigrams

BANDS, ROWS = 20, 3  # texts alike by .6 share a band with a chance of .99, by .3 with one of .4
_PRIME = 2**31 - 1
_DRAW = np.random.default_rng(20).integers(1, _PRIME, (2, BANDS * ROWS), dtype=np.int64)


def sketch(text: str) -> list[int]:
    """One 63-bit number a band. Texts that share none are hardly alike; those that share one are compared."""
    hashed = np.array([zlib.crc32(gram.encode()) % _PRIME for gram in sorted(trigrams(text))], np.int64)
    least = ((hashed[:, None] * _DRAW[0] + _DRAW[1]) % _PRIME).min(axis=0).reshape(BANDS, ROWS)
    return [_number(bytes([band]) + row.tobytes()) for band, row in enumerate(least)]


def _number(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest()) >> 1
