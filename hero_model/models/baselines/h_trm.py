"""H-TRM: a text encoder on the subtitles, its max-pooled sentences added to the frame embeddings (Sec. 4.4)."""

import torch
from torch import Tensor

from hero_model.data.batches import ClipBatch, Runs
from hero_model.models.hero import HeroModel


class TextPooledModel(HeroModel):
    """HERO with frames left out of the lower transformer (collation packs sentences without frames)."""

    def _collected(self, clips: ClipBatch, packed_input: Tensor) -> Tensor:
        states = self.cross_modal.forward_packed(packed_input, clips.packed.runs)
        return self._to_frames(clips, pooled_sentences(states, clips.packed.runs)[clips.sentence_of])


def pooled_sentences(states: Tensor, runs: Runs) -> Tensor:
    """Max over the places of each packed sequence: [T, D] -> [S, D] in packed order."""
    pooled, start = [states.new_empty(0, states.shape[1])], 0
    for count, length in runs:
        end = start + count * length
        pooled.append(states[start:end].view(count, length, -1).amax(1))
        start = end
    return torch.cat(pooled)
