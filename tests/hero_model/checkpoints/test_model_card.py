"""The card of a model folder: what it tells is true of the model, and what it tells to do can be done."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml

from evaluation.io.digest import file_sha256
from hero_model.__main__ import parse
from hero_model.checkpoints.model_folder import MODEL_CLASSES, save_model
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model.tiny_models import write_models
from tests.hero_model.tiny_release import FEATURES
from tests.hero_model.tiny_world import tiny_config

TAGS = {
    "pretraining": ["hero", "video-language-pretraining"],
    "moment": ["hero", "video-moment-retrieval"],
    "qa": ["hero", "video-question-answering"],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), *TAGS)


def rows(card: str) -> dict[str, str]:
    """Of the tables."""
    return dict(re.findall(r"^\| (.+?) \| (.*) \|$", card, re.MULTILINE))


@pytest.mark.parametrize("task", list(TAGS))
def test_the_hub_reads_what_it_is(task: str, models: Path) -> None:
    card = (models / task / "README.md").read_text()
    _, front, _ = card.split("---\n", 2)
    expected = {"library_name": "transformers", "tags": TAGS[task]}
    assert yaml.safe_load(front) == expected | ({"pipeline_tag": "video-text-to-text"} if task == "qa" else {})
    assert f"`{MODEL_CLASSES[task].__name__}`" in card


@pytest.mark.parametrize("task", list(TAGS))
def test_its_sizes_and_hash_are_those_of_the_weights(task: str, models: Path) -> None:
    folder = models / task
    told = rows((folder / "README.md").read_text())
    model = MODEL_CLASSES[task].from_pretrained(folder)
    assert told["sha256 of model.safetensors"] == file_sha256(folder / "model.safetensors")
    assert told["parameters"] == f"{sum(own.numel() for own in model.parameters()):,}"
    assert (told["cross-modal layers"], told["temporal layers"], told["hidden size"]) == ("1", "1", "384")
    assert told["frame features"] == f"{FEATURES} numbers, one frame per 1.5 s"


@pytest.mark.parametrize(
    ("architecture", "kind", "layers"),
    [
        ("hero", HeroForMomentRetrieval, {"cross-modal": "2", "temporal": "3", "reader": "4"}),
        ("h_trm", HeroForQuestionAnswering, {"cross-modal": "2", "temporal": "3"}),
        ("f_trm", HeroForMomentRetrieval, {"cross-modal": "5", "reader": "4"}),
        ("xml", HeroForMomentRetrieval, {"cross-modal": "2"}),
        ("stage", HeroForQuestionAnswering, {"cross-modal": "2"}),
    ],
)
def test_an_architecture_has_the_layers_that_it_has(
    architecture: str, kind: type[HeroForMomentRetrieval], layers: dict[str, str], tmp_path: Path
) -> None:
    config = tiny_config(architecture=architecture, num_hidden_layers=2, num_temporal_layers=3, reader_layers=4)
    save_model(kind(config), None, tmp_path / "model")
    card = (tmp_path / "model" / "README.md").read_text()
    found = rows(card)
    assert {name.removesuffix(" layers"): value for name, value in found.items() if name.endswith("layers")} == layers
    assert f"- {architecture}\n" in card
    assert "No tokenizer lies here" in card


@pytest.mark.parametrize("task", list(TAGS))
def test_its_commands_and_its_python_can_be_given(task: str, models: Path) -> None:
    """Each command is one that the parser takes; the lines of Python run as they stand."""
    card = (models / task / "README.md").read_text().replace("FOLDER", str(models / task))
    commands = re.findall(r"^python -m hero_model (.+)$", card, re.MULTILINE)
    assert commands
    for command in commands:
        parse(shlex.split(command))
    given = {"features": {"NAME": np.ones((8, FEATURES), np.float32)}, "subtitles": {"NAME": [(0.0, 3.0, "a door")]}}
    (snippet,) = re.findall(r"^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), given)


def test_a_name_cannot_break_the_table(tmp_path: Path) -> None:
    model = HeroForMomentRetrieval(tiny_config())
    save_model(model, None, tmp_path / "model", {"release": "a | b\n\n# c", "seed": "3"})
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| release | a \\| b # c |\n| seed | 3 |\n" in card


def test_nothing_is_told_of_what_nobody_knows(models: Path) -> None:
    assert "## What it was made from\n\nNothing was noted when it was saved.\n" in (models / "qa/README.md").read_text()
