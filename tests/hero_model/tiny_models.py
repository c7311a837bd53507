"""Model folders as `train` writes them, without the training."""

from pathlib import Path

import pytest
import torch
from transformers import ViTConfig, ViTImageProcessor, ViTModel

from hero_model.__main__ import main
from hero_model.checkpoints.model_folder import MODEL_CLASSES, save_model
from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from tests.hero_model.tiny_release import FEATURES


def write_models(root: Path, *tasks: str) -> Path:
    """One layer of MiniLM, one temporal layer, everything else at its random start."""
    for task in tasks:
        torch.manual_seed(0)
        changes = {"feature_size": FEATURES, "num_temporal_layers": 1, "min_span_frames": 2}
        model, tokenizer = from_text_encoder(MODEL_CLASSES[task], minilm_folder(), [0], dialect="paper", **changes)
        save_model(model, tokenizer, root / task)
    return root


def write_vit(folder: Path) -> Path:
    """A tiny image model of transformers, 24 numbers a frame, as `save_pretrained` writes it."""
    config = ViTConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    torch.manual_seed(0)
    ViTModel(config).save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def refused(capsys: pytest.CaptureFixture[str], command: list[object], *expected: str) -> None:
    """Exit status 2 and one line on standard error that holds each of the expected parts."""
    capsys.readouterr()
    assert main([str(part) for part in command]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert message.startswith("error: ")
    assert all(part in message for part in expected), message
