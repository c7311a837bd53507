"""The frame encoder and its command line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from hero_model.__main__ import main
from hero_model.features.frame_encoder import FrameEncoder
from tests.hero_model.features.test_video import write_video


@pytest.fixture(scope="module")
def encoder() -> FrameEncoder:
    return FrameEncoder()


def test_a_frame_has_the_same_features_whatever_stands_beside_it(encoder: FrameEncoder) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), dtype=np.uint8)
    together = encoder.encode(frames)
    assert together.shape == (11, encoder.dim)
    assert together.dtype == np.float32
    assert np.array_equal(encoder.encode(frames[::-1])[::-1], together)
    assert np.array_equal(encoder.encode(frames[4:5])[0], together[4])
    assert encoder.encode(frames[:0]).shape == (0, encoder.dim)


def test_features_tell_pictures_apart(encoder: FrameEncoder) -> None:
    red, blue = np.full((2, 224, 224, 3), 90, np.uint8)
    red[60:160, 60:160] = 220, 30, 30
    blue[60:160, 60:160] = 30, 30, 220
    moved_red = np.roll(red, 12, axis=1)
    vectors = encoder.encode(np.stack([red, moved_red, blue]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]


@pytest.mark.parametrize(
    "frames",
    [np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 3, 8, 8), np.uint8)],
)
def test_another_form_of_frames_is_refused(encoder: FrameEncoder, frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"uint8 \[N, H, W, 3\]"):
        encoder.encode(frames)


def test_an_unknown_encoder_is_named() -> None:
    with pytest.raises(ValueError, match="resnet-9000"):
        FrameEncoder("resnet-9000")


def test_command_writes_features_with_their_metadata(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    videos = [write_video(tmp_path / f"{name}.mp4", [grey] * 25) for name, grey in [("a", 40), ("b", 200)]]
    out = tmp_path / "features.safetensors"
    assert main(["features", *map(str, videos), "--out", str(out), "--interval", "0.7"]) == 0
    with safe_open(out, "numpy") as file:
        assert sorted(file.keys()) == ["a", "b"]
        assert file.metadata() == {"model": "efficientnet-lite0", "interval_s": "0.7", "dim": "1280"}
        assert file.get_tensor("a").shape == (4, 1280)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "features.safetensors"]


def test_command_names_the_broken_file_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = write_video(tmp_path / "good.mp4", [40] * 5)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"nonsense")
    out = tmp_path / "features.safetensors"
    assert main(["features", str(good), str(broken), "--out", str(out)]) == 2
    assert "broken.mp4" in capsys.readouterr().err
    assert not out.exists()


def test_decoding_needs_no_torch() -> None:
    modules = "hero_model.features.video, hero_model.features.frame_encoder"
    code = f"import sys, json, {modules}; print(json.dumps('torch' in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) is False
