"""Model folders as `train` writes them, without the training."""

from pathlib import Path

import pytest
import torch

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


def refused(capsys: pytest.CaptureFixture[str], command: list[object], *expected: str) -> None:
    """Exit status 2 and one line on standard error that holds each of the expected parts."""
    capsys.readouterr()
    assert main([str(part) for part in command]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert message.startswith("error: ")
    assert all(part in message for part in expected), message
