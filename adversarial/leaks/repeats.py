"""The options of a whole file: a text that stands in several places is right in one of them, or in none."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from adversarial.leaks.counted import chances
from adversarial.leaks.joint import assign, scale
from adversarial.leaks.quiz import Places, Quiz, Scores, flat
from adversarial.leaks.scoring import Attack
from adversarial.text import canonical

KIND = "file level"
_MOST = 6  # places from which on counts are not told apart
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
    counted = worth["places of the text"]
    together = quiz.stack(*worth.values())
    for name, score in {"": counted[quiz.test], ", with all models": together}.items():
        yield quiz.attack(f"one right place a repeated text, assignment{name}", KIND, _assigned(quiz, score))
        yield quiz.attack(f"right places a text, chances of the whole file{name}", KIND, _scaled(quiz, score, exact))


def _folded(quiz: Quiz, rows: Places) -> list[str]:
    return [canonical(text) for text in flat([quiz.options[row] for row in rows])]


def _places(quiz: Quiz) -> Places:
    """[n, o] options of the row's own split with the same folded text, itself counted."""
    found = []
    for rows in quiz.parts:
        texts = _folded(quiz, rows)
        seen = Counter(texts)
        found += [seen[text] for text in texts]
    return np.array(found).reshape(quiz.shape)


def _near_places(quiz: Quiz) -> Places:
    """[n, o] options of the row's own split whose sentence embedding is near-equal."""
    found = []
    for rows in quiz.parts:
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


def _assigned(quiz: Quiz, scores: Scores) -> Places:
    """Answers [n_test] where no repeated text is right twice; the best option where all of a row's are taken."""
    n, o = scores.shape
    texts = _folded(quiz, quiz.test)
    seen = Counter(texts)
    column = {text: place for place, text in enumerate(sorted(text for text in seen if seen[text] > 1))}
    columns = np.array([column.get(text, len(column) + place) for place, text in enumerate(texts)])
    rows = np.repeat(np.arange(n), o)
    best: dict[tuple[int, int], int] = {}  # a question may hold a text twice
    for entry, pair in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        if pair not in best or scores.flat[entry] > scores.flat[best[pair]]:
            best[pair] = entry
    kept = np.array(list(best.values()))
    taken = assign(rows[kept], columns[kept], scores.reshape(-1)[kept], n)
    return np.where(taken >= 0, kept[taken] % o, quiz.choose(scores))


def _scaled(quiz: Quiz, scores: Scores, count: Places) -> Places:
    """Answers [n_test] by chances that leave each repeated text as many right places as such texts have elsewhere."""
    texts = _folded(quiz, quiz.test)
    repeated = {text: place for place, text in enumerate(sorted(t for t, times in Counter(texts).items() if times > 1))}
    if not repeated:
        return quiz.choose(scores)
    group = np.array([repeated.get(text, -1) for text in texts]).reshape(scores.shape)
    times = np.zeros(len(repeated), np.int64)
    times[group[group >= 0]] = count[quiz.test][group >= 0]
    labelled = count[quiz.labelled]
    right = labelled[np.arange(len(labelled)), quiz.right[quiz.labelled]]
    most = int(max(count.max(), _MOST)) + 1
    all_places = np.bincount(labelled.reshape(-1), minlength=most)
    share = (np.bincount(right, minlength=most) + 1) / (all_places + quiz.shape[1])
    return quiz.choose(scale(scores, group, times * share[times]))
