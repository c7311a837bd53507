"""`train` with settings of one's own: what starts it, what it is trained on, what it records, and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from evaluation.io.digest import file_sha256
from hero_model.__main__ import main
from hero_model.checkpoints.model_folder import save_model
from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from hero_model.cli.train import corpus_of
from hero_model.data.batches import MatchBatch
from hero_model.data.release import open_release
from hero_model.errors import InputError
from hero_model.models.pretraining import HeroForPretraining
from hero_model.presets import PRESETS
from hero_model.training.pipeline import Training
from hero_model.training.plan import Plan, changed_preset, parse_objectives
from hero_model.training.trainer import Machine
from tests.hero_model.tiny_models import refused
from tests.hero_model.tiny_release import FEATURES, write_release

SHORT = [f"--set={stage}.{key}" for stage in ("pretraining", "moment", "qa") for key in ("steps=2", "clips=4")]


def train(release: Path, out: Path, *more: str) -> list[str]:
    return ["train", str(release), str(out), "--preset", "tiny", "--threads", "1", "--progress-json", *more]


def log_rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_the_converted_model_of_others_is_fine_tuned_and_all_is_recorded(release: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    changes = {"feature_size": FEATURES, "num_temporal_layers": 1, "dialect": "official"}
    model, tokenizer = from_text_encoder(HeroForPretraining, minilm_folder(), [0], **changes)
    save_model(model, tokenizer, tmp_path / "theirs")
    out = tmp_path / "out"
    small_steps = "--set=moment.learning_rate=1e-9", "--set=moment.encoder_learning_rate=1e-9"
    assert main(train(release, out, *SHORT, *small_steps, "--pretrained", str(tmp_path / "theirs"))) == 0
    assert {path.name for path in out.iterdir()} == {"run.json", "log.jsonl", "curves.svg", "moment", "qa"}
    assert json.loads((out / "moment/config.json").read_text())["dialect"] == "official"
    theirs, ours = (load_file(f / "model.safetensors") for f in (tmp_path / "theirs", out / "moment"))
    assert {name for name in ours if not torch.allclose(ours[name], theirs[name], atol=1e-7)} == set()
    record = json.loads((out / "run.json").read_text())
    assert record["release"] == open_release(release).manifest_sha256
    assert record["pretrained"] == file_sha256(tmp_path / "theirs/model.safetensors")
    assert record["weights"] == {task: file_sha256(out / task / "model.safetensors") for task in ("moment", "qa")}
    assert record["configuration"]["moment"]["learning_rate"] == 1e-9
    assert record["configuration"]["stages"] == ["moment", "qa"]
    assert record["versions"]["torch"] == torch.__version__.split("+")[0] or record["versions"]["torch"]
    assert (record["environment"]["device"], record["environment"]["threads"]) == ("cpu", 1)
    rows = log_rows(out)
    assert [(row["stage"], row["task"], row["step"]) for row in rows] == [
        ("moment", "moment", 1), ("moment", "moment", 2), ("qa", "qa", 1), ("qa", "qa", 2),
    ]  # fmt: skip
    assert all(row["loss"] > 0 and 0 < row["rate"] <= 1 for row in rows)


def qa_weights(out: Path, start: Path) -> tuple[dict[str, torch.Tensor], set[str]]:
    """The weights of QA, and of those that the starting folder has the names of the ones that are others there."""
    found, begun = (load_file(folder / "model.safetensors") for folder in (out / "qa", start))
    shared = found.keys() & begun.keys()
    assert {name.split(".")[0] for name in shared} >= {"hero"}
    return found, {name for name in shared if not torch.allclose(found[name], begun[name], atol=1e-7)}


STANDING = "--set=qa.encoder_learning_rate=1e-9"


def test_question_answering_that_matches_answers_starts_from_the_moment_model(release: Path, tmp_path: Path) -> None:
    """Also where pre-training is there, which knows less of queries. What retrieves has the encoder's learning rate."""
    out = tmp_path / "out"
    assert main(train(release, out, *SHORT, STANDING, "--set=qa.learning_rate=0.05")) == 0
    found, changed = qa_weights(out, out / "moment")
    assert changed == set()
    assert {name.split(".")[0] for name in found} == {"hero", "moment_head", "answer_head"}
    _, changed = qa_weights(out, out / "pretraining")
    assert {name.split(".")[0] for name in changed} == {"hero", "moment_head"}


