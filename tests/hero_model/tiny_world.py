"""A procedural world of a few numbers: what is said is seen, and a clock in every frame tells the time."""

from typing import Any

import numpy as np

from hero_model.config import HeroConfig
from hero_model.data.examples import Clip

FRAMES, SENTENCES, WORDS_A_SENTENCE = 12, 3, 4
FIRST_WORD, WORDS, FEATURES = 5, 30, 24
LOOK = np.random.default_rng(7).normal(size=(WORDS, FEATURES))  # how each word looks
CLOCK = np.random.default_rng(8).normal(size=FEATURES)


def tiny_config(**changes: Any) -> HeroConfig:
    values: dict[str, Any] = {
        "dialect": "paper",
        "vocab_size": FIRST_WORD + WORDS,
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_temporal_layers": 1,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "max_frames": 20,
        "max_temporal_positions": 24,
        "max_query_positions": 32,
        "feature_size": FEATURES,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "mask_token_id": 3,
        "first_word_id": FIRST_WORD,
        "last_word_id": FIRST_WORD + WORDS,
    }
    return HeroConfig(**(values | changes))


def tiny_clip(rng: np.random.Generator, name: str = "clip", n_frames: int = FRAMES) -> Clip:
    """Three sentences of four frames each; a frame shows the words of its sentence, the time, and noise."""
    words = rng.permutation(WORDS)[: SENTENCES * WORDS_A_SENTENCE].reshape(SENTENCES, WORDS_A_SENTENCE)
    groups = np.array_split(np.arange(n_frames), SENTENCES)
    features = rng.normal(scale=0.05, size=(n_frames, FEATURES)) + np.linspace(-3, 3, n_frames)[:, None] * CLOCK
    for group, said in zip(groups, words, strict=True):
        features[group] += LOOK[said].sum(0)
    return Clip(name, features.astype(np.float32), list(words + FIRST_WORD), groups)


def tiny_clips(count: int, seed: int) -> list[Clip]:
    rng = np.random.default_rng(seed)
    return [tiny_clip(rng, f"clip-{seed}-{i}") for i in range(count)]
