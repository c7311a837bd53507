"""Features, subtitles, indexes and questions that a user gives: what cannot be used is refused by name."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_tensors

from evaluation.release import Release
from hero_model.__main__ import main
from hero_model.data.feature_file import FeatureFile, check_features
from hero_model.errors import InputError, InputWarning
from hero_model.inference.search import HeroSearch
from tests.evaluation.small_release import relist
from tests.hero_model.features.test_video import write_video
from tests.hero_model.tiny_models import refused, write_models
from tests.hero_model.tiny_release import FEATURES, FRAMES, write_release

GOOD = np.random.default_rng(0).normal(size=(FRAMES, FEATURES)).astype(np.float32)
METADATA = {"interval_s": "1.5", "dim": str(FEATURES)}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"), "moment", "qa")


@pytest.fixture(scope="module")
def search(models: Path) -> HeroSearch:
    return HeroSearch.from_pretrained(models)


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        (GOOD.astype(np.float64) * 1e39, "not finite in float32"),
        (GOOD * np.float32(1e38), "beyond 1e\\+06"),
        (GOOD * np.nan, "not finite"),
        ([[1, 2], [3]], "no array of numbers"),
        ([["x"] * FEATURES], "no array of numbers"),
        ([[10**400] * FEATURES], "no array of numbers"),
        (None, r"has shape \[\]"),
        (GOOD[:0], r"expected \[frames, 24\]"),
        (GOOD[:, :3], r"has shape \[8, 3\]"),
    ],
)
def test_features_that_are_no_finite_frames_are_refused(features: Any, expected: str, search: HeroSearch) -> None:
    with pytest.raises(InputError, match="video 'a': .*" + expected):
        search.encode({"a": features}, {})


def test_the_largest_features_allowed_are_found(search: HeroSearch) -> None:
    search.encode({"a": GOOD / np.abs(GOOD).max() * np.float32(1e6)}, {})
    assert search.search("anything", k=1)


@pytest.mark.parametrize(
    ("subtitles", "expected"),
    [
        ([(float("nan"), 1.0, "x")], "subtitle 0: start is nan, expected seconds"),
        ([(0, 1, "x"), (0, float("inf"), "x")], "subtitle 1: end is inf, expected seconds"),
        ([(0, 1e13, "x")], "subtitle 0: start is 0 and end 1e\\+13, expected 0 <= start <= end <= 86400 s"),
        ([(5, 2, "x")], "subtitle 0: start is 5 and end 2"),
        ([(-1, 2, "x")], "subtitle 0: start is -1"),
        ([(0, 1, None)], "subtitle 0: text is None"),
        ([("x", 0, 1)], "subtitle 0: start is 'x'"),
        ([(0, 1)], r"subtitle 0: is \(0, 1\), expected \(start, end, text\)"),
        (None, "subtitles are a NoneType"),
        ("text", "subtitles are a str"),
    ],
)
def test_subtitles_that_are_no_times_and_text_are_refused(subtitles: Any, expected: str, search: HeroSearch) -> None:
    with pytest.raises(InputError, match="video 'a': " + expected):
        search.encode({"a": GOOD}, {"a": subtitles})


def test_mappings_and_names_are_looked_at(search: HeroSearch) -> None:
    search.encode({"kept": GOOD}, {"kept": [(np.float32(0), np.int64(4), "numbers of numpy are numbers")]})
    with pytest.raises(InputError, match="subtitles must be a mapping"):
        search.encode({"a": GOOD}, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^features must be a mapping whose keys are names"):
        search.encode({1: GOOD}, {})  # type: ignore[dict-item]
    with pytest.raises(InputError, match="video 'b' is none of those with features"):
        search.encode({"a": GOOD}, {"b": [(0, 1, "x")]})
    assert search.names == ["kept"]  # a refusal changes nothing
    assert list(search.clips) == ["kept"]


def test_questions_that_cannot_be_asked_are_refused(search: HeroSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    search.encode({"a": GOOD, "b": GOOD}, {})
    with pytest.raises(InputError, match="option 'x' is given a second time"):
        search.answer("q", ["x", "y", "x"])
    with pytest.raises(InputError, match="must be strings"):
        search.answer("q", ["x", 3])  # type: ignore[list-item]
    with pytest.raises(InputError, match="a query in words, got 5"):
        search.search(5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"k must be a whole number of at least 1, got 2\.5"):
        search.search("q", k=2.5)  # type: ignore[arg-type]
    monkeypatch.setattr(HeroSearch, "search", lambda *_, **__: [])
    with pytest.raises(InputError, match="finds no moment; name the video"):
        search.answer("q", ["x", "y"])


def test_a_video_beyond_the_position_table_is_told(search: HeroSearch, models: Path, tmp_path: Path) -> None:
    long = np.random.default_rng(0).normal(size=(130, FEATURES)).astype(np.float32)
    with pytest.warns(InputWarning, match="'b': longer than 100 frames; only the first 150 s are read"):
        search.encode({"a": GOOD, "b": long}, {})
    with pytest.warns(InputWarning, match="'a' and 1 more: longer"):
        search.encode({"a": long, "b": long}, {})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search.encode({"a": long[:100]}, {})


def test_the_command_line_tells_of_a_long_video(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": np.ones((130, FEATURES), np.float32)}, tmp_path / "long.safetensors", metadata=METADATA)
    out = tmp_path / "index"
    assert main(["encode", str(models), "--features", str(tmp_path / "long.safetensors"), "--out", str(out)]) == 0
    assert "warning: 'a': longer than 100 frames; only the first 150 s are read\n" in capsys.readouterr().err


def test_half_precision_is_read_and_other_types_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "features.safetensors"
    kinds = (torch.bfloat16, torch.float16, torch.float64)
    save_tensors({str(kind): torch.from_numpy(GOOD).to(kind) for kind in kinds}, file, metadata=METADATA)
    for kind, array in FeatureFile.open(file).read([str(kind) for kind in kinds]).items():
        assert array.dtype == np.float32
        assert np.allclose(array, GOOD, atol=0.02, rtol=0.01), kind
    save_tensors({"a": torch.ones(3, FEATURES, dtype=torch.int64)}, file, metadata=METADATA)
    with pytest.raises(InputError, match="clip 'a': numbers of type I64, expected one of F16"):
        FeatureFile.open(file).read(["a"])
    assert check_features([[1, 2]], 2, "here").dtype == np.float32


@pytest.fixture
def features(tmp_path: Path) -> Path:
    save_file({"a": GOOD}, tmp_path / "features.safetensors", metadata=METADATA)
    return tmp_path / "features.safetensors"


def test_encode_looks_at_its_target_first_and_leaves_nothing(
    models: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    encode = ["encode", models, "--features", features, "--out"]
    refused(capsys, [*encode, tmp_path / "folder"], "folder: is a folder, expected the name of a file to write")
    refused(capsys, [*encode, tmp_path / "no/index"], "no is no folder; make it first")
    huge = tmp_path / "features.safetensors"
    save_file({"a": np.full((8, FEATURES), 1e39)}, huge, metadata=METADATA)
    refused(capsys, [*encode, tmp_path / "index"], "features.safetensors: clip 'a'", "not finite")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_index_that_cannot_be_written_leaves_nothing(
    search: HeroSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    search.encode({"a": GOOD}, {})
    monkeypatch.setattr("hero_model.inference.search.save_file", full)
    with pytest.raises(InputError, match=r"index: cannot be written: No space left"):
        search.save_index(tmp_path / "index")
    with pytest.raises(InputError, match="is a folder"):
        search.save_index(tmp_path)
    assert not list(tmp_path.iterdir())


def test_features_looks_at_its_target_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    video = write_video(tmp_path / "a.mp4", [40] * 5)
    refused(capsys, ["features", video, "--out", tmp_path], "is a folder")
    refused(capsys, ["features", video, "--out", tmp_path / "no/f"], "no is no folder")
    refused(capsys, ["features", video, "--out", tmp_path / "f", "--interval", "inf"], "--interval")
    refused(capsys, ["features", tmp_path, "--out", tmp_path / "f"], str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"vid_name":"a","sub":[{"text":"hi","start":0,"end":1e13}]}', ":2: sub[0]: start is 0 and end 1e+13"),
        ('{"vid_name":"a","sub":[{"text":"hi","start":0,"end":1e400}]}', ":2: "),
        ('{"vid_name":"a","sub":[{"text":"hi","start":0,"end":NaN}]}', ":2: "),
        ('{"vid_name":"a","sub":[{"text":"","start":5,"end":2}]}', ":2: sub[0]: start is 5 and end 2"),
        ('{"vid_name":"a","sub":[{"text":"","start":0,"end":2},{"start":1,"end":2}]}', "`text` - at `$.sub[1]`"),
        ('{"vid_name":"b","sub":[]}', "vid_name 'b' a second time"),
        ('{"vid_name":"zzz","sub":[]}', "'zzz' is none of those with features"),
    ],
)
def test_a_subtitle_file_is_refused_by_line_and_field(
    line: str, expected: Any, models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"a": GOOD, "b": GOOD}, tmp_path / "features.safetensors", metadata=METADATA)
    (tmp_path / "subtitles.jsonl").write_text('{"vid_name":"b","sub":[]}\n' + line + "\n")
    inputs = ["--features", tmp_path / "features.safetensors", "--subtitles", tmp_path / "subtitles.jsonl"]
    refused(capsys, ["encode", models, *inputs, "--out", tmp_path / "index"], expected)
    assert not (tmp_path / "index").exists()


def test_folders_in_place_of_files_are_told(
    models: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", tmp_path / "index"]
    refused(capsys, ["encode", models, "--features", tmp_path, *out], "is a folder, expected a feature file")
    inputs = ["--features", features, "--subtitles"]
    refused(capsys, ["encode", models, *inputs, tmp_path, *out], "is a folder, expected one line per video")
    refused(capsys, ["encode", models, *inputs, tmp_path / "no", *out], "no: no such file, expected one line")
    refused(capsys, ["search", models, tmp_path, "q"], "is a folder, expected an index")
    refused(capsys, ["search", models, tmp_path / "no", "q"], "no: no such file, expected an index")
    refused(capsys, ["search", models, features, "q"], "its vectors have 24 numbers, the model expects 384")
    refused(capsys, ["search", models, features, "q", "-k", "0"], "-k", "from 1 to")


def test_an_index_of_another_model_is_refused(search: HeroSearch, tmp_path: Path) -> None:
    search.encode({"a": GOOD, "b": GOOD[:3]}, {})
    index = tmp_path / "index"
    search.save_index(index)
    best = search.search("x", k=1)
    search.load_index(index)
    assert search.search("x", k=1) == best
    vectors = load_file(index)
    for metadata, changes, expected in (
        ({"interval_s": "2"}, {}, "one frame per 2 s, the model expects 1.5 s"),
        ({"dim": "24"}, {}, "its vectors have 24 numbers"),
        ({"dim": "x"}, {}, "metadata must hold interval_s and dim"),
        ({}, {"a": vectors["a"] * np.nan}, "clip 'a': holds values that are not finite"),
        ({}, {"b": np.zeros((4, 5), np.float32)}, r"clip 'b': has shape \[4, 5\]"),
    ):
        save_file(vectors | changes, index, metadata={"interval_s": "1.5", "dim": "384"} | metadata)
        with pytest.raises(InputError, match=expected):
            search.load_index(index)
    save_file({}, index, metadata={"interval_s": "1.5", "dim": "384"})
    with pytest.raises(InputError, match="holds nothing, expected an index"):
        search.load_index(index)


def test_predict_and_text_only_look_at_their_target_and_their_arguments_first(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "release").mkdir()
    release = write_release(tmp_path / "release")
    for start in (["predict", models, release], ["text-only", release]):
        command = [*start, "--task", "moment", "--split", "val", "--out"]
        refused(capsys, [*command, tmp_path], "is a folder, expected the name of a file")
        refused(capsys, [*command, tmp_path / "p.json", "--threads", "0"], "--threads", "from 1 to 256, got '0'")
        refused(capsys, [*command[:-1]], "required: --out")
    assert not (tmp_path / "p.json").exists()


def test_a_release_with_broken_subtitles_is_refused_by_line(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "release").mkdir()
    release = write_release(tmp_path / "release")
    rows = [json.loads(line) for line in (release / "subtitles.jsonl").read_text().splitlines()]
    rows[1]["sub"][1]["end"] = 1e12
    (release / "subtitles.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    where = ["--task", "moment", "--split", "val", "--out", tmp_path / "p.json"]
    refused(capsys, ["predict", models, release, *where], "subtitles.jsonl: ", "the manifest lists")
    refused(capsys, ["predict", models, relist(release), *where], "subtitles.jsonl:2: sub[1]: start is")


def test_a_release_whose_features_lie_in_shards_is_read_as_one_set(tmp_path: Path) -> None:
    whole = write_release(tmp_path / "whole")
    cut = write_release(tmp_path / "cut")
    vectors = load_file(cut / "features/tiny.safetensors")
    (cut / "features/tiny.safetensors").unlink()
    names = sorted(vectors)
    parts = {f"tiny-0000{n + 1}-of-00003.safetensors": names[n::3] for n in range(3)}
    for file, held in parts.items():
        save_file({name: vectors[name] for name in held}, cut / "features" / file, metadata=METADATA)
    index = {"metadata": {}, "weight_map": {name: file for file, held in parts.items() for name in held}}
    (cut / "features/tiny.safetensors.index.json").write_text(json.dumps(index))
    manifest = json.loads((cut / "MANIFEST.json").read_text())
    listed = [line for line in manifest["files"] if not line["path"].startswith("features/")]
    listed += [{"path": f"features/{file}"} for file in (*parts, "tiny.safetensors.index.json")]
    (cut / "MANIFEST.json").write_text(json.dumps(manifest | {"files": listed}))
    first, second = (FeatureFile.of_release(Release.open(relist(folder)), None) for folder in (whole, cut))
    assert (first.names, first.size, first.interval) == (second.names, second.size, second.interval)
    wanted = names[::-2]
    found = second.read(wanted)
    assert list(found) == wanted
    for name, array in first.read(wanted).items():
        assert (found[name] == array).all()
    with pytest.raises(InputError, match="clip 'nowhere': neither in it nor in the files that follow"):
        second.read([*names, "nowhere"])
    save_file({name: vectors[name] for name in parts[file]}, cut / "features" / file, metadata=METADATA | {"dim": "7"})
    with pytest.raises(InputError, match=rf"{file}: its vectors have 7 numbers, .*00001-of-00003.safetensors has"):
        FeatureFile.of_release(Release.open(relist(cut)), None)
