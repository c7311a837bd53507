"""Multiple-choice questions about a clip (Sec. 3.3).

Shapes: N questions, A answers, F frames, L tokens of question and answer, D hidden size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hero_model.config import HeroConfig
from hero_model.data.batches import QuestionBatch
from hero_model.models.architectures import answer_head_of, encoder_of, moment_head_of
from hero_model.models.heads import MomentHead
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.models.losses import MASKED_LOGIT, cross_entropy, span_loss


@dataclass
class QuestionOutput:
    """loss = answer + answer_span_weight * span."""

    loss: Tensor
    answer_loss: Tensor
    span_loss: Tensor
    logits: Tensor  # [N, A]
    span_logits: Tensor  # [N, F, 2] before masking
    mask: Tensor  # [N, F]


class HeroForQuestionAnswering(HeroPreTrainedModel):
    """L_ans (Eq. 9) and L_span (Eq. 10).

    With `answer_match_weight` each question with an answer is also a claim, a query that moment retrieval looks for
    in the clip as it is without them: how well it is found (Eq. 6) adds to the answer's logit, and where (Eq. 5) to
    the span's.
    """

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.hero = encoder_of(config)
        self.answer_head = answer_head_of(config)
        self.moment_head = moment_head_of(config) if config.matches_answers else None
        self.post_init()

    def forward(self, batch: QuestionBatch) -> QuestionOutput:
        """Answer logits and losses of N questions. Raises ValueError where a model that matches gets no claims."""
        encoding = self.hero(batch.clips, appended=batch.appended)
        questions = len(batch.answers)
        frames = encoding.frames.unflatten(0, (questions, -1))
        mask = encoding.mask.unflatten(0, (questions, -1))[:, 0]
        logits, span_logits = self.answer_head(frames, mask, batch.answers)
        if self.moment_head is not None:
            logits, found = self._with_claims(self.moment_head, batch, logits)
            span_logits = span_logits + found
        start, end = span_logits.masked_fill(~mask[:, :, None], MASKED_LOGIT).unbind(2)
        span = span_loss(start, end, batch.spans) / 2
        known = batch.answers >= 0
        answer = cross_entropy(logits[known], batch.answers[known], reduction="sum") / known.sum().clamp(min=1)
        loss = answer + self.config.answer_span_weight * span
        return QuestionOutput(loss, answer, span, logits, span_logits, mask)

    def _with_claims(self, head: MomentHead, batch: QuestionBatch, logits: Tensor) -> tuple[Tensor, Tensor]:
        """The logits [N, A] with what the claims add; where the right (when unknown, the chosen) one is, [N, F, 2]."""
        if batch.unasked is None or batch.claims is None:
            raise ValueError("the batch holds no claims; was it made with the model's configuration?")
        clips = self.hero(batch.unasked)
        claims = head.query_encoder(self.hero.encode_texts(batch.claims), batch.claims.mask).unflatten(
            0, tuple(logits.shape)
        )
        rows = torch.arange(len(logits), device=logits.device)
        everywhere = head.clip_scores(claims.flatten(0, 1), clips.frames, clips.mask).view(*logits.shape, -1)
        logits = logits + self.config.answer_match_weight * everywhere[rows, :, rows]
        chosen = torch.where(batch.answers >= 0, batch.answers, logits.argmax(1))
        return logits, torch.stack(head.own_span_logits(claims[rows, chosen], clips.frames, clips.mask), dim=2)
