"""Attacks that count: how often an option of some category is right where the labels are known."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from adversarial.leaks.joint import ranks
from adversarial.leaks.quiz import Places, Quiz, Scores
from adversarial.leaks.scoring import Attack

KIND = "bookkeeping"
_MODULI = (2, 3, 4, 5, 6, 7, 8)
_QUARTERS = 4
_HASHES: dict[str, Callable[[bytes], int]] = {
    "md5": lambda raw: int.from_bytes(hashlib.md5(raw, usedforsecurity=False).digest()),
    "sha1": lambda raw: int.from_bytes(hashlib.sha1(raw, usedforsecurity=False).digest()),
    "sha256": lambda raw: int.from_bytes(hashlib.sha256(raw).digest()),
    "crc32": zlib.crc32,
}


def chances(quiz: Quiz, category: Places) -> Scores:
    """[n, o] log-odds that an option of this category [n, o] is right, counted on the labelled rows of `learn`."""
    found = np.zeros(quiz.shape)
    places = np.arange(quiz.shape[1])[None]
    count = int(category.max()) + 1
    for seen, tested in quiz.learn():
        right = (places == quiz.right[seen][:, None]).reshape(-1)
        kind = category[seen].reshape(-1)
        hits = np.bincount(kind, weights=right, minlength=count) + 1
        misses = np.bincount(kind, weights=~right, minlength=count) + quiz.shape[1] - 1
        found[tested] = np.log(hits / misses)[category[tested]]
    return found


def bookkeeping(quiz: Quiz) -> Iterator[Attack]:
    """Place of the right answer by row and id, by the order of the options, by hashes."""
    for name, category in {**_by_row(quiz), **_by_order(quiz), **_by_hash(quiz)}.items():
        yield quiz.attack(name, KIND, quiz.choose(chances(quiz, category)[quiz.test]))


def _by_row(quiz: Quiz) -> dict[str, Places]:
    """The place of the option, apart for each remainder or quarter of row number and id."""
    place = np.arange(quiz.shape[1])
    row = np.concatenate([np.arange(len(rows)) for rows in quiz.split_rows])
    id_rank = np.concatenate([ranks(quiz.ids[rows].tolist()) for rows in quiz.split_rows])
    size = np.concatenate([np.full(len(rows), len(rows)) for rows in quiz.split_rows])
    keys = {f"row modulo {k}": row % k for k in _MODULI} | {f"id modulo {k}": quiz.ids % k for k in _MODULI}
    keys |= {"quarter of the rows": row * _QUARTERS // size, "quarter of the ids": id_rank * _QUARTERS // size}
    return {f"place by {name}": key[:, None] * len(place) + place for name, key in keys.items()}


def _by_order(quiz: Quiz) -> dict[str, Places]:
    """The rank of an option in an order, and whether the others stand in that order without it."""
    keys: dict[str, Callable[[int, str], str | int]] = {
        "alphabet": lambda _, text: text.casefold(),
        "length": lambda _, text: len(text),
    }
    for name, digest in _HASHES.items():
        keys[f"{name} of the text"] = partial(_hashed, digest, "{text}")
        keys[f"{name} of id and text"] = partial(_hashed, digest, "{qid}{text}")
    found = {}
    for name, key in keys.items():
        rank = np.array(
            [
                ranks([key(qid, text) for text in options])
                for qid, options in zip(quiz.ids.tolist(), quiz.options, strict=True)
            ]
        )
        found[f"rank by {name}"] = rank
        found[f"others sorted by {name}"] = _others_sorted(rank)
        found[f"place and rank by {name}"] = rank * quiz.shape[1] + np.arange(quiz.shape[1])
    return found


def _hashed(digest: Callable[[bytes], int], form: str, qid: int, text: str) -> int:
    return digest(form.format(qid=qid, text=text).encode())


def _others_sorted(rank: Places) -> Places:
    """[n, o] 1 where the ranks of all other options rise, 2 where they fall, else 0."""
    found = np.zeros_like(rank)
    for place in range(rank.shape[1]):
        steps = np.diff(np.delete(rank, place, axis=1), axis=1)
        found[:, place] = np.where((steps > 0).all(axis=1), 1, np.where((steps < 0).all(axis=1), 2, 0))
    return found


def _by_hash(quiz: Quiz) -> dict[str, Places]:
    """How far an option's place is from a hash of id or question."""
    o = quiz.shape[1]
    found = {}
    for name, digest in _HASHES.items():
        for what, values in {"id": quiz.ids.tolist(), "question": quiz.questions}.items():
            start = np.array([digest(str(value).encode()) % o for value in values])
            found[f"place by {name} of the {what}"] = (np.arange(o) - start[:, None]) % o
    return found
