"""Video-subtitle matching and moment retrieval (Sec. 3.2.3, 3.3): one loss, two uses.

Shapes: N queries, V clips, F frames, D hidden size.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, MatchBatch, PaddedTexts, SpokenBatch, TextBatch
from hero_model.models.architectures import encoder_of, moment_head_of, reads
from hero_model.models.baselines.xml import SIZE as XML_SIZE
from hero_model.models.heads import MomentHead
from hero_model.models.hero import HeroModel, HeroPreTrainedModel
from hero_model.models.losses import SampledNegativeRanks, ranking_losses, span_loss
from hero_model.models.reader import Reader


@dataclass
class MatchOutput:
    """loss = span + negative clips + negative queries, each weighted as the configuration says."""

    loss: Tensor
    span_loss: Tensor
    clip_loss: Tensor
    query_loss: Tensor
    start: Tensor  # [N, F] logits in the query's own clip
    end: Tensor  # [N, F]
    scores: Tensor  # [N, V]


def matching_loss(
    hero: HeroModel,
    head: MomentHead,
    batch: MatchBatch,
    hard_negatives: bool = False,
    sampled: SampledNegativeRanks | None = None,
) -> MatchOutput:
    """L_VSM of a batch, as means over its queries."""
    config = head.config
    encoding = hero(batch.clips)
    queries = head.query_encoder(hero.encode_texts(batch.queries), batch.queries.mask)
    own = batch.query_clips
    start, end = head.own_span_logits(queries, encoding.frames[own], encoding.mask[own])
    scores = head.clip_scores(queries, encoding.frames, encoding.mask)
    by_clip, by_query = ranking_losses(scores, own, config, hard_negatives, sampled)
    span = config.span_weight * span_loss(start, end, batch.spans)
    if not batch.with_span_loss:
        span = span * 0.0
    clip_loss = config.negative_video_weight * by_clip.mean()
    query_loss = config.negative_query_weight * by_query.mean()
    return MatchOutput(span + clip_loss + query_loss, span, clip_loss, query_loss, start, end, scores)


class HeroForMomentRetrieval(HeroPreTrainedModel):
    """Fine-tuned with L_VSM on queries that people wrote."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.hero = encoder_of(config)
        self.moment_head = moment_head_of(config)
        self.reader = Reader(config) if reads(config) else None
        self.post_init()

    def forward(self, batch: MatchBatch, hard_negatives: bool = False, **kwargs: Any) -> MatchOutput:
        """Loss and scores of a batch of queries with their clips."""
        return matching_loss(self.hero, self.moment_head, batch, hard_negatives, **kwargs)

    def encode_queries(self, queries: TextBatch | PaddedTexts) -> Tensor:
        """The vectors of N queries, [N, vector_size]."""
        encoded = self.moment_head.query_encoder(self.hero.encode_texts(queries), queries.mask)
        return encoded if self.reader is None else torch.cat([encoded, self.reader(queries)], dim=-1)

    def encode_clips(self, clips: ClipBatch, spoken: SpokenBatch | None) -> Tensor:
        """The frame vectors of B clips, [B, F, vector_size]; `spoken` holds what is said in them, if anything is."""
        frames = self.hero(clips).frames
        if self.reader is None:
            return frames
        said = self.reader.at_frames(spoken, clips.mask) if spoken is not None else torch.zeros_like(frames)
        return torch.cat([frames, said], dim=-1)

    @property
    def vector_size(self) -> int:
        """Numbers in a frame vector of this model."""
        if self.config.architecture == "xml":
            return 4 * XML_SIZE
        return self.config.hidden_size * (1 if self.reader is None else 2)
