"""The most similar texts: as whole sorted rows have them, whatever is equal and however tables are cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversarial.relevance import likeness
from adversarial.relevance.likeness import MEANING, WORDS, Texts

SAID = ["a man cuts an onion", "a man cuts bread", "a woman cuts bread", "somebody sings", "somebody sings a song"]


@given(st.lists(st.lists(st.integers(0, 3), min_size=6, max_size=6), min_size=1, max_size=5), st.integers(2, 6))
def test_the_highest_of_a_row_are_those_of_a_stable_sort(rows: list[list[int]], k: int) -> None:
    table = np.array(rows, np.float32)
    assert (likeness._highest(table, k) == np.argsort(-table, axis=1, kind="stable")[:, :k]).all()


@pytest.mark.parametrize("cells", [1, 7, 2**20])
def test_tables_may_be_cut_anywhere(cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "_CELLS", cells)
    texts = Texts(SAID)
    place, cosine = texts.nearest(WORDS, SAID[:2], SAID[2:], 2)
    assert place.tolist() == [[0, 2], [0, 2]]
    whole = texts.similarity(WORDS, SAID[:2], SAID[2:])
    assert np.allclose(cosine, np.take_along_axis(whole, place, axis=1))


def test_what_is_not_read_is_compared_by_its_words_alone() -> None:
    every, some = Texts(SAID), Texts(SAID, read=SAID[:3])
    assert np.allclose(some.similarity(WORDS, SAID, SAID), every.similarity(WORDS, SAID, SAID))
    assert np.allclose(some.vectors(SAID[:3]), every.vectors(SAID[:3]), atol=1e-6)
    with pytest.raises(KeyError):
        some.similarity(MEANING, SAID[3:], SAID[:3])
    more = Texts(SAID, known=some, read=SAID[:4])
    assert np.allclose(more.vectors(SAID[:4]), every.vectors(SAID[:4]), atol=1e-6)
