"""How alike texts are, by words and by meaning: one machinery for the attacks and for what they are held against."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from adversarial.data.errors import ItemError
from adversarial.data.paths import output_file
from adversarial.data.schema import Item
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL, encode
from adversarial.text.normalise import canonical
from evaluation.io.errors import refusing

Floats = NDArray[np.float32]
WORDS, MEANING = SPACES = ("tf-idf", "MiniLM")

_WORDS = r"\S+"  # texts are canonical: words stand between blanks
_CELLS = 2**20  # of a similarity table in memory at once, where only its maxima are kept


class Texts:
    """Unit vectors of every text of a release, in each of SPACES.

    What ``known`` holds is not encoded again; how words are weighed is counted in these texts alone. Where ``read`` is
    given, only those of them have a meaning; the others are compared by their words.
    """

    def __init__(
        self,
        texts: Iterable[str],
        progress: Callable[[float], None] | None = None,
        model: str = DEFAULT_MODEL,
        known: "Texts | None" = None,
        read: Collection[str] | None = None,
    ) -> None:
        self.place = _places(texts)
        self.read = self.place if read is None else _places(read)
        there = [] if known is None else sorted(self.read.keys() & known.read.keys())
        new = sorted(self.read.keys() - set(there))
        vectors = encode(new, model, progress)
        self._meaning = np.empty((len(self.read), vectors.shape[1]), np.float32)
        self._meaning[[self.read[text] for text in new]] = vectors
        if known is not None:
            self._meaning[[self.read[text] for text in there]] = known.vectors(there)

    def save(self, path: Path) -> None:
        """Write the texts that were read and their embeddings, whole or not at all. Raises ItemError."""
        said = np.frombuffer(json.dumps(list(self.read)).encode(), np.uint8)
        with output_file(path) as temporary, temporary.open("wb") as out:
            np.savez(out, texts=said, meaning=self._meaning)

    @classmethod
    def load(cls, path: Path) -> "Texts":
        """What ``save`` wrote. Raises ItemError, naming the file, where it is something else."""
        found = cls.__new__(cls)
        with refusing(f"{path}: broken, delete it", ItemError), np.load(path, allow_pickle=False) as kept:
            found.place = found.read = _places(json.loads(kept["texts"].tobytes()))
            found._meaning = kept["meaning"]
        return found

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Sentence embeddings [len(texts), D]."""
        return self._meaning[[self.read[text] for text in texts]]

    @cached_property
    def _words(self) -> sparse.csr_matrix:
        from sklearn.feature_extraction.text import TfidfVectorizer

        folded = [canonical(text) for text in self.place]
        counted = TfidfVectorizer(token_pattern=_WORDS, ngram_range=(1, 2), sublinear_tf=True)
        return sparse.csr_matrix(counted.fit_transform(folded), dtype=np.float32)

    def similarity(self, space: str, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosines [len(left), len(right)]."""
        return _product(self._vectors(space, left), self._vectors(space, right).T)

    def paired(self, space: str, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosine [N] of each of `left` with its fellow of `right`."""
        one, other = self._vectors(space, left), self._vectors(space, right)
        if space == WORDS:
            return np.asarray(one.multiply(other).sum(axis=1), np.float32).reshape(-1)
        return np.asarray(np.einsum("nd,nd->n", one, other), np.float32)

    def blocks(self, space: str, left: Sequence[str], right: Sequence[str]) -> Iterable[tuple[slice, Floats]]:
        """The same a block of rows at a time, with the rows' places in `left`."""
        rows, columns = self._vectors(space, left), self._vectors(space, right).T
        if space == WORDS:
            columns = columns.tocsr()  # once, not for each block
        at_once = max(1, _CELLS // max(1, len(right)))
        for first in range(0, len(left), at_once):
            part = slice(first, min(first + at_once, len(left)))
            yield part, _product(rows[part], columns)

    def nearest(
        self, space: str, left: Sequence[str], right: Sequence[str], k: int = 1
    ) -> tuple[NDArray[np.int64], Floats]:
        """Places in `right` of the `k` most similar texts of each of `left` [L, k], the best first; cosines [L, k]."""
        k = min(k, len(right))
        place, cosine = np.zeros((len(left), k), np.int64), np.zeros((len(left), k), np.float32)
        for part, table in self.blocks(space, left, right):
            place[part] = _highest(table, k) if k > 1 else table.argmax(axis=1)[:, None]
            cosine[part] = np.take_along_axis(table, place[part], axis=1)
        return place, cosine

    def _vectors(self, space: str, texts: Sequence[str]) -> Any:
        """[len(texts), D] a dense or a sparse matrix of unit rows."""
        return self._words[[self.place[text] for text in texts]] if space == WORDS else self.vectors(texts)


def _places(texts: Iterable[str]) -> dict[str, int]:
    """The distinct texts, sorted, with their places."""
    return {text: place for place, text in enumerate(sorted(set(texts)))}


def _product(left: Any, right: Any) -> Floats:
    found = left @ right
    return np.asarray(found.toarray() if sparse.issparse(found) else found, np.float32)


def _highest(table: Floats, k: int) -> NDArray[np.int64]:
    """Places of the `k` highest of each row, the best first, of equals the first: to sort whole rows takes longer."""
    least = np.partition(table, -k, axis=1)[:, -k]
    found = np.empty((len(table), k), np.int64)
    for at, (row, edge) in enumerate(zip(table, least, strict=True)):
        candidates = np.flatnonzero(row >= edge)
        found[at] = candidates[np.argsort(-row[candidates], kind="stable")[:k]]
    return found


def texts_of(items: Iterable[Item]) -> Iterator[str]:
    """Questions and options."""
    return (text for item in items for text in (item.question, *item.answers))
