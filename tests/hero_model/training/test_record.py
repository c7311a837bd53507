"""The record of a run, who may write beside it, and what happens where nothing can be written."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from evaluation.io.digest import file_sha256
from hero_model.__main__ import main
from hero_model.checkpoints.model_folder import save_model
from hero_model.checkpoints.resume import save_checkpoint
from hero_model.errors import InputError
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.training.record import alone_in, note_weights, write_record
from hero_model.training.run_log import RunLog
from hero_model.training.trainer import Step
from tests.hero_model.tiny_models import refused
from tests.hero_model.tiny_world import tiny_config

SHORT = [f"--set={stage}.{key}" for stage in ("pretraining", "moment", "qa") for key in ("steps=2", "clips=4")]
CPU = torch.device("cpu")


def train(release: Path, out: Path, *more: str) -> list[object]:
    return ["train", release, out, "--preset", "tiny", "--threads", "1", "--progress-json", *SHORT, *more]


def test_one_run_at_a_time_writes_into_a_folder(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    with alone_in(out):
        refused(capsys, train(release, out), f"{out}: another run is at work in it")
        assert list(out.iterdir()) == []
    with alone_in(out):  # it is free again
        pass


def test_a_hash_that_a_killed_run_did_not_note_is_noted_later(release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [str(part) for part in train(release, out, "--no-pretraining")]
    assert main(command) == 0
    record = json.loads((out / "run.json").read_text())
    assert record["weights"].keys() == {"moment", "qa"}
    (out / "run.json").write_text(json.dumps(record | {"weights": {"qa": record["weights"]["qa"]}}))
    assert main(command) == 0
    assert json.loads((out / "run.json").read_text()) == record


def test_a_hash_follows_its_training_and_stays_when_the_stage_is_found(tmp_path: Path) -> None:
    write_record(tmp_path, {}, CPU, 1)
    weights = tmp_path / "weights"

    def noted(content: bytes, found: bool) -> str:
        weights.write_bytes(content)
        note_weights(tmp_path, "qa", weights, found)
        return str(json.loads((tmp_path / "run.json").read_text())["weights"]["qa"])

    first = noted(b"1", found=True)
    assert first == file_sha256(weights)
    assert noted(b"2", found=True) == first
    assert noted(b"3", found=False) == file_sha256(weights)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a full disk, no file grows further."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_by_the_name_of_what_was_written(tmp_path: Path) -> None:
    model = HeroForMomentRetrieval(tiny_config())
    optimizer = torch.optim.AdamW(model.parameters())
    log = RunLog(tmp_path / "log.jsonl")
    save_checkpoint(tmp_path / "c", model, optimizer, 1)
    log.write("qa", 9, Step(1, "qa", 1.0, 1.0))
    with torch.no_grad():
        model.hero.text_embedder.words.weight += 1
    kept = load_file(tmp_path / "c/model.safetensors")
    with files_of_at_most(60):
        with pytest.raises(InputError, match=r"/c: cannot be written: .*File too large"):
            save_checkpoint(tmp_path / "c", model, optimizer, 2)
        with pytest.raises(InputError, match="/m: cannot be written: "):
            save_model(model, None, tmp_path / "m")
        with pytest.raises(InputError, match=r"/log\.jsonl: cannot be written: File too large"):
            log.write("qa", 9, Step(2, "qa", 1.0, 1.0))
        with pytest.raises(InputError, match=r"/run\.json: cannot be written: File too large"):
            write_record(tmp_path, {}, CPU, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"c", "log.jsonl"}
    still = load_file(tmp_path / "c/model.safetensors")
    assert all(torch.equal(still[name], kept[name]) for name in kept)


def test_what_the_system_refuses_is_one_line(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    refused(capsys, train(release, tmp_path / "nowhere"), "nowhere: cannot be written: File exists")
    refused(capsys, train(release, tmp_path / ("x" * 300)), "xxx/run.json: File name too long")
    assert [path.name for path in tmp_path.iterdir()] == ["nowhere"]
