"""What stands on the encoder: language model, frame, frame-order, query and span heads, and QA's.

Shapes: N queries, L tokens, V clips, F frames, A answers, D hidden size.
"""

import torch
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertAttention

from hero_model.config import HeroConfig
from hero_model.models.embeddings import PositionEmbedder
from hero_model.models.hero import MatchingLinear, SpanFilter, attention_mask
from hero_model.models.losses import MASKED_LOGIT


class WordHead(nn.Module):
    """MLM: dense, GELU, LN, then the word embeddings as decoder."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.embedding_norm_eps)
        self.bias = nn.Parameter(nn.init.zeros_(nn.Linear(1, config.vocab_size).bias))

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        """x [M, D], words [vocabulary, D] (the embedding table) -> logits [M, vocabulary]."""
        return nn.functional.linear(self.norm(nn.functional.gelu(self.dense(x))), words, self.bias)


def two_layers(size: int, inner: int, out: int, config: HeroConfig) -> nn.Sequential:
    """Linear, GELU, LN, Linear: the released code's heads."""
    norm = nn.LayerNorm(inner, eps=config.embedding_norm_eps)
    return nn.Sequential(nn.Linear(size, inner), nn.GELU(), norm, nn.Linear(inner, out))


def feature_head(config: HeroConfig) -> nn.Module:
    """MFFR and MNCE: [.., D] -> [.., feature size]."""
    if config.linear_heads:
        return nn.Linear(config.hidden_size, config.feature_size)
    return two_layers(config.hidden_size, config.hidden_size, config.feature_size, config)


def order_head(config: HeroConfig) -> nn.Module:
    """FOM: [.., D] -> [.., classes]."""
    if config.linear_heads:
        return nn.Linear(config.hidden_size, config.order_classes)
    return two_layers(config.hidden_size, 2 * config.hidden_size, config.order_classes, config)


