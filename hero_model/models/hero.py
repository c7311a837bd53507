"""The hierarchical encoder (Sec. 3.1): cross-modal transformer, then temporal transformer.

Shapes: B clips, F frames, R rows (clip, or clip with one answer), T places of the packed sequences,
D hidden size; see hero_model.data.packing for what fills a ClipBatch.
"""

import shutil
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel
from transformers import initialization as init
from transformers.utils import SAFE_WEIGHTS_NAME

from evaluation.io.digest import file_sha256
from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, PaddedTexts, TextBatch
from hero_model.models.embeddings import SEGMENT, FrameEmbedder, FrameTransform, PositionEmbedder, TextEmbedder
from hero_model.models.encoder import Encoder, PackedEncoder, encode_texts

CARD = "README.md"  # of a model folder; hero_model.checkpoints.model_card writes it


EDGE = (-0.2, -0.8, 0.6, 0.8, 0.8)  # little before, much from here on: rounded from filters that were trained


class MatchingLinear(nn.Linear):
    """A projection between spaces that are to be compared; `matching_start` lets it begin as the identity."""


class SpanFilter(nn.Conv1d):
    """Logits of a span's `start` or end from similarities over time (Eq. 5): [N, 1, F] -> [N, 1, F].

    `matching_start` lets it begin as the edge that it has to find. A few hundred steps of a transformer's learning rate
    hardly move ten weights, and frames that a filter of another form asks for do not say where a moment ends.
    """

    def __init__(self, start: bool) -> None:
        super().__init__(1, 1, kernel_size=len(EDGE), padding=len(EDGE) // 2, bias=False)
        self.edge = EDGE if start else EDGE[::-1]


class HeroPreTrainedModel(PreTrainedModel):
    """Weights, configuration and initialisation shared by every model of the package."""

    config: HeroConfig
    config_class = HeroConfig
    base_model_prefix = "hero"
    main_input_name = "features"
    _supports_sdpa = True
    supports_gradient_checkpointing = True  # the library's layers do it themselves

    def get_input_embeddings(self) -> nn.Embedding:
        return self._embedder.words

    def set_input_embeddings(self, value: nn.Module) -> None:
        self._embedder.words = cast(nn.Embedding, value)

    @property
    def _embedder(self) -> TextEmbedder:
        return cast(HeroModel, self.base_model).text_embedder

    def _upload_modified_files(self, working_dir: str | PathLike[Any], repo_id: str, *args: Any, **kwargs: Any) -> Any:
        """What `push_to_hub` sends: with the card of the folder that the model comes from in place of the library's.

        Weights that were trained on since are not those of which the card tells by their hash; it stays at home.
        """
        card, weights = Path(self.name_or_path or "") / CARD, Path(working_dir) / SAFE_WEIGHTS_NAME
        if card.is_file() and weights.is_file() and file_sha256(weights) in card.read_text(encoding="utf-8"):
            shutil.copyfile(card, Path(working_dir) / CARD)
        return super()._upload_modified_files(working_dir, repo_id, *args, **kwargs)

    def _init_weights(self, module: nn.Module) -> None:
        """N(0, 0.02) for Linear and Embedding, zero biases and padding rows; convolutions as PyTorch has them."""
        if self.config.matching_start and isinstance(module, SpanFilter):
            init.copy_(module.weight, torch.tensor(module.edge, device=module.weight.device)[None, None])
            return
        if isinstance(module, nn.Conv1d):
            if self.config.matching_start:
                init.dirac_(module.weight)
            else:
                init.kaiming_uniform_(module.weight, a=5**0.5)
            return
        if self.config.matching_start and isinstance(module, MatchingLinear):
            init.eye_(module.weight)
            init.zeros_(module.bias)
            return
        super()._init_weights(module)


@dataclass
class ClipEncoding:
    """What the encoder knows of R rows of F frames."""

    frames: Tensor  # [R, F, D] V^temp
    mask: Tensor  # [R, F] bool, True at frames
    cross_modal_input: Tensor  # [T, D]
    collected: Tensor  # [R, F, D] V^cross, zero where a frame has no sentence
    temporal_input: Tensor  # [R, F, D]
    text: Tensor | None = None  # [R, L, D] outputs at the words appended to the temporal input (QA)


class HeroModel(HeroPreTrainedModel):
    """Clips in, contextualised frame vectors out (Eq. 1, 2)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.text_embedder = TextEmbedder(config)
        self.frame_embedder = FrameEmbedder(config)
        self.cross_modal = PackedEncoder(config.layers(config.num_hidden_layers, "hero_packed"))
        if config.frame_residual == "transform":
            self.frame_transform = FrameTransform(config)
        self.temporal_positions = PositionEmbedder(config.max_temporal_positions, config)
        self.temporal = Encoder(config.layers(config.num_temporal_layers, "sdpa"))
        self.post_init()

    def forward(
        self,
        clips: ClipBatch,
        masked: Tensor | None = None,
        order: Tensor | None = None,
        appended: TextBatch | None = None,
    ) -> ClipEncoding:
        """Encode clips.

        masked: [B, F] bool, frames whose feature is hidden (MFM). order: [R, F] new place of each frame
        (FOM; applied between the two transformers). appended: R texts that join the temporal
        transformer's input (QA).
        """
        embedded, residual = self._frames(clips, masked)
        cross_modal_input = self._packed_input(clips, embedded)
        collected = self._collected(clips, cross_modal_input)
        temporal_input = residual[clips.row_clips] + collected
        x = temporal_input
        if order is not None:
            x = torch.zeros_like(x).scatter(1, order[..., None].expand_as(x), x)
        frames, text = self._temporal(x, clips.mask[clips.row_clips], appended)
        return ClipEncoding(frames, clips.mask[clips.row_clips], cross_modal_input, collected, temporal_input, text)

    def encode_sentences(self, clips: ClipBatch, places: Tensor) -> Tensor:
        """Outputs of the cross-modal transformer alone at M places, [M, D] (all that MLM needs)."""
        embedded, _ = self._frames(clips, None, with_residual=False)
        return self.cross_modal.forward_packed(self._packed_input(clips, embedded), clips.packed.runs, places)

    def encode_texts(self, texts: TextBatch | PaddedTexts) -> Tensor:
        """Texts without frames through the cross-modal transformer: [N, L, D], f_cross(0, W) of Sec. 3.2.3."""
        return encode_texts(self.text_embedder, self.cross_modal, texts)

    def _frames(self, clips: ClipBatch, masked: Tensor | None, with_residual: bool = True) -> tuple[Tensor, Tensor]:
        """The frame embeddings [B, F, D], and the residual that joins the temporal input [B, F, D]."""
        features = clips.features
        if masked is not None:
            features = features.masked_fill(masked[..., None], 0)
        segment = self.text_embedder.segments.weight[SEGMENT]
        embedded = self.frame_embedder(features, self._frame_positions(clips), segment, masked)
        if self.config.frame_residual == "transform" and with_residual:
            return embedded, self.frame_transform(features, masked)
        return embedded, embedded

    def _frame_positions(self, clips: ClipBatch) -> Tensor:
        """Row of the position table for each frame, [B, F].

        Where the embedding is the residual it has to tell the place in the clip ("to avoid losing
        positional information", Sec. 3.1); the released code counts inside the sentence's group.
        """
        count = clips.mask.shape[1]
        if self.config.frame_residual == "embedding":
            return torch.arange(count, device=clips.mask.device).expand(len(clips.mask), count)
        positions = torch.zeros(clips.mask.numel(), dtype=torch.long, device=clips.mask.device)
        positions[clips.packed.frames] = clips.packed.frame_positions
        return positions.view_as(clips.mask)

    def _packed_input(self, clips: ClipBatch, embedded: Tensor) -> Tensor:
        """[frames; words] of every sentence, laid end to end: [T, D]."""
        packed = clips.packed
        words = self.text_embedder(packed.word_ids, packed.word_positions)
        return torch.cat([embedded.flatten(0, 1)[packed.frames], words])[packed.order]

    def _collected(self, clips: ClipBatch, packed_input: Tensor) -> Tensor:
        """V^cross: the cross-modal transformer's outputs at the frames' places, [T, D] -> [R, F, D]."""
        packed = clips.packed
        return self._to_frames(clips, self.cross_modal.forward_packed(packed_input, packed.runs, packed.frame_places))

    @staticmethod
    def _to_frames(clips: ClipBatch, paired: Tensor) -> Tensor:
        """Vectors of the P paired frames at their rows and frames, zero elsewhere: [P, D] -> [R, F, D]."""
        rows, width = len(clips.row_clips), clips.mask.shape[1]
        empty = paired.new_zeros(rows * width, paired.shape[1])
        return empty.index_add(0, clips.targets, paired).view(rows, width, -1)

    def _temporal(self, x: Tensor, mask: Tensor, appended: TextBatch | None) -> tuple[Tensor, Tensor | None]:
        count = x.shape[1]
        x = self.temporal_positions(x)
        if appended is not None:
            packed = appended.packed
            words = self.text_embedder(packed.word_ids, packed.word_positions)[packed.order]
            x = torch.cat([x, words[appended.places]], dim=1)
            mask = torch.cat([mask, appended.mask], dim=1)
        out = self.temporal(x, attention_mask(mask))
        return out[:, :count], out[:, count:] if appended is not None else None


AutoModel.register(HeroConfig, HeroModel, exist_ok=True)


def attention_mask(mask: Tensor) -> Tensor | None:
    """bool [B, T] -> the form SDPA takes, [B, 1, 1, T], or None where nothing is padded; an export asks no tensor."""
    if not torch.compiler.is_exporting() and bool(mask.all()):
        return None
    return mask[:, None, None, :]
