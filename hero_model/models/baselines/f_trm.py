"""F-TRM: one sequence of all frames and all sentences through one transformer (Sec. 4.4)."""

from torch import Tensor

from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, TextBatch
from hero_model.models.encoder import PackedEncoder
from hero_model.models.hero import ClipEncoding, HeroModel


class FlatModel(HeroModel):
    """As many layers as HERO's two transformers together; collation joins the sentences of a clip."""

    def __init__(self, config: HeroConfig) -> None:
        super().__init__(config)
        layers = config.num_hidden_layers + config.num_temporal_layers
        self.cross_modal = PackedEncoder(config.layers(layers, "hero_packed"))
        del self.temporal, self.temporal_positions
        self.post_init()

    def forward(
        self,
        clips: ClipBatch,
        masked: Tensor | None = None,
        order: Tensor | None = None,
        appended: TextBatch | None = None,
    ) -> ClipEncoding:
        """As HeroModel; question and answer stand in the one sequence already, so `appended` adds nothing.

        Raises ValueError for `order`: there is no place between two transformers where frames could be shuffled.
        """
        if order is not None:
            raise ValueError("F-TRM has no frame order task: the paper trains it without pre-training")
        embedded, _ = self._frames(clips, masked)
        packed_input = self._packed_input(clips, embedded)
        frames = self._collected(clips, packed_input)
        return ClipEncoding(frames, clips.mask[clips.row_clips], packed_input, frames, frames)
