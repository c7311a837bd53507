"""Features, subtitles and questions -> batches, and how `AutoProcessor` finds what makes them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor

from hero_model.checkpoints.model_folder import load_model, save_model
from hero_model.checkpoints.processor import HeroProcessor
from hero_model.checkpoints.text_encoder import load_tokenizer, minilm_folder
from hero_model.errors import InputError
from hero_model.inference.search import HeroSearch
from hero_model.models.hero import HeroModel
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from tests.hero_model.tiny_models import write_models
from tests.hero_model.tiny_release import FEATURES
from tests.hero_model.tiny_world import tiny_config

RNG = np.random.default_rng(0)
FRAMES = {"a": RNG.normal(size=(8, FEATURES)).astype(np.float32), "b": RNG.normal(size=(5, FEATURES))}
SAID = {"a": [(0.5, 5.5, "Look at the red circle."), (6.5, 11.5, "Look at the star.")]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment", "qa")


@pytest.fixture(scope="module")
def processor(models: Path) -> HeroProcessor:
    return AutoProcessor.from_pretrained(models / "moment")


def test_auto_processor_reads_the_models_folder(models: Path, processor: HeroProcessor) -> None:
    assert type(processor) is HeroProcessor
    model, tokenizer = load_model(HeroForMomentRetrieval, models / "moment")
    assert processor.config.to_diff_dict() == model.config.to_diff_dict()
    assert processor.tokenizer.get_vocab() == tokenizer.get_vocab()
    written = json.loads((models / "moment/processor_config.json").read_text())
    assert written == {"processor_class": "HeroProcessor"}
    assert model.config.architectures == ["HeroForMomentRetrieval"]


def test_a_folder_of_before_has_a_processor_as_well(models: Path, tmp_path: Path, processor: HeroProcessor) -> None:
    old = tmp_path / "old"
    shutil.copytree(models / "moment", old)
    (old / "processor_config.json").unlink()
    told = json.loads((old / "tokenizer_config.json").read_text())
    told.pop("processor_class")
    (old / "tokenizer_config.json").write_text(json.dumps(told))
    found = AutoProcessor.from_pretrained(old)
    assert type(found) is HeroProcessor
    assert found.config.to_diff_dict() == processor.config.to_diff_dict()
    load_model(HeroForMomentRetrieval, old)


def test_one_import_is_enough(models: Path) -> None:
    code = "import sys; from hero_model import HeroProcessor; from transformers import AutoProcessor;"
    code += "assert type(AutoProcessor.from_pretrained(sys.argv[1])) is HeroProcessor"
    subprocess.run([sys.executable, "-c", code, str(models / "qa")], check=True)


def test_a_processor_can_be_saved_alone(processor: HeroProcessor, tmp_path: Path) -> None:
    processor.save_pretrained(tmp_path / "alone")
    again = AutoProcessor.from_pretrained(tmp_path / "alone")
    assert again.config.feature_size == FEATURES
    batch, same = (own(FRAMES, SAID) for own in (processor, again))
    assert torch.equal(batch.packed.word_ids, same.packed.word_ids)


def test_the_batches_are_those_that_the_models_take(models: Path, processor: HeroProcessor) -> None:
    """And give what HeroSearch gives."""
    search = HeroSearch.from_pretrained(models)
    search.encode(FRAMES, SAID)
    assert search.moment is not None
    assert search.index is not None
    assert search.qa is not None
    with torch.inference_mode():
        clips = processor(FRAMES, SAID)
        encoding = HeroModel.from_pretrained(models / "moment").eval()(clips)
        assert encoding.frames.shape[:2] == (2, 8)
        torch.testing.assert_close(search.moment.encode_clips(clips, None), search.index.frames)
        found = search.moment(processor(FRAMES, SAID, queries=[("b", "a red circle"), ("a", "A STAR")]))
        assert found.scores.shape == (2, 2)
        assert found.start.shape == (2, 8)
        assert torch.isfinite(found.loss)
        asked = [("a", "What comes first?", ["a circle", "a star", "a heart"]), ("b", "Who?", ["x", "y", "z"])]
        answers = search.qa(processor(FRAMES, SAID, questions=asked))
    for place, (video, question, options) in enumerate(asked):
        expected = search.answer(question, options, video=video).probabilities
        assert answers.logits[place].softmax(0).tolist() == pytest.approx(list(expected.values()), abs=1e-5)
    batch = processor(FRAMES, queries=[("b", "a red circle"), ("a", "A STAR")])
    assert batch.query_clips.tolist() == [1, 0]
    assert batch.spans.tolist() == [[-1, -1], [-1, -1]]
    words = processor.tokenizer.convert_ids_to_tokens(batch.queries.packed.word_ids.tolist())
    assert sorted(words) == sorted(["[CLS]", "a", "red", "circle", "[CLS]", "a", "star"])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"features": None}, "features must be a mapping whose keys are names of videos"),
        ({"features": {}}, "no videos to encode"),
        ({"features": {"a": np.ones((3, 7))}}, r"video 'a': has shape \[3, 7\], expected \[frames, 24\]"),
        ({"subtitles": {"z": []}}, "subtitles: video 'z' is none of those with features"),
        ({"subtitles": {"a": [(1, "x")]}}, r"video 'a': subtitle 0: is \(1, 'x'\), expected \(start, end, text\)"),
        ({"queries": []}, r"queries: expected a list of \(video, sentence\), at least one"),
        ({"queries": "who"}, r"queries: expected a list of \(video, sentence\)"),
        ({"queries": [("a", "x"), "a"]}, r"queries\[1\]: is 'a', expected \(video, sentence\)"),
        ({"queries": [("z", "x")]}, r"queries\[0\]: video 'z' has no features; there are: a, b"),
        ({"queries": [("a", " ")]}, r"queries\[0\]: expected a sentence in words, got ' '"),
        ({"questions": []}, r"questions: expected a list of \(video, question, options\)"),
        ({"questions": [("a", "q")]}, r"questions\[0\]: is \('a', 'q'\), expected \(video, question, options\)"),
        ({"questions": [("a", "q", "xy")]}, r"questions\[0\]: options are a str, expected a list"),
        ({"questions": [("a", "q", ["x"])]}, r"questions\[0\]: a question needs at least two options, got 1"),
        ({"questions": [("a", "q", ["x", "x"])]}, r"questions\[0\]: option 'x' is given a second time"),
        ({"questions": [("a", 5, ["x", "y"])]}, r"questions\[0\]: a question and its options must be strings"),
        (
            {"questions": [("a", "q", ["x", "y"]), ("a", "q", ["x", "y", "z"])]},
            r"questions\[1\]: has 3 options, the first of the batch 2",
        ),
        ({"queries": [("a", "x")], "questions": [("a", "q", ["x", "y"])]}, "give one of the two"),
    ],
)
def test_what_cannot_be_a_batch_is_named(given: dict[str, Any], expected: str, processor: HeroProcessor) -> None:
    with pytest.raises(InputError, match=expected):
        processor(**{"features": FRAMES, **given})


def test_a_folder_without_a_part_is_named(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "moment"
    shutil.copytree(models / "moment", folder)
    (folder / "tokenizer.json").rename(tmp_path / "tokenizer.json")
    with pytest.raises(InputError, match="holds no tokenizer"):
        AutoProcessor.from_pretrained(folder)
    (tmp_path / "tokenizer.json").rename(folder / "tokenizer.json")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"max_frames": 0}))
    with pytest.raises(InputError, match=r"config\.json: max_frames is 0, expected at least 1"):
        AutoProcessor.from_pretrained(folder)
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"config\.json: no such file"):
        HeroProcessor.from_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text('{"processor_class": "HeroProcessor", "config": {"max_frames": 3}}')
    with pytest.raises(InputError, match="configuration is a dict, expected a HeroConfig"):
        AutoProcessor.from_pretrained(folder)
    with pytest.raises(InputError, match="is a NoneType, expected a HeroConfig"):
        HeroProcessor(load_tokenizer(minilm_folder()), None)  # type: ignore[arg-type]


def test_a_model_without_a_tokenizer_has_no_processor(tmp_path: Path) -> None:
    save_model(HeroForQuestionAnswering(tiny_config()), None, tmp_path / "m")
    assert not (tmp_path / "m/processor_config.json").exists()
    with pytest.raises(InputError, match="holds no tokenizer"):
        AutoProcessor.from_pretrained(tmp_path / "m")
