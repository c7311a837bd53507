"""Frame features from any image model of `transformers`, by the name of its folder or of a repository."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.io.errors import refusing
from hero_model.errors import InputError
from hero_model.features.in_batches import in_batches


class ImageModel:
    """Its pooled vector of each frame: `get_image_features` where it has one (CLIP), `pooler_output`, or the mean of
    the last hidden states.
    """

    def __init__(self, name: str) -> None:
        """Raises InputError where `name` is no image model that can be loaded."""
        from transformers import AutoImageProcessor, AutoModel

        with refusing(f"--encoder {name}: no image model of transformers that can be loaded", InputError):
            self._processor = AutoImageProcessor.from_pretrained(name)
            self._network = AutoModel.from_pretrained(name, use_safetensors=True).eval()  # no pickle
        self.name = Path(name).name if Path(name).is_dir() else name
        self.dim = self.encode(np.zeros((1, 224, 224, 3), np.uint8)).shape[1]

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features float32 [N, dim] of frames uint8 [N, H, W, 3] in RGB; ValueError on another form."""
        return in_batches(frames, self._encode_batch) if len(frames) else np.empty((0, self.dim), np.float32)

    def _encode_batch(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        pixels = self._processor(list(frames), return_tensors="pt")["pixel_values"]
        images = getattr(self._network, "get_image_features", self._network)
        found = images(pixels)
        pooled = getattr(found, "pooler_output", found)
        if pooled is None:
            pooled = found.last_hidden_state.mean(1)
        vectors: NDArray[np.float32] = pooled.flatten(1).float().numpy()
        return vectors
