"""Checkpoints in the authors' layout that are not what they should be, and one that is searched."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from evaluation.io.digest import file_sha256
from hero_model.__main__ import main
from hero_model.checkpoints.official import OFFICIAL_KEYS, convert
from hero_model.inference.search import HeroSearch
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from tests.hero_model.tiny_models import refused
from tests.hero_model.tiny_release import FEATURES, write_release
from tests.hero_model.tiny_world import tiny_config

EMBEDDINGS = "v_encoder.f_encoder.embeddings."
IMAGE = "v_encoder.f_encoder.img_embeddings."
LAYER = "v_encoder.f_encoder.encoder.layer."


def official_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A state dict under the authors' names."""
    found = {}
    for name, value in model.state_dict().items():
        pattern, ours = next((p, o) for p, o in OFFICIAL_KEYS if name.startswith(o))
        found[pattern.replace("\\", "").rstrip("$") + name[len(ours) :]] = value.clone()
    return found


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return official_state(HeroForPretraining(tiny_config(dialect="official", vocab_size=40)))


@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod."])
def test_names_of_wrapped_models_are_read(wrapper: str, state: dict[str, torch.Tensor]) -> None:
    plain = convert(state, "pretraining", heads=4)
    wrapped = convert({wrapper + name: value for name, value in state.items()}, "pretraining", heads=4)
    assert (wrapped.missing, wrapped.left_over) == (plain.missing, plain.left_over) == ([], [])
    for name, value in plain.model.state_dict().items():
        assert torch.equal(wrapped.model.state_dict()[name], value)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({EMBEDDINGS + "word_embeddings.weight": torch.zeros(5)}, "hero.text_embedder.words.weight has shape [5]"),
        ({IMAGE + "img_linear.weight": torch.zeros(5)}, "hero.frame_embedder.projection.weight has shape [5]"),
        ({LAYER + "x.foo": torch.zeros(5)}, "hero.cross_modal.layer.x.foo names no layer"),
        ({LAYER + "9.output.dense.bias": torch.zeros(32)}, "lacks hero.cross_modal.layer.1"),
        ({1: torch.zeros(2)}, "under key 1 lies a Tensor"),
        ({"model": {"a": torch.zeros(2)}}, "under key 'model' lies a dict"),
        ({IMAGE + "img_linear.bias": torch.full((32,), torch.nan)}, "projection.bias holds values that are not finite"),
        ({IMAGE + "img_linear.bias": torch.zeros(32, dtype=torch.int64)}, "projection.bias is torch.strided torch.int"),
        ({IMAGE + "img_linear.bias": torch.zeros(32).to_sparse()}, "projection.bias is torch.sparse_coo"),
    ],
)
def test_a_wrong_key_is_named(
    changes: dict[Any, Any],
    expected: str,
    state: dict[str, torch.Tensor],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.save(state | changes, tmp_path / "authors.pt")
    refused(capsys, ["convert", tmp_path / "authors.pt", tmp_path / "out", "--heads", 4], "authors.pt", expected)
    assert [path.name for path in tmp_path.iterdir()] == ["authors.pt"]


def test_a_checkpoint_without_temporal_layers_is_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = {name: value for name, value in state.items() if not name.startswith("v_encoder.c_encoder.encoder.")}
    torch.save(some, tmp_path / "authors.pt")
    refused(capsys, ["convert", tmp_path / "authors.pt", tmp_path / "out", "--heads", 4], "lacks hero.temporal.layer.0")


@pytest.mark.parametrize("heads", ["7", "0", "-4", "many"])
def test_heads_that_do_not_divide_are_refused(
    heads: str, state: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(state, tmp_path / "authors.pt")
    refused(capsys, ["convert", tmp_path / "authors.pt", tmp_path / "out", "--heads", heads], "--heads", heads)
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_checkpoint_and_folders_that_cannot_be_made_are_refused(
    state: dict[str, torch.Tensor], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "authors.safetensors"
    save_file({name: value.contiguous() for name, value in state.items()}, good)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(good.read_bytes()[:5000])
    refused(capsys, ["convert", cut, tmp_path / "out"], "cut.safetensors: damaged")
    refused(capsys, ["convert", tmp_path, tmp_path / "out"], "is a folder, expected a checkpoint")
    refused(capsys, ["convert", tmp_path / "no.pt", tmp_path / "out"], "no.pt: no such file, expected a checkpoint")
    refused(capsys, ["convert", good, tmp_path / "no/such/out"], "no/such is no folder")
    refused(capsys, ["convert", good, good / "out"], "authors.safetensors is no folder")
    refused(capsys, ["convert", good, tmp_path], "exists already")
    assert {path.name for path in tmp_path.iterdir()} == {good.name, cut.name}


def write_tokenizer(folder: Path, words: int) -> Path:
    """A tokenizer with RoBERTa's special ids: four before the words, the mask behind them."""
    names = ["<s>", "<pad>", "</s>", "<unk>", *(f"w{number}" for number in range(words - 5)), "<mask>"]
    tokenizer = Tokenizer(models.WordLevel({name: number for number, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token="<s>",
        bos_token="<s>",
        sep_token="</s>",
        eos_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
    fast.save_pretrained(folder)
    return folder


def test_a_converted_moment_model_can_be_searched_and_predicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    model = HeroForMomentRetrieval(tiny_config(dialect="official", vocab_size=40, feature_size=FEATURES))
    torch.save(official_state(model), tmp_path / "authors.pt")
    command = ["convert", str(tmp_path / "authors.pt"), str(tmp_path / "bare"), "--task", "moment", "--heads", "4"]
    assert main(command) == 0
    assert "no tokenizer saved" in capsys.readouterr().err
    card = (tmp_path / "bare/README.md").read_text()
    assert f"| converted from | authors.pt with sha256 {file_sha256(tmp_path / 'authors.pt')}" in card
    assert "| missing there, at random here | nothing |" in card
    assert "| tokenizer |" not in card
    (tmp_path / "release").mkdir()
    release = write_release(tmp_path / "release")
    features = ["--features", str(release / "features/tiny.safetensors")]
    index = tmp_path / "index.safetensors"
    refused(capsys, ["encode", tmp_path / "bare", *features, "--out", index], "no tokenizer", "convert --tokenizer")
    other = write_tokenizer(tmp_path / "other", 50)
    refused(capsys, [*command[:2], tmp_path / "x", *command[3:], "--tokenizer", other], "40 words", "knows 50")

    tokenizer = write_tokenizer(tmp_path / "tokenizer", 33)  # the authors' embeddings are padded, too
    converted = tmp_path / "converted"
    assert main([*command[:2], str(converted), *command[3:], "--tokenizer", str(tokenizer)]) == 0
    config = json.loads((converted / "config.json").read_text())
    assert (config["cls_token_id"], config["sep_token_id"], config["mask_token_id"]) == (0, 2, 32)
    assert (config["first_word_id"], config["last_word_id"]) == (4, 32)
    assert "| dialect | official |" in (converted / "README.md").read_text()
    assert "| tokenizer | tokenizer |" in (converted / "README.md").read_text()
    assert main(["encode", str(converted), *features, "--out", str(index)]) == 0
    capsys.readouterr()
    assert main(["search", str(converted), str(index), "w1 w2", "-k", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    search = HeroSearch.from_pretrained(converted)
    search.encode({name: value.numpy() for name, value in load_file(release / "features/tiny.safetensors").items()}, {})
    assert [row["video"] for row in rows] == [moment.video for moment in search.search("w1 w2", k=2)]
    where = ["--task", "moment", "--split", "val", "--threads", "1", "--out", str(tmp_path / "predictions.json")]
    assert main(["predict", str(converted), str(release), *where]) == 0
    assert json.loads((tmp_path / "predictions.json").read_text())["VCMR"]
    where[1] = "qa"
    refused(capsys, ["predict", converted, release, *where], "converted: holds no finished model for --task qa")
