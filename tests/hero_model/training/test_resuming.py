"""`train`: what is refused before anything is written, and runs that cannot go on."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from hero_model import presets
from hero_model.__main__ import INTERRUPTED, main
from hero_model.training import trainer
from tests.evaluation.small_release import relist
from tests.hero_model.interrupting import interrupted_at
from tests.hero_model.tiny_models import refused, write_models

TINY = presets.PRESETS["tiny"]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("pretrained"), "pretraining")


def train(release: Path, out: Path, *more: str) -> list[object]:
    return ["train", release, out, "--preset", "tiny", "--threads", "1", *more]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--features", "nope"], "no feature set 'nope', there are: tiny"),
        (["--seed", "-1"], "--seed: expected a whole number from 0 to 4294967295, got '-1'"),
        (["--seed", "4294967296"], "--seed"),
        (["--threads", "0"], "--threads"),
        (["--model", "gru"], "--model"),
    ],
)
def test_a_run_that_cannot_be_made_writes_nothing(
    more: list[str], expected: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, train(release, tmp_path / "out", *more), expected)
    assert not (tmp_path / "out").exists()


def test_a_release_or_text_encoder_that_cannot_be_read_writes_nothing(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    broken = tmp_path / "broken"
    shutil.copytree(release, broken)
    lines = (broken / "qa/value/train.jsonl").read_text().splitlines()
    (broken / "qa/value/train.jsonl").write_text("\n".join([*lines[:2], "{", *lines[3:]]))
    refused(capsys, train(relist(broken), out), "qa/value/train.jsonl:3")
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder/config.json").write_text("{}")
    elsewhere = dataclasses.replace(TINY, text_encoder=str(tmp_path / "encoder"))
    monkeypatch.setitem(presets.PRESETS, "tiny", elsewhere)
    refused(capsys, train(release, out), "encoder: no text encoder")
    assert not out.exists()


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("{", "run.json: is no record of `train`"),
        ("[]", "run.json: is no record of `train`: Expected `object`"),
        (
            "{}",
            "another release, model, preset, features, seed, pretrained, corpora, precision, configuration",
        ),
    ],
)
def test_a_broken_record_is_named(
    record: str, expected: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(record)
    refused(capsys, train(release, tmp_path), expected)
    assert (tmp_path / "run.json").read_text() == record
    refused(capsys, train(release, tmp_path / "run.json"), "is a file, expected a folder")


@pytest.fixture
def begun(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An OUT whose pre-training was cut off after a checkpoint at step 2 of 4."""
    out = tmp_path / "out"
    command = [str(part) for part in train(release, out, "--progress-json", "--save-seconds", "0")]
    with interrupted_at(3, monkeypatch):
        assert main(command) == INTERRUPTED
    return out


@pytest.mark.slow
def test_a_damaged_checkpoint_is_named(release: Path, begun: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = begun / "pretraining.checkpoint"
    model, optimizer, step = (folder / name for name in ("model.safetensors", "optimizer.safetensors", "step.json"))
    whole = {path: path.read_bytes() for path in (model, optimizer, step)}
    weights, moments = load_file(model), load_file(optimizer)
    some = next(name for name in moments if name.startswith("exp_avg/"))

    def told(expected: str) -> None:
        refused(capsys, train(release, begun), expected, f"remove {folder} and the stage begins anew")
        for path, content in whole.items():
            path.write_bytes(content)

    model.write_bytes(whole[model][:5000])
    told("pretraining.checkpoint/model.safetensors: damaged")
    optimizer.write_bytes(b"xx")
    told("pretraining.checkpoint/optimizer.safetensors: damaged")
    optimizer.unlink()
    told("pretraining.checkpoint/optimizer.safetensors: damaged: No such file or directory")
    save_file({name: value for name, value in weights.items() if name != "word_head.bias"}, model)
    told("model.safetensors: lacks word_head.bias")
    save_file(weights | {"word_head.bias": torch.zeros(3)}, model)
    told("model.safetensors: word_head.bias has shape [3]")
    save_file({name: value for name, value in moments.items() if name != some}, optimizer)
    told(f"optimizer.safetensors: lacks {some}")
    save_file(moments | {"exp_avg/nothing": torch.zeros(3)}, optimizer)
    told("optimizer.safetensors: exp_avg/nothing is not expected")
    for content in ('{"step": "two"}', "[]", "{}", "{"):
        step.write_text(content)
        told("step.json: damaged")
    step.write_text('{"step": 9}')
    told("step.json: step is 9, expected 1..3")
    assert trainer.load_checkpoint(begun / "none.checkpoint", *nothing(), steps=4) == 0


def nothing() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    module = torch.nn.Linear(1, 1)
    return module, torch.optim.AdamW(module.parameters())


def test_damaged_pretraining_is_named_and_starts_nothing_at_random(
    release: Path, pretrained: Path, begun: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder of a finished stage, from which the next one starts."""
    shutil.rmtree(begun / "pretraining.checkpoint")
    record = json.loads((begun / "run.json").read_text())
    folder = begun / "pretraining"
    folder.mkdir()
    (folder / "config.json").write_bytes((pretrained / "pretraining/config.json").read_bytes())
    refused(capsys, train(release, begun), "pretraining/model.safetensors: no such file")
    shutil.copytree(pretrained / "pretraining", folder, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    for lost in ("hero.cross_modal.layer.0.output.dense.bias", "moment_head.start_filter.weight"):
        some = {name: value for name, value in weights.items() if name != lost}
        save_file(some, folder / "model.safetensors", metadata={"format": "pt"})
        refused(capsys, train(release, begun), f"pretraining/model.safetensors: lacks {lost}")
    assert {path.name for path in begun.iterdir()} == {"run.json", "log.jsonl", "pretraining"}
    assert json.loads((begun / "run.json").read_text()) == record
