"""HERO with the heads of its pre-training tasks (Sec. 3.2); one task per step.

Shapes: B clips, F frames, N queries, M masked words or frames, W words of the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hero_model.config import HeroConfig
from hero_model.data.batches import FrameOrderBatch, MaskedFrameBatch, MaskedWordBatch, MatchBatch, PretrainingBatch
from hero_model.models.architectures import encoder_of, moment_head_of
from hero_model.models.heads import WordHead, feature_head, order_head
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.models.losses import MASKED_LOGIT, cross_entropy, frame_contrast_logits, frame_regression
from hero_model.models.moment import MatchOutput, matching_loss


@dataclass
class TaskOutput:
    """loss is a scalar; logits [M, classes] are those that the loss was taken from."""

    loss: Tensor
    logits: Tensor
    labels: Tensor
    predicted: Tensor | None = None  # [M, features] of masked frames
    others: Tensor | None = None  # [U, features] of unmasked slots


class HeroForPretraining(HeroPreTrainedModel):
    """MLM, MFFR, MNCE, FOM and VSM; the type of the batch chooses the task."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.hero = encoder_of(config)
        self.word_head = WordHead(config)
        self.feature_head = feature_head(config)
        self.order_head = order_head(config)
        self.moment_head = moment_head_of(config)
        self.post_init()

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> nn.Embedding:
        """As the library does it; the decoder's bias gets as many rows, new ones are zero."""
        words = super().resize_token_embeddings(*args, **kwargs)
        before, rows = self.word_head.bias.data, len(words.weight)
        after = before.new_zeros(rows)
        after[: len(before)] = before[:rows]
        self.word_head.bias = nn.Parameter(after)
        return words

    def forward(self, batch: PretrainingBatch, **kwargs: Any) -> TaskOutput | MatchOutput:
        """Run the task that the batch is made for. Raises TypeError for another type of batch."""
        tasks: dict[type, Callable[..., TaskOutput | MatchOutput]] = {
            MaskedWordBatch: self.masked_words,
            MaskedFrameBatch: self.masked_frames,
            FrameOrderBatch: self.frame_order,
            MatchBatch: self.subtitle_matching,
        }
        if type(batch) not in tasks:
            raise TypeError(f"no pre-training task takes a {type(batch).__name__}")
        return tasks[type(batch)](batch, **kwargs)

    def masked_words(self, batch: MaskedWordBatch) -> TaskOutput:
        """MLM (Eq. 3), on the cross-modal transformer alone."""
        states = self.hero.encode_sentences(batch.clips, batch.places)
        logits = self.word_head(states, self.hero.text_embedder.words.weight)
        return TaskOutput(cross_entropy(logits, batch.labels), logits, batch.labels)

    def masked_frames(self, batch: MaskedFrameBatch) -> TaskOutput:
        """MFFR or MNCE (Eq. 4)."""
        frames = self.hero(batch.clips, masked=batch.masked).frames
        predicted = self.feature_head(frames[batch.masked])
        target = batch.clips.features[batch.masked]
        if not batch.contrast:
            return TaskOutput(frame_regression(predicted, target, bool(self.config.squared_mffr)), predicted, target)
        all_slots = self.config.nce_negatives == "all_slots"
        unmasked = ~batch.masked if all_slots else ~batch.masked & batch.clips.mask
        if batch.negatives is not None:
            unmasked = unmasked & batch.negatives
        others = self.feature_head(frames[unmasked])
        logits, labels = frame_contrast_logits(
            predicted, target, others, self.config.nce_temperature, other_targets=all_slots
        )
        return TaskOutput(cross_entropy(logits, labels), logits, labels, predicted, others)

    def frame_order(self, batch: FrameOrderBatch) -> TaskOutput:
        """FOM (Eq. 8). A batch in which no frame counts has loss zero."""
        frames = self.hero(batch.clips, order=batch.order).frames
        logits = self.order_logits(frames, batch.clips.mask)
        counted = batch.labels >= 0
        loss = cross_entropy(logits[counted], batch.labels[counted], reduction="sum")
        return TaskOutput(loss / counted.sum().clamp(min=1), logits, batch.labels)

    def order_logits(self, frames: Tensor, mask: Tensor) -> Tensor:
        """[B, F, classes]; without a fixed number of classes a clip has N_v, the rest is out of reach."""
        logits = self.order_head(frames)
        if self.config.fom_classes:
            return logits
        classes = torch.arange(logits.shape[-1], device=logits.device)
        return logits.masked_fill(classes >= mask.sum(1)[:, None, None], MASKED_LOGIT)

    def subtitle_matching(self, batch: MatchBatch, hard_negatives: bool = False, **kwargs: Any) -> MatchOutput:
        """VSM (Eq. 5-7)."""
        return matching_loss(self.hero, self.moment_head, batch, hard_negatives, **kwargs)
