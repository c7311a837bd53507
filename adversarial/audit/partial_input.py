"""The panel: blind adversaries that never see the video and share no model and no feature with the building.

The building reads sentence embeddings. The panel reads words and characters: hashed n-grams and their own latent
semantic space. Every member is trained anew on the options it is to judge, and tested on other videos.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from adversarial.audit.splits import Cut
from adversarial.data.schema import Item
from adversarial.learning import option_mlp
from adversarial.text.normalise import canonical, question_type, words

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]

_PENALTY = 0.5  # inverse strength of the linear members' ridge
_TOPICS = 96
_WORDS = r"\S+"  # texts are canonical: words stand between blanks


@dataclass(frozen=True)
class Options:
    """The items as the panel reads them: n items, o places, the flat list of options in row order."""

    items: Sequence[Item]
    present: NDArray[np.bool_]  # [n, o]
    right: NDArray[np.int64]  # [n]
    texts: list[str]  # canonical options, flat
    flat: NDArray[np.int64]  # [n, o] place in ``texts``, -1 where absent


def read(items: Sequence[Item]) -> Options:
    most = max(len(item.answers) for item in items)
    present = np.array([[place < len(item.answers) for place in range(most)] for item in items])
    flat = np.where(present, np.cumsum(present).reshape(present.shape) - 1, -1)
    texts = [canonical(answer) for item in items for answer in item.answers]
    return Options(items, present, np.array([item.answer_idx for item in items]), texts, flat)


def linear(features: sparse.csr_matrix, options: Options, cut: Cut) -> Scores:
    """Scores [n_test, o] of a ridge-penalised softmax over each item's options; ``features`` [options, F]."""
    visible = options.present & ~cut.hidden
    seen = options.flat[cut.train]
    slots = np.where(visible[cut.train], seen, -1)
    rows = features[np.maximum(slots, 0).ravel()]
    turned = rows.T.tocsr()
    absent = slots < 0
    truth = (np.arange(len(slots)), options.right[cut.train])

    def loss(weights: Scores) -> tuple[float, Scores]:
        logits = np.where(absent, -1e9, (rows @ weights).reshape(slots.shape))
        logits -= logits.max(axis=1, keepdims=True)
        chance = np.exp(logits)
        total = chance.sum(axis=1, keepdims=True)
        slack = chance / total
        value = np.log(total).sum() - logits[truth].sum() + weights @ weights / (2 * _PENALTY)
        slack[truth] -= 1
        return float(value), turned @ slack.ravel() + weights / _PENALTY

    start = np.zeros(features.shape[1])
    weights = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60, "maxcor": 5}).x
    tested = features[np.maximum(options.flat[cut.test], 0).ravel()] @ weights
    return np.where(options.present[cut.test], tested.reshape(len(cut.test), -1), -np.inf)


def network(features: Floats, options: Options, cut: Cut, seed: int) -> Scores:
    """Scores [n_test, o] of a small network; ``features`` [n, o, F]."""
    testing = np.zeros(len(features), bool)
    testing[cut.test] = True
    visible = options.present & ~(cut.hidden & ~testing[:, None])

    def features_of(rows: NDArray[np.int64]) -> Floats:
        return np.where(visible[rows][:, :, None], features[rows], np.float32(np.nan))

    scores = option_mlp.fit_predict(features_of, cut.train, options.right[cut.train], cut.test, seed)
    return np.where(options.present[cut.test], scores, -np.inf)


def surface(options: Options) -> NDArray[np.float64]:
    """[options, 9]: lengths, their ranks in the set, digits, capitals, full stop."""
    out = []
    for item in options.items:
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


def answer_words(options: Options) -> sparse.csr_matrix:
    """Hashed words, word pairs and character n-grams of the answer alone, with its surface."""
    characters = _hashed(options.texts, 2**17, analyzer="char_wb", ngram_range=(2, 5))
    shrink = sparse.diags(2 / np.sqrt(np.maximum(1, characters.sum(axis=1)).A1))
    return sparse.hstack(
        [
            sparse.csr_matrix(surface(options)),
            _hashed(options.texts, 2**16, token_pattern=_WORDS, ngram_range=(1, 2)),
            shrink @ characters,
        ]
    ).tocsr()


