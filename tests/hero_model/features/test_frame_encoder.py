"""The frame encoder and its command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from hero_model.__main__ import main
from hero_model.errors import InputError
from hero_model.features import feature_run
from hero_model.features.feature_run import write_features
from hero_model.features.frame_encoder import FrameEncoder, encode_video, load_encoder
from hero_model.features.video import FrameSampler, decode
from tests.hero_model.features.test_video import write_video
from tests.hero_model.tiny_models import write_vit


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


def test_an_unknown_encoder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no image model"):
        load_encoder(str(tmp_path / "nowhere"))


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vit(tmp_path_factory.mktemp("models") / "tiny-vit")


def test_any_image_model_of_transformers_encodes_frames(vit: Path, tmp_path: Path) -> None:
    encoder = load_encoder(str(vit))
    frames = np.random.default_rng(0).integers(0, 256, (11, 64, 64, 3), dtype=np.uint8)
    together = encoder.encode(frames)
    assert (together.shape, together.dtype, encoder.dim) == ((11, 24), np.float32, 24)
    assert np.array_equal(encoder.encode(frames[4:5])[0], together[4])
    assert len(np.unique(together, axis=0)) == 11
    video, out = write_video(tmp_path / "a.mp4", [40] * 25), tmp_path / "out.safetensors"
    assert main(["features", str(video), "--out", str(out), "--encoder", str(vit)]) == 0
    with safe_open(out, "numpy") as file:
        assert file.metadata() == {"model": "tiny-vit", "interval_s": "1.5", "dim": "24"}


def test_weights_in_a_pickle_are_refused(vit: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(vit, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="pickled: no image model"):
        load_encoder(str(folder))


def test_a_long_film_is_encoded_as_it_is_decoded(encoder: FrameEncoder, tmp_path: Path) -> None:
    """In portions of 64 frames; the same vectors as at once."""
    video = write_video(tmp_path / "a.mp4", [index % 250 for index in range(0, 300, 2)])  # 150 frames, 15 s
    sampler = FrameSampler(0.1)
    for time_s, frame in decode(video):
        sampler.offer(time_s, frame)
    whole = encoder.encode(sampler.frames())
    assert len(whole) == 150
    assert np.array_equal(encode_video(video, encoder, 0.1), whole)


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
    assert main(["features", str(good), str(broken), "--out", str(out), "--skip-broken"]) == 0
    assert "broken.mp4" in capsys.readouterr().out
    with safe_open(out, "numpy") as file:
        assert sorted(file.keys()) == ["good"]
    assert main(["features", str(broken), "--out", str(tmp_path / "none"), "--skip-broken"]) == 2
    assert not (tmp_path / "none").exists()


def test_what_was_done_is_not_done_again(
    encoder: FrameEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = {name: write_video(tmp_path / f"{name}.mp4", [grey] * 25) for name, grey in [("a", 40), ("b", 200)]}
    out, encoded = tmp_path / "features.safetensors", []

    def killed_at_the_second(path: Path, *arguments: Any) -> Any:
        encoded.append(path.stem)
        if len(encoded) == 2:
            raise KeyboardInterrupt
        return encode_video(path, *arguments)

    monkeypatch.setattr(feature_run, "encode_video", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        write_features(films, encoder, 0.7, out)
    assert not out.exists()
    write_features(films, encoder, 0.7, out)
    assert encoded == ["a", "b", "b"]
    undisturbed = tmp_path / "undisturbed.safetensors"
    write_features(films, encoder, 0.7, undisturbed)
    assert out.read_bytes() == undisturbed.read_bytes()
    assert encoded == ["a", "b", "b", "a", "b"]
    assert not list(tmp_path.glob("*.parts"))


def test_a_film_that_changed_or_another_rate_is_described_anew(
    encoder: FrameEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film, broken = write_video(tmp_path / "a.mp4", [40] * 25), tmp_path / "b.mp4"
    broken.write_bytes(b"nonsense")
    out, encoded = tmp_path / "out.safetensors", []

    def counted(path: Path, *arguments: Any) -> Any:
        vectors = encode_video(path, *arguments)
        encoded.append(path.stem)
        return vectors

    def run(interval_s: float) -> int:
        with pytest.raises(InputError, match=r"b\.mp4"):
            write_features({"a": film, "b": broken}, encoder, interval_s, out)
        return len(encoded)

    monkeypatch.setattr(feature_run, "encode_video", counted)
    assert [run(0.7), run(0.7), run(0.5)] == [1, 1, 2]
    os.utime(film, (1, 1))  # as long as before, but written again
    assert [run(0.5), run(0.5)] == [3, 3]
    broken.unlink()
    write_video(film, [200] * 50)
    assert write_features({"a": film, "b": broken}, encoder, 0.5, out, skip_broken=True)[0].name == "b"
    with safe_open(out, "numpy") as file:
        assert np.array_equal(file.get_tensor("a"), encode_video(film, encoder, 0.5))


def test_decoding_needs_no_torch() -> None:
    modules = "hero_model.features.video, hero_model.features.frame_encoder"
    code = f"import sys, json, {modules}; print(json.dumps('torch' in sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(found.stdout) is False
