"""The public rows in other people's forms: what their readers get is what the release holds, and no truth of test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evaluation.exchange.about import About, bibtex, card_head, citation_cff, licence_text
from evaluation.exchange.croissant import croissant, said_in
from evaluation.exchange.field_files import write_field_files
from evaluation.exchange.rows import tasks_of
from evaluation.exchange.tables import write_tables
from evaluation.forms.records import Moment, Question
from evaluation.forms.table import FORMS
from evaluation.release import SPLITS, Release, ReleaseError
from evaluation.release.schema import ManifestFile
from tests.evaluation.small_release import write_release

ABOUT = About(
    name="demo",
    version="1.0.0",
    description='Queries "in quotes": a test.',
    authors=["Doe, Jane", "The Lab"],
    licence="CC-BY-4.0",
    canary="HERO BENCH CANARY demo-1.0.0 00000000-0000-0000-0000-000000000000",
    items=96,
)


@pytest.fixture(scope="module")
def folder(public_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A public copy with everything that is made of it."""
    copy = tmp_path_factory.mktemp("exchange") / "demo-1.0.0"
    shutil.copytree(public_release, copy)
    for name in ("parquet", "how2", "qvhighlights"):
        shutil.rmtree(copy / name, ignore_errors=True)
    files = [*write_tables(copy, ABOUT.canary), *write_field_files(copy)]
    tasks = tasks_of(copy)
    (copy / "README.md").write_text(card_head(ABOUT, tasks) + "# demo\n")
    (copy / "croissant.json").write_bytes(croissant(ABOUT, files, tasks, "By people.", "None known."))
    return copy


def test_the_tables_hold_the_rows_and_nulls_for_what_is_withheld(folder: Path, release: Path) -> None:
    full = Release.open(release)
    for split in SPLITS:
        queries = full.moments(split, truth=False)
        rows = pq.read_table(folder / f"parquet/moment/{split}.parquet").to_pylist()
        assert [row["desc_id"] for row in rows] == queries.desc_ids.tolist()
        if split == "test":
            assert {row[name] for row in rows for name in ("vid_name", "video", "duration", "start", "end")} == {None}
        else:
            assert [(row["start"], row["end"]) for row in rows] == list(
                zip(queries.start.tolist(), queries.end.tolist(), strict=True)
            )
            assert [row["vid_name"] for row in rows] == [queries.videos.names[place] for place in queries.video]
            assert all(row["vid_name"].startswith(row["video"] + "_") for row in rows)
        questions = full.questions(split, truth=False)
        rows = pq.read_table(folder / f"parquet/qa/{split}.parquet").to_pylist()
        assert [row["options"] for row in rows] == [list(options) for options in questions.options]
        answers = [row["answer_idx"] for row in rows]
        assert answers == ([None] * len(rows) if split == "test" else questions.answer.tolist())
        assert {row["start"] for row in rows if split == "test"} <= {None}
    schema = pq.read_schema(folder / "parquet/qa/val.parquet")
    assert schema.metadata[b"canary"].decode() == ABOUT.canary