def test_question_answering_that_does_not_starts_from_what_the_moment_model_started_from(
    release: Path, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    changes = {"feature_size": FEATURES, "num_temporal_layers": 1, "dialect": "paper"}
    model, tokenizer = from_text_encoder(HeroForPretraining, minilm_folder(), [0], **changes)
    theirs, out = str(tmp_path / "theirs"), tmp_path / "out"
    save_model(model, tokenizer, Path(theirs))
    assert main(train(release, out, *SHORT, STANDING, "--set=qa.learning_rate=1e-9", "--pretrained", theirs)) == 0
    found, changed = qa_weights(out, Path(theirs))
    assert changed == set()
    assert {name.split(".")[0] for name in found} == {"hero", "answer_head"}
    _, changed = qa_weights(out, out / "moment")
    assert changed


def test_a_run_without_pretraining_and_one_of_chosen_objectives(release: Path, tmp_path: Path) -> None:
    assert main(train(release, tmp_path / "a", *SHORT, "--no-pretraining")) == 0
    assert {row["stage"] for row in log_rows(tmp_path / "a")} == {"moment", "qa"}
    more = ["--set=pretraining.steps=12", "--objectives", "mffr,fom=2", "--precision", "bf16"]
    assert main(train(release, tmp_path / "b", *SHORT, *more)) == 0
    tasks = [row["task"] for row in log_rows(tmp_path / "b") if row["stage"] == "pretraining"]
    assert len(tasks) == 12
    assert set(tasks) == {"mffr", "fom"}


def test_val_is_asked_where_a_stage_wants_it(release: Path, tmp_path: Path) -> None:
    more = [f"--set={stage}.validate_every=1" for stage in ("pretraining", "moment", "qa")]
    assert main(train(release, tmp_path / "out", *SHORT, *more)) == 0
    rows = log_rows(tmp_path / "out")
    assert len(rows) == 6
    assert all(row["val_loss"] > 0 for row in rows)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_val_is_asked_about_each_of_its_clips_and_no_other(accumulate: int, release: Path, tmp_path: Path) -> None:
    """One round; of pre-training as many batches for each objective."""
    stages = ("pretraining", "moment", "qa")
    settings = [f"{stage}.{key}" for stage in stages for key in ("clips=1", "validate_every=1", "steps=1")]
    settings += [f"{stage}.accumulate={accumulate}" for stage in stages]
    plan = Plan(open_release(release), "hero", "tiny", changed_preset("tiny", settings, "mnce,fom"), 0)
    found = Training(plan, tmp_path / "out", Machine(), lambda *told: None).validations
    assert {stage: val.count for stage, val in found.items()} == {"pretraining": 6, "moment": 3, "qa": 3}
    names = json.loads((release / "moment/tvr/video2dur_idx.json").read_text())["val"]
    features = load_file(release / "features/tiny.safetensors")
    own = {features[name].numpy().tobytes() for name in names}
    for stage in ("moment", "qa"):
        shown = [features_in(found[stage].batches(number)) for number in range(3)]
        assert set.union(*shown) == own
    kinds: set[str] = set()
    for number in range(6):
        batch = found["pretraining"].batches(number)
        assert features_in(batch) <= own
        kinds.add(batch.task)
    assert kinds == {"mnce", "fom"}


def features_in(batch: Any) -> set[bytes]:
    return {row[mask].numpy().tobytes() for row, mask in zip(batch.clips.features, batch.clips.mask, strict=True)}


def test_more_corpora_are_drawn_by_their_weights(release: Path, tmp_path: Path) -> None:
    second = write_release(tmp_path / "second", seed=5)
    preset = changed_preset("tiny", ["pretraining.steps=200"])
    plan = Plan(open_release(release), "hero", "tiny", preset, 0, corpora=(corpus_of(f"{second}=3"),))
    assert plan.asked()["corpora"] == [[open_release(second).manifest_sha256, 3.0]]
    batches = Training(plan, tmp_path / "out", Machine(), lambda *told: None).batches["pretraining"]
    own = {array.numpy().tobytes() for array in load_file(release / "features/tiny.safetensors").values()}
    from_first = [features_in(batches(step)) <= own for step in range(200)]
    assert sum(from_first) / 200 == pytest.approx(1 / 4, abs=0.08)
    assert corpus_of(str(second))[1] == 1.0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--set", "moment.steps"], "--set moment.steps: expected STAGE.KEY=VALUE"),
        (["--set", "retrieval.steps=3"], "expected STAGE.KEY=VALUE, STAGE one of pretraining, moment, qa, model"),
        (["--set", "moment.step=3"], "--set moment.step: no such setting, there are: steps, clips"),
        (["--set", "moment.steps=0"], "--set moment.steps=0: Expected `int` >= 1"),
        (["--set", "model.hidden_size=8"], "--set model.hidden_size: no such setting, there are: query_share, kept_"),
        (["--set", "model.query_share=2"], "--set model.query_share=2: Expected `float` <= 1"),
        (["--set", "qa.learning_rate=fast"], "--set qa.learning_rate=fast: Expected `float`"),
        (["--set", "qa.learning_rate=nan"], "--set qa.learning_rate=nan: Expected `float` > 0"),
        (["--objectives", "mlm,bert"], "'bert', expected each once of mlm, mffr, mnce, fom, vsm"),
        (["--objectives", "mlm,mlm"], "'mlm', expected each once"),
        (["--set", "moment.steps=10000001"], "--set moment.steps=10000001: Expected `int` <= 10000000"),
        (["--set", "qa.accumulate=99999999999999999999"], "Expected `int` <= 10000000"),
        (["--set", "moment.patience=2"], "--set moment.patience=2: val is never asked; set validate_every, too"),
        (["--objectives", "mlm=0"], "weight '0', expected a number from 1e-06 to 1e+06"),
        (["--objectives", "mlm=1e308,vsm=1e308"], "weight '1e308', expected a number from 1e-06 to 1e+06"),
        (["--objectives", "mlm=1e-320"], "weight '1e-320', expected a number from 1e-06 to 1e+06"),
        (["--no-pretraining", "--corpus", "x"], "--objectives and --corpus are for pre-training"),
        (["--no-pretraining", "--pretrained", "x"], "not allowed with argument"),
        (["--corpus", "nowhere"], "nowhere"),
        (["--pretrained", "nowhere"], "nowhere/model.safetensors: No such file"),
        (["--pretrained", "x", "--text-encoder", "y"], "--text-encoder: the model of --pretrained has one"),
        (["--text-encoder", ""], "--text-encoder: is empty, expected a folder or a name"),
        (["--text-encoder", "nowhere/encoder"], "nowhere/encoder: no text encoder can be loaded from it"),
    ],
)
def test_what_cannot_be_asked_for_is_named_and_writes_nothing(
    more: list[str], expected: str, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, list(train(release, tmp_path / "out", *more)), expected)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "unread"),
    [
        (["--no-pretraining"], ["pretraining.steps=3", "model.mask_share=0.9"]),
        (["--model", "stage"], ["moment.steps=3", "model.query_share=0.1"]),
    ],
)
def test_a_setting_that_nothing_reads_is_told(
    more: list[str], unread: list[str], release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets = [f"--set={setting}" for setting in [*unread, "qa.steps=2"]]
    (tmp_path / "file").write_text("x")
    assert main(train(release, tmp_path / "file", *more, *sets)) == 2
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [line.split(":")[1].removeprefix(" --set ") for line in told] == unread
    assert all("nothing reads it" in line for line in told)


def test_settings_change_what_they_name_alone() -> None:
    preset = changed_preset("tiny", ["moment.steps=7", "moment.hard_negatives_from=3", "qa.warmup=0"], "mlm,vsm=2.5")
    assert (preset.moment.steps, preset.moment.hard_negatives_from, preset.qa.warmup) == (7, 3, 0.0)
    assert preset.task_ratio == {"mlm": 1.0, "vsm": 2.5} == parse_objectives("mlm,vsm=2.5")
    assert (preset.pretraining, preset.moment.clips) == (PRESETS["tiny"].pretraining, PRESETS["tiny"].moment.clips)
    assert preset.config == PRESETS["tiny"].config
    with pytest.raises(InputError):
        parse_objectives("")


@pytest.mark.parametrize(("share", "kept"), [(0.5, 0), (1, 0), (1, 1)])
def test_a_share_of_the_model_reaches_its_batches(share: float, kept: float, release: Path, tmp_path: Path) -> None:
    """Of two sentences a clip, so many are queries; their words are still in the clips, or none is."""
    preset = changed_preset("tiny", [f"model.query_share={share}", f"model.kept_query_share={kept}"], "vsm")
    plan = Plan(open_release(release), "hero", "tiny", preset, 0)
    batch = Training(plan, tmp_path / "out", Machine(), lambda *told: None).batches["pretraining"](0)
    assert isinstance(batch, MatchBatch)
    clips = len(batch.clips.mask)
    assert len(batch.query_clips) == 2 * share * clips
    asked = len(batch.queries.packed.word_ids) - len(batch.query_clips)  # without the leading tokens
    there = len(batch.clips.packed.word_ids) - 2 * clips
    assert there == (asked if kept or share < 1 else 0)


@pytest.mark.slow
def test_a_run_killed_in_every_stage_ends_with_the_weights_of_an_unbroken_one(release: Path, tmp_path: Path) -> None:
    """kill -9 after a step of each stage; the log has every step once, whatever was killed while it was written."""
    steps = [f"--set={stage}.steps=9" for stage in ("pretraining", "moment", "qa")]
    common = [*SHORT, *steps, "--save-seconds", "0"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert main(train(release, whole, *common)) == 0
    command = [sys.executable, "-m", "hero_model", *train(release, killed, *common)]
    for stage in ("pretraining", "moment", "qa"):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not any((row["stage"], row["step"]) == (stage, 3) for row in whole_rows(killed)):
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    (killed / "log.jsonl").write_bytes((killed / "log.jsonl").read_bytes() + b'{"stage": "q')
    assert subprocess.run(command, stdout=subprocess.DEVNULL, check=True).returncode == 0
    for stage in ("pretraining", "moment", "qa"):
        ours, theirs = (load_file(folder / stage / "model.safetensors") for folder in (killed, whole))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    told = [[(row["stage"], row["task"], row["step"], row["loss"]) for row in log_rows(out)] for out in (killed, whole)]
    assert told[0] == told[1]
    assert len(told[0]) == 27


def whole_rows(out: Path) -> list[dict[str, Any]]:
    """Those of a log that is being written."""
    if not (out / "log.jsonl").exists():
        return []
    return [json.loads(line) for line in (out / "log.jsonl").read_bytes().split(b"\n")[:-1]]
