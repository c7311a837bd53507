"""A frozen text encoder that reads sentences and queries alone, so that what is said can be compared as it is.

HERO's frames have to learn to carry words; a text encoder trained on similarity knows it from the start. Shapes: N
texts, B clips, F frames, D hidden size.
"""

from torch import Tensor, nn

from hero_model.config import HeroConfig
from hero_model.data.batches import PaddedTexts, SpokenBatch, TextBatch
from hero_model.models.embeddings import TextEmbedder
from hero_model.models.encoder import PackedEncoder, encode_texts


class Reader(nn.Module):
    """Texts as vectors of length one, the mean of their states; it is never trained and knows no dropout."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__()
        self.text_embedder = TextEmbedder(config)
        self.layers = PackedEncoder(config.layers(config.reader_layers, "hero_packed"))
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> "Reader":
        return super().train(False)

    def forward(self, texts: TextBatch | PaddedTexts) -> Tensor:
        """[N, D]."""
        states = encode_texts(self.text_embedder, self.layers, texts)  # [N, L, D]
        return nn.functional.normalize((states * texts.mask[..., None]).sum(1), dim=-1)

    def at_frames(self, spoken: SpokenBatch, mask: Tensor) -> Tensor:
        """The vector of the sentence said at each frame, mask [B, F] -> [B, F, D]; zero where nothing is said."""
        said = self(spoken.texts)
        summed = said.new_zeros(mask.numel(), said.shape[1]).index_add(0, spoken.frames, said[spoken.sentence_of])
        return nn.functional.normalize(summed, dim=-1).view(*mask.shape, -1)
