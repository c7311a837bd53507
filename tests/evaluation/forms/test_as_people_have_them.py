"""Foreign files with the faults that people's files have: a row is listed, a file refused, nothing lost in silence."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from evaluation.cli.main import main
from evaluation.forms.records import Moment
from evaluation.forms.table import FORMS
from tests.evaluation.forms.files import DOOR, EXAMPLES, SALT, lines
from tests.evaluation.forms.test_convert import Rows, converted

MOMENT = {"vid_name": "v", "duration": 20.0, "ts": [1, 2], "desc": DOOR, "desc_id": 1}
ASKED = {"qid": 1, "vid_name": "v", "q": "what?", "a0": "a cup", "a1": "a pan", "answer_idx": 1}


def refused(form: str, raw: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a file of which nothing can be taken."""
    (folder / "in").write_bytes(raw)
    assert main(["convert", "--from", form, str(folder / "in"), str(folder / "out.jsonl")]) == 2
    assert not (folder / "out.jsonl").exists()
    return capsys.readouterr().err


def told(problems: Rows) -> list[tuple[int, str, bool]]:
    return [(row["line"], row["what"], row["left_out"]) for row in problems]


BAD_LETTER = {
    "tvr": lines(MOMENT, MOMENT | {"desc_id": 2, "desc": "café"}).encode("latin-1").replace(b"\\u00e9", b"\xe9"),
    "tvqa": lines(ASKED, ASKED | {"qid": 2, "q": "café"}).encode("latin-1").replace(b"\\u00e9", b"\xe9"),
    "how2r": "v,[0:60],[1:2],one\nv,[0:60],[1:2],café\n".encode("latin-1"),
    "charades-sta": "v 1 2##one\nv 1 2##café\n".encode("latin-1"),
}


@pytest.mark.parametrize("form", BAD_LETTER)
def test_a_row_of_another_encoding_is_a_fault_of_its_own(form: str, tmp_path: Path) -> None:
    rows, problems = converted(form, BAD_LETTER[form], "in.txt", tmp_path)
    assert len(rows) == 1
    assert told(problems) == [(2, "line", True)]
    assert "utf-8" in problems[0]["why"]


