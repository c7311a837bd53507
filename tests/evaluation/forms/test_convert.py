"""`convert --from`: every form becomes our own rows, and every row that does not is listed."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from evaluation.forms.table import FORMS
from tests.evaluation.forms.files import DOOR, EXAMPLES, SALT, lines

SHARED = Path(os.environ.get("BENCH_SHARED", Path(__file__).parents[3] / "../shared")) / "data"
Rows = list[dict[str, Any]]


def converted(form: str, raw: bytes, name: str, folder: Path) -> tuple[Rows, Rows]:
    (folder / name).write_bytes(raw)
    return run(form, folder / name, folder)


def run(form: str, path: Path, folder: Path) -> tuple[Rows, Rows]:
    """(rows, problems) that the command writes."""
    assert main(["convert", "--from", form, str(path), str(folder / "out.jsonl")]) == 0
    files = [(folder / name).read_text() for name in ("out.jsonl", "out.problems.jsonl")]
    rows, problems = ([json.loads(line) for line in text.splitlines()] for text in files)
    return rows, problems


def with_right(row: dict[str, Any]) -> dict[str, Any]:
    """A row of How2QA with the text of its right answer for options, whose order says nothing."""
    options = [row.pop(f"a{n}") for n in range(4)]
    assert sorted(options) == sorted({"10", "12", "16", options[row["answer_idx"]]})
    return row | {"right": options[row.pop("answer_idx")]}


def test_every_form_has_an_example() -> None:
    assert {*EXAMPLES, "release"} == set(FORMS)  # of which tests write whole folders


@pytest.mark.parametrize("form", EXAMPLES)
def test_a_form_becomes_rows_and_problems(form: str, tmp_path: Path) -> None:
    example = EXAMPLES[form]
    rows, problems = converted(form, example.text.encode(), example.name, tmp_path)
    assert ([with_right(row) for row in rows] if form == "how2qa" else rows) == example.rows
    assert [(row["line"], row["what"], row["left_out"]) for row in problems] == example.problems
    assert {row["file"] for row in problems} <= {example.name}
    assert all(row["why"] for row in problems)


@pytest.mark.parametrize("form", EXAMPLES)
def test_a_byte_order_mark_and_gzip_change_nothing(form: str, tmp_path: Path) -> None:
    example = EXAMPLES[form]
    plain = converted(form, example.text.encode(), example.name, tmp_path)
    packed = gzip.compress(b"\xef\xbb\xbf" + example.text.encode())
    assert converted(form, packed, example.name, tmp_path) == plain


@pytest.mark.parametrize("form", EXAMPLES)
def test_our_own_rows_are_read_again_as_they_are(form: str, tmp_path: Path) -> None:
    example = EXAMPLES[form]
    rows, _ = converted(form, example.text.encode(), example.name, tmp_path)
    if form == "msrvtt-qa":  # open questions are no choice yet
        return
    again, problems = converted("tvr" if "desc" in rows[0] else "tvqa", lines(*rows).encode(), "own.jsonl", tmp_path)
    assert (again, problems) == (rows, [])


def test_captions_of_value_are_queries(tmp_path: Path) -> None:
    captions = [{"desc": DOOR, "desc_id": 1, "type": "v"}, {"desc": SALT, "desc_id": 1}, {"desc": SALT, "desc_id": 2}]
    row = {"vid_name": "c", "duration": 9.0, "ts": [1, 2], "descs": captions, "clip_id": 3}
    rows, problems = converted("value", lines(row).encode(), "tvc.jsonl", tmp_path)
    assert [(row["desc_id"], row["desc"], row["ts"]) for row in rows] == [(1, DOOR, [1, 2]), (2, SALT, [1, 2])]
    assert [(row["line"], row["what"]) for row in problems] == [(1, "id")]


def test_videos_alone_stay_videos_alone(tmp_path: Path) -> None:
    row = {"vid_name": "c", "duration": 9.0, "desc": DOOR, "desc_id": 1}
    assert converted("value", lines(row).encode(), "yc2r.jsonl", tmp_path) == ([row], [])


def test_the_right_answer_of_how2qa_stands_anywhere(tmp_path: Path) -> None:
    text = lines(*(f"NOuQuofjk44,[7.2:18.0],red,blue,white,which colour {n}?,green" for n in range(400)))
    rows, _ = converted("how2qa", text.encode(), "qa.csv", tmp_path)
    places = Counter(row["answer_idx"] for row in rows)
    assert all(70 < places[place] < 130 for place in range(4))
    assert {row[f"a{row['answer_idx']}"] for row in rows} == {"green"}
    assert converted("how2qa", text.encode(), "qa.csv", tmp_path)[0] == rows


@pytest.mark.parametrize(
    ("form", "raw", "message"),
    [
        ("tvr", b"[1, 2", "truncated"),
        ("tvr", b'{"qid": 1}\n', "nothing in it is TVR"),
        ("tvr", b"", "nothing in it is TVR"),
        ("youcook2", b"{}", "database is missing"),
        ("how2r", b'a,"b\n', "unexpected end of data"),
        ("how2r", b"a,\xff\n", "can't decode byte 0xff"),
        ("charades-sta", b"a 1 2##\xff\n", "in.txt:1: line is no UTF-8"),
        ("activitynet", b"\x1f\x8bbroken", "damaged archive"),
        ("tvr", gzip.compress(b"{}" * 9, mtime=0)[:-9], "damaged archive"),
    ],
)
def test_what_is_not_of_the_form_writes_nothing(
    form: str, raw: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.txt").write_bytes(raw)
    assert main(["convert", "--from", form, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl")]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


def test_what_happened_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    converted("tvr", EXAMPLES["tvr"].text.encode(), "tvr.jsonl", tmp_path)
    shown = capsys.readouterr().out
    assert "tvr.jsonl: 2 rows written, 6 left out" in shown
    assert "2 left out for ts, the first in line 2: ts is [6, 6], expected 0 <= start < end in seconds" in shown
    assert "7 problems are listed in" in shown


def test_another_suffix_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--from", "tvr", "nowhere", str(tmp_path / "out.json")]) == 2
    assert "ends in .jsonl" in capsys.readouterr().err


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no folder {SHARED} (BENCH_SHARED)")
@pytest.mark.parametrize(
    ("form", "name", "rows", "problems"),
    [
        ("how2r", "how2/how2R_val_release.csv", 4076, {("ts", False): 221}),
        ("how2r", "how2/how2R_test_public_release.csv", 4019, {("ts", False): 235}),
        ("how2qa", "how2/how2QA_val_release.csv", 2838, {("options", True): 14}),
        ("tvr", "tvr/tvr_val_release.jsonl", 10895, {}),
        ("value", "tvr/tvr_val_release.jsonl", 10895, {}),
    ],
)
def test_released_data_has_the_faults_that_were_counted(
    form: str, name: str, rows: int, problems: dict[tuple[str, bool], int], tmp_path: Path
) -> None:
    found, faults = run(form, SHARED / name, tmp_path)
    assert len(found) == rows
    counted = Counter((row["what"], row["left_out"]) for row in faults)
    if form == "how2qa":
        del counted["ts", False]  # its segments were not cut at minutes: the clip is our choice
    assert counted == problems
