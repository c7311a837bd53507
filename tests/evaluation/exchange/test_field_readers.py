"""What other people's loaders ask of the files, as a table: each field that they read, and what they take it for.

The rules are those of TVRetrieval (XML), HERO, VALUE's starter code, moment_detr, lighthouse and just-ask.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.exchange.field_files import write_field_files
from evaluation.exchange.tables import write_tables
from evaluation.release import Release
from tests.evaluation.small_release import write_release

Row = dict[str, Any]
Rule = Callable[[Any], bool]
FILES = {"train": "train", "val": "val", "test": "test_public"}


def is_id(value: Any) -> bool:
    """HERO keeps ids as texts, XML as 32 bits."""
    return type(value) is int and 0 <= value < 2**31


def is_text(value: Any) -> bool:
    return type(value) is str and value.strip() != ""


def is_seconds(value: Any) -> bool:
    return type(value) in (int, float) and value > 0


def is_span(value: Any) -> bool:
    """Two numbers of JSON; HERO clamps what lies outside of a clip without a word."""
    return type(value) is list and len(value) == 2 and 0 <= value[0] < value[1]


def is_split_text(value: Any) -> bool:
    """HERO and the starter code split at the dash, inside a try whose failure means no moment at all."""
    first, last = value.split("-")
    return 0 <= float(first) <= float(last)


def is_windows(value: Any) -> bool:
    return type(value) is list and len(value) == 1 and is_span(value[0])


def is_place(options: int) -> Rule:
    return lambda value: type(value) is int and 0 <= value < options


MOMENT = {"desc_id": is_id, "desc": is_text, "vid_name": is_text, "ts": is_span}
HIGHLIGHTS = {"qid": is_id, "query": is_text, "vid": is_text, "duration": is_seconds, "relevant_windows": is_windows}


def asked(options: int) -> dict[str, Rule]:
    texts = {"q", "vid_name", *(f"a{n}" for n in range(options))}
    return {"qid": is_id, **dict.fromkeys(texts, is_text), "ts": is_split_text, "answer_idx": is_place(options)}


@dataclass(frozen=True)
class Reader:
    """The file that a loader opens, what it asks of a labelled row, and what of a hidden one there must not be."""

    path: str
    fields: dict[str, Rule]
    hidden: frozenset[str]


MOMENT_TRUTH = frozenset({"vid_name", "ts", "duration"})
HIGHLIGHTS_TRUTH = frozenset({"vid", "duration", "relevant_windows"})
ANSWER = frozenset({"ts", "answer_idx"})
READERS = {
    "TVRetrieval StartEndDataset": Reader(
        "moment/tvr", MOMENT | {"duration": is_seconds, "type": {"v", "t", "vt"}.__contains__}, MOMENT_TRUTH
    ),
    "HERO process_tvr": Reader("moment/tvr", MOMENT, MOMENT_TRUTH),
    "VALUE process_retrieval": Reader("moment/tvr", MOMENT, MOMENT_TRUTH),
    "VALUE process_tvqa_or_how2qa": Reader("qa/value", asked(4), ANSWER),
    "moment_detr StartEndDataset": Reader("qvhighlights", HIGHLIGHTS, HIGHLIGHTS_TRUTH),
    "lighthouse": Reader("qvhighlights", HIGHLIGHTS, HIGHLIGHTS_TRUTH),
}


def extended(folder: Path) -> Path:
    """The folder with what is made of its public files."""
    for name in ("parquet", "how2", "qvhighlights"):
        shutil.rmtree(folder / name, ignore_errors=True)
    write_tables(folder, "canary")
    write_field_files(folder)
    return folder


@pytest.fixture(scope="module")
def folder(public_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return extended(Path(shutil.copytree(public_release, tmp_path_factory.mktemp("readers") / "demo-1.0.0")))


def rows(folder: Path, path: str, split: str) -> list[Row]:
    return [json.loads(line) for line in (folder / path / f"{FILES[split]}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("name", READERS)
def test_every_field_that_a_loader_reads_is_there(folder: Path, name: str) -> None:
    reader = READERS[name]
    for split in ("train", "val"):
        found = rows(folder, reader.path, split)
        assert found
        for row in found:
            bad = [field for field, rule in reader.fields.items() if not rule(row[field])]
            assert not bad, (row, bad)
    for row in rows(folder, reader.path, "test"):
        shown = reader.fields.keys() - reader.hidden
        assert all(reader.fields[field](row[field]) for field in shown)
        assert not row.keys() & reader.hidden


def test_hero_reads_five_options_as_those_of_tvqa(tmp_path: Path) -> None:
    """Of four its loader says KeyError: 'a4'."""
    copy = write_release(tmp_path, held_out=False, options=5)
    for split in ("train", "val"):
        for row in rows(copy, "qa/value", split):
            assert all(rule(row[field]) for field, rule in asked(5).items())


@pytest.mark.parametrize("task", ["moment/tvr", "qa/value"])
def test_the_index_is_that_of_xml_and_of_heros_features(folder: Path, task: str) -> None:
    """{split: {video: [seconds, number]}}, a number once in the file, every video of a row in its own split."""
    index = json.loads((folder / task / "video2dur_idx.json").read_text())
    assert set(index) == set(FILES.values())
    numbers = [number for videos in index.values() for _, number in videos.values()]
    assert len(set(numbers)) == len(numbers)
    assert all(type(number) is int for number in numbers)
    assert all(is_seconds(seconds) for videos in index.values() for seconds, _ in videos.values())
    for split, name in FILES.items():
        named = {row["vid_name"] for row in rows(folder, task, split) if "vid_name" in row}
        assert named <= set(index[name])


def test_ids_are_unique_over_the_splits(folder: Path) -> None:
    for path, key in (("moment/tvr", "desc_id"), ("qa/value", "qid"), ("qvhighlights", "qid")):
        ids = [row[key] for split in FILES for row in rows(folder, path, split)]
        assert len(set(ids)) == len(ids)


def test_pandas_reads_tables_and_lines_alike(folder: Path, release: Path) -> None:
    for split, name in FILES.items():
        for task, path, columns in (("moment", "moment/tvr", ["desc_id", "desc"]), ("qa", "qa/value", ["qid", "q"])):
            table = pd.read_parquet(folder / f"parquet/{task}/{split}.parquet")
            lines = pd.read_json(folder / path / f"{name}.jsonl", lines=True)
            assert table[columns].to_numpy().tolist() == lines[columns].to_numpy().tolist()
    questions = Release.open(release).questions("train")
    table = pd.read_parquet(folder / "parquet/qa/train.parquet")
    right = [options[place] for options, place in zip(table["options"], table["answer_idx"].astype(int), strict=True)]
    assert right == [options[place] for options, place in zip(questions.options, questions.answer, strict=True)]


JUST_ASK = ["vid_id", "timesteps", "a2", "a3", "a4", "question", "a1"]


def test_how2s_csv_has_the_columns_of_just_ask_and_no_header(folder: Path, release: Path) -> None:
    """An answer "None" or "NA" is a text there: `keep_default_na` has to be off."""
    for split in ("train", "val"):
        questions = Release.open(release).questions(split)
        table = pd.read_csv(folder / f"how2/how2QA_{split}.csv", header=None, names=JUST_ASK, keep_default_na=False)
        assert table["question"].tolist() == questions.q
        right = [row[place] for row, place in zip(questions.options, questions.answer, strict=True)]
        assert table["a1"].tolist() == right
        queries = pd.read_csv(folder / f"how2/how2R_{split}.csv", header=None, keep_default_na=False)
        assert queries.shape == (len(Release.open(release).moments(split)), 4)
        assert queries[1].str.fullmatch(r"\[\d+(\.\d+)?:\d+(\.\d+)?\]").all()
