"""Model folders that are damaged or incomplete: the file and the key are named, in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from hero_model.checkpoints.model_folder import find_model, load_model, save_model
from hero_model.checkpoints.text_encoder import load_tokenizer
from hero_model.errors import InputError
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model.tiny_models import refused, write_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment")


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A model folder to damage; the weights are a link."""
    for file in (models / "moment").iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
        else:
            (tmp_path / file.name).symlink_to(file)
    return tmp_path


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hidden_size": "big"}, ["config.json: hidden_size", "`int`"]),
        ({"hidden_size": True}, ["config.json: hidden_size", "`int`"]),
        ({"num_attention_heads": -4}, ["config.json: num_attention_heads is -4, expected at least 1"]),
        ({"num_temporal_layers": 0}, ["config.json: num_temporal_layers is 0, expected at least 1"]),
        ({"num_attention_heads": 7}, ["config.json", "384", "7"]),
        ({"dialect": "british"}, ["config.json", "dialect must be one of"]),
        ({"architectures": "hero"}, ["config.json: architectures", "`array"]),
        ({"architectures": None}, ["holds no model for moments or questions"]),
        ({"feature_size": 7}, ["model.safetensors: hero.frame_embedder.", "has shape [24]", "asks for [7]"]),
    ],
)
def test_a_wrong_configuration_is_refused_by_key(
    changes: dict[str, Any], expected: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_config(folder, **changes)
    refused(capsys, ["search", folder, folder / "config.json", "query"], *expected)


@pytest.mark.parametrize("content", ["[]", "{", "null", ""])
def test_a_configuration_that_is_none_is_refused(
    content: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "config.json").write_text(content)
    refused(capsys, ["search", folder, folder / "config.json", "query"], "config.json: ")


@pytest.mark.parametrize("content", ["{}", "{", "[]"])
def test_a_broken_tokenizer_is_refused(content: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokenizer.json").write_text(content)
    refused(capsys, ["search", folder, folder / "config.json", "query"], "tokenizer.json: no tokenizer")


def test_a_missing_tokenizer_is_told_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokenizer.json").unlink()
    refused(capsys, ["search", folder, folder / "config.json", "query"], "holds no tokenizer", "convert --tokenizer")
    with pytest.raises(InputError, match="no tokenizer"):
        load_tokenizer(folder)


def damage_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    (folder / "model.safetensors").unlink()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_weight_of_another_shape_is_named(folder: Path) -> None:
    name = "hero.temporal_positions.norm.weight"
    damage_weights(folder, lambda weights: weights.update({name: torch.zeros(3)}))
    with pytest.raises(InputError, match=r"model\.safetensors: hero\.temporal_positions\.norm\.weight has shape \[3\]"):
        load_model(HeroForMomentRetrieval, folder)


def test_a_weight_that_is_not_finite_is_named(folder: Path) -> None:
    damage_weights(folder, lambda weights: weights["moment_head.start_filter.weight"].fill_(float("nan")))
    with pytest.raises(InputError, match=r"moment_head\.start_filter\.weight holds values that are not finite"):
        load_model(HeroForMomentRetrieval, folder)


def test_a_truncated_weight_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()
    refused(capsys, ["search", folder, folder / "config.json", "q"], "model.safetensors: no such file")
    (folder / "model.safetensors").write_bytes(content[:100_000])
    refused(capsys, ["search", folder, folder / "config.json", "q"], "model.safetensors: damaged")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    refused(capsys, ["search", folder, folder / "config.json", "q"], "model.safetensors: is a folder")


def test_only_a_whole_head_may_start_at_random(folder: Path) -> None:
    model, _ = load_model(HeroForQuestionAnswering, folder, new_heads=True)
    assert any(name.startswith("answer_head.") for name, _ in model.named_parameters())
    with pytest.raises(InputError, match=r"lacks answer_head\."):
        load_model(HeroForQuestionAnswering, folder)
    damage_weights(folder, lambda weights: weights.pop("hero.temporal_positions.norm.weight"))
    with pytest.raises(InputError, match=r"lacks hero\.temporal_positions\.norm\.weight"):
        load_model(HeroForQuestionAnswering, folder, new_heads=True)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(folder: Path) -> None:
    tokenizer = load_tokenizer(folder)
    tokenizer.add_tokens(["herobench"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(InputError, match="knows 30523 tokens, the model 30522"):
        load_model(HeroForMomentRetrieval, folder)


def test_a_model_is_found_alone_or_below_its_run(models: Path, folder: Path) -> None:
    assert find_model(models, "moment") == models / "moment"
    assert find_model(folder, "moment") == folder
    assert find_model(folder, "qa") is None


def test_a_folder_that_cannot_be_written_leaves_nothing(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = load_model(HeroForMomentRetrieval, models / "moment")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tokenizer, "save_pretrained", full)
    with pytest.raises(InputError, match=r"out: cannot be written: No space left"):
        save_model(model, tokenizer, tmp_path / "out")
    assert not list(tmp_path.iterdir())