def crossed_words(options: Options) -> sparse.csr_matrix:
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
    return _used_columns(sparse.hstack([sparse.csr_matrix(surface(options)), single, shrink @ pairs]).tocsr())


def _hashed(texts: Sequence[str], size: int, **how: object) -> sparse.csr_matrix:
    from sklearn.feature_extraction.text import HashingVectorizer

    counted = HashingVectorizer(n_features=size, norm=None, alternate_sign=False, binary=True, **how).transform(texts)
    return sparse.csr_matrix(counted)


def _used_columns(features: sparse.csr_matrix) -> sparse.csr_matrix:
    """Without the columns that no option uses: the penalty leaves them at 0 anyway."""
    return features[:, np.unique(features.indices)]


def topics(options: Options, seed: int) -> tuple[Floats, Floats]:
    """The panel's own embeddings, unit length: questions [n, t], options [n, o, t] (0 where absent).

    Latent semantic analysis of words and character n-grams over all texts; no label enters.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [canonical(item.question) for item in options.items] + options.texts
    distinct = sorted(set(texts))
    size = min(_TOPICS, len(distinct) - 1)
    counted = sparse.hstack(
        [
            TfidfVectorizer(token_pattern=_WORDS, sublinear_tf=True).fit_transform(distinct),
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), max_features=30_000).fit_transform(distinct),
        ]
    ).tocsr()
    found = TruncatedSVD(max(1, size), random_state=seed, n_iter=3).fit_transform(counted)
    found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    place = {text: index for index, text in enumerate(distinct)}
    vectors = found[[place[text] for text in texts]].astype(np.float32)
    n = len(options.items)
    return vectors[:n], np.where(options.present[:, :, None], vectors[n:][np.maximum(options.flat, 0)], 0)


def predict(
    items: Sequence[Item], cut_list: Sequence[Cut], seed: int, progress: Callable[[float], None] | None = None
) -> dict[str, Scores]:
    """Every member's scores [n, o], -inf where there is no such option; each from a model that never saw the video."""
    options = read(items)
    most = options.present.shape[1]
    asked, said = topics(options, seed)
    flat_surface = surface(options)
    shape = np.where(options.present[:, :, None], flat_surface[np.maximum(options.flat, 0)], 0).astype(np.float32)
    question = np.repeat(asked[:, None], most, axis=1)
    alike = np.einsum("nod,npd->nop", said, said)
    central = (alike.sum(axis=2, keepdims=True) - 1) / max(1, most - 1)
    nearest = (alike - 2 * np.eye(most, dtype=np.float32)).max(axis=2, keepdims=True)
    pair = np.concatenate([said, question, question * said, (question * said).sum(2, keepdims=True), shape], axis=2)
    whole = np.concatenate([pair, said - said.mean(axis=1, keepdims=True), central, nearest], axis=2)
    place = np.broadcast_to(np.eye(most, dtype=np.float32), (len(items), most, most))

    def flat(features: Floats) -> sparse.csr_matrix:
        return sparse.csr_matrix(features[options.present])

    only, crossed = answer_words(options), crossed_words(options)
    members: dict[str, Callable[[Cut], Scores]] = {
        "answer_only": lambda cut: linear(only, options, cut),
        "question_answer": lambda cut: network(pair, options, cut, seed),
        "option_set": lambda cut: network(whole, options, cut, seed + 1),
        "hashed_words": lambda cut: linear(crossed, options, cut),
        "length": lambda cut: linear(flat(shape[:, :, :6]), options, cut),
        "centrality": lambda cut: linear(flat(np.concatenate([central, nearest], 2)), options, cut),
        "position": lambda cut: linear(flat(place), options, cut),
    }
    scores = {name: np.full((len(items), most), -np.inf) for name in members}
    for number, cut in enumerate(cut_list):
        for step, (name, member) in enumerate(members.items()):
            scores[name][cut.test] = member(cut)
            if progress:
                progress((number + (step + 1) / len(members)) / len(cut_list))
    return scores
