"""Reading rows: whatever a file holds is either an item that can be written again or a line that says what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adversarial.data.errors import ItemError
from adversarial.data.item_files import read_items
from adversarial.data.jsonl import iterate_rows, write_rows
from adversarial.data.options import option_sources
from adversarial.data.schema import MAX_DEPTH, Item, item_of, parse_row, parse_rows, row_of
from adversarial.negatives.pipeline import match_items
from tests.adversarial.conftest import make_rows

MATCHED = [
    {"source": "correct"},
    {"source": "human"},
    {"source": "matched", "source_qid": 7, "relevance": 0.5, "similarity": 1, "replaced": "a bird"},
    {"source": "human"},
]
ROW = make_rows(1)[0] | {"answer_idx": 0}


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def option(**change: Any) -> dict[str, Any]:
    return {"options": [*MATCHED[:2], MATCHED[2] | change, MATCHED[3]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"question": "what \ud800 is"}, "field question: holds half of a surrogate pair"),
        ({"answers": ["a", "b", "\udc00", "c"]}, "field answers: holds half of a surrogate pair"),
        ({"note": {"by": ["\ud800"]}}, "field note: holds half of a surrogate pair"),
        ({"note": {"\ud800": 1}}, "field note: holds half of a surrogate pair"),
        ({"\ud800": 1}, "holds half of a surrogate pair"),
        ({"note": float("nan")}, "field note: nan is no number"),
        ({"note": [[-float("inf")]]}, "field note: -inf is no number"),
        ({"note": deep(MAX_DEPTH + 2)}, f"field note: lists and objects nested more than {MAX_DEPTH} deep"),
        ({"unwanted": "a"}, "field unwanted: expected at most 100 strings, got 'a'"),
        ({"unwanted": ["a"] * 101}, "field unwanted: expected at most 100 strings, got 101 of them"),
        ({"unwanted": ["a", " "]}, "field unwanted[1]: expected a non-blank string, got ' '"),
        ({"options": 7}, "field options: expected one object for each of the 4 answers"),
        ({"options": []}, "field options: expected one object for each of the 4 answers"),
        ({"options": [{}, {}, 7, {}]}, "field options[2]: expected an object, got 7"),
        (option(source="machine"), "field options[2].source: expected 'human' or 'matched', got 'machine'"),
        (option(source=[]), "field options[2].source: expected 'human' or 'matched', got []"),
        (option(source="correct"), "field options[2].source: expected 'human' or 'matched', got 'correct'"),
        (option(source_qid=[]), "field options[2].source_qid: expected a non-empty string or an integer, got []"),
        (option(source_qid=True), "field options[2].source_qid"),
        (option(similarity="x"), "field options[2].similarity: expected a number from 0 to 1, got 'x'"),
        (option(similarity=None), "field options[2].similarity: expected a number from 0 to 1, got None"),
        (option(relevance=1.5), "field options[2].relevance: expected a number from 0 to 1, got 1.5"),
        (option(replaced=7), "field options[2].replaced: expected a non-blank string, got 7"),
        (option(replaced=" "), "field options[2].replaced: expected a non-blank string"),
    ],
)
def test_what_cannot_be_used_or_written_names_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ItemError) as refused:
        parse_row(ROW | change, "row 3")
    assert message in str(refused.value)
    assert str(refused.value).startswith("row 3 (qid 0): field ")


def test_matched_rows_and_extra_fields_are_read() -> None:
    parse_row(ROW | {"options": MATCHED, "note": deep(MAX_DEPTH)}, "row 1")
    parse_row(ROW | {"options": None}, "row 1")


def test_an_item_is_written_as_it_was_read() -> None:
    row = {"note": 7, "options": MATCHED, "fold": 3, **ROW, "reserve": False, "fallback": "one stayed"}
    again = row_of(item_of(row))
    assert json.dumps(again) == json.dumps(row)  # in the same order
    assert row_of(item_of(ROW | {"fallback": 7})) == ROW  # a field of somebody else's


def test_an_item_that_was_never_a_row_is_written_as_one() -> None:
    item = Item(7, "v1", "what is it?", ("a cat", "a dog"), 1, "test", reserve=True)
    assert parse_row(row_of(item), "row 1") == item
    assert row_of(item) == {
        "qid": 7, "video_id": "v1", "question": "what is it?", "answers": ["a cat", "a dog"], "answer_idx": 1,
        "fold": "test", "reserve": True,
    }  # fmt: skip


def test_a_matched_option_without_its_lender_cannot_be_traced() -> None:
    entries = [*MATCHED[:2], {"source": "matched"}, MATCHED[3]]
    with pytest.raises(ItemError, match=r"^qid 0: field options\[2\]\.source_qid: missing"):
        option_sources(parse_rows([ROW | {"options": entries}]))


@pytest.mark.parametrize("field", ["qid", "question", "answers", "answer_idx", "fold", "video_id"])
def test_a_long_value_is_shortened(field: str) -> None:
    with pytest.raises(ItemError) as refused:
        parse_row(ROW | {field: [["x" * 500] * 5] * 9}, "row 1")
    assert len(str(refused.value)) < 300


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("source", "source_qid", "relevance", "similarity", "replaced"), json_values),
)


@settings(max_examples=300)
@given(
    st.dictionaries(st.sampled_from([*ROW, "fold", "options", "note"]), json_values, max_size=3),
    st.none() | st.lists(entries, min_size=4, max_size=4),
)
def test_any_row_is_refused_or_can_be_written(change: dict[str, Any], options: list[Any] | None) -> None:
    row = ROW | ({"options": options} if options else {}) | change
    try:
        parse_row(row, "row 1")
    except ItemError:
        with pytest.raises(ItemError, match=r"^[^\n]+$"):
            parse_row(row, "row 1")
    else:
        assert json.loads(json.dumps(row, ensure_ascii=False, allow_nan=False).encode()) == row


def write_lines(path: Path, *lines: str | bytes | dict[str, Any]) -> Path:
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in lines]
    path.write_bytes(b"".join((line.encode() if isinstance(line, str) else line) + b"\n" for line in texts))
    return path


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" * 100_000, "lists and objects nested more than"),
        ('{"x": ' + "[" * 90_000 + "]" * 90_000 + "}", "lists and objects nested more than"),
        ('{"qid": 5, ', "expected one JSON object: Expecting property name enclosed in double quotes at column 11"),
        (b'{"qid": "\xff"}', "expected one JSON object: 'utf-8' codec can't decode"),
        (f'{{"qid": {"1" * 5000}}}', "expected one JSON object: Exceeds the limit"),
        ("7", "expected a JSON object, got int"),
    ],
)
def test_a_line_that_is_no_object_is_named_once(line: str | bytes, message: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", "", ROW, " ", line)
    with pytest.raises(ItemError) as refused:
        list(iterate_rows(path))
    assert str(refused.value).startswith(f"{path}: line 4: {message}")
    assert str(refused.value).count("line") == 1 + str(path).count("line")


def test_rows_are_held_to_one_another_by_their_lines(tmp_path: Path) -> None:
    first, second = make_rows(2)
    for change, replace, message in [
        ({"qid": 0}, 0, "line 4 (qid 0): field qid: was already used in {path}: line 2"),
        ({"fold": "train"}, 0, "line 4 (qid 1): field fold: given, though the rows before lack it"),
        ({"answers": ["a", "b"], "answer_idx": 1}, 2, "line 4 (qid 1): field answers: has 1 wrong options, fewer than"),
        ({"options": MATCHED, "answer_idx": 0}, 1, "line 4 (qid 1): field options: already matched"),
    ]:
        path = write_lines(tmp_path / "in.jsonl", "", first, "", second | change)
        with pytest.raises(ItemError) as refused:
            read_items(path, replace)
        assert str(refused.value).startswith(f"{path}: {message.format(path=path)}")
    path = write_lines(tmp_path / "in.jsonl", first | {"fold": 1}, second)
    with pytest.raises(ItemError, match=r"line 2 \(qid 1\): field fold: missing, though the rows before have it"):
        read_items(path)


def test_a_file_of_blank_lines_is_named(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", "", "  ")
    with pytest.raises(ItemError, match=r"in\.jsonl: no questions"):
        read_items(path)


def test_rows_from_python_go_by_their_number() -> None:
    with pytest.raises(ItemError, match=r"^row 2 \(qid 1\): field question"):
        match_items([ROW, make_rows(2)[1] | {"question": ""}])
    with pytest.raises(ItemError, match=r"^row 1 \(qid 0\): field options: already matched"):
        parse_rows([ROW | {"options": MATCHED}], replace=1)


def test_numbers_that_json_does_not_know_are_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_rows(tmp_path / "out.jsonl", [{"x": float("nan")}])
    assert not list(tmp_path.iterdir())
