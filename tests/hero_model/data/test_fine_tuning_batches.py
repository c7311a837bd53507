"""Which queries and questions a batch of fine-tuning takes, and what is drawn anew in each."""

import dataclasses
from collections import Counter

import numpy as np

from hero_model.data.batches import MatchBatch, QuestionBatch
from hero_model.data.examples import Query, Question
from hero_model.data.schedule import moment_batches, question_batches
from hero_model.presets import StageConfig
from tests.hero_model.tiny_world import FIRST_WORD, tiny_clips, tiny_config

STAGE = StageConfig(steps=100, clips=2, per_clip=3, learning_rate=1e-3, encoder_learning_rate=1e-3)
CLIPS = {clip.name: clip for clip in tiny_clips(4, seed=1)}
QUERIES = [
    Query(10 * row + n, np.array([FIRST_WORD + 5 * row + n]), name, (n, n + 2))
    for row, name in enumerate(CLIPS)
    for n in range(5)
]


def match_batch(stage: StageConfig, number: int, **changes: float) -> MatchBatch:
    batch = moment_batches(CLIPS, QUERIES, tiny_config(**changes), stage, seed=0)(number)
    assert isinstance(batch, MatchBatch)
    return batch


def words_of(batch: MatchBatch) -> list[tuple[int, ...]]:
    """Of each query, without the leading token."""
    packed, texts = batch.queries.packed, batch.queries
    ids = [-1] * int(sum(count * length for count, length in packed.runs))
    for place, word in zip(packed.word_places.tolist(), packed.word_ids.tolist(), strict=True):
        ids[place] = word
    return [
        tuple(ids[place] for place in row[mask].tolist()[1:])
        for row, mask in zip(texts.places, texts.mask, strict=True)
    ]


def test_a_clip_shows_so_many_of_its_queries_and_other_ones_each_time() -> None:
    taken: Counter[int] = Counter()
    for number in range(40):
        batch = match_batch(STAGE, number)
        assert Counter(batch.query_clips.tolist()) == {0: 3, 1: 3}
        asked = [words[0] - FIRST_WORD for words in words_of(batch)]
        assert len(set(asked)) == 6
        assert [tuple(span) for span in batch.spans.tolist()] == [(n % 5, n % 5 + 2) for n in asked]
        taken.update(asked)
    assert set(taken) == set(range(20))


def test_sentences_of_a_clip_join_its_queries_with_their_frames() -> None:
    batch = match_batch(dataclasses.replace(STAGE, per_clip=1, subtitle_queries=2), 0)
    assert batch.query_clips.tolist() == [0, 1, 0, 0, 1, 1]
    features = [clip.features.tobytes() for clip in CLIPS.values()]
    shown = [list(CLIPS.values())[features.index(row.numpy().tobytes())] for row in batch.clips.features]
    for words, row, span in list(zip(words_of(batch), batch.query_clips.tolist(), batch.spans.tolist(), strict=True))[
        2:
    ]:
        clip = shown[row]
        said = [tuple(sentence.tolist()) for sentence in clip.sentences].index(words)
        assert span == [clip.frames[said][0], clip.frames[said][-1]]


def test_the_batches_of_a_step_have_a_span_loss_together() -> None:
    """One in five steps of `official` has it."""
    stage = dataclasses.replace(STAGE, accumulate=2)
    with_spans = [match_batch(stage, number, span_loss_share=0.5).with_span_loss for number in range(60)]
    assert with_spans[::2] == with_spans[1::2]
    assert 5 < sum(with_spans[::2]) < 25


def test_a_batch_has_so_many_questions_a_clip_and_their_answers_in_an_order_of_chance() -> None:
    names = list(CLIPS)
    questions = [
        Question(
            n, np.array([FIRST_WORD]), tuple(np.array([FIRST_WORD + 1 + i]) for i in range(4)), names[n % 4], (0, 3), 2
        )
        for n in range(12)
    ]
    batches = question_batches(CLIPS, questions, tiny_config(), STAGE, seed=0)
    right: Counter[int] = Counter()
    for number in range(60):
        batch = batches(number)
        assert isinstance(batch, QuestionBatch)
        assert len(batch.answers) == STAGE.clips * STAGE.per_clip
        right.update(batch.answers.tolist())
    assert set(right) == {0, 1, 2, 3}
    assert min(right.values()) > 60 * 6 / 4 * 0.7
