"""JSON read with its place: every error is the caller's own and names file and line."""

import io
from pathlib import Path

import pytest

from evaluation.io import jsonl
from evaluation.io.errors import Refusal


class OwnError(Refusal):
    pass


PATH = Path("folder/rows.jsonl")


def test_lines_are_numbered_as_an_editor_does() -> None:
    file = io.BytesIO(b"1\n\n  \n2\n3")
    assert list(jsonl.decode_lines(file, PATH, int, OwnError)) == [(1, 1), (4, 2), (5, 3)]


def test_a_line_of_another_type_is_named() -> None:
    with pytest.raises(OwnError, match=r"^folder/rows.jsonl:2: Expected `int`"):
        list(jsonl.decode_lines(io.BytesIO(b'1\n"2"\n'), PATH, int, OwnError))


def test_a_line_that_would_fill_memory_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 4)
    assert list(jsonl.decode_lines(io.BytesIO(b"123\n"), PATH, int, OwnError)) == [(1, 123)]
    with pytest.raises(OwnError, match=r"^folder/rows.jsonl:1: line longer than 4 bytes$"):
        list(jsonl.decode_lines(io.BytesIO(b"12345\n"), PATH, int, OwnError))


def test_json_of_another_type_is_named() -> None:
    assert jsonl.decode_json(b"[1]", PATH, list[int], OwnError) == [1]
    with pytest.raises(OwnError, match=r"^folder/rows.jsonl: Expected `array`"):
        jsonl.decode_json(b"{}", PATH, list[int], OwnError)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"1234")
    assert jsonl.read_bounded(path, 4, OwnError) == b"1234"
    with pytest.raises(OwnError, match=r"small: larger than 3 bytes$"):
        jsonl.read_bounded(path, 3, OwnError)
    with pytest.raises(OwnError, match=r"missing: No such file or directory$"):
        jsonl.read_bounded(tmp_path / "missing", 4, OwnError)
