"""What speaks against the texts of an answer by themselves, field by field: the worker's page shows the same hints.

A hint is a field and a word for what is odd. Thresholds are those of `text_rules.json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import ceil

from adversarial.text.normalise import canonical
from annotation.review.text.text_rules import RULES, words

OPTIONS = ("correct", "wrong_1", "wrong_2", "wrong_3")
SENTENCES = {
    "length": "is unusually short or long",
    "said": "repeats what is said in the clip",
    "instructions": "repeats the instructions",
    "repeats": "says few different words",
    "halves": "says in its second half what it says in its first",
    "place": "says where in the clip it happens",
    "empty": "holds no letter or digit",
    "equal": "is the same as another answer",
    "alike": "is nearly the same as another answer",
    "longest": "is by far the longest",
}

Hint = tuple[str, str]
_PLACES = re.compile("|".join(RULES["places"]))  # of the canonical text between blanks


@lru_cache(maxsize=1024)  # an answer is compared with hundreds, each of them with it
def trigrams(text: str) -> frozenset[str]:
    """Character 3-grams of the canonical text."""
    folded = f"  {canonical(text)} "
    return frozenset(folded[i : i + 3] for i in range(len(folded) - 2))


def alike(a: str, b: str) -> float:
    """Jaccard similarity of character 3-grams, 0 to 1."""
    left, right = trigrams(a), trigrams(b)
    return len(left & right) / len(left | right) if left | right else 1.0


def copied(text: str, sources: Iterable[str]) -> bool:
    """Whether the text is nearly one of the sources, or most of it is a run of words of all of them in a row."""
    sources = list(sources)
    folded = canonical(text).split()
    length = max(RULES["run_of_words"], ceil(RULES["run_share"] * len(folded)))
    if len(folded) > 2 and any(alike(text, source) >= RULES["copied"] for source in sources):
        return True
    all_said = f" {' '.join(canonical(source) for source in sources)} "
    runs = (" ".join(folded[i : i + length]) for i in range(len(folded) - length + 1))
    return any(f" {run} " in all_said for run in runs)


def says_where(text: str) -> bool:
    """Whether a text names the place of something in its clip: “in the beginning”, “at 0:12”, “the last shot”."""
    return bool(_PLACES.search(f" {canonical(text)} "))


def hints(fields: Mapping[str, str], said: Sequence[str]) -> list[Hint]:
    """Hints about a query (`query`) or a question with its options; `said`: the sentences of the clip."""
    if "query" in fields:
        odd = _of_sentence(fields["query"], RULES["query_words"], said)
        return [("query", kind) for kind in [*odd, *["place"] * says_where(fields["query"])]]
    found = [("question", kind) for kind in _of_sentence(fields["question"], RULES["question_words"], said)]
    return found + [(name, kind) for name in OPTIONS for kind in _of_option(fields, name, said)]


def _of_sentence(text: str, usual: Sequence[int], said: Sequence[str]) -> list[str]:
    tokens = canonical(text).split()
    half, different = len(tokens) // 2, len(set(tokens))
    tests = {
        "length": not usual[0] <= len(words(text)) <= usual[1],
        "said": copied(text, said),
        "instructions": any(copied(text, [one]) for one in RULES["instructions"]),
        "repeats": len(tokens) > 0 and different <= len(tokens) // 2,
        "halves": half > 2 and sorted(tokens[:half]) == sorted(tokens[-half:]),
    }
    return [kind for kind, met in tests.items() if met]


def _of_option(fields: Mapping[str, str], name: str, said: Sequence[str]) -> list[str]:
    text = fields[name]
    if not words(text):
        return ["empty"]
    others = [fields[other] for other in OPTIONS if other != name]
    longest = max(len(fields[other]) for other in OPTIONS[1:])
    equal = any(canonical(text) == canonical(other) for other in others)
    tests = {
        "equal": equal,
        "alike": not equal and any(alike(text, other) >= RULES["options_alike"] for other in others),
        "said": copied(text, said),
        "length": len(words(text)) > RULES["most_answer_words"],
        "longest": name == OPTIONS[0] and all(others) and len(text) > RULES["longer"] * longest,
    }
    return [kind for kind, met in tests.items() if met]
