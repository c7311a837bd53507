"""XML (Lei et al. 2020, TVR): a video and a subtitle stream, matched with the query apart, scores averaged.

Shapes: N queries, L tokens, V clips, F frames, E the stream's size; frame vectors [.., 4 * E] hold, for the video
and the subtitle stream, what retrieves clips (first encoder) and then what finds spans (second encoder).
"""

import torch
from torch import Tensor, nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertAttention

from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, TextBatch
from hero_model.models.baselines.h_trm import pooled_sentences
from hero_model.models.heads import MomentHead
from hero_model.models.hero import ClipEncoding, HeroModel, attention_mask
from hero_model.models.losses import MASKED_LOGIT

SIZE, HEADS = 256, 4  # of the authors


def attention(config: HeroConfig, across: bool = False) -> BertAttention:
    layers = BertConfig(
        hidden_size=SIZE,
        num_attention_heads=HEADS,
        hidden_dropout_prob=config.hidden_dropout_prob,
        attention_probs_dropout_prob=config.attention_probs_dropout_prob,
    )
    layers._attn_implementation = "sdpa"
    return BertAttention(layers, is_cross_attention=across)


class Entrance(nn.Module):
    """ReLU(Linear(dropout(LN(x)))) + position, normalised: [N, L, size] -> [N, L, E]."""

    def __init__(self, size: int, rows: int, config: HeroConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size, eps=config.embedding_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.projection = nn.Linear(size, SIZE)
        self.positions = nn.Embedding(rows, SIZE)
        self.position_norm = nn.LayerNorm(SIZE, eps=config.embedding_norm_eps)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.relu(self.projection(self.dropout(self.norm(x))))
        return self.dropout(self.position_norm(x + self.positions.weight[: x.shape[1]]))


class Stream(nn.Module):
    """Self-attention, attention to the other stream, self-attention."""

    def __init__(self, size: int, config: HeroConfig) -> None:
        super().__init__()
        self.entrance = Entrance(size, config.max_temporal_positions, config)
        self.first = attention(config)
        self.across = attention(config, across=True)
        self.second = attention(config)


class XmlModel(HeroModel):
    """The two streams. The text side is frozen: it stands for the authors' precomputed token features."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        del self.frame_embedder, self.temporal, self.temporal_positions
        if config.frame_residual == "transform":
            del self.frame_transform
        self.video = Stream(config.feature_size, config)
        self.subtitles = Stream(config.hidden_size, config)
        self.requires_grad_(False)
        self.video.requires_grad_(True)
        self.subtitles.requires_grad_(True)
        self.post_init()

    def train(self, mode: bool = True) -> "XmlModel":
        super().train(mode)
        self.text_embedder.eval()  # precomputed features know no dropout
        self.cross_modal.eval()
        return self

    def forward(
        self,
        clips: ClipBatch,
        masked: Tensor | None = None,
        order: Tensor | None = None,
        appended: TextBatch | None = None,
    ) -> ClipEncoding:
        """Raises ValueError for anything but plain clips: XML has no pre-training and answers no questions."""
        if masked is not None or order is not None or appended is not None:
            raise ValueError("XML does moment retrieval alone")
        words = self.text_embedder(clips.packed.word_ids, clips.packed.word_positions)[clips.packed.order]
        states = self.cross_modal.forward_packed(words, clips.packed.runs)
        said = self._to_frames(clips, pooled_sentences(states, clips.packed.runs)[clips.sentence_of])
        seen = nn.functional.normalize(clips.features, dim=-1)
        mask = attention_mask(clips.mask)
        inner = [stream.entrance(x) for stream, x in ((self.video, seen), (self.subtitles, said))]
        first = [stream.first(x, mask)[0] for stream, x in zip((self.video, self.subtitles), inner, strict=True)]
        second = [
            stream.second(stream.across(own, encoder_hidden_states=other, encoder_attention_mask=mask)[0], mask)[0]
            for stream, own, other in ((self.video, *first), (self.subtitles, *first[::-1]))
        ]
        frames = torch.cat([*first, *second], dim=-1)
        return ClipEncoding(frames, clips.mask, words, said, frames)


class XmlQueryEncoder(nn.Module):
    """Two vectors per query, one for each stream: [N, L, D] -> [N, 2 * E]."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.entrance = Entrance(config.hidden_size, config.max_query_positions, config)
        self.attention = attention(config)
        self.pooling = nn.Linear(SIZE, 2, bias=False)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x, _ = self.attention(self.entrance(tokens), attention_mask(mask))
        weights = self.pooling(x).masked_fill(~mask[..., None], MASKED_LOGIT).softmax(1)  # [N, L, 2]
        return (weights.transpose(1, 2) @ x).flatten(1)


class XmlHead(MomentHead):
    """Span filters over the mean similarity of both streams, clip scores as the mean of both best cosines."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.query_encoder = XmlQueryEncoder(config)
        self.query_projection = nn.Identity()
        self.stream_projections = nn.ModuleList(nn.Linear(SIZE, SIZE) for _ in range(2))

    def span_query(self, query: Tensor) -> Tensor:
        parts = query.unflatten(-1, (2, SIZE)).unbind(-2)
        projected = [layer(part) for layer, part in zip(self.stream_projections, parts, strict=True)]
        return torch.cat(projected, dim=-1)[:, None] / 2

    def span_frames(self, frames: Tensor) -> Tensor:
        return frames[..., None, 2 * SIZE :]

    def clip_query(self, query: Tensor) -> Tensor:
        return query.unflatten(-1, (2, SIZE))

    def clip_frames(self, frames: Tensor) -> Tensor:
        return frames[..., : 2 * SIZE].unflatten(-1, (2, SIZE))
