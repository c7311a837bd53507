"""What training does when: learning rates, decay, hard negatives, the order of clips, and what is masked."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from hero_model.checkpoints.official import OFFICIAL_KEYS
from hero_model.data import collate, masking
from hero_model.data.examples import Clip
from hero_model.data.schedule import ClipPool, epoch_indices, pretraining_batches
from hero_model.errors import InputError, InputWarning
from hero_model.models.losses import ranking_losses
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from hero_model.models.qa import HeroForQuestionAnswering
from hero_model.presets import OBJECTIVES, PRESETS, StageConfig
from hero_model.training.trainer import Validation, parameter_groups, rate_factor, train_stage
from tests.hero_model.tiny_world import tiny_clips, tiny_config

STAGE = StageConfig(steps=100, clips=2, per_clip=1, learning_rate=1e-2, encoder_learning_rate=1e-3)
PRESET = dataclasses.replace(PRESETS["tiny"], freeze_words=False)


@pytest.mark.parametrize(
    ("warmup", "step", "share"),
    [
        (0.1, 0, 0.1), (0.1, 4, 0.5), (0.1, 9, 1.0), (0.1, 10, 1.0), (0.1, 55, 0.5), (0.1, 99, 1 / 90),
        (0.0, 0, 1.0), (0.0, 50, 50 / 99), (0.5, 24, 0.5), (0.5, 75, 0.5), (1.0, 49, 0.5), (1.0, 99, 1.0),
    ],
)  # fmt: skip
def test_the_rate_rises_and_falls_in_straight_lines(warmup: float, step: int, share: float) -> None:
    assert rate_factor(step, dataclasses.replace(STAGE, warmup=warmup)) == pytest.approx(share)


class Nothing:
    """A batch of nothing."""

    task = "nothing"

    def to(self, device: torch.device) -> Nothing:
        return self


class Slope(torch.nn.Module):
    """A constant gradient of 1, which AdamW turns into steps as long as the learning rate."""

    def __init__(self) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.zeros(1))

    def forward(self, batch: Any) -> Any:
        return SimpleNamespace(loss=self.place.sum())


class Slopes(Slope):
    """Gradients that are told."""

    def forward(self, batch: Any) -> Any:
        return SimpleNamespace(loss=self.place.sum() * batch.slope)


def test_a_step_is_the_released_adams_on_a_gradient_of_at_most_one(tmp_path: Path) -> None:
    """Clipped to 1; moments that keep 0.9 and 0.98; epsilon 1e-6."""
    model, stage = Slopes(), dataclasses.replace(STAGE, steps=3, warmup=0.0)
    slopes, places = [100.0, 0.5, 0.0], [0.0]

    def batch(number: int) -> Any:
        nothing = Nothing()
        nothing.slope = slopes[number]  # type: ignore[attr-defined]
        return nothing

    def report(step: Any) -> None:
        places.append(float(model.place.detach()))

    train_stage(model, batch, stage, PRESET, tmp_path / "checkpoint", 0, report)  # type: ignore[arg-type]
    mean, square, expected = 0.0, 0.0, []
    for step, slope in enumerate([1.0, 0.5, 0.0]):
        mean, square = 0.9 * mean + 0.1 * slope, 0.98 * square + 0.02 * slope**2
        length = (mean / (1 - 0.9 ** (step + 1))) / ((square / (1 - 0.98 ** (step + 1))) ** 0.5 + 1e-6)
        expected.append(STAGE.learning_rate * rate_factor(step, stage) * length)
    assert -np.diff(places) == pytest.approx(expected, rel=1e-4)


def test_every_step_is_as_long_as_its_rate(tmp_path: Path) -> None:
    model, stage = Slope(), dataclasses.replace(STAGE, steps=20, warmup=0.2)
    places = [0.0]
    train_stage(
        model,  # type: ignore[arg-type]
        batches=lambda step: Nothing(),
        stage=stage,
        preset=PRESET,
        checkpoint=tmp_path / "checkpoint",
        seed=0,
        report=lambda step: places.append(float(model.place.detach())),
    )
    assert -np.diff(places) == pytest.approx([1e-2 * rate_factor(step, stage) for step in range(20)], rel=1e-3)


@pytest.mark.parametrize("kind", [HeroForPretraining, HeroForQuestionAnswering])
def test_official_gives_the_higher_rate_to_what_lies_outside_the_video_encoder(kind: type) -> None:
    """By the authors' names: theirs of the video encoder begin with v_encoder, heads of MLM, MFM and FOM included."""
    model = kind(tiny_config(dialect="official"))
    stage = dataclasses.replace(STAGE, learning_rate=5e-4, encoder_learning_rate=5e-5)
    rates = {
        id(parameter): group["lr"]
        for group in parameter_groups(model, stage, PRESETS["base"])
        for parameter in group["params"]
    }
    outside = tuple(ours for theirs, ours in OFFICIAL_KEYS if not theirs.startswith("v_encoder"))
    for name, parameter in model.named_parameters():
        assert rates[id(parameter)] == (5e-4 if name.startswith(outside) else 5e-5), name
    assert set(rates.values()) == {5e-4, 5e-5}


