"""Transformer layers of the library, run over packed sequences without padding, and over padded texts."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, BertConfig
from transformers.models.bert.modeling_bert import BertLayer

from hero_model.data.batches import PaddedTexts, Runs, TextBatch
from hero_model.models.embeddings import TextEmbedder


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    runs: Runs = (),
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention of the library's layers for sequences laid end to end.

    query, key, value are [1, H, T, d]; each run of equally long sequences is one dense call of PyTorch's
    SDPA, so nothing is spent on padding and no mask is needed. Returns [1, T, H, d].
    With a mask the sequences are padded, [N, H, T, d], and are one call: returns [N, T, H, d].
    """
    if attention_mask is not None:
        attended = nn.functional.scaled_dot_product_attention(
            query, key, value, attention_mask, dropout_p=dropout, scale=scaling
        )
        return attended.transpose(1, 2), None
    outputs, start = [], 0
    for count, length in runs:
        end = start + count * length

        def block(x: Tensor, s: int = start, e: int = end, n: int = count, t: int = length) -> Tensor:
            return x[0, :, s:e].unflatten(1, (n, t)).transpose(0, 1)  # [n, H, t, d]

        attended = nn.functional.scaled_dot_product_attention(
            block(query), block(key), block(value), dropout_p=dropout, scale=scaling
        )
        outputs.append(attended.transpose(1, 2).flatten(0, 1))
        start = end
    return torch.cat(outputs)[None], None


AttentionInterface.register("hero_packed", packed_attention)


class Encoder(nn.Module):
    """A stack of the library's post-LN BERT layers."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(BertLayer(config, layer_idx=i) for i in range(config.num_hidden_layers))

    def forward(self, x: Tensor, attention_mask: Tensor | None = None, **kwargs: Any) -> Tensor:
        """[B, T, D] -> [B, T, D]; attention_mask is bool [B, 1, 1, T], True at places that may be seen."""
        for layer in self.layer:
            x = layer(x, attention_mask, **kwargs)
        return x


class PackedEncoder(Encoder):
    """The same over sequences laid end to end."""

    def __init__(self, config: BertConfig) -> None:
        config._attn_implementation = "hero_packed"
        super().__init__(config)

    def forward_packed(self, x: Tensor, runs: Runs, places: Tensor | None = None) -> Tensor:
        """[T, D] -> [T, D], or [P, D] at these `places`: of the others the last layer computes keys and values alone.

        Three quarters of a layer's work come after its attention, and most outputs nobody reads: MLM reads the masked
        words, what goes on to the temporal transformer the frames.
        """
        if places is None:
            return self.forward(x[None], runs=runs)[0] if runs else x
        if not runs:
            return x.index_select(0, places)
        *before, last = cast(list[BertLayer], self.layer)
        x = x[None]
        for layer in before:
            x = layer(x, None, runs=runs)
        attended, _ = last.attention.self(x, runs=runs)
        x = last.attention.output(attended.index_select(1, places), x.index_select(1, places))
        return last.feed_forward_chunk(x)[0]


def encode_texts(embedder: TextEmbedder, encoder: PackedEncoder, texts: TextBatch | PaddedTexts) -> Tensor:
    """The states of N texts, [N, L, D], with any values where a text is padded."""
    if isinstance(texts, PaddedTexts):
        places = torch.arange(texts.ids.shape[1], device=texts.ids.device).expand_as(texts.ids)
        return encoder(embedder(texts.ids, places), texts.mask[:, None, None, :])
    packed = texts.packed
    embedded = embedder(packed.word_ids, packed.word_positions)[packed.order]
    return encoder.forward_packed(embedded, packed.runs)[texts.places]
