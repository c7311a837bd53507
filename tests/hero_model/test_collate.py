"""What stands in a batch: context sentences, questions that are too long, batches that cannot be made."""

from typing import Any

import numpy as np
import pytest

from hero_model import choices, collate
from hero_model.batch import Packed
from hero_model.collate import Clip
from tests.hero_model.tiny_world import tiny_config

CLS, SEP, MASK = 0, 2, 3


def talk(**changes: Any) -> Clip:
    """Four sentences; the second has no frame."""
    values: dict[str, Any] = {
        "name": "talk",
        "features": np.ones((6, 24), np.float32),
        "sentences": [np.array(words) for words in ([10, 11], [12], [13, 14, 15], [16])],
        "frames": [np.array(own, np.int64) for own in ([0, 1], [], [2, 3], [4])],
    }
    return Clip(**(values | changes))


def texts(packed: Packed) -> list[list[int]]:
    """The words of each packed sequence, frames aside."""
    rows, start = [], 0
    of_place = dict(zip(packed.word_places.tolist(), packed.word_ids.tolist(), strict=True))
    for count, length in packed.runs:
        for _ in range(count):
            rows.append([of_place[place] for place in range(start, start + length) if place in of_place])
            start += length
    return sorted(rows)


def test_context_sentences_stand_in_front() -> None:
    batch = collate.clip_batch([talk()], tiny_config(context_sentences=1))
    assert texts(batch.packed) == sorted([[SEP, 10, 11], [SEP, 12, 13, 14, 15], [SEP, 13, 14, 15, 16]])


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (0, [[SEP, 10, 11], [SEP], [SEP, 16]]),
        (1, [[SEP, 10, 11], [SEP, 12], [SEP, 16]]),
        (2, [[SEP, 10, 11], [SEP, 10, 11, 12], [SEP, 12, 16]]),
    ],
)
def test_a_query_sentence_is_in_no_context(context: int, expected: list[list[int]]) -> None:
    """The third is the query: it leaves its own row and every other one; the context of its row stays."""
    batch = collate.subtitle_match_batch([talk()], [[2]], tiny_config(context_sentences=context))
    assert texts(batch.clips.packed) == sorted(expected)


def test_a_kept_query_sentence_is_context_like_any_other() -> None:
    config = tiny_config(context_sentences=1)
    batch = collate.subtitle_match_batch([talk()], [[0, 2]], config, kept=[[2]])
    assert texts(batch.clips.packed) == sorted([[SEP], [SEP, 12, 13, 14, 15], [SEP, 13, 14, 15, 16]])


def test_masked_words_may_be_of_the_context() -> None:
    """Each sentence is cut to two words before they are joined; hidden are 14, as context, and 16."""
    config = tiny_config(context_sentences=1, max_sentence_tokens=2)
    masked = [np.array([], np.int64)] * 3 + [np.array([1, 2])]
    inputs = [np.array([], np.int64)] * 3 + [np.array([MASK, 29])]
    batch = collate.masked_word_batch([talk()], [masked], [inputs], config)
    assert texts(batch.clips.packed) == sorted(
        [[CLS, 10, 11], [CLS, 10, 11, 12], [CLS, 12, 13, 14], [CLS, 13, MASK, 29]]
    )
    assert batch.labels.tolist() == [14, 16]
    places = batch.clips.packed.word_places.tolist()
    assert [int(batch.clips.packed.word_ids[places.index(p)]) for p in batch.places.tolist()] == [MASK, 29]


def test_words_are_drawn_from_sentence_and_context() -> None:
    config = tiny_config(context_sentences=1, max_sentence_tokens=2, mask_share=1.0)
    masked, _ = choices.masked_words(talk().sentences, config, np.random.default_rng(0))
    assert [places.tolist() for places in masked] == [[0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2]]


def test_masked_words_end_with_the_position_table() -> None:
    clip = talk(sentences=[np.full(50, 10 + s) for s in range(4)])
    config = tiny_config(context_sentences=1, mask_share=1.0)
    masked, inputs = choices.masked_words(clip.sentences, config, np.random.default_rng(0))
    batch = collate.masked_word_batch([clip], [masked], [inputs], config)
    assert len(batch.labels) == len(batch.places) == 50 + 3 * 63
