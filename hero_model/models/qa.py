"""Multiple-choice questions about a clip (Sec. 3.3).

Shapes: N questions, A answers, F frames, L tokens of question and answer, D hidden size.
"""

from dataclasses import dataclass

from torch import Tensor

from hero_model.config import HeroConfig
from hero_model.data.batches import QuestionBatch
from hero_model.models.architectures import answer_head_of, encoder_of
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
    """L_ans (Eq. 9) and L_span (Eq. 10)."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        self.hero = encoder_of(config)
        self.answer_head = answer_head_of(config)
        self.post_init()

    def forward(self, batch: QuestionBatch) -> QuestionOutput:
        """Answer logits and losses of N questions."""
        encoding = self.hero(batch.clips, appended=batch.appended)
        questions = len(batch.answers)
        frames = encoding.frames.unflatten(0, (questions, -1))
        mask = encoding.mask.unflatten(0, (questions, -1))[:, 0]
        logits, span_logits = self.answer_head(frames, mask, batch.answers)
        start, end = span_logits.masked_fill(~mask[:, :, None], MASKED_LOGIT).unbind(2)
        span = span_loss(start, end, batch.spans) / 2
        known = batch.answers >= 0
        answer = cross_entropy(logits[known], batch.answers[known], reduction="sum") / known.sum().clamp(min=1)
        loss = answer + self.config.answer_span_weight * span
        return QuestionOutput(loss, answer, span, logits, span_logits, mask)