class QueryEncoder(nn.Module):
    """One vector per query (Sec. 3.2.3, after Lei et al. 2020): Linear, self-attention, weighted sum."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.norm = nn.LayerNorm(size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.projection = MatchingLinear(size, size)
        self.positions = PositionEmbedder(config.max_query_positions, config)
        self.attention = BertAttention(config.layers(1, "sdpa"))
        self.pooling = nn.Linear(size, 1, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """tokens [N, L, D], mask [N, L] bool -> [N, D]."""
        x = self.positions(nn.functional.relu(self.projection(self.dropout(self.norm(tokens)))))
        x, _ = self.attention(x, attention_mask(mask))
        weights = self.pooling(x).squeeze(2).masked_fill(~mask, MASKED_LOGIT).softmax(1)  # [N, L]
        return (weights[:, None] @ x).squeeze(1)


class MomentHead(nn.Module):
    """Where in a clip (Eq. 5) and in which clip (Eq. 6) a query finds its match."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.config = config
        self.query_encoder: nn.Module = QueryEncoder(config)
        size = config.hidden_size
        self.query_projection: nn.Module = nn.Linear(size, size) if config.project_span_query else nn.Identity()
        self.start_filter = SpanFilter(start=True)
        self.end_filter = SpanFilter(start=False)

    def span_logits(self, query: Tensor, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits [N, V, F] of every query in every clip.

        query [N, D], frames [V, F, D], mask [V, F].
        """
        similarity = torch.einsum("vfsd,nsd->nvsf", self.span_frames(frames), self.span_query(query))
        return self.filtered(similarity, mask)

    def own_span_logits(self, query: Tensor, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits [N, F] of each query in its own clip: query [N, D], frames [N, F, D]."""
        similarity = torch.einsum("nfsd,nsd->nsf", self.span_frames(frames), self.span_query(query))
        return self.filtered(similarity, mask)

    def clip_scores(self, query: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """Best cosine of a query with any frame of a clip, [N, V]: query [N, D], frames [V, F, D]."""
        return self.best_cosines(query, l2_normalise(self.clip_frames(frames)), mask)

    def best_cosines(self, query: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """The same for clip_frames that have length one already, [V, F, S, D], the S streams fused."""
        cosine = torch.einsum("vfsd,nsd->vfns", frames, l2_normalise(self.clip_query(query)))
        return self.fused(cosine.masked_fill(~mask[..., None, None], MASKED_LOGIT).amax(1)).T

    def fused(self, cosines: Tensor) -> Tensor:
        """The best cosines of S streams as one score: [.., S] -> [..]."""
        return cosines.mean(-1)

    def span_query(self, query: Tensor) -> Tensor:
        """What is multiplied with span_frames: [N, D] -> [N, S, D]."""
        return self.query_projection(query)[:, None]

    def span_frames(self, frames: Tensor) -> Tensor:
        return frames[..., None, :]

    def clip_query(self, query: Tensor) -> Tensor:
        """What is compared with clip_frames: [N, D] -> [N, S, D]; HERO has one stream."""
        return query[:, None]

    def clip_frames(self, frames: Tensor) -> Tensor:
        return frames[..., None, :]

    def filtered(self, similarity: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits [.., F] from similarities [.., 1, F] by the convolutions; mask [.., F] or [V, F]."""
        similarity = similarity.squeeze(-2) * self.config.span_similarity_scale
        if not self.config.spans_see_padding:
            similarity = similarity.masked_fill(~mask, 0)
        line = similarity.reshape(-1, 1, similarity.shape[-1])
        start, end = (
            kernel(line).view_as(similarity).masked_fill(~mask, MASKED_LOGIT)
            for kernel in (self.start_filter, self.end_filter)
        )
        return start, end


class ReadingHead(MomentHead):
    """Late fusion with the likeness of the query and of the sentence at each frame, as the reader has them.

    HERO's vectors and the reader's stand side by side, [.., 2 D], where clips are searched; in training there are
    HERO's alone, [.., D]: a stream that knows words from the start would leave frames nothing to learn from.
    """

    def span_query(self, query: Tensor) -> Tensor:
        own, *read = self._streams(query).unbind(-2)
        return torch.stack([self.query_projection(own), *read], dim=-2)

    def span_frames(self, frames: Tensor) -> Tensor:
        return self._streams(frames)

    def clip_query(self, query: Tensor) -> Tensor:
        return self._streams(query)

    def clip_frames(self, frames: Tensor) -> Tensor:
        return self._streams(frames)

    def filtered(self, similarity: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        start, end = super().filtered(similarity[..., :1, :], mask)
        if similarity.shape[-2] == 1:
            return start, end
        likeness = self._above(similarity[..., 1, :]).masked_fill(~mask, 0)
        padded = nn.functional.pad(likeness, (1, 1))
        edge = self.config.reader_edge
        return start + edge * (likeness - padded[..., :-2]), end + edge * (likeness - padded[..., 2:])

    def fused(self, cosines: Tensor) -> Tensor:
        own, *read = cosines.unbind(-1)
        return own + self.config.reader_weight * self._above(read[0]) if read else own

    def _streams(self, vectors: Tensor) -> Tensor:
        return vectors.unflatten(-1, (-1, self.config.hidden_size))

    def _above(self, cosine: Tensor) -> Tensor:
        return (cosine - self.config.reader_threshold).clamp(min=0)


def l2_normalise(x: Tensor) -> Tensor:
    """Vectors of length one, with the released code's guard for short ones."""
    return nn.functional.normalize(x, dim=-1, eps=1e-5)


class StartAndEnd(nn.Module):
    """Two MLPs, for the start and for the end (Sec. 3.3)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.start = two_layers(config.hidden_size, 2 * config.hidden_size, 1, config)
        self.end = two_layers(config.hidden_size, 2 * config.hidden_size, 1, config)

    def forward(self, x: Tensor) -> Tensor:
        """[.., D] -> [.., 2]."""
        return torch.cat([self.start(x), self.end(x)], dim=-1)


class AnswerHead(nn.Module):
    """Which of A answers is right, and where in the clip it can be seen (Sec. 3.3)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.frame_pooling = nn.Linear(size, 1, bias=False)
        self.answer = two_layers(size, 2 * size, 1, config)
        self.answer_pooling = nn.Linear(size, 1, bias=False)
        self.span = StartAndEnd(config) if config.separate_span_heads else two_layers(size, 2 * size, 2, config)

    def forward(self, frames: Tensor, mask: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
        """frames [N, A, F, D], mask [N, F] -> answer logits [N, A], span logits [N, F, 2] before masking.

        The span does not depend on which of the `answers` is right.
        """
        weights = self.frame_pooling(frames).masked_fill(~mask[:, None, :, None], MASKED_LOGIT).softmax(2)
        answers = self.answer((weights * frames).sum(2)).squeeze(2)
        weights = self.answer_pooling(frames).softmax(1)
        return answers, self.span((weights * frames).sum(1))
