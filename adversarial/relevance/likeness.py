"""How alike texts are, by words and by meaning: one machinery for the attacks and for what they are held against."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

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
SPACES = ("tf-idf", "MiniLM")

_WORDS = r"\S+"  # texts are canonical: words stand between blanks
_BLOCK = 512  # rows of a similarity table in memory at once, where only its maxima are kept


class Texts:
    """Unit vectors of every text of a release, in each of SPACES.

    What ``known`` holds is not encoded again; how words are weighed is counted in these texts alone.
    """

    def __init__(
        self,
        texts: Iterable[str],
        progress: Callable[[float], None] | None = None,
        model: str = DEFAULT_MODEL,
        known: "Texts | None" = None,
    ) -> None:
        self.distinct = sorted(set(texts))
        self.place = {text: index for index, text in enumerate(self.distinct)}
        there = np.array([known is not None and text in known.place for text in self.distinct], bool)
        new = encode([text for text, found in zip(self.distinct, there, strict=True) if not found], model, progress)
        self._meaning = np.empty((len(self.distinct), new.shape[1]), np.float32)
        self._meaning[~there] = new
        if known is not None:
            self._meaning[there] = known.vectors([text for text in self.distinct if text in known.place])

    def save(self, path: Path) -> None:
        """Write texts and embeddings, whole or not at all. Raises ItemError."""
        said = np.frombuffer(json.dumps(self.distinct).encode(), np.uint8)
        with output_file(path) as temporary, temporary.open("wb") as out:
            np.savez(out, texts=said, meaning=self._meaning)

    @classmethod
    def load(cls, path: Path) -> "Texts":
        """What ``save`` wrote. Raises ItemError, naming the file, where it is something else."""
        found = cls.__new__(cls)
        with refusing(f"{path}: broken, delete it", ItemError), np.load(path, allow_pickle=False) as kept:
            found.distinct = json.loads(kept["texts"].tobytes())
            found._meaning = kept["meaning"]
            found.place = {text: index for index, text in enumerate(found.distinct)}
        return found

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Sentence embeddings [len(texts), D]."""
        return self._meaning[self._rows(texts)]

    @cached_property
    def _words(self) -> sparse.csr_matrix:
        from sklearn.feature_extraction.text import TfidfVectorizer

        folded = [canonical(text) for text in self.distinct]
        counted = TfidfVectorizer(token_pattern=_WORDS, ngram_range=(1, 2), sublinear_tf=True)
        return sparse.csr_matrix(counted.fit_transform(folded), dtype=np.float32)

    def similarity(self, space: str, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosines [len(left), len(right)]."""
        rows, columns = self._rows(left), self._rows(right)
        if space == "tf-idf":
            return np.asarray((self._words[rows] @ self._words[columns].T).toarray(), np.float32)
        return np.asarray(self._meaning[rows] @ self._meaning[columns].T, np.float32)

    def paired(self, space: str, left: Sequence[str], right: Sequence[str]) -> Floats:
        """Cosine [N] of each of `left` with its fellow of `right`."""
        rows, columns = self._rows(left), self._rows(right)
        if space == "tf-idf":
            return np.asarray(self._words[rows].multiply(self._words[columns]).sum(axis=1), np.float32).reshape(-1)
        return np.asarray(np.einsum("nd,nd->n", self._meaning[rows], self._meaning[columns]), np.float32)

    def blocks(self, space: str, left: Sequence[str], right: Sequence[str]) -> Iterable[tuple[slice, Floats]]:
        """The same a block of rows at a time, with the rows' places in `left`."""
        for first in range(0, len(left), _BLOCK):
            part = slice(first, min(first + _BLOCK, len(left)))
            yield part, self.similarity(space, left[part], right)

    def nearest(
        self, space: str, left: Sequence[str], right: Sequence[str], k: int = 1
    ) -> tuple[NDArray[np.int64], Floats]:
        """Places in `right` of the `k` most similar texts of each of `left` [L, k], the best first; cosines [L, k]."""
        k = min(k, len(right))
        place, cosine = np.zeros((len(left), k), np.int64), np.zeros((len(left), k), np.float32)
        for part, table in self.blocks(space, left, right):
            place[part] = np.argsort(-table, axis=1, kind="stable")[:, :k] if k > 1 else table.argmax(axis=1)[:, None]
            cosine[part] = np.take_along_axis(table, place[part], axis=1)
        return place, cosine

    def _rows(self, texts: Sequence[str]) -> list[int]:
        return [self.place[text] for text in texts]


def texts_of(items: Iterable[Item]) -> Iterator[str]:
    """Questions and options."""
    return (text for item in items for text in (item.question, *item.answers))
