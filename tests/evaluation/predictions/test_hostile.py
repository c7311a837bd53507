"""Hostile predictions, numbered as in the reference list: each refused with its place, or counted where allowed.

All run in one child process under limits on memory, time and file size; a case that broke them would kill it.
"""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.release import Release
from tests.evaluation.predictions.conftest import Child, Json

MARK = "@here@"
Place = tuple[str | None, int | None, int | None]  # task, row, column


def with_cell(good: str, token: str, task: str = "VCMR", entry: int = 3, row: int = 2, column: int = 1) -> bytes:
    """The good submission with one cell replaced by raw text."""
    submission = json.loads(good)
    submission[task][entry]["predictions"][row][column] = MARK
    return json.dumps(submission).replace(f'"{MARK}"', token).encode()


def changed(good: str, change: Callable[[Json], object]) -> bytes:
    submission = json.loads(good)
    change(submission)
    return json.dumps(submission).encode()


def query_id(good: str, task: str = "VCMR", entry: int = 3) -> int:
    return int(json.loads(good)[task][entry]["desc_id"])


def note(report: Json, code: str) -> int:
    return next((int(note["count"]) for note in report["notes"] if note["code"] == code), 0)


CELLS = {
    "1 NaN": ("NaN", 1, "expected a number"),
    "1 Infinity": ("Infinity", 2, "expected a number"),
    "1 -Infinity": ("-Infinity", 2, "expected a number"),
    "2 1e400": ("1e400", 2, "beyond float64"),
    "3 400-digit integer": ("9" * 400, 1, "beyond float64"),
    "3 401-digit integer": ("9" * 401, 1, "more than 400 characters"),
    "4 2**64 as video": (str(2**64), 0, "18446744073709551616 is not a video"),
    "5 4299-digit integer": ("7" * 4299, 3, "more than 400 characters"),
    "6 nested brackets": ("[" * 1025 + "]" * 1025, 1, "an array"),
    "6 million nested brackets": ("[" * 1_000_000, 1, "an array"),
    "16 text": ('"9.0"', 1, "a text"),
    "16 null": ("null", 2, "null"),
    "16 true": ("true", 3, "a boolean"),
    "16 null video": ("null", 0, "null"),
    "19 unknown video": ("99999", 0, "not a video of this split"),
    "19 video of another split": ("0", 0, "not a video of this split"),
    "19 half a video": ("8.5", 0, "whole number"),
    "19 video as float": ("8.0", 0, "whole number"),
    "19 negative video": ("-1", 0, "not a video of this split"),
    "18 negative start": ("-0.5", 1, "expected 0 or more"),
    "18 end before start": ("0", 2, "before start"),
    "22 NaN score": ("NaN", 3, "expected a number"),
    "22 score above the row before": ("7", 3, "by falling score"),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_bad_cell_is_refused_with_task_query_row_and_column(case: str, good: str, score: Callable[..., Json]) -> None:
    token, column, message = CELLS[case]
    report = score(with_cell(good, token, column=column))
    (problem,) = report["refused"]
    assert (problem["file"], problem["task"], problem["id"]) == ("predictions.json", "VCMR", query_id(good))
    assert (problem["row"], problem["column"]) == (2, column)
    assert message in problem["message"]
    assert len(problem["message"]) < 200
    assert f"VCMR, query {query_id(good)}, row 2, column {column}" in report["output"]


def _set(path: list[Any], value: Any) -> Callable[[Json], None]:
    def change(submission: Json) -> None:
        target: Any = submission
        for key in path[:-1]:
            target = target[key]
        target[path[-1]] = value

    return change


STRUCTURE: dict[str, tuple[Callable[[str], bytes], str | None, str]] = {
    "6 nested in an unknown key": (lambda good: b'{"x":' + b"[" * 100_000, None, "'x' is unknown"),
    "7 task twice": (lambda good: (good.rstrip()[:-1] + ',"VR":[]}').encode(), None, "'VR' a second time"),
    "7 predictions twice": (
        lambda good: good.replace('"desc":"",', '"predictions":[],', 1).encode(),
        "VCMR",
        "key a second time",
    ),
    "7 video twice in video2idx": (
        lambda good: good.replace('"video2idx":{', '"video2idx":{"va_video0_0_60":8,', 1).encode(),
        None,
        "'va_video0_0_60' a second time",
    ),
    "8 query twice": (
        lambda good: changed(good, lambda s: s["SVMR"].append(s["SVMR"][0])),
        "SVMR",
        "desc_id a second time",
    ),
    "9 query missing": (lambda good: changed(good, lambda s: s["VR"].pop()), "VR", "no list for this query"),
    "10 query too many": (
        lambda good: changed(good, lambda s: s["VR"].append(s["VR"][0] | {"desc_id": 5})),
        "VR",
        "not a query of this split",
    ),
    "10 desc_id as text": (
        lambda good: changed(good, _set(["VCMR", 1, "desc_id"], "101")),
        "VCMR",
        "desc_id is the text '101': expected the whole number 101",
    ),
    "10 desc_id as float": (
        lambda good: changed(good, _set(["VCMR", 1, "desc_id"], 133.0)),
        "VCMR",
        "whole number",
    ),
    "12 UTF-16": (lambda good: good.encode("utf-16"), None, "UTF-16"),
    "12 UTF-16 without mark": (lambda good: good.encode("utf-16-le"), None, "UTF-16"),
    "12 latin-1": (lambda good: good.replace('"desc":""', '"desc":"é"', 1).encode("latin-1"), "VCMR", "not UTF-8"),
    "13 lone surrogate": (
        lambda good: good.replace('"desc":""', '"desc":"\\ud800"', 1).encode(),
        "VCMR",
        "surrogate",
    ),
    "14 truncated": (lambda good: good.encode()[: len(good) // 2], None, "truncated"),
    "14 last byte missing": (lambda good: good.rstrip().encode()[:-1], None, "expected ,"),
    "15 comma after the last entry": (lambda good: good.replace("\n]", ",]", 1).encode(), "VCMR", "expected an entry"),
    "15 garbage behind": (lambda good: (good + "x").encode(), None, "follows the end"),
    "15 two documents": (lambda good: (good + good).encode(), None, "follows the end"),
    "15 comment": (lambda good: ("// hello\n" + good).encode(), None, "expected one JSON object"),
    "15 empty": (lambda good: b"", None, "empty file"),
    "15 blanks": (lambda good: b" \n" * 1000, None, "empty file"),
    "15 array": (lambda good: b"[" + good.encode() + b"]", None, "expected one JSON object"),
    "15 empty object": (lambda good: b"{}", None, "none of the tasks"),
    "17 row of 2": (
        lambda good: changed(good, _set(["VCMR", 0, "predictions", 1], [8, 1.5])),
        "VCMR",
        "row of 2 items",
    ),
    "17 row of 3": (
        lambda good: changed(good, _set(["VCMR", 0, "predictions", 1], [8, 1, 2])),
        "VCMR",
        "rows of different lengths",
    ),
    "17 row of 5": (
        lambda good: changed(good, _set(["VCMR", 0, "predictions", 1], [8, 1, 2, 0.9, 5])),
        "VCMR",
        "more than 4 items",
    ),
    "17 all rows of 3 with video2idx": (
        lambda good: changed(
            good, lambda s: s.update(VCMR=[e | {"predictions": [r[:3] for r in e["predictions"]]} for e in s["VCMR"]])
        ),
        "VCMR",
        "expected 4 items",
    ),
    "17 flattened row": (
        lambda good: changed(good, _set(["VCMR", 0, "predictions"], [8, 1, 2])),
        "VCMR",
        "rows of different lengths",
    ),
    "17 flattened everywhere": (
        lambda good: changed(good, lambda s: s.update(VCMR=[e | {"predictions": [8, 1, 2]} for e in s["VCMR"]])),
        "VCMR",
        "bare numbers",
    ),
    "17 empty list": (lambda good: changed(good, _set(["VCMR", 0, "predictions"], [])), "VCMR", "empty list"),
    "20 every video is 0": (
        lambda good: changed(good, lambda s: s.update(video2idx=dict.fromkeys(s["video2idx"], 0))),
        None,
        "the video index has",
    ),
    "20 video2idx null": (lambda good: changed(good, lambda s: s.update(video2idx=None)), None, "video2idx"),
    "21 1001 rows": (
        lambda good: changed(good, lambda s: s["VCMR"][0].update(predictions=[[8, 0, 1, -n] for n in range(1001)])),
        "VCMR",
        "more than 1000 rows",
    ),
    "23 wrong video in SVMR": (
        lambda good: changed(good, _set(["SVMR", 0, "predictions", 4, 0], 9)),
        "SVMR",
        "not the video of this query",
    ),
    "23 video twice in VR": (
        lambda good: changed(good, lambda s: _set(["VR", 0, "predictions", 1, 0], s["VR"][0]["predictions"][0][0])(s)),
        "VR",
        "a second time in this list",
    ),
    "24 task misspelt": (lambda good: changed(good, lambda s: s.update(vcmr=s.pop("VCMR"))), None, "'vcmr' is unknown"),
    "24 task null": (lambda good: changed(good, lambda s: s.update(VCMR=None)), "VCMR", "expected an array"),
    "24 unknown key": (lambda good: changed(good, _set(["VCMR", 0, "confidence"], 1)), "VCMR", "unknown key"),
    "24 predictions misspelt": (
        lambda good: good.replace('"predictions"', '"prediction"', 1).encode(),
        "VCMR",
        "unknown key",
    ),
    "32 90 MB of []": (lambda good: b'{"VCMR":[' + b"[]," * 30_000_000, "VCMR", "expected an entry"),
    "32 90 MB of [] as rows": (
        lambda good: b'{"VCMR":[{"desc_id":132,"predictions":[' + b"[]," * 30_000_000,
        "VCMR",
        "row of 0 items",
    ),
    "34 HTML as a key": (lambda good: b'{"<script>alert(1)</script>":1}', None, "is unknown"),
    "34 right-to-left mark and NUL as a key": (lambda good: b'{"\\u202e\\u0000":1}', None, "is unknown"),
    "34 long key": (lambda good: b'{"' + b"k" * 1_000_000 + b'":1}', None, "is unknown"),
}


@pytest.mark.parametrize("case", STRUCTURE)
def test_a_bad_structure_is_refused_with_its_place(case: str, good: str, score: Callable[..., Json]) -> None:
    build, task, message = STRUCTURE[case]
    report = score(build(good))
    assert {problem["file"] for problem in report["refused"]} == {"predictions.json"}
    (problem, *_) = [problem for problem in report["refused"] if message in problem["message"]]
    if task is not None:
        assert problem["task"] == task
    assert len(problem["message"]) < 250
    assert problem["message"].isprintable()


def test_many_4299_digit_integers_are_refused_quickly(good: str, score: Callable[..., Json]) -> None:
    """5: 8.6 MB of them, which Python's json needs 0.7 s for."""
    report = score(b'{"VCMR":[{"desc_id":132,"predictions":[' + b",".join([b"[8,1,2,%s]" % (b"7" * 4299)] * 2000))
    assert report["refused"][0]["row"] == 0


BOM = b"\xef\xbb\xbf"


def test_a_byte_order_mark_is_passed_over_and_counted(good: str, score: Callable[..., Json]) -> None:
    """11: editors of Windows write it; it means nothing."""
    plain = score(good.encode(), expect=0)
    for raw in (BOM + good.encode(), gzip.compress(BOM + good.encode())):
        marked = score(raw, expect=0)
        assert marked["metrics"] == plain["metrics"]
        assert note(marked, "byte_order_mark") == 1


def test_a_byte_order_mark_before_answers_is_passed_over(release: Path, score: Callable[..., Json]) -> None:
    answers = {str(qid): 0 for qid in Release.open(release).questions("val").qids}
    plain, marked = (score(mark + json.dumps(answers).encode(), "--task", "qa", expect=0) for mark in (b"", BOM))
    assert plain["metrics"] == marked["metrics"]


def test_a_missing_query_is_named_without_advice_that_a_board_cannot_take(
    good: str, score: Callable[..., Json]
) -> None:
    report = score(changed(good, lambda s: s["VR"].pop(2)))
    assert "--missing" not in json.dumps(report["refused"])
    assert "no list for this query" in report["refused"][0]["message"]


def test_an_empty_list_is_named_with_advice_that_is_right_at_home_and_on_a_board(
    good: str, score: Callable[..., Json]
) -> None:
    report = score(changed(good, lambda s: s["VR"][2].update(predictions=[])))
    assert report["refused"][0]["message"].endswith("(only at home, with --missing=miss, is it a miss)")
    assert note(score(changed(good, lambda s: s["VR"][2].update(predictions=[])), "--missing=miss", expect=0),
                "missing_query") == 1  # fmt: skip


def test_missing_queries_can_be_counted_as_misses(good: str, score: Callable[..., Json]) -> None:
    """9."""
    raw = changed(good, lambda s: s["VR"].pop(2))
    report = score(raw, "--missing", "miss", expect=0)
    assert note(report, "missing_query") == 1
    assert {m["n"] for m in report["metrics"]} == {32}


def test_at_most_twenty_problems_are_listed_and_all_are_counted(good: str, score: Callable[..., Json]) -> None:
    report = score(changed(good, lambda s: s.update(VR=s["VR"][:2])))
    assert len(report["refused"]) == 20
    assert "and 10 more" in report["output"]


OFFICIAL: dict[str, tuple[Callable[[str], bytes], str, int]] = {
    "11 byte order mark": (lambda good: b"\xef\xbb\xbf" + good.encode(), "byte_order_mark", 1),
    "18 negative start": (lambda good: with_cell(good, "-0.5"), "negative_start", 1),
    "18 end before start": (lambda good: with_cell(good, "0", column=2), "reversed_span", 1),
    "18 past the end": (lambda good: with_cell(good, "61.5", column=2), "past_end", 1),
    "21 more than 100 rows": (
        lambda good: changed(good, lambda s: s["VCMR"][0].update(predictions=[[8, 0, 1, -n] for n in range(150)])),
        "beyond_100",
        50,
    ),
    "22 unsorted": (lambda good: with_cell(good, "7", column=3), "unsorted", 1),
    "23 wrong video in SVMR": (STRUCTURE["23 wrong video in SVMR"][0], "wrong_video", 1),
    "23 video twice in VR": (STRUCTURE["23 video twice in VR"][0], "repeated_video", 1),
}


@pytest.mark.parametrize("case", OFFICIAL)
def test_official_rules_score_and_count_what_the_field_scores(case: str, good: str, score: Callable[..., Json]) -> None:
    build, code, count = OFFICIAL[case]
    assert note(score(build(good), "--rules", "official", expect=0), code) == count


@pytest.mark.parametrize("case", ["11 byte order mark", "18 past the end", "21 more than 100 rows"])
def test_strict_rules_count_them_too(case: str, good: str, score: Callable[..., Json]) -> None:
    build, code, count = OFFICIAL[case]
    assert note(score(build(good), expect=0), code) == count


@pytest.mark.parametrize(
    "case", ["1 NaN", "2 1e400", "4 2**64 as video", "16 null", "19 unknown video", "19 half a video", "22 NaN score"]
)
def test_official_rules_refuse_what_nothing_can_be_meant_by(case: str, good: str, score: Callable[..., Json]) -> None:
    token, column, _ = CELLS[case]
    (problem,) = score(with_cell(good, token, column=column), "--rules", "official")["refused"]
    assert (problem["id"], problem["row"], problem["column"]) == (query_id(good), 2, column)


def test_names_are_escaped_in_the_page(child: Child, release: Path, tmp_path: Path) -> None:
    """34: a key, and a file name, that would be markup."""
    predictions, page = tmp_path / "<b>bold.json", tmp_path / "page.html"
    predictions.write_text('{"<script>alert(1)":1}')
    assert child.run("score", release, predictions, "--html", page)["code"] == 2
    text = page.read_text()
    assert "&lt;script&gt;alert(1)" in text
    assert "<script" not in text
    assert "<b>" not in text


QA: dict[str, tuple[bytes, str]] = {
    "1 NaN": (b'{"132":NaN}', "NaN is not JSON"),
    "2 1e400": (b'{"132":1e400}', "expected an answer index"),
    "3 400-digit integer": (b'{"132":%s}' % (b"1" * 400), "400 digits"),
    "5 many 4299-digit integers": (b'{"132":[%s]}' % b",".join([b"7" * 4299] * 2000), "4299 digits"),
    "6 nested brackets": (b'{"132":' + b"[" * 100_000, "nested too deep"),
    "7 question twice": (b'{"132":1,"132":1}', "a second time"),
    "10 question too many": (b'{"5":1}', "not a question of this split"),
    "11 two byte order marks": (b'\xef\xbb\xbf\xef\xbb\xbf{"132":1}', "not JSON"),
    "12 UTF-16": ('{"132":1}'.encode("utf-16"), "not UTF-8"),
    "13 lone surrogate": (b'{"\\ud800":1}', "expected a whole number"),
    "14 truncated": (b'{"132":1', "not JSON"),
    "15 two documents": (b'{"132":1}{"132":1}', "not JSON"),
    "15 empty": (b"", "not JSON"),
    "15 array": (b"[1]", "expected one object"),
    "16 text": (b'{"132":"1"}', "expected an answer index"),
    "16 null": (b'{"132":null}', "expected an answer index"),
    "16 true": (b'{"132":true}', "expected an answer index"),
    "19 float": (b'{"132":1.0}', "expected an answer index"),
    "19 outside the choices": (b'{"132":4}', "expected 0 .. 3"),
    "19 negative": (b'{"132":-1}', "expected 0 .. 3"),
    "24 leading zero": (b'{"0132":1}', "expected a whole number"),
    "31 20 MB": (b'{"132":' + b" " * (20 << 20) + b"1}", "larger than"),
    "34 HTML": (b'{"<b>":1}', "expected a whole number"),
}


@pytest.mark.parametrize("case", QA)
def test_bad_answers_are_refused(case: str, score: Callable[..., Json]) -> None:
    raw, message = QA[case]
    problem = score(raw, "--task", "qa")["refused"][0]
    assert problem["file"] == "predictions.json"
    assert message in problem["message"]
    assert len(problem["message"]) < 200
