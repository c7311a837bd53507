"""`export`: the query side of a moment model as a file, and the folders that have none."""

import shutil
from pathlib import Path

import pytest
import torch

from hero_model.__main__ import main
from hero_model.inference.index import encode_queries
from hero_model.inference.search import HeroSearch
from tests.hero_model.tiny_models import refused, write_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment", "qa")


@pytest.mark.parametrize("folder", ["", "moment"])
def test_an_out_folder_and_a_models_folder_are_exported(folder: str, models: Path, tmp_path: Path) -> None:
    out = tmp_path / "queries.pt2"
    out.write_text("an earlier one")
    assert main(["export", str(models / folder), str(out)]) == 0
    assert list(tmp_path.iterdir()) == [out]
    model = HeroSearch.from_pretrained(models).moment
    assert model is not None
    ids = torch.tensor([[model.config.cls_token_id, 2054, 2003]])
    with torch.inference_mode():
        (expected,) = encode_queries(model, [ids[0, 1:].numpy()])
    found = torch.export.load(out).module()(ids, torch.ones(1, 3, dtype=torch.bool))["vectors"][0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_refusals_name_what_is_missing(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "queries.pt2"
    refused(capsys, ["export", models / "qa", out], "/qa: holds no finished model for moments")
    refused(capsys, ["export", tmp_path / "nowhere", out], "nowhere: holds no finished model for moments")
    refused(capsys, ["export", models, tmp_path], "is a folder, expected the name of a file")
    refused(capsys, ["export", models, tmp_path / "none" / "queries.pt2"], "is no folder; make it first")
    silent = tmp_path / "silent"
    shutil.copytree(models / "moment", silent, ignore=shutil.ignore_patterns("tokenizer*", "*.txt"))
    refused(capsys, ["export", silent, out], "silent: holds no tokenizer", "convert --tokenizer")
    assert not out.exists()
