"""`pipeline("video-moment-retrieval")`: what HeroSearch finds, loaded and asked as the library does it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from transformers import pipeline

from hero_model.errors import InputError
from hero_model.inference.moment_pipeline import TASK, MomentRetrievalPipeline
from hero_model.inference.search import HeroSearch
from tests.hero_model.tiny_models import write_models
from tests.hero_model.tiny_release import FEATURES

RNG = np.random.default_rng(0)
FRAMES = {name: RNG.normal(size=(8, FEATURES)).astype(np.float32) for name in ("a", "b", "c")}
SAID = {"a": [(0.5, 5.5, "Look at the red circle."), (6.5, 11.5, "Look at the star.")]}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment", "qa")


@pytest.fixture(scope="module")
def moments(models: Path) -> MomentRetrievalPipeline:
    found = pipeline(TASK, model=str(models / "moment"))
    assert type(found) is MomentRetrievalPipeline
    return found


def test_it_finds_what_a_search_finds(models: Path, moments: MomentRetrievalPipeline) -> None:
    search = HeroSearch.from_pretrained(models / "moment")
    search.encode(FRAMES, SAID)
    told = moments("a red circle", FRAMES, SAID, k=3)
    expected = search.search("a red circle", k=3)
    assert len(told) == 3
    for row, moment in zip(told, expected, strict=True):
        assert row == {"video": moment.video, "start": moment.start, "end": moment.end, "score": moment.score}
        assert {type(row["video"]), *map(type, (row["start"], row["end"], row["score"]))} == {str, float}
        assert 0 <= row["start"] < row["end"] <= 12.0
    assert len(moments("a red circle", FRAMES, SAID)) == len(search.search("a red circle")) <= 10
    several = moments(["a red circle", "somebody sings"], features=FRAMES, subtitles=SAID, k=2)
    assert several == [told[:2], moments("somebody sings", FRAMES, SAID, k=2)]
    without = moments("a red circle", {"a": FRAMES["a"]})
    assert {row["video"] for row in without} == {"a"}


def test_subtitles_are_read(moments: MomentRetrievalPipeline) -> None:
    assert moments("a star", FRAMES, SAID, k=1) != moments("a star", FRAMES, {"a": [(0.0, 12.0, "Nothing.")]}, k=1)


def test_one_import_is_enough_and_the_model_may_be_loaded_already(models: Path) -> None:
    code = """if True:
        import sys, numpy
        from hero_model import HeroForMomentRetrieval, HeroProcessor, MomentRetrievalPipeline
        from transformers import pipeline
        frames = {"a": numpy.ones((8, 24))}
        first = pipeline("video-moment-retrieval", model=sys.argv[1], device="cpu", k=1)
        model = HeroForMomentRetrieval.from_pretrained(sys.argv[1])
        second = pipeline("video-moment-retrieval", model=model, processor=HeroProcessor.from_pretrained(sys.argv[1]))
        assert first("a star", frames) == second("a star", frames, k=1), first("a star", frames)
        assert len(first("a star", frames)) == 1
    """
    subprocess.run([sys.executable, "-c", code, str(models / "moment")], check=True)


@pytest.mark.parametrize(
    ("query", "given", "expected"),
    [
        (" ", {}, "a search needs a query in words, got ' '"),
        (None, {}, "a search needs a query in words, or a list of them, got None"),
        ([], {}, r"or a list of them, got \[\]"),
        (["x", 3], {}, "a search needs a query in words, got 3"),
        ("x", {"k": 0}, "k must be a whole number of at least 1, got 0"),
        ("x", {"top": 3}, "video-moment-retrieval: there is no parameter 'top', only k"),
        ("x", {"features": [1]}, "features must be a mapping"),
        ("x", {"features": {"a": np.full((3, FEATURES), np.nan)}}, "video 'a': holds values that are not finite"),
        ("x", {"subtitles": {"z": []}}, "video 'z' is none of those with features"),
    ],
)
def test_what_cannot_be_asked_is_named(
    query: Any, given: dict[str, Any], expected: str, moments: MomentRetrievalPipeline
) -> None:
    with pytest.raises(InputError, match=expected):
        moments(query, **{"features": FRAMES, **given})


def test_models_that_the_library_would_fill_up_at_random_are_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="qa: is a HeroForQuestionAnswering, expected a HeroForMomentRetrieval"):
        pipeline(TASK, model=str(models / "qa"))
    folder = tmp_path / "moment"
    shutil.copytree(models / "moment", folder)
    weights = load_file(folder / "model.safetensors")
    lost = "moment_head.start_filter.weight"
    some = {name: value for name, value in weights.items() if name != lost}
    save_file(some, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"model\.safetensors: lacks {lost}"):
        pipeline(TASK, model=str(folder))
    save_file({**weights, lost: weights[lost] * float("nan")}, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=f"{lost} holds values that are not finite"):
        pipeline(TASK, model=str(folder))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match="holds no tokenizer"):
        pipeline(TASK, model=str(folder))
