"""Clips of random frames and words, with sentences of one length or of lengths as people speak."""

import numpy as np

from hero_model.config import HeroConfig
from hero_model.data.examples import Clip

FRAMES, SENTENCES, WORDS = 60, 15, 12


def even_clip(name: str, rng: np.random.Generator, config: HeroConfig) -> Clip:
    groups = np.split(np.arange(FRAMES), SENTENCES)
    return clip(name, rng, config, [WORDS] * SENTENCES, groups)


def uneven_clip(name: str, rng: np.random.Generator, config: HeroConfig) -> Clip:
    """Lengths as of spoken captions; frames dealt out unevenly, each to one sentence."""
    count = int(rng.integers(8, 31))
    lengths = np.clip(np.round(rng.lognormal(np.log(11), 0.6, count)), 3, 35).astype(int)
    weights = rng.gamma(1.0, size=count)
    share = np.minimum(rng.multinomial(int(rng.integers(40, 61)), weights / weights.sum()), 8)
    bounds = np.cumsum(share)
    return clip(name, rng, config, lengths.tolist(), np.split(np.arange(bounds[-1]), bounds[:-1]))


def clip(name: str, rng: np.random.Generator, config: HeroConfig, lengths: list[int], groups: list[np.ndarray]) -> Clip:
    """Random features and words."""
    frames = sum(map(len, groups))
    features = rng.normal(size=(frames, config.feature_size)).astype(np.float32)
    words = [rng.integers(config.first_word_id, config.last_word_id, length) for length in lengths]
    return Clip(name, features, words, groups)
