"""The options of a whole file: a text that stands in several places is right in one of them, or in none."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.special import log_softmax
from scipy.stats import binom

from adversarial.leaks.counted import chances
from adversarial.leaks.joint import assign, beliefs
from adversarial.leaks.quiz import Places, Quiz, Scores, flat
from adversarial.leaks.scoring import Attack
from adversarial.text.normalise import canonical

KIND = "file level"
_MOST = 6  # places from which on counts are not told apart
_CAUTION = 4  # texts by chance that are added to those counted
_NEAR = 0.9  # cosine from which two options are near-equal


def file_level(quiz: Quiz) -> Iterator[Attack]:
    """Counting in both directions, what counts are worth where labels are known, and joint inference."""
    exact, near = _places(quiz), _near_places(quiz)
    for name, count in {"places of the text": exact, "places of near-equal texts": near}.items():
        yield quiz.attack(f"most {name}", KIND, quiz.choose(count[quiz.test].astype(float)))
        yield quiz.attack(f"fewest {name}", KIND, quiz.choose(-count[quiz.test].astype(float)))
    categories = {
        "places of the text": np.minimum(exact, _MOST),
        "places of near-equal texts": np.minimum(near, _MOST),
        "pattern of repeated options": _pattern(exact),
    }
    worth = {name: chances(quiz, category) for name, category in categories.items()}
    for name, score in worth.items():
        yield quiz.attack(f"{name}, counted", KIND, quiz.choose(score[quiz.test]))
        yield quiz.attack(f"{name}, with all models", KIND, quiz.choose(quiz.stack(score)))
    even = np.zeros((len(quiz.test), quiz.shape[1]))
    for name, score in {"": even, ", with all models": log_softmax(quiz.stacked, axis=1)}.items():
        joint = _believed(quiz, score)
        yield quiz.attack(f"right places a text, sum-product{name}", KIND, quiz.choose(joint))
        yield quiz.attack(f"right places a text, assignment{name}", KIND, _assigned(quiz, joint))


def _folded(quiz: Quiz, rows: Places) -> list[str]:
    return [canonical(text) for text in flat([quiz.options[row] for row in rows])]


def _places(quiz: Quiz) -> Places:
    """[n, o] options of the row's own split with the same folded text, itself counted."""
    found = []
    for rows in quiz.split_rows:
        texts = _folded(quiz, rows)
        seen = Counter(texts)
        found += [seen[text] for text in texts]
    return np.array(found).reshape(quiz.shape)


def _near_places(quiz: Quiz) -> Places:
    """[n, o] options of the row's own split whose sentence embedding is near-equal."""
    found = []
    for rows in quiz.split_rows:
        texts = flat([quiz.options[row] for row in rows])
        seen = Counter(texts)
        distinct = sorted(seen)
        times = np.array([seen[text] for text in distinct])
        near: dict[str, int] = {}
        for part, table in quiz.texts.blocks("MiniLM", distinct, distinct):
            near |= zip(distinct[part], ((table >= _NEAR) @ times).tolist(), strict=True)
        found += [near[text] for text in texts]
    return np.array(found).reshape(quiz.shape)


def _pattern(count: Places) -> Places:
    """Whether an option is repeated, and how many of its question are."""
    repeated = (count > 1).astype(np.int64)
    return repeated * (count.shape[1] + 1) + repeated.sum(axis=1, keepdims=True)


def _by_text(quiz: Quiz, rows: Places) -> list[Places]:
    """The flat places of each folded text of these rows, texts in order."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(_folded(quiz, rows)):
        places.setdefault(text, []).append(place)
    return [np.array(places[text]) for text in sorted(places)]


def _rights(quiz: Quiz) -> list[Scores]:
    """For k = 0 .. _MOST: [k + 1] the chance that 0 .. k of a text's k places are right, as in the labelled splits."""
    found = [binom.pmf(np.arange(k + 1), k, 1 / quiz.shape[1]) * _CAUTION for k in range(_MOST + 1)]
    for rows in quiz.split_rows[:2]:
        right = (np.arange(quiz.shape[1]) == quiz.right[rows][:, None]).reshape(-1)
        for places in _by_text(quiz, rows):
            if len(places) <= _MOST:
                found[len(places)][right[places].sum()] += 1
    return [counts / counts.sum() for counts in found]


def _believed(quiz: Quiz, scores: Scores) -> Scores:
    """Scores [n_test, o] that add to `scores` what the number of right places of each text tells."""
    odds = {
        k: chances / binom.pmf(np.arange(k + 1), k, 1 / quiz.shape[1]) for k, chances in enumerate(_rights(quiz)) if k
    }
    return beliefs(scores, _by_text(quiz, quiz.test), odds)


def _assigned(quiz: Quiz, scores: Scores) -> Places:
    """Answers [n_test] where no text is right more often than such texts mostly are; best total of scores."""
    n, o = scores.shape
    most = [max(1, int(chances.argmax())) for chances in _rights(quiz)]
    rows: list[int] = []
    columns: list[int] = []
    entries: list[int] = []
    width = 0
    for places in _by_text(quiz, quiz.test):
        room = most[len(places)] if len(places) <= _MOST else len(places)
        best = {place // o: place for place in sorted(places, key=scores.flat.__getitem__)}  # a row may hold it twice
        for row, place in best.items():
            rows += [row] * room
            entries += [place] * room
            columns += range(width, width + room)
        width += room
    taken = assign(np.array(rows), np.array(columns), scores.reshape(-1)[entries], n)
    return np.where(taken >= 0, np.array(entries)[taken] % o, quiz.choose(scores))
