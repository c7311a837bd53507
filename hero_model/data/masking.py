"""The random choices of pre-training (Sec. 3.2), each from a generator that is handed in."""

from collections.abc import Sequence

import numpy as np

from hero_model.config import HeroConfig
from hero_model.data.examples import Clip, Ids
from hero_model.data.sequences import joined_words


def masked_words(sentences: Sequence[Ids], config: HeroConfig, rng: np.random.Generator) -> tuple[list[Ids], list[Ids]]:
    """Which words of each sentence are hidden, and what stands there: 80 % mask, 10 % a random word, 10 % itself.

    Places count from the first word of the sentence's context. A sentence in which chance picks none hides the
    first word behind the mask; an empty one hides nothing.
    """
    places_per, inputs_per = [], []
    for sentence in range(len(sentences)):
        words = joined_words(sentences, sentence, config, config.max_sentence_tokens)
        places = np.flatnonzero(rng.random(len(words)) < config.mask_share)
        kind = rng.random(len(places))
        if not len(places) and len(words):
            places, kind = np.array([0]), np.array([0.0])
        random_words = rng.integers(config.first_word_id, config.last_word_id, len(places))
        replaced = np.where(kind < 0.8, config.mask_token_id, np.where(kind < 0.9, random_words, words[places]))
        places_per.append(places)
        inputs_per.append(replaced)
    return places_per, inputs_per


def masked_frames(n_frames: int, config: HeroConfig, rng: np.random.Generator) -> np.ndarray:
    """bool [n_frames], at least one of them True."""
    masked = rng.random(n_frames) < config.mask_share
    if not masked.any():
        masked[rng.integers(n_frames)] = True
    return masked


def negative_frames(masked: np.ndarray, config: HeroConfig, rng: np.random.Generator) -> np.ndarray:
    """bool [frames]: the unmasked frames of a clip that are MNCE's negatives, at most `nce_sample` where it is set."""
    unmasked = np.flatnonzero(~masked)
    chosen = np.zeros_like(masked)
    chosen[rng.permutation(unmasked)[: config.nce_sample or None]] = True
    return chosen


def shuffled_frames(n_frames: int, config: HeroConfig, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """Frames, and the place of each afterwards: a permutation among themselves.

    With fom_moves they are at least two, where the clip has so many, and not all stay; else chance may choose none,
    or leave all where they are, as in the released code.
    """
    chosen = np.flatnonzero(rng.random(n_frames) < config.mask_share)
    if config.fom_moves and len(chosen) < 2:
        chosen = np.sort(rng.permutation(n_frames)[:2])
    places = rng.permutation(chosen)
    while config.fom_moves and len(chosen) > 1 and (places == chosen).all():
        places = rng.permutation(chosen)
    return chosen, places


def query_sentences(clip: Clip, config: HeroConfig, rng: np.random.Generator) -> list[int]:
    """Sentences with frames that become VSM queries; none where no sentence with words has frames.

    A fixed number repeats the last one where the clip has fewer, as the released code does.
    """
    candidates = [s for s in clip.matched if len(clip.sentences[s])]
    if config.queries_per_video is None:
        share = config.query_share or 0.0
        return sentences_with_words(clip, max(1, round(share * len(candidates))), rng)
    chosen = sentences_with_words(clip, config.queries_per_video, rng)
    return chosen + chosen[-1:] * (config.queries_per_video - len(chosen))


def sentences_with_words(clip: Clip, count: int, rng: np.random.Generator) -> list[int]:
    """At most `count` of the sentences that have frames and words, in order."""
    candidates = [s for s in clip.matched if len(clip.sentences[s])]
    return sorted(rng.permutation(candidates)[:count].tolist()) if candidates else []
