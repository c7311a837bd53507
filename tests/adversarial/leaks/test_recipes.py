"""Whatever usual recipe makes the ids, it is found, as `hashlib` and whole numbers of any size compute it."""

import hashlib
import json
import random
import zlib
from collections.abc import Callable

import pytest

from adversarial.leaks.recipes import Row, reproduced

ROWS: list[Row] = [
    {"text": f"who is in room {n}?", "clip": f"film-{n}_0_60", "start": n + 0.5, "end": n + 3.25} for n in range(50)
]
SECRETS = {"clip", "start", "end"}


def read(row: Row, *fields: str) -> bytes:
    return "|".join(str(row[field]) for field in fields).encode()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda row: int(hashlib.md5(read(row, "clip")).hexdigest()[:7], 16), "md5 of clip"),
        (lambda row: int(hashlib.sha1(read(row, "clip", "start")).hexdigest()[:15], 16), "first 15 hex digits"),
        (lambda row: int(hashlib.sha1(read(row, "end", "clip")).hexdigest()[:16], 16), "first 16 hex digits"),
        (lambda row: int.from_bytes(hashlib.sha256(read(row, "clip")).digest()[:4], "little"), "4 bytes little-endian"),
        (lambda row: int.from_bytes(hashlib.sha256(read(row, "clip")).digest(), "big") % 10**9, "all bytes big-endian"),
        (lambda row: int.from_bytes(hashlib.blake2b(read(row, "clip")).digest()[:7], "big") % (2**52), "7 bytes big"),
        (lambda row: int.from_bytes(hashlib.md5(read(row, "clip")).digest(), "little") % (2**63 - 1), "all bytes l"),
        (lambda row: zlib.crc32(f"{row['clip']},{row['start']:.2f}".encode()), "crc32 of clip + start joined by ','"),
        (
            lambda row: int(hashlib.md5(json.dumps([row["start"], row["text"]]).encode()).hexdigest()[:8], 16),
            "md5 of JSON of [start, text]",
        ),
    ],
)  # fmt: skip
def test_a_recipe_is_found(make: Callable[[Row], int], name: str) -> None:
    assert name in str(reproduced([make(row) for row in ROWS], ROWS, SECRETS))


def test_one_other_id_is_no_proof_and_nor_are_public_fields() -> None:
    ids = [zlib.crc32(read(row, "clip")) for row in ROWS]
    assert reproduced([*ids[:2], ids[2] ^ 1, *ids[3:]], ROWS, SECRETS) is None
    assert reproduced([zlib.crc32(read(row, "text")) for row in ROWS], ROWS, SECRETS) is None
    drawn = random.Random(0)
    assert reproduced([drawn.randrange(2**31) for _ in ROWS], ROWS, SECRETS) is None
