"""What stands on the encoder: language model, frame, frame-order, query and span heads, and QA's.

Shapes: N queries, L tokens, V clips, F frames, A answers, D hidden size.
"""

import torch
from torch import Tensor, nn
from transformers.models.bert.modeling_bert import BertAttention

from hero_model.config import HeroConfig
from hero_model.models.embeddings import PositionEmbedder
from hero_model.models.hero import MatchingLinear, attention_mask
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
        self.start_filter = nn.Conv1d(1, 1, kernel_size=5, padding=2, bias=False)
        self.end_filter = nn.Conv1d(1, 1, kernel_size=5, padding=2, bias=False)

    def span_logits(self, query: Tensor, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits [N, V, F] of every query in every clip.

        query [N, D], frames [V, F, D], mask [V, F].
        """
        similarity = self.span_frames(frames) @ self.span_query(query).T  # [V, F, N]
        return self.filtered(similarity.permute(2, 0, 1), mask)

    def own_span_logits(self, query: Tensor, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits [N, F] of each query in its own clip: query [N, D], frames [N, F, D]."""
        similarity = (self.span_frames(frames) @ self.span_query(query)[:, :, None]).squeeze(2)
        return self.filtered(similarity, mask)

    def clip_scores(self, query: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """Best cosine of a query with any frame of a clip, [N, V]: query [N, D], frames [V, F, D]."""
        return self.best_cosines(query, l2_normalise(self.clip_frames(frames)), mask)

    def best_cosines(self, query: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """The same for clip_frames that have length one already, [V, F, S, D]; the mean over S streams."""
        cosine = torch.einsum("vfsd,nsd->vfsn", frames, l2_normalise(self.clip_query(query)))
        return cosine.masked_fill(~mask[..., None, None], MASKED_LOGIT).amax(1).mean(1).T

    def span_query(self, query: Tensor) -> Tensor:
        """What is multiplied with span_frames: [N, D] -> [N, D]."""
        return self.query_projection(query)

    def span_frames(self, frames: Tensor) -> Tensor:
        return frames

    def clip_query(self, query: Tensor) -> Tensor:
        """What is compared with clip_frames: [N, D] -> [N, S, D]; HERO has one stream."""
        return query[:, None]

    def clip_frames(self, frames: Tensor) -> Tensor:
        return frames[..., None, :]

    def filtered(self, similarity: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Start and end logits from similarities [.., F] by the two convolutions; mask [.., F] or [V, F]."""
        similarity = similarity * self.config.span_similarity_scale
        if not self.config.spans_see_padding:
            similarity = similarity.masked_fill(~mask, 0)
        line = similarity.reshape(-1, 1, similarity.shape[-1])
        start, end = (
            kernel(line).view_as(similarity).masked_fill(~mask, MASKED_LOGIT)
            for kernel in (self.start_filter, self.end_filter)
        )
        return start, end


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
