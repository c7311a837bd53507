"""train, predict, text-only, encode, search and answer on a tiny release, and what they refuse."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from evaluation.cli.main import main as evaluation_main
from evaluation.release import Release
from hero_model import presets
from hero_model.__main__ import INTERRUPTED, main
from hero_model.inference.search import HeroSearch
from tests.evaluation.small_release import relist
from tests.hero_model.interrupting import interrupted_at
from tests.hero_model.tiny_release import write_release

FAST = dataclasses.replace(
    presets.PRESETS["small"],
    **{
        name: dataclasses.replace(getattr(presets.PRESETS["small"], name), steps=4, clips=4)
        for name in ("pretraining", "moment", "qa")
    },
)


@pytest.fixture(scope="module", autouse=True)
def fast_preset() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(presets.PRESETS, "small", FAST)
        yield


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The commands set the number of threads of the whole process; the tests after them want one."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def models(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models") / "out"
    assert main(["train", str(release), str(out), "--threads", "1", "--progress-json"]) == 0
    return out


def test_train_writes_three_models_and_reports_steps(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["train", str(release), str(out), "--threads", "1", "--progress-json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["stage"], row["step"], row["steps"]) for row in rows] == [
        ("pretraining", 4, 4),
        ("moment", 4, 4),
        ("qa", 4, 4),
    ]
    assert {path.name for path in out.iterdir()} == {
        "run.json",
        "log.jsonl",
        "curves.svg",
        "pretraining",
        "moment",
        "qa",
    }
    assert main(["train", str(release), str(out), "--seed", "1"]) == 2
    assert "holds a run with another seed" in capsys.readouterr().err


def test_a_run_that_was_cut_off_ends_with_the_same_weights(
    release: Path, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of moment retrieval, after a checkpoint at step 3."""
    out = tmp_path / "out"
    shutil.copytree(models, out)
    shutil.rmtree(out / "moment")
    shutil.rmtree(out / "qa")
    cut_off_run = ["train", str(release), str(out), "--threads", "1", "--progress-json", "--save-seconds", "0"]
    with interrupted_at(4, monkeypatch):
        assert main(cut_off_run) == INTERRUPTED
    assert json.loads((out / "moment.checkpoint" / "step.json").read_text()) == {"step": 3}
    assert main(["train", str(release), str(out), "--threads", "1", "--progress-json"]) == 0
    assert not (out / "moment.checkpoint").exists()
    ours, theirs = (load_file(folder / "moment/model.safetensors") for folder in (out, models))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    cards = [(folder / "moment/README.md").read_bytes() for folder in (out, models)]
    assert cards[0] == cards[1]


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize("task", ["moment", "qa"])
def test_predictions_are_legal(task: str, split: str, release: Path, models: Path, tmp_path: Path) -> None:
    file, scores = tmp_path / "predictions.json", tmp_path / "scores.json"
    where = ["--task", task, "--split", split]
    assert main(["predict", str(models), str(release), *where, "--out", str(file), "--threads", "1"]) == 0
    command = ["score", str(release), str(file), *where, "--rules", "strict", "--json", str(scores)]
    assert evaluation_main(command) == 0
    report = json.loads(scores.read_text())
    tasks = {metric["task"] for metric in report["metrics"]}
    assert tasks == ({"VCMR", "SVMR", "VR"} if task == "moment" else {"QA"})


def test_a_public_copy_gives_no_svmr_on_test(release: Path, models: Path, tmp_path: Path) -> None:
    public, file = tmp_path / "public", tmp_path / "predictions.json"
    shutil.copytree(release, public, ignore=shutil.ignore_patterns("held_out"))
    where = ["--task", "moment", "--split", "test", "--out", str(file), "--threads", "1"]
    assert main(["predict", str(models), str(public), *where]) == 0
    assert set(json.loads(file.read_text())) == {"video2idx", "VCMR", "VR"}
    assert main(["text-only", str(public), *where]) == 0
    assert set(json.loads(file.read_text())) == {"video2idx", "VCMR", "VR"}