def test_the_same_rows_give_the_same_bytes(folder: Path, public_release: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(public_release, again)
    for file in [*write_tables(again, ABOUT.canary), *write_field_files(again)]:
        assert (again / file.path).read_bytes() == (folder / file.path).read_bytes(), file.path


@pytest.mark.parametrize("split", ["train", "val"])
def test_how2s_csv_reads_back_to_the_same_items(folder: Path, release: Path, split: str) -> None:
    full = Release.open(release)
    queries, questions = full.moments(split), full.questions(split)
    found = list(FORMS["how2r"].read(folder / f"how2/how2R_{split}.csv"))
    assert all(isinstance(record, Moment) for record in found)
    assert [record.text for record in found] == queries.desc
    assert [record.video for record in found] == [queries.videos.names[place] for place in queries.video]
    spans = [tuple(round(second, 3) for second in record.windows[0]) for record in found]
    assert spans == list(zip(queries.start.tolist(), queries.end.tolist(), strict=True))
    asked = list(FORMS["how2qa"].read(folder / f"how2/how2QA_{split}.csv"))
    assert all(isinstance(record, Question) for record in asked)
    assert [record.options[record.answer] for record in asked] == [
        questions.options[place][answer] for place, answer in enumerate(questions.answer.tolist())
    ]
    assert [sorted(record.options) for record in asked] == [sorted(options) for options in questions.options]
    assert not list(folder.glob("how2/*test*"))


def test_qvhighlights_readers_find_their_fields(folder: Path) -> None:
    """The rules of moment_detr's and lighthouse's loaders: each labelled row has a video, its length and windows."""
    for split in ("train", "val"):
        for row in map(json.loads, (folder / f"qvhighlights/{split}.jsonl").read_text().splitlines()):
            assert (type(row["qid"]), type(row["query"]), type(row["vid"])) == (int, str, str)
            assert all(0 <= start < end <= row["duration"] for start, end in row["relevant_windows"])
    hidden = [json.loads(line) for line in (folder / "qvhighlights/test_public.jsonl").read_text().splitlines()]
    assert {frozenset(row) for row in hidden} == {frozenset({"qid", "query"})}


def test_hugging_face_loads_each_task_by_its_name(
    folder: Path, release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    full = Release.open(release)
    for task, ids in (("moment", "desc_id"), ("qa", "qid")):
        loaded = datasets.load_dataset(str(folder), task, cache_dir=str(tmp_path))
        assert list(loaded) == list(SPLITS)
        for split in SPLITS:
            rows = full.moments(split) if task == "moment" else full.questions(split)
            numbers = rows.desc_ids if task == "moment" else rows.qids
            assert loaded[split][ids][:] == numbers.tolist()


def test_the_head_of_the_card_is_what_hugging_face_reads(folder: Path) -> None:
    """The same without their library: a configuration a task, a path a split, each of which is there."""
    yaml = pytest.importorskip("yaml")
    head = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["size_categories"] == ["n<1K"]
    assert [config["config_name"] for config in head["configs"]] == ["moment", "qa"]
    for config in head["configs"]:
        assert [file["split"] for file in config["data_files"]] == list(SPLITS)
        schemas = {str(pq.read_schema(folder / file["path"])) for file in config["data_files"]}
        assert len(schemas) == 1  # load_dataset refuses splits of different columns


@pytest.mark.parametrize(
    ("licence", "lines"),
    [
        ("", "license: unknown"),
        ("LicenseRef-lab", 'license: other\nlicense_name: "licenseref-lab"\nlicense_link: LICENSE'),
    ],
)
def test_licences_that_the_hub_does_not_know(licence: str, lines: str) -> None:
    about = About(**{**ABOUT.__dict__, "licence": licence})
    assert lines in card_head(about, ["moment"])
    assert ("NOASSERTION" in licence_text(about)) == (not licence)


def test_croissant_is_valid_and_reads_the_rows(folder: Path, release: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    dataset = mlcroissant.Dataset(str(folder / "croissant.json"))
    rows = list(dataset.records("qa_val"))
    assert [row["qa_val/qid"] for row in rows] == Release.open(release).questions("val").qids.tolist()
    assert dataset.metadata.ctx.issues.errors == set()


def test_croissant_names_every_public_file_with_its_hash() -> None:
    files = [
        ManifestFile("moment/tvr/val.jsonl", 12, "ab" * 32, 3, "public"),
        ManifestFile("held_out/MANIFEST.json", 12, "cd" * 32, None, "held_out"),
    ]
    said: dict[str, Any] = json.loads(croissant(ABOUT, files, ["moment"], "By people.", "None known."))
    assert [(file["contentUrl"], file["sha256"], file["contentSize"]) for file in said["distribution"]] == [
        ("moment/tvr/val.jsonl", "ab" * 32, "12 B")
    ]
    assert said["conformsTo"][0] == "http://mlcommons.org/croissant/1.1"
    assert ABOUT.canary in said["description"]
    fields = {field["name"] for records in said["recordSet"] if "test" in records["name"] for field in records["field"]}
    assert fields == {"desc_id", "desc", "type"}


def test_the_citation_is_yaml_with_names_in_their_parts() -> None:
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load(citation_cff(ABOUT))
    assert cited["authors"] == [{"family-names": "Doe", "given-names": "Jane"}, {"name": "The Lab"}]
    assert (cited["cff-version"], cited["license"], cited["abstract"]) == ("1.2.0", "CC-BY-4.0", ABOUT.description)
    assert "author = {Doe, Jane and The Lab}" in bibtex(ABOUT)


def test_names_that_mean_something_to_latex_are_written_as_they_are() -> None:
    about = About(**{**ABOUT.__dict__, "authors": ["Doe & Sons_{Lab}", "100% #1"]})
    assert r"author = {Doe \& Sons\_\{Lab\} and 100\% \#1}" in bibtex(about)


@pytest.mark.parametrize("licence", ["CC-BY-4.0", ""])
@pytest.mark.parametrize("authors", [["Doe, Jane", "The Lab"], []])
def test_what_croissant_says_can_be_read_again(licence: str, authors: list[str]) -> None:
    about = About(**{**ABOUT.__dict__, "licence": licence, "authors": authors})
    raw = croissant(about, [], ["moment"], "By people.", "None known.")
    assert said_in(raw, Path("croissant.json")) == (about.description, authors, licence)


@pytest.mark.parametrize("raw", [b"[]", b"{", b'{"description": "\xe9"}', b'{"creator": "somebody"}'])
def test_a_croissant_of_another_kind_is_refused(raw: bytes) -> None:
    with pytest.raises(ReleaseError, match=r"there/croissant\.json"):
        said_in(raw, Path("there/croissant.json"))


def test_five_options_stand_in_the_tables_and_in_no_csv_of_seven_columns(tmp_path: Path) -> None:
    copy = write_release(tmp_path / "five", held_out=False, options=5)
    files = {file.path for file in [*write_tables(copy, ABOUT.canary), *write_field_files(copy)]}
    assert "how2/how2R_val.csv" in files
    assert not {path for path in files if "how2QA" in path}
    rows = pq.read_table(copy / "parquet/qa/val.parquet").to_pylist()
    assert [row["options"] for row in rows] == [list(row) for row in Release.open(copy).questions("val").options]
    assert {len(row["options"]) for row in rows} == {5}
