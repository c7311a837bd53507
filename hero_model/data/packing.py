"""Sequences of [frames; words] laid end to end by their length, so that no place is spent on padding."""

import numpy as np
import torch
from numpy.typing import NDArray

from hero_model.data.batches import Packed, TextBatch


def pack(
    sentences: list[NDArray[np.int64]], frames: list[NDArray[np.int64]]
) -> tuple[Packed, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pack S sentences, each with the flat indices of its frames; [frames; words] in each sequence.

    Also returns the place of each sentence among the packed ones (-1: empty, left out), and for each packed
    frame and word its index in the order of the arguments.
    """
    words_per = np.array([len(s) for s in sentences], np.int64)
    frames_per = np.array([len(f) for f in frames], np.int64)
    lengths = words_per + frames_per
    by_length = np.argsort(lengths, kind="stable")
    by_length = by_length[lengths[by_length] > 0]
    distinct, counts = np.unique(lengths[by_length], return_counts=True)

    frame_source = _concatenated_ranges(frames_per, by_length)
    word_source = _concatenated_ranges(words_per, by_length)
    starts = np.cumsum(lengths[by_length]) - lengths[by_length]
    frame_offsets, word_offsets = _places_within(frames_per[by_length]), _places_within(words_per[by_length])
    frame_places = np.repeat(starts, frames_per[by_length]) + frame_offsets
    word_places = np.repeat(starts + frames_per[by_length], words_per[by_length]) + word_offsets
    order = np.empty(len(frame_places) + len(word_places), np.int64)
    order[frame_places] = np.arange(len(frame_places))
    order[word_places] = len(frame_places) + np.arange(len(word_places))
    packed = Packed(
        word_ids=torch.from_numpy(_concatenated(sentences)[word_source]),
        word_positions=torch.from_numpy(word_offsets),
        frames=torch.from_numpy(_concatenated(frames)[frame_source]),
        frame_positions=torch.from_numpy(frame_offsets),
        order=torch.from_numpy(order),
        frame_places=torch.from_numpy(frame_places),
        word_places=torch.from_numpy(word_places),
        runs=tuple(zip(counts.tolist(), distinct.tolist(), strict=True)),
    )
    ranks = np.full(len(sentences), -1)
    ranks[by_length] = np.arange(len(by_length))
    return packed, ranks, frame_source, word_source


def pack_texts(texts: list[NDArray[np.int64]]) -> TextBatch:
    """Pack N texts (token ids, leading token included), each at least one token long."""
    packed, _, _, word_source = pack(texts, [np.empty(0, np.int64)] * len(texts))
    lengths = np.array([len(t) for t in texts], np.int64)
    mask = np.arange(lengths.max(initial=0)) < lengths[:, None]
    place_of_word = np.empty(len(word_source), np.int64)
    place_of_word[word_source] = packed.word_places.numpy()
    places = np.zeros(mask.shape, np.int64)
    places[mask] = place_of_word
    return TextBatch(packed, torch.from_numpy(places), torch.from_numpy(mask))


def _concatenated(arrays: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int64)


def _places_within(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0..n-1 for each n of lengths, one after another."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def _concatenated_ranges(lengths: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices that take the pieces of a concatenation in another order."""
    starts = np.cumsum(lengths) - lengths
    return np.repeat(starts[order], lengths[order]) + _places_within(lengths[order])