@pytest.mark.parametrize("task", ["moment", "qa"])
def test_each_task_is_predicted_on_its_own_clips_of_test(
    task: str, release: Path, models: Path, tmp_path: Path
) -> None:
    """Without held_out/ nothing is known of the questions' times, nor of the other task's clips."""
    public, file = tmp_path / "public", tmp_path / "predictions.json"
    shutil.copytree(release, public, ignore=shutil.ignore_patterns("held_out"))
    where = ["--task", task, "--split", "test", "--out", str(file), "--threads", "1"]
    assert main(["predict", str(models), str(public), *where]) == 0
    written = json.loads(file.read_text())
    opened = Release.open(public)
    if task == "moment":
        assert written["video2idx"] == opened.videos("test", "moment").id_of
        found = {row[0] for ranked in written["VCMR"] for row in ranked["predictions"]}
        assert found <= set(opened.videos("test", "moment").ids.tolist())
    else:
        assert np.isnan(opened.questions("test").span).all()
        assert set(written) == {str(qid) for qid in opened.questions("test").qids}


def test_version_1_is_predicted_as_it_was(models: Path, tmp_path: Path) -> None:
    old, file = write_release(tmp_path / "old", version=1), tmp_path / "predictions.json"
    for task in ("moment", "qa"):
        where = ["--task", task, "--split", "test"]
        assert main(["predict", str(models), str(old), *where, "--out", str(file), "--threads", "1"]) == 0
        assert evaluation_main(["score", str(old), str(file), *where]) == 0


def test_text_only_is_legal_and_reads(release: Path, tmp_path: Path) -> None:
    file, scores = tmp_path / "predictions.json", tmp_path / "scores.json"
    where = ["--task", "moment", "--split", "val"]
    assert main(["text-only", str(release), *where, "--out", str(file), "--threads", "1"]) == 0
    assert evaluation_main(["score", str(release), str(file), *where, "--json", str(scores)]) == 0
    values = {metric["key"]: metric["value"] for metric in json.loads(scores.read_text())["metrics"]}
    assert values["SVMR.R@1.tiou0.5.raw"] == 100.0  # the tiny world says what it shows


