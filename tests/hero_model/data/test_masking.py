"""What is hidden, moved and asked for where chance alone would choose nothing, or too much."""

import dataclasses

import numpy as np
import pytest

from hero_model.data import masking
from hero_model.data.examples import Clip
from hero_model.data.schedule import ClipPool, pretraining_batches
from hero_model.presets import PRESETS, StageConfig
from tests.hero_model.tiny_world import tiny_clip, tiny_clips, tiny_config


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_sentence_hides_its_first_word_where_chance_picks_none() -> None:
    config = tiny_config(mask_share=0.0)
    places, inputs = masking.masked_words([np.array([9, 8]), np.empty(0, np.int64)], config, rng())
    assert [own.tolist() for own in places] == [[0], []]
    assert [own.tolist() for own in inputs] == [[config.mask_token_id], []]


def test_a_clip_hides_one_frame_where_chance_picks_none_and_not_always_the_same() -> None:
    draws, config = rng(), tiny_config(mask_share=0.0)
    hidden = [masking.masked_frames(5, config, draws) for _ in range(40)]
    assert {int(masked.sum()) for masked in hidden} == {1}
    assert {int(masked.argmax()) for masked in hidden} == set(range(5))


@pytest.mark.parametrize(("sample", "expected"), [(0, 6), (2, 2), (9, 6)])
def test_negatives_are_some_of_the_frames_that_are_seen(sample: int, expected: int) -> None:
    masked = np.array([True, True, *[False] * 6])
    chosen = masking.negative_frames(masked, tiny_config(nce_sample=sample), rng())
    assert chosen.sum() == expected
    assert not (chosen & masked).any()


def test_two_frames_move_where_chance_picks_fewer() -> None:
    draws, config = rng(), tiny_config(mask_share=0.0)
    for _ in range(20):
        chosen, places = masking.shuffled_frames(6, config, draws)
        assert len(set(chosen.tolist())) == 2
        assert places.tolist() == chosen[::-1].tolist()
    assert [own.tolist() for own in masking.shuffled_frames(1, config, draws)] == [[0], [0]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"query_share": 0.01}, 1),
        ({"query_share": 0.7}, 2),
        ({"query_share": 1.0}, 3),
    ],
)
def test_a_share_of_the_sentences_are_queries_at_least_one_in_their_order(
    changes: dict[str, float], expected: int
) -> None:
    draws, clip, config = rng(), tiny_clip(rng()), tiny_config(**changes)
    found = [masking.query_sentences(clip, config, draws) for _ in range(30)]
    assert all(own == sorted(set(own)) for own in found)
    assert {len(own) for own in found} == {expected}
    assert {s for own in found for s in own} == {0, 1, 2}


def test_the_released_number_of_queries_repeats_the_last_sentence() -> None:
    config = tiny_config(dialect="official", queries_per_video=5)
    assert masking.query_sentences(tiny_clip(rng()), config, rng()) == [0, 1, 2, 2, 2]
    silent = Clip("silent", np.zeros((4, 24), np.float32), [np.empty(0, np.int64)], [np.arange(4)])
    assert masking.query_sentences(silent, config, rng()) == []


def test_the_batches_of_a_step_hide_other_words_of_the_same_clip() -> None:
    stage = StageConfig(steps=20, clips=1, per_clip=1, learning_rate=1e-3, encoder_learning_rate=1e-3, accumulate=2)
    preset = dataclasses.replace(PRESETS["tiny"], pretraining=stage, task_ratio={"mlm": 1})
    batches = pretraining_batches([ClipPool(tiny_clips(1, 1))], tiny_config(), preset, seed=0)
    labels = [tuple(batches(number).labels.tolist()) for number in range(40)]  # type: ignore[union-attr]
    assert sum(one != two for one, two in zip(labels[::2], labels[1::2], strict=True)) > 15
