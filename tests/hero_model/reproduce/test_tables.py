"""The rows' commands, what is kept of a study, and the tables made of it."""

import json
from pathlib import Path

import pytest

from hero_model.__main__ import main
from hero_model.cli.reproduce import WORLD_SETTINGS
from hero_model.errors import InputError
from hero_model.presets import PRESETS
from hero_model.reproduce.rows import ROWS, TABLES
from hero_model.reproduce.runs import Study
from hero_model.reproduce.tables import cell, half_interval, orders
from hero_model.training.plan import changed_preset
from tests.hero_model.tiny_models import refused
from tests.hero_model.tiny_release import write_release


def study_of(folder: Path, scores: dict[tuple[str, int], dict[str, float]]) -> Study:
    study = Study(folder, folder / "world", folder / "second-world", "test", ("--preset", "tiny"))
    for (row, seed), found in scores.items():
        path = study.result_file(row, seed)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(found))
    return study


def test_every_row_stands_in_a_table_and_the_other_way_round() -> None:
    assert {row for rows in TABLES.values() for row in rows} == set(ROWS)
    assert ROWS["hero"].arguments("B") == ["--model", "hero", "--no-pretraining"]
    assert ROWS["xml"].arguments("B") == ["--model", "xml"]
    assert ROWS["two-corpora"].arguments("B")[-2:] == ["--corpus", "B"]
    assert ROWS["h-trm-pretrained"].arguments("B") == ["--model", "h_trm", "--objectives", "mlm,mnce,fom,vsm"]


def test_means_and_intervals_over_seeds(tmp_path: Path) -> None:
    study = study_of(tmp_path, {("hero", 0): {"moment": 10.0, "qa": 50.0}, ("hero", 1): {"moment": 14.0, "qa": 50.0}})
    found = cell(study, "hero", "moment", range(3))
    assert (found.paper, found.seeds, found.mean) == (2.98, 2, 12.0)
    assert found.half == pytest.approx(12.706 * 2, rel=1e-3)  # t with one degree of freedom, s.e. 2
    assert cell(study, "xml", "moment", range(3)).mean is None
    assert half_interval([3.0]) is None


def test_orders_of_the_paper_are_looked_for_in_ours_seed_by_seed(tmp_path: Path) -> None:
    scores = {("f-trm", seed): {"moment": 5.0 + seed, "qa": 40.0} for seed in range(3)}
    scores |= {("hero", seed): {"moment": 9.0 + seed, "qa": 30.0} for seed in range(3)}
    scores |= {("h-trm", 0): {"moment": 9.0, "qa": 30.0}}  # not as many seeds: nothing to compare
    found = orders(study_of(tmp_path, scores), "Table 2: design of the encoder", range(3))
    assert [(order.better, order.worse, order.task) for order in found] == [
        ("hero", "f-trm", "moment"),
        ("hero", "f-trm", "qa"),
    ]
    assert (found[0].difference, found[0].half) == (4.0, 0.0)  # paired: seeds differ, their difference does not
    assert found[1].difference == -10.0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--rows", "hero,bert"], "--rows: no row 'bert'"),
        (["--second", "x"], "--second: the procedural world brings its own"),
        (["--data", "x"], "two-corpora needs --second"),
        (["--clips", "5"], "--clips"),
        (["--set", "moment.stepz=3"], "--set moment.stepz: no such setting, there are: steps, clips"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(capsys, ["reproduce", "tables", tmp_path / "out", *arguments], told)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"moment": "x"}', '{"split": "val"}'])
def test_a_damaged_file_of_a_study_is_named(content: str, tmp_path: Path) -> None:
    study = study_of(tmp_path, {("hero", 0): {}})
    (tmp_path / "study.json").write_text(content)
    with pytest.raises(InputError, match=r"study\.json: (damaged|lacks )"):
        study.begin()
    assert (tmp_path / "study.json").read_text() == content
    study.result_file("hero", 0).write_text(content)
    with pytest.raises(InputError, match=r"hero-0/result\.json: damaged"):
        cell(study, "hero", "moment", range(1))


def test_the_worlds_settings_are_those_of_train_and_give_way_to_ones_own() -> None:
    usual, own = (changed_preset("small", [*WORLD_SETTINGS, *more]) for more in ([], ["pretraining.steps=7"]))
    assert (usual.pretraining.steps, own.pretraining.steps) == (800, 7)
    assert own.moment == usual.moment != PRESETS["small"].moment
    assert own.config["query_share"] == 1


@pytest.mark.slow
@pytest.mark.timeout(1200)  # fourteen commands, each of which loads torch anew
def test_a_study_is_run_kept_and_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = write_release(tmp_path / "data"), tmp_path / "out"
    asked = ["reproduce", "tables", str(out), "--data", str(data), "--rows", "xml,stage,hero", "--preset", "tiny",
             "--set", "moment.steps=2", "--set", "qa.steps=2", "--threads", "1"]  # fmt: skip
    assert main([*asked, "--seeds", "1"]) == 0
    first = capsys.readouterr().out
    assert "run 3 of 3: STAGE, seed 0" in first
    assert "Table 3" in first
    assert "Table 1" not in first
    results = {path.parent.name: json.loads(path.read_text()) for path in (out / "runs").glob("*/result.json")}
    assert {name: set(scores) for name, scores in results.items()} == {
        "hero-0": {"moment", "qa"}, "xml-0": {"moment"}, "stage-0": {"qa"},
    }  # fmt: skip
    (out / "runs" / "xml-0" / "result.json").unlink()  # killed before it was written: the models are there
    assert main([*asked, "--seeds", "1"]) == 0
    again = capsys.readouterr().out
    assert again.count("done before") == 2
    assert json.loads((out / "runs" / "xml-0" / "result.json").read_text()) == results["xml-0"]
    refused(capsys, [*asked, "--set", "qa.steps=3"], "study.json: options is", "name another OUT")
    (out / "runs" / "hero-0" / "result.json").unlink()
    (out / "runs" / "hero-0" / "models" / "qa" / "config.json").write_text("{")
    refused(capsys, asked, "python -m hero_model", "ended with status 2", "config.json")
