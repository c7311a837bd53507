"""What the partial-input models read of the options: surface, hashed words, latent topics.

Words and characters only. The matching reads sentence embeddings; no model and no feature is shared with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from adversarial.data.schema import Item
from adversarial.relevance.topics import topics
from adversarial.text.normalise import canonical, question_type, words

Floats = NDArray[np.float32]

STYLE = 9  # columns of an option's surface
_TOPICS = 96
_WORDS = r"\S+"  # texts are canonical: words stand between blanks


@dataclass(frozen=True)
class OptionTable:
    """The items as the models read them: n items, o places, the flat list of options in row order."""

    items: Sequence[Item]
    present: NDArray[np.bool_]  # [n, o]
    right: NDArray[np.int64]  # [n]
    texts: list[str]  # canonical options, flat
    flat: NDArray[np.int64]  # [n, o] place in ``texts``, -1 where absent

    @cached_property
    def surface(self) -> NDArray[np.float64]:
        """[options, STYLE]: lengths, their ranks in the set, digits, capitals, full stop."""
        out = []
        for item in self.items:
            sizes = [len(answer) for answer in item.answers]
            counts = [len(words(answer)) for answer in item.answers]
            top = max(1, len(sizes) - 1)
            for answer, size, count in zip(item.answers, sizes, counts, strict=True):
                out.append(
                    [
                        np.log1p(size),
                        np.log1p(count),
                        sum(size > other for other in sizes) / top,
                        sum(count > other for other in counts) / top,
                        size == max(sizes),
                        size == min(sizes),
                        any(letter.isdigit() for letter in answer),
                        answer[:1].isupper(),
                        answer.endswith("."),
                    ]
                )
        return np.array(out, float)


def read(items: Sequence[Item]) -> OptionTable:
    most = max(len(item.answers) for item in items)
    present = np.array([[place < len(item.answers) for place in range(most)] for item in items])
    flat = np.where(present, np.cumsum(present).reshape(present.shape) - 1, -1)
    texts = [canonical(answer) for item in items for answer in item.answers]
    return OptionTable(items, present, np.array([item.answer_idx for item in items]), texts, flat)


def answer_words(options: OptionTable) -> sparse.csr_matrix:
    """Hashed words, word pairs and character n-grams of the answer alone, with its surface."""
    characters = _hashed(options.texts, 2**17, analyzer="char_wb", ngram_range=(2, 5))
    shrink = sparse.diags(2 / np.sqrt(np.maximum(1, characters.sum(axis=1)).A1))
    return sparse.hstack(
        [
            sparse.csr_matrix(options.surface),
            _hashed(options.texts, 2**16, token_pattern=_WORDS, ngram_range=(1, 2)),
            shrink @ characters,
        ]
    ).tocsr()


def crossed_words(options: OptionTable) -> sparse.csr_matrix:
    """Hashed pairs of a question word (and the question's type) with an answer word (and the answer's length)."""
    documents = []
    for item in options.items:
        kind = question_type(item.question).replace(" ", "_")
        asked = list(dict.fromkeys(words(item.question)))[:14]
        for answer in item.answers:
            said = list(dict.fromkeys(words(answer)))[:8]
            shape = f"length{min(len(said), 6)}"
            tokens = [f"{kind}|{word}" for word in (*said, shape)]
            tokens += [f"{one}~{other}" for one in asked for other in (*said, shape)]
            if set(asked) & set(said):
                tokens.append("overlap")
            documents.append(" ".join(tokens))
    pairs = _hashed(documents, 2**20, token_pattern=_WORDS, lowercase=False)
    shrink = sparse.diags(1.5 / np.sqrt(np.maximum(1, pairs.sum(axis=1)).A1))
    single = _hashed(options.texts, 2**16, token_pattern=_WORDS, ngram_range=(1, 2))
    return sparse.hstack([sparse.csr_matrix(options.surface), single, shrink @ pairs]).tocsr()


def _hashed(texts: Sequence[str], size: int, **how: object) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    counted = HashingVectorizer(n_features=size, norm=None, alternate_sign=False, binary=True, **how).transform(texts)
    return sparse.csr_matrix(counted)


def latent(options: OptionTable, seed: int) -> tuple[Floats, Floats]:
    """Embeddings of the audit's own, see topics: questions [n, t], options [n, o, t] (0 where absent)."""
    n = len(options.items)
    vectors = topics([item.question for item in options.items] + options.texts, _TOPICS, seed)
    return vectors[:n], np.where(options.present[:, :, None], vectors[n:][np.maximum(options.flat, 0)], 0)
