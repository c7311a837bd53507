"""What `matching_start` puts in place of random weights, so that the first steps learn from what is alike already."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from hero_model.models.heads import MomentHead
from hero_model.models.hero import EDGE
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from hero_model.presets import PRESETS
from tests.hero_model.tiny_world import tiny_config

FRAMES = 20


def head_of(architecture: str = "hero") -> MomentHead:
    config = tiny_config(architecture=architecture, matching_start=True, span_similarity_scale=1.0)
    return HeroForMomentRetrieval(config).eval().moment_head


@given(first=st.integers(0, FRAMES - 3), width=st.integers(3, FRAMES), more=st.floats(0.1, 100))
def test_a_span_that_alone_is_like_the_query_is_found_before_any_training(first: int, width: int, more: float) -> None:
    last = min(first + width, FRAMES) - 1
    similarity = torch.zeros(1, 1, FRAMES)
    similarity[..., first : last + 1] = more
    with torch.no_grad():
        start, end = head_of().filtered(similarity, torch.ones(1, FRAMES, dtype=torch.bool))
    assert (int(start.argmax()), int(end.argmax())) == (first, last)


@pytest.mark.parametrize("architecture", ["hero", "h_trm", "f_trm", "xml"])
def test_start_and_end_are_each_others_mirror(architecture: str) -> None:
    """In the baselines, too: what helps HERO has to help them."""
    head = head_of(architecture)
    assert torch.equal(head.start_filter.weight, head.end_filter.weight.flip(-1))
    first, *_, last = head.start_filter.weight.flatten().tolist()
    assert first < 0 < last


def test_what_small_trains_begins_so() -> None:
    """From pre-training's model on, whose filters moment retrieval goes on with."""
    preset = PRESETS["small"]
    model, _ = from_text_encoder(
        HeroForPretraining, minilm_folder(), preset.encoder_layers, feature_size=8, **preset.config
    )
    edge = torch.tensor(EDGE)
    assert torch.equal(model.moment_head.start_filter.weight.flatten(), edge)
    assert torch.equal(model.moment_head.end_filter.weight.flatten(), edge.flip(0))


def test_without_it_the_filters_start_at_random() -> None:
    first, second = (HeroForMomentRetrieval(tiny_config()).moment_head.start_filter.weight for _ in range(2))
    assert not torch.equal(first, second)