def test_biases_and_norms_do_not_decay_and_the_encoder_has_a_rate_of_its_own() -> None:
    model = HeroForMomentRetrieval(tiny_config())
    kinds = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in parameter_groups(model, STAGE, PRESET)
        for parameter in group["params"]
    }
    assert len(kinds) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        rate, decay = kinds[id(parameter)]
        assert decay == (0.0 if name.endswith("bias") or "norm" in name.lower() else PRESET.weight_decay), name
        assert rate == (1e-3 if name.startswith(("hero.text_embedder.", "hero.cross_modal.")) else 1e-2), name


class Watched(HeroForMomentRetrieval):
    """Keeps whether each step asked for hard negatives."""

    asked: list[bool]

    def forward(self, batch: Any, hard_negatives: bool = False, **more: Any) -> Any:
        self.asked.append(hard_negatives)
        return super().forward(batch, hard_negatives=hard_negatives, **more)


@pytest.mark.parametrize(("begin", "expected"), [(None, "......"), (0, "hhhhhh"), (2, "..hhhh"), (6, "......")])
def test_hard_negatives_begin_at_their_step(begin: int | None, expected: str, tmp_path: Path) -> None:
    config, clips = tiny_config(), tiny_clips(2, seed=1)
    batch = collate.moment_batch(clips, [np.array([7, 8]), np.array([9])], [0, 1], [(0, 3), (4, 7)], config)
    model = Watched(config)
    model.asked = []
    stage = dataclasses.replace(STAGE, steps=6, hard_negatives_from=begin, validate_every=1)
    val = Validation(lambda number: batch, 1)
    train_stage(model, lambda step: batch, stage, PRESET, tmp_path / "c", 0, lambda step: None, validation=val)
    asked = "".join("h" if hard else "." for hard in model.asked)
    assert asked[::2] == expected
    assert asked[1::2] == "......"  # on val never, or its losses could not be compared


def test_every_clip_comes_once_a_round_and_each_round_in_another_order() -> None:
    rounds = [
        [i for step in range(3 * r, 3 * r + 3) for i in epoch_indices(12, 4, 0, "moment", step)] for r in range(5)
    ]
    assert all(sorted(order) == list(range(12)) for order in rounds)
    assert len({tuple(order) for order in rounds}) == 5
    assert (
        epoch_indices(12, 4, 0, "moment", 7)
        == epoch_indices(12, 4, 0, "moment", 7)
        != epoch_indices(12, 4, 1, "moment", 7)
    )
    assert epoch_indices(12, 4, 0, "moment", 7) != epoch_indices(12, 4, 0, "qa", 7)


@pytest.mark.parametrize(("count", "sizes"), [(31, {15, 16}), (50, {16, 17}), (23, {23}), (100, {16, 17})])
def test_no_clip_is_left_out_of_an_epoch_and_none_is_twice_in_a_batch(count: int, sizes: set[int]) -> None:
    batches: list[list[int]] = []
    while sum(map(len, batches)) < count:
        batches.append(epoch_indices(count, 16, 0, "moment", len(batches)))
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    assert {len(batch) for batch in batches} == sizes


def features_of(batch: Any) -> list[bytes]:
    return [row[mask].numpy().tobytes() for row, mask in zip(batch.clips.features, batch.clips.mask, strict=True)]


@pytest.mark.parametrize("accumulate", [1, 3])
def test_each_task_of_each_pool_has_an_epoch_of_its_own(accumulate: int) -> None:
    """After any number of steps a task has seen the clips of a pool equally often, give or take one."""
    pools = [ClipPool(tiny_clips(6, 1)), ClipPool(tiny_clips(4, 2), weight=3.0)]
    stage = dataclasses.replace(STAGE, steps=400, clips=2, accumulate=accumulate)
    preset = dataclasses.replace(PRESET, pretraining=stage, task_ratio={"mlm": 1, "mnce": 2, "fom": 1})
    batches = pretraining_batches(pools, tiny_config(), preset, seed=0)
    seen: dict[tuple[str, int], Counter[bytes]] = {}
    steps: Counter[tuple[str, int]] = Counter()
    own = [{clip.features.tobytes() for clip in pool.clips} for pool in pools]
    for number in range(400 * accumulate):
        batch = batches(number)
        shown = features_of(batch)
        kind = type(batch).__name__, 0 if shown[0] in own[0] else 1
        assert set(shown) <= own[kind[1]]
        seen.setdefault(kind, Counter()).update(shown)
        steps[kind] += 1
        counts = [seen[kind][clip] for clip in own[kind[1]]]
        assert max(counts) - min(counts) <= 1
    shares = {kind: count / (400 * accumulate) for kind, count in steps.items()}
    for name, of_task in (("MaskedWordBatch", 1 / 4), ("MaskedFrameBatch", 1 / 2), ("FrameOrderBatch", 1 / 4)):
        assert shares[name, 0] == pytest.approx(of_task / 4, abs=0.05)
        assert shares[name, 1] == pytest.approx(of_task * 3 / 4, abs=0.07)


