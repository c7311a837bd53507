"""What stands in a batch: context sentences, questions that are too long, batches that cannot be made."""

from typing import Any

import numpy as np
import pytest

from hero_model.data import collate, masking
from hero_model.data.batches import Packed
from hero_model.data.examples import Clip
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model.tiny_world import tiny_clip, tiny_config

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
    masked, _ = masking.masked_words(talk().sentences, config, np.random.default_rng(0))
    assert [places.tolist() for places in masked] == [[0, 1], [0, 1, 2], [0, 1, 2], [0, 1, 2]]


def test_masked_words_end_with_the_position_table() -> None:
    clip = talk(sentences=[np.full(50, 10 + s) for s in range(4)])
    config = tiny_config(context_sentences=1, mask_share=1.0)
    masked, inputs = masking.masked_words(clip.sentences, config, np.random.default_rng(0))
    batch = collate.masked_word_batch([clip], [masked], [inputs], config)
    assert len(batch.labels) == len(batch.places) == 50 + 3 * 63


@pytest.mark.parametrize("weight", [0.0, 10.0])
@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm", "stage"])
def test_a_question_longer_than_the_position_table_is_answered(architecture: str, weight: float) -> None:
    """The question is cut; what tells the answers apart stays, and so does some of what is said."""
    config = tiny_config(architecture=architecture, answer_match_weight=weight)
    clip = tiny_clip(np.random.default_rng(0))
    options = [np.array([7, 8]), np.array([9])]
    batch = collate.question_batch([clip], [(np.full(600, 5), options)], [0], [(0, 1)], config)
    asked = texts(batch.appended.packed)
    assert [row[-3:] for row in asked] == [[SEP, 7, 8], [5, SEP, 9]]
    assert max(len(row) for row in texts(batch.clips.packed)) <= config.max_position_embeddings
    heard = {word for row in texts(batch.clips.packed) for word in row}
    assert heard >= set(clip.sentences[0].tolist())
    model = HeroForQuestionAnswering(config).eval()
    first, second = model(batch).logits[0].tolist()
    assert np.isfinite([first, second]).all()
    assert first != second


def test_long_answers_leave_room_for_the_question() -> None:
    config = tiny_config()
    options = [np.full(600, 7), np.array([8])]
    batch = collate.question_batch([talk()], [(np.array([5, 6]), options)], [0], [(0, 1)], config)
    short, long = sorted(texts(batch.appended.packed), key=len)
    assert short == [SEP, 5, 6, SEP, 8]
    assert long[:4] == [SEP, 5, 6, SEP]
    assert set(long[4:]) == {7}
    assert all(row[0] == SEP and row[-len(long) :] == long for row in texts(batch.clips.packed) if row[-1] == 7)


def test_questions_that_fit_are_not_cut() -> None:
    """The longest sentence has three words and its leading token: 60 of 64 places are left."""
    question, options = np.full(50, 5), [np.full(8, 7)]
    batch = collate.question_batch([talk()], [(question, options)], [0], [(0, 1)], tiny_config())
    assert texts(batch.appended.packed) == [[SEP, *[5] * 50, SEP, *[7] * 8]]


def test_matching_without_a_query_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one query"):
        collate.subtitle_match_batch([talk()], [[]], tiny_config())
    with pytest.raises(ValueError, match="at least one query"):
        collate.moment_batch([talk()], [], [], [], tiny_config())