@pytest.mark.parametrize("form", ["tvqa+", "activitynet", "violin", "youcook2"])
def test_a_whole_file_of_another_encoding_is_refused(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = EXAMPLES[form].text.encode().replace(b"a", b"\xe9")
    assert "utf-8" in refused(form, raw, tmp_path, capsys)


@pytest.mark.parametrize("form", EXAMPLES)
def test_what_is_no_text_is_said_to_be_none(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = EXAMPLES[form].text
    for raw, said in (
        (text.encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04" + text.encode(), "zip archive: unpack it"),
        (gzip.compress(text.encode("utf-16")), "UTF-16"),
        (b"", "in"),
        (b"[" * 100_000, "in"),
    ):
        message = refused(form, raw, tmp_path, capsys)
        assert said in message
        assert message.count("error: ") == 1
    (tmp_path / "in").unlink()
    (tmp_path / "in").mkdir()
    assert main(["convert", "--from", form, str(tmp_path / "in"), str(tmp_path / "out.jsonl")]) == 2


@pytest.mark.parametrize("form", ["tvr", "how2r", "charades-sta", "qvhighlights", "tvqa", "value", "how2qa"])
def test_lines_may_end_as_on_any_system(form: str, tmp_path: Path) -> None:
    text = EXAMPLES[form].text
    plain = converted(form, text.encode(), "in.txt", tmp_path)
    assert converted(form, text.replace("\n", "\r\n").encode(), "in.txt", tmp_path) == plain
    assert converted(form, text.removesuffix("\n").encode(), "in.txt", tmp_path) == plain


@pytest.mark.parametrize("missing", ["NaN", "Infinity", "-Infinity"])
def test_what_python_writes_for_nothing_is_nothing(missing: str, tmp_path: Path) -> None:
    """json.dump and pandas write NaN where a value is missing: in JSON Lines, in arrays, in objects."""
    said = "It says NaN, or -Infinity."
    text = json.dumps([ASKED | {"q": said, "ts": ["x", 1]}, ASKED | {"qid": 2}]).replace('"x"', missing)
    rows, problems = converted("tvqa+", text.encode(), "in.json", tmp_path)
    assert [(row["qid"], row["q"]) for row in rows] == [(1, said), (2, "what?")]
    assert told(problems) == [(1, "ts", False)]
    text = lines(MOMENT | {"duration": "x"}, MOMENT | {"desc_id": 2, "ts": ["x", 2]}).replace('"x"', missing)
    rows, problems = converted("tvr", text.encode(), "in.jsonl", tmp_path)
    assert (len(rows), told(problems)) == (1, [(2, "ts", True)])
    text = json.dumps({"v": {"duration": "x", "timestamps": [[1, 2]], "sentences": [DOOR]}}).replace('"x"', missing)
    rows, _ = converted("activitynet", text.encode(), "in.json", tmp_path)
    assert rows == [{"vid_name": "v", "ts": [1.0, 2.0], "desc": DOOR, "desc_id": 1}]


def test_a_quote_of_csv_that_is_not_doubled_costs_its_own_row(tmp_path: Path) -> None:
    good = "v,[0:60],[1:2],"
    text = f'{good}one\n{good}"he said "hi" to her"\n{good}"two\nlines"\n{good}{"x" * 200_000}\n{good}three\n'
    rows, problems = converted("how2r", text.encode(), "in.csv", tmp_path)
    assert [row["desc"] for row in rows] == ["one", "two\nlines", "three"]
    assert [row["desc_id"] for row in rows] == [1, 4, 6]
    assert told(problems) == [(2, "line", True), (5, "line", True)]


def test_a_quote_that_never_ends_is_told_with_the_line_where_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = "v,[0:60],[1:2],"
    said = refused("how2r", f'{good}one\n{good}"two\n{good}three\n'.encode(), tmp_path, capsys)
    assert "in:2: a quote that never ends" in said


REPEATED = {
    "activitynet": '{"v": {"timestamps": [[1, 2]], "sentences": ["a"]}, "v": {"timestamps": [], "sentences": []}}',
    "violin": '{"v": {"statement": [["a", "b"]]}, "v": {"statement": []}}',
    "youcook2": '{"database": {"v": {"annotations": []}, "v": {"annotations": []}}}',
}


@pytest.mark.parametrize("form", REPEATED)
def test_a_key_that_stands_twice_hides_nothing(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "'v' stands twice in one object" in refused(form, REPEATED[form].encode(), tmp_path, capsys)


def one_bad_part(form: str) -> bytes:
    """An entry that holds several texts, the second of which is none."""
    entries: dict[str, Any] = {
        "activitynet": {"v": {"timestamps": [[1, 2]] * 3, "sentences": [DOOR, None, SALT]}},
        "youcook2": {"database": {"v": {"annotations": [part(DOOR), "no", part(SALT)]}}},
        "violin": {"v": {"statement": [[DOOR, "-"], [DOOR], [SALT, "-"]]}},
        "value": {"vid_name": "v", "descs": [{"desc": DOOR, "desc_id": 1}, {"desc": 2}, {"desc": SALT, "desc_id": 3}]},
    }
    return json.dumps(entries[form]).encode()


def part(text: str) -> dict[str, Any]:
    return {"segment": [1, 2], "sentence": text}


@pytest.mark.parametrize("form", ["activitynet", "youcook2", "violin", "value"])
def test_one_bad_part_of_an_entry_costs_no_other(form: str, tmp_path: Path) -> None:
    rows, problems = converted(form, one_bad_part(form), "in.json", tmp_path)
    texts = [row.get("desc", row.get("q")) for row in rows]
    assert [text for text in texts if text != "-"] == [DOOR, SALT]
    assert [row["line"] for row in problems] == [1]


def test_a_window_outside_costs_no_other_of_its_query(tmp_path: Path) -> None:
    asked = {"query": DOOR, "vid": "v", "duration": 69}
    rows = [asked | {"qid": n, "relevant_windows": w} for n, w in enumerate(([[69, 70], [1, 2]], [[69, 70]]))]
    found, problems = converted("qvhighlights", lines(*rows).encode(), "in.jsonl", tmp_path)
    assert [(row["desc_id"], row["ts"], "windows" in row) for row in found] == [(0, [1, 2], False)]
    assert told(problems) == [(1, "ts", False), (2, "ts", True)]


def test_what_floats_add_to_a_second_is_no_problem(tmp_path: Path) -> None:
    rows, problems = converted("tvr", lines(MOMENT | {"ts": [1, 20 + 2e-14]}).encode(), "in.jsonl", tmp_path)
    assert (rows[0]["ts"], problems) == ([1.0, 20.0], [])


def test_captions_without_ids_are_called_by_their_clip_and_place(tmp_path: Path) -> None:
    rows = [
        {"vid_name": "v", "clip_id": 7, "descs": [{"desc": DOOR}, {"desc": SALT}]},
        {"vid_name": "w", "descs": [{"desc": DOOR}]},
    ]
    found, problems = converted("value", lines(*rows).encode(), "yc2c.jsonl", tmp_path)
    assert [(row["vid_name"], row["desc_id"]) for row in found] == [("v", "7_1"), ("v", "7_2"), ("w", "2_1")]
    assert problems == []


@pytest.mark.parametrize(
    ("form", "row", "key"),
    [
        ("didemo", {"annotation_id": "a-5", "description": DOOR, "video": "z.mp4", "times": [[0, 2]]}, "desc_id"),
        ("msrvtt-qa", {"id": "a-5", "question": "what?", "answer": "a cup", "video_id": "video7"}, "qid"),
        ("value", {"example_id": "a-5", "vid_name": "v", "statement": DOOR, "answer": 1}, "qid"),
        ("value", {"example_id": "a-5", "vid_name": "v", "events": [DOOR, SALT], "answer": 1}, "qid"),
        ("tvqa", ASKED | {"qid": "a-5"}, "qid"),
        ("qvhighlights", {"qid": "a-5", "query": DOOR, "vid": "v", "relevant_windows": [[1, 2]]}, "desc_id"),
    ],
)
def test_ids_may_be_texts_in_every_form_that_has_some(form: str, row: dict[str, Any], key: str, tmp_path: Path) -> None:
    array = form in ("didemo", "msrvtt-qa")
    rows, problems = converted(form, json.dumps([row] if array else row).encode(), "in.json", tmp_path)
    assert ([found[key] for found in rows], problems) == (["a-5"], [])


def test_one_and_the_text_1_are_one_id(tmp_path: Path) -> None:
    rows, problems = converted("tvr", lines(MOMENT, MOMENT | {"desc_id": "1"}).encode(), "in.jsonl", tmp_path)
    assert (len(rows), told(problems)) == (1, [(2, "id", True)])


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**40])
def test_an_id_that_no_machine_counts_is_a_fault(number: int, tmp_path: Path) -> None:
    for form, row, key in (("tvr", MOMENT, "desc_id"), ("tvqa", ASKED, "qid")):
        rows, problems = converted(form, lines(row, row | {key: number}).encode(), "in.jsonl", tmp_path)
        assert (len(rows), told(problems)) == (1, [(2, key, True)])


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (json.dumps({"1": 10**30}), "answer index from 0 on"),
        (json.dumps({"solution": {"a": {"1": 0}, "b": {"1": 1}}}), "in two of its parts"),
        ('{"1": 0, "1": 1}', "stands twice"),
        ('{"1": 0, "é": 1}', "utf-8"),
    ],
)
def test_answers_that_cannot_be_meant_are_refused(
    key: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.json").write_bytes(key.encode("latin-1"))
    (tmp_path / "p.json").write_text('{"1": 0}')
    truth = ["--truth", str(tmp_path / "key.json"), str(tmp_path / "p.json")]
    assert main(["score", *truth, "--task", "qa"]) == 2
    assert said in capsys.readouterr().err


def test_answers_told_as_numbers_that_never_end_are_a_fault(tmp_path: Path) -> None:
    text = lines(ASKED, ASKED | {"qid": 2, "answer_idx": "9" * 5000})
    rows, problems = converted("tvqa", text.encode(), "in.jsonl", tmp_path)
    assert (len(rows), told(problems)) == (1, [(2, "answer_idx", True)])


def test_no_sign_of_a_file_breaks_its_report(tmp_path: Path) -> None:
    text = json.dumps({"a\0b": {"timestamps": [[2, 1], [1, 2]], "sentences": [DOOR, SALT]}})
    _, problems = converted("activitynet", text.encode(), "in.json", tmp_path)
    assert told(problems) == [(1, "timestamps of a�b", True)]


def test_a_query_of_charades_may_begin_with_the_sign_that_stands_before_it(tmp_path: Path) -> None:
    path = tmp_path / "charades.txt"
    path.write_text("AO8RW 0.0 6.9###1 of them turns the light on\n")
    (record,) = FORMS["charades-sta"].read(path)
    assert isinstance(record, Moment)
    assert (record.text, record.windows[0].end) == ("#1 of them turns the light on", 6.9)