@pytest.mark.slow
@pytest.mark.parametrize("model", ["h_trm", "f_trm", "xml", "stage"])
def test_baselines_train_and_predict(model: str, release: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = ["train", str(release), str(out), "--model", model, "--threads", "1", "--progress-json"]
    assert main(command) == 0
    for task in ("moment", "qa"):
        if (out / task).exists():
            file = tmp_path / f"{task}.json"
            where = ["--task", task, "--split", "val"]
            assert main(["predict", str(out), str(release), *where, "--out", str(file), "--threads", "1"]) == 0
            assert evaluation_main(["score", str(release), str(file), *where]) == 0
    trained = {"h_trm": {"moment", "qa"}, "f_trm": {"moment", "qa"}, "xml": {"moment"}, "stage": {"qa"}}[model]
    assert {path.name for path in out.iterdir()} - {"run.json", "log.jsonl", "curves.svg", "pretraining"} == trained


def test_search_and_answer_in_three_lines(release: Path, models: Path) -> None:
    features = load_file(release / "features/tiny.safetensors")
    search = HeroSearch.from_pretrained(models)
    search.encode(
        {name: value.numpy() for name, value in features.items()},
        {"tiny-00_0.00_12.00": [(0.5, 5.5, "Look at the red circle.")]},
    )
    moments = search.search("a red circle", k=3)
    assert len(moments) == 3
    assert [m.score for m in moments] == sorted((m.score for m in moments), reverse=True)
    assert all(0 <= m.start < m.end <= 12.0 and m.video in features for m in moments)
    answer = search.answer("What comes first?", ["a circle", "a square", "a star"], video="tiny-01_0.00_12.00")
    assert answer.option in answer.probabilities
    assert sum(answer.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert answer.moment.video == "tiny-01_0.00_12.00"
    assert search.answer("What comes first?", ["a circle", "a square"]).moment.video in features


def test_commands_encode_search_and_answer(
    release: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index.safetensors"
    features = ["--features", str(release / "features/tiny.safetensors")]
    inputs = [*features, "--subtitles", str(release / "subtitles.jsonl")]
    assert main(["encode", str(models), *inputs, "--out", str(index)]) == 0
    capsys.readouterr()
    assert main(["search", str(models), str(index), "a red circle", "-k", "2", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [set(row) for row in rows] == [{"video", "start", "end", "score"}] * 2
    search = HeroSearch.from_pretrained(models)
    search.load_index(index)
    assert [m.video for m in search.search("a red circle", k=2)] == [row["video"] for row in rows]
    assert main(["answer", str(models), *inputs, "--json", "What is it?", "a star", "a heart"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"option", "probabilities", "moment"}
    assert main(["search", str(models), str(index), "a red circle"]) == 0
    assert main(["answer", str(models), *inputs, "What is it?", "a star", "a heart"]) == 0
    assert "probability" in capsys.readouterr().out


def test_refusals_name_what_is_wrong(
    release: Path, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(command: list[str], *expected: str) -> None:
        assert main(command) == 2
        message = capsys.readouterr().err
        assert all(part in message for part in expected), message
        assert "Traceback" not in message

    nowhere = tmp_path / "nowhere"
    refused(["train", str(nowhere), str(tmp_path / "a")], "nowhere", "release directory")
    refused(["train", str(release), str(release)], "is not empty")
    refused(["train", str(release), str(tmp_path / "b"), "--features", "clip"], "no feature set 'clip'", "tiny")
    broken = tmp_path / "broken"
    shutil.copytree(release, broken)
    rows = (broken / "moment/tvr/train.jsonl").read_text().splitlines()
    rows[2] = rows[2].replace("6.0", '"six"')
    (broken / "moment/tvr/train.jsonl").write_text("\n".join(rows))
    refused(["train", str(broken), str(tmp_path / "c"), "--threads", "1"], "train.jsonl: ", "the manifest lists")
    refused(["train", str(relist(broken)), str(tmp_path / "c"), "--threads", "1"], "train.jsonl:3")
    (broken / "features/tiny.safetensors").write_bytes(b"nonsense")
    refused(["train", str(broken), str(tmp_path / "d")], "tiny.safetensors: 8 bytes", "the manifest lists")
    refused(["train", str(relist(broken)), str(tmp_path / "d")], "tiny.safetensors", "not a readable")
    halved = {name: array[::2] for name, array in load_file(release / "features/tiny.safetensors").items()}
    with safe_open(release / "features/tiny.safetensors", "numpy") as file:
        metadata = file.metadata()
    halved = {name: array.clone() for name, array in halved.items()}
    save_file(halved, broken / "features/tiny.safetensors", metadata)
    refused(["train", str(relist(broken)), str(tmp_path / "d")], "clips, first 'tiny-", "but it lasts 12 s")
    where = ["--task", "moment", "--split", "val", "--out", str(tmp_path / "p.json")]
    refused(["predict", str(nowhere), str(release), *where], "no finished model")
    assert not (tmp_path / "p.json").exists()
    features = ["--features", str(release / "features/tiny.safetensors")]
    bad = tmp_path / "subtitles.jsonl"
    bad.write_text('{"vid_name": "a", "sub": []}\n{"vid_name": 3}\n')
    refused(
        ["encode", str(models), *features, "--subtitles", str(bad), "--out", str(tmp_path / "i")],
        "subtitles.jsonl:2",
    )
    refused(["answer", str(models), *features, "Who?", "one"], "at least two options")
    refused(["answer", str(models), *features, "--video", "x", "Who?", "one", "two"], "'x' is not encoded")
    refused(["search", str(nowhere), str(bad), "query"], "holds no model")
    refused(["search", str(models), str(bad), "query"], "not a readable safetensors file")


@pytest.mark.parametrize("command", ["features", "train", "predict", "encode", "search", "export", "answer", "convert"])
def test_help_explains_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 300
