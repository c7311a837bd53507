import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.cli.main import main
from evaluation.predictions import parquet

Table = dict[str, list[Any]]


@pytest.fixture
def good(release: Path, tmp_path: Path) -> Table:
    """A submission in order, as columns; 32 queries, tasks VCMR, SVMR, VR one after another."""
    assert main(["baseline", str(release), "--kind", "random", "--out", str(tmp_path / "good.json")]) == 0
    assert main(["convert", str(tmp_path / "good.json"), str(tmp_path / "good.parquet")]) == 0
    columns: Table = pq.read_table(tmp_path / "good.parquet").to_pydict()
    return columns


def score(release: Path, folder: Path, table: pa.Table, *options: str) -> dict[str, Any]:
    pq.write_table(table, folder / "p.parquet")
    main(["score", str(release), str(folder / "p.parquet"), "--json", str(folder / "report.json"), *options])
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def test_json_and_parquet_score_the_same(release: Path, good: Table, tmp_path: Path) -> None:
    main(["score", str(release), str(tmp_path / "good.json"), "--json", str(tmp_path / "plain.json")])
    plain = json.loads((tmp_path / "plain.json").read_text())
    report = score(release, tmp_path, pa.table(good))
    assert plain["metrics"]
    assert report["metrics"] == plain["metrics"]
    assert report["breakdowns"] == plain["breakdowns"]


@pytest.mark.parametrize("rows", [300, 777, 1000])
def test_a_list_may_cross_batches(
    rows: int, release: Path, good: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = score(release, tmp_path, pa.table(good))
    monkeypatch.setattr(parquet, "ROWS_AT_ONCE", rows)
    assert score(release, tmp_path, pa.table(good)) == expected


def changed(good: Table, column: str, row: int, value: Any) -> pa.Table:
    return pa.table(good | {column: [*good[column][:row], value, *good[column][row + 1 :]]})


@pytest.mark.parametrize(
    ("column", "value", "place", "message"),
    [
        ("start", float("nan"), 1, "start is nan"),
        ("end", float("inf"), 2, "end is inf"),
        ("score", None, 3, "score is null"),
        ("video_idx", None, 0, "video_idx is null"),
        ("video_idx", 99, 0, "video idx 99 is not a video"),
        ("start", -1.0, 1, "expected 0 or more"),
        ("score", 7.0, 3, "by falling score"),
    ],
)
def test_a_bad_cell_is_refused_with_its_place(
    column: str, value: Any, place: int, message: str, release: Path, good: Table, tmp_path: Path
) -> None:
    (problem,) = score(release, tmp_path, changed(good, column, 205, value))["refused"]
    assert (problem["task"], problem["id"], problem["row"]) == ("VCMR", good["desc_id"][205], 5)
    assert problem["column"] == place
    assert message in problem["message"]


def test_an_unknown_task_is_refused_with_its_place(release: Path, good: Table, tmp_path: Path) -> None:
    (problem,) = score(release, tmp_path, changed(good, "task", 205, "vcmr"))["refused"]
    assert (problem["id"], problem["row"], problem["column"]) == (good["desc_id"][205], 0, None)
    assert "expected one of VCMR, SVMR, VR" in problem["message"]


def test_a_list_in_two_places_is_a_query_twice(release: Path, good: Table, tmp_path: Path) -> None:
    moved = pa.concat_tables([pa.table(good).slice(1), pa.table(good).slice(0, 1)])
    problems = score(release, tmp_path, moved)["refused"]
    assert "a second time" in problems[0]["message"]
    assert problems[0]["id"] == good["desc_id"][0]


def test_without_scores_there_are_only_raw_metrics(release: Path, good: Table, tmp_path: Path) -> None:
    report = score(release, tmp_path, pa.table(good).drop_columns(["score"]))
    assert {metric["nms"] for metric in report["metrics"]} == {None}
    assert "no_scores" in {note["code"] for note in report["notes"]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["start"]), "columns are"),
        (lambda table: table.append_column("x", table["start"]), "columns are"),
        (lambda table: table.set_column(3, "start", table["start"].cast("float16")), "expected float64"),
        (lambda table: table.set_column(2, "video_idx", table["video_idx"].cast("float64")), "integer"),
        (lambda table: table.set_column(0, "task", table["desc_id"]), "expected string"),
        (lambda table: table.slice(0, 0), "no rows"),
    ],
)
def test_bad_columns_are_refused(change: Any, message: str, release: Path, good: Table, tmp_path: Path) -> None:
    (problem,) = score(release, tmp_path, change(pa.table(good)))["refused"]
    assert message in problem["message"]


def test_a_list_of_very_many_rows_is_refused_early(release: Path, tmp_path: Path) -> None:
    """Run lengths make five million equal rows a file of a few kilobytes."""
    n = 5_000_000
    same = pa.table(
        {
            "task": pa.DictionaryArray.from_arrays(np.zeros(n, np.int8), ["VCMR"]),
            "desc_id": pa.array(np.full(n, 132, np.int32)),
            "video_idx": pa.array(np.full(n, 8, np.int8)),
            **{name: pa.array(np.zeros(n)) for name in ("start", "end", "score")},
        }
    )
    (problem,) = score(release, tmp_path, same)["refused"]
    assert (problem["id"], problem["message"]) == (132, "more than 1000 rows")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"qid": [132, 132], "answer_idx": [1, 1]}, "a second time"),
        ({"qid": [132, 133], "answer_idx": [1, None]}, "a null"),
        ({"qid": [132], "answer_idx": [1.5]}, "expected integers"),
        ({"qid": [132], "answer": [1]}, "expected integers"),
        ({"qid": [132], "answer_idx": [9]}, "expected 0 .. 3"),
    ],
)
def test_bad_answers_are_refused(columns: Table, message: str, release: Path, tmp_path: Path) -> None:
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    problems = score(release, tmp_path, table, "--task", "qa")["refused"]
    assert message in problems[0]["message"]


def test_what_pandas_and_torch_write_is_read(release: Path, good: Table, tmp_path: Path) -> None:
    """A numbering of the rows beside the columns, large strings, float32."""
    rounded = {name: np.array(good[name], np.float32) for name in ("start", "end", "score")}
    expected = score(release, tmp_path, pa.table(good | {name: rounded[name].astype(float) for name in rounded}))
    numbering = np.arange(len(good["task"]))
    texts = pa.array(good["task"], pa.large_string())
    table = pa.table(good | rounded | {"task": texts, "__index_level_0__": numbering})
    report = score(release, tmp_path, table)
    assert report["metrics"] == expected["metrics"]
    assert [note["count"] for note in report["notes"] if note["code"] == "pandas_index"] == [1]


def test_a_column_that_means_something_to_somebody_is_not_passed_over(
    release: Path, good: Table, tmp_path: Path
) -> None:
    for name in ("__index_level_0__x", "index"):
        report = score(release, tmp_path, pa.table(good | {name: np.arange(len(good["task"]))}))
        assert name in report["refused"][0]["message"]


def test_the_numbering_beside_answers_is_passed_over(release: Path, tmp_path: Path) -> None:
    qids = list(range(132, 164))
    table = pa.table({"qid": qids, "answer_idx": [1] * 32, "__index_level_0__": qids})
    report = score(release, tmp_path, table, "--task", "qa")
    assert report["refused"] is None
    assert {note["code"] for note in report["notes"]} == {"pandas_index"}