def test_the_batches_of_one_step_have_one_task() -> None:
    preset = dataclasses.replace(PRESET, pretraining=dataclasses.replace(STAGE, steps=40, accumulate=2))
    batches = pretraining_batches([ClipPool(tiny_clips(6, 1))], tiny_config(), preset, seed=0)
    kinds = [type(batches(number)) for number in range(80)]
    assert kinds[::2] == kinds[1::2]
    assert len(set(kinds)) == 4


def test_objectives_that_no_clip_can_serve_are_refused() -> None:
    silent = Clip("silent", np.zeros((4, 24), np.float32), [np.empty(0, np.int64)], [np.arange(4)])
    preset = dataclasses.replace(PRESET, task_ratio={"mlm": 1, "vsm": 1})
    with pytest.raises(InputError, match="no clip has what the objectives mlm, vsm need"):
        pretraining_batches([ClipPool([silent])], tiny_config(), preset, seed=0)


def test_objectives_that_no_clip_can_serve_beside_others_are_told() -> None:
    """Where nobody speaks MLM and VSM have nothing; a clip of one frame has none to move and none to compare with."""
    silent = Clip("silent", np.zeros((4, 24), np.float32), [np.empty(0, np.int64)], [np.arange(4)])
    short = Clip("short", np.ones((1, 24), np.float32), [np.array([7])], [np.arange(1)])
    stage = dataclasses.replace(STAGE, steps=60)
    preset = dataclasses.replace(PRESET, pretraining=stage, task_ratio=dict.fromkeys(OBJECTIVES, 1))

    def drawn(*clips: Clip) -> set[tuple[str, int]]:
        batches = pretraining_batches([ClipPool(clips)], tiny_config(), preset, seed=0)
        return {(batch.task, len(batch.clips.mask)) for batch in map(batches, range(60))}

    with pytest.warns(InputWarning, match="no clip has what mlm, vsm needs: left out of the objectives"):
        assert drawn(silent) == {("mffr", 1), ("mnce", 1), ("fom", 1)}
    with pytest.warns(InputWarning, match="no clip has what mnce, fom needs"):
        assert drawn(short) == {("mlm", 1), ("mffr", 1), ("vsm", 1)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drawn(silent, short) == {("mlm", 1), ("mffr", 2), ("mnce", 1), ("fom", 1), ("vsm", 1)}


def test_with_fewer_clips_than_a_step_takes_all_come_in_every_step() -> None:
    assert all(sorted(epoch_indices(3, 8, 0, "moment", step)) == [0, 1, 2] for step in range(4))


def test_of_the_masked_words_eight_in_ten_are_hidden_one_is_another_one_stays() -> None:
    config = tiny_config(mask_share=1.0)
    word = config.last_word_id + 5  # never drawn as another word
    _, inputs = masking.masked_words([np.full(50, word)] * 400, config, np.random.default_rng(0))
    shown = np.concatenate(inputs)
    kinds = Counter("mask" if i == config.mask_token_id else "kept" if i == word else "other" for i in shown.tolist())
    shares = {kind: count / len(shown) for kind, count in kinds.items()}
    assert shares == pytest.approx({"mask": 0.8, "other": 0.1, "kept": 0.1}, abs=0.01)
    others = shown[(shown != word) & (shown != config.mask_token_id)]
    assert set(others.tolist()) == set(range(config.first_word_id, config.last_word_id))


def test_the_share_of_masked_words_is_the_configurations() -> None:
    masked, _ = masking.masked_words([np.full(50, 7)] * 400, tiny_config(mask_share=0.15), np.random.default_rng(0))
    assert sum(map(len, masked)) / (400 * 50) == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize("temperature", [1.0, 0.1])
def test_the_softmax_over_a_batch_has_a_temperature(temperature: float) -> None:
    """Three queries of two clips: a clip's other query is no rival."""
    config = tiny_config(ranking_loss="softmax", ranking_temperature=temperature)
    scores = torch.tensor([[0.9, 0.2], [0.5, 0.4], [0.1, 0.3]])
    clip_loss, query_loss = ranking_losses(scores, torch.tensor([0, 0, 1]), config)

    def surprise(own: float, *rivals: float) -> float:
        chances = np.exp(np.array([own, *rivals]) / temperature)
        return float(-np.log(chances[0] / chances.sum()))

    assert clip_loss.tolist() == pytest.approx([surprise(0.9, 0.2), surprise(0.5, 0.4), surprise(0.3, 0.1)], rel=1e-4)
    assert query_loss.tolist() == pytest.approx(
        [surprise(0.9, 0.1), surprise(0.5, 0.1), surprise(0.3, 0.2, 0.4)], rel=1e-4
    )
