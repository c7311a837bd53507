"""STAGE's QA side (Lei et al. 2019, TVQA+): QA-guided attention over what is seen and said at each frame.

A frame's feature stands for the authors' region features, so there is no spatial supervision and no attention
ranking loss. Shapes: N questions, A answers, R = N * A rows, F frames, L tokens of question and answer,
P paired frames, K words of the longest sentence, E the model's size.
"""

import torch
from torch import Tensor, nn

from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, TextBatch
from hero_model.models.hero import ClipEncoding, HeroModel
from hero_model.models.losses import MASKED_LOGIT

SIZE, SHARPNESS = 128, 10.0  # of the authors


class Convolutions(nn.Module):
    """Depthwise-separable convolutions with residuals over the words; they see zeros beyond a text's end."""

    def __init__(self, width: int, count: int, config: HeroConfig) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(SIZE, eps=config.embedding_norm_eps) for _ in range(count))
        self.depthwise = nn.ModuleList(
            nn.Conv1d(SIZE, SIZE, width, padding=width // 2, groups=SIZE) for _ in range(count)
        )
        self.pointwise = nn.ModuleList(nn.Linear(SIZE, SIZE) for _ in range(count))
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, L, E], mask [B, L] bool, True at words -> [B, L, E]."""
        for norm, depthwise, pointwise in zip(self.norms, self.depthwise, self.pointwise, strict=True):
            words = norm(x).masked_fill(~mask[..., None], 0)
            mixed = depthwise(words.transpose(1, 2)).transpose(1, 2)
            x = x + self.dropout(nn.functional.relu(pointwise(mixed)))
        return x


class StageModel(HeroModel):
    """One vector for each (answer, frame). The text side is frozen, as the authors' BERT features are."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        del self.frame_embedder, self.temporal, self.temporal_positions
        if config.frame_residual == "transform":
            del self.frame_transform
        self.requires_grad_(False)
        eps = config.embedding_norm_eps

        def entrance(size: int) -> nn.Sequential:
            return nn.Sequential(
                nn.LayerNorm(size, eps=eps), nn.Linear(size, SIZE), nn.ReLU(), nn.LayerNorm(SIZE, eps=eps)
            )

        def fusion() -> nn.Sequential:
            return nn.Sequential(
                nn.LayerNorm(3 * SIZE, eps=eps),
                nn.Dropout(config.hidden_dropout_prob),
                nn.Linear(3 * SIZE, SIZE),
                nn.ReLU(),
            )

        self.words, self.pictures = entrance(config.hidden_size), entrance(config.feature_size)
        self.input_convolutions = Convolutions(7, 2, config)
        self.fuse_said, self.fuse_seen, self.merge = fusion(), fusion(), fusion()
        self.output_convolutions = Convolutions(5, 2, config)
        self.post_init()

    def train(self, mode: bool = True) -> "StageModel":
        super().train(mode)
        self.text_embedder.eval()
        self.cross_modal.eval()
        return self

    def forward(
        self,
        clips: ClipBatch,
        masked: Tensor | None = None,
        order: Tensor | None = None,
        appended: TextBatch | None = None,
    ) -> ClipEncoding:
        """Raises ValueError without a question: STAGE has no pre-training and retrieves nothing."""
        if appended is None or masked is not None or order is not None:
            raise ValueError("STAGE answers questions alone")
        packed = clips.packed
        embedded = self.text_embedder(packed.word_ids, packed.word_positions)[packed.order]
        states = self.cross_modal.forward_packed(embedded, packed.runs)
        asked = self.input_convolutions(self.words(self.encode_texts(appended)), appended.mask)  # [R, L, E]
        rows, width = len(clips.row_clips), clips.mask.shape[1]
        spoken, spoken_mask = _unpacked(self.words(states), packed.runs)
        said = self._attended(asked, spoken, spoken_mask, clips, rows, width)  # [R, F, L, E]
        seen = self.pictures(clips.features)[clips.row_clips][:, :, None].expand_as(said)
        question = asked[:, None].expand_as(said)
        said = self.fuse_said(torch.cat([question, said, question * said], -1))
        seen = self.fuse_seen(torch.cat([question, seen, question * seen], -1))
        both = self.merge(torch.cat([said, seen, said * seen], -1)).flatten(0, 1)  # [R * F, L, E]
        mask = appended.mask.repeat_interleave(width, 0)
        outputs = self.output_convolutions(both, mask).masked_fill(~mask[..., None], MASKED_LOGIT)
        frames = outputs.amax(1).view(rows, width, SIZE)
        return ClipEncoding(frames, clips.mask[clips.row_clips], embedded, frames, frames)

    @staticmethod
    def _attended(
        asked: Tensor, spoken: Tensor, spoken_mask: Tensor, clips: ClipBatch, rows: int, width: int
    ) -> Tensor:
        """For each word of question and answer, what the frame's sentence says about it; zero without one."""
        row = clips.targets // width
        words = spoken[clips.sentence_of]  # [P, K, E]
        unit_words, unit_asked = (nn.functional.normalize(x, dim=-1) for x in (words, asked))
        scores = SHARPNESS * unit_asked[row] @ unit_words.transpose(1, 2)  # [P, L, K]
        weights = scores.masked_fill(~spoken_mask[clips.sentence_of][:, None], MASKED_LOGIT).softmax(-1)
        empty = asked.new_zeros(rows * width, *asked.shape[1:])
        return empty.index_add(0, clips.targets, weights @ words).view(rows, width, *asked.shape[1:])


class StageHead(nn.Module):
    """Answer from the best frame; start and end of the right (when unknown, of the chosen) answer."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        eps = config.embedding_norm_eps
        self.residual = nn.Linear(SIZE, SIZE)
        self.span = nn.Sequential(nn.LayerNorm(SIZE, eps=eps), nn.Linear(SIZE, 2))
        self.answer = nn.Sequential(nn.LayerNorm(SIZE, eps=eps), nn.Linear(SIZE, 1))

    def forward(self, frames: Tensor, mask: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
        """frames [N, A, F, E], mask [N, F], answers [N] -> answer logits [N, A], span logits [N, F, 2]."""
        best = frames.masked_fill(~mask[:, None, :, None], MASKED_LOGIT).amax(2)
        logits = self.answer(best).squeeze(2)
        chosen = torch.where(answers >= 0, answers, logits.argmax(1))
        own = frames[torch.arange(len(frames), device=frames.device), chosen]
        return logits, self.span(own + nn.functional.relu(self.residual(own)))


def _unpacked(states: Tensor, runs: tuple[tuple[int, int], ...]) -> tuple[Tensor, Tensor]:
    """Packed sequences [T, E] as padded ones [S, K, E], and bool [S, K] where there is a word."""
    counts, distinct = torch.tensor(runs, dtype=torch.long, device=states.device).view(-1, 2).unbind(1)
    lengths = distinct.repeat_interleave(counts)
    mask = torch.arange(int(lengths.max()) if len(lengths) else 0, device=states.device) < lengths[:, None]
    padded = states.new_zeros(*mask.shape, states.shape[1])
    padded[mask] = states  # row by row, as the sequences are packed
    return padded, mask
