"""Latent semantic analysis (Deerwester et al. 1990) of words and character n-grams: what texts share in letters."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from adversarial.text.normalise import canonical

_WORDS = r"\S+"  # texts are canonical: words stand between blanks
_LEARNED_FROM = 20_000  # distinct texts: more make the directions no better, only slower


def topics(texts: Sequence[str], size: int, seed: int) -> NDArray[np.float32]:
    """[len(texts), at most size] of unit length. No label enters; texts that are one when folded are one."""
    from scipy import sparse
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    folded = [canonical(text) for text in texts]
    distinct = sorted(set(folded))
    drawn = np.random.default_rng(seed).permutation(len(distinct))[:_LEARNED_FROM]
    counters = [
        TfidfVectorizer(token_pattern=_WORDS, sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=30_000),
    ]
    learned = sparse.hstack([counter.fit_transform([distinct[at] for at in sorted(drawn)]) for counter in counters])
    directions = TruncatedSVD(max(1, min(size, min(learned.shape) - 1)), random_state=seed, n_iter=3).fit(learned)
    whole = len(drawn) == len(distinct)
    counted = learned if whole else sparse.hstack([counter.transform(distinct) for counter in counters])
    found = directions.transform(counted.tocsr())
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    place = {text: index for index, text in enumerate(distinct)}
    return np.asarray(found[[place[text] for text in folded]], np.float32)
