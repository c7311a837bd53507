"""Frame vectors of clips and vectors of queries: what retrieval compares.

Shapes: N queries, V clips, F frames, S streams, D hidden size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rich.progress import track
from torch import Tensor
from torch.nn.functional import pad

from hero_model.data.batches import TextBatch
from hero_model.data.collate import clip_batch, spoken_batch
from hero_model.data.examples import Clip
from hero_model.data.packing import pack_texts
from hero_model.data.sequences import query_ids
from hero_model.models.heads import MomentHead, l2_normalise
from hero_model.models.moment import HeroForMomentRetrieval

CLIP_BATCH_SIZE = 50
QUERY_BATCH_SIZE = 80


@dataclass(frozen=True)
class FrameIndex:
    """Frame vectors of V clips, zero padded, and what a head makes of them once for all queries."""

    frames: Tensor  # [V, F, D]
    mask: Tensor  # [V, F] bool
    span_frames: Tensor  # [V, F, S, D] for the products with the query
    clip_frames: Tensor  # [V, F, S, D] of length one, for the cosines

    @classmethod
    def of(cls, frames: Tensor, mask: Tensor, head: MomentHead) -> "FrameIndex":
        return cls(frames, mask, head.span_frames(frames), l2_normalise(head.clip_frames(frames)))


def index_clips(model: HeroForMomentRetrieval, clips: Sequence[Clip]) -> FrameIndex:
    """Frame vectors of clips, in their order."""
    longest = max(len(clip.features) for clip in clips)
    frames, masks = [], []
    for start in track(range(0, len(clips), CLIP_BATCH_SIZE), "encoding clips", transient=True):
        some = clips[start : start + CLIP_BATCH_SIZE]
        batch, spoken = clip_batch(some, model.config).to(model.device), spoken_batch(some, model.config)
        vectors = model.encode_clips(batch, spoken.to(model.device) if spoken is not None else None)
        frames.append(pad(vectors, (0, 0, 0, longest - vectors.shape[1])))
        masks.append(pad(batch.mask, (0, longest - batch.mask.shape[1])))
    return FrameIndex.of(torch.cat(frames), torch.cat(masks), model.moment_head)


def encode_queries(model: HeroForMomentRetrieval, texts: Sequence[np.ndarray]) -> torch.Tensor:
    """[N, D] of token ids without special ones."""
    packed: list[TextBatch] = [
        pack_texts([query_ids(words, model.config) for words in texts[start : start + QUERY_BATCH_SIZE]])
        for start in range(0, len(texts), QUERY_BATCH_SIZE)
    ]
    return torch.cat([model.encode_queries(batch.to(model.device)) for batch in packed])
