"""The scanner against Python's json: it accepts exactly what a strict reading accepts, and reads the same numbers."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluation.predictions.errors import Findings, PredictionError
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.json import reader
from evaluation.predictions.reader import read_lists

number = st.one_of(
    st.floats(0, 200, width=32).map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-5, 2**70).map(str),
    st.decimals(0, 100, places=25).map(str),
)
blank = st.sampled_from(["", "", "", " ", "\n", "\t \r\n"])
text = st.text(max_size=8).filter(lambda t: not re.search("[\ud800-\udfff]", t))
string = st.one_of(text.map(json.dumps), text.map(lambda t: json.dumps(t, ensure_ascii=False)))
PIECES = [
    b"",
    b'"',
    b"\\",
    b"\xff",
    b"\x00",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"NaN",
    b"null",
    b"true",
    b"1e400",
    b'"desc":"",',
]
PIECES += [piece.encode() for piece in ",][}{0.-e: "]
small = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@st.composite
def spaced(draw: st.DrawFn, parts: list[str]) -> str:
    return "".join(draw(blank) + part for part in parts) + draw(blank)


@st.composite
def array(draw: st.DrawFn, items: list[str], brackets: str = "[]") -> str:
    parts = [brackets[0]]
    for n, item in enumerate(items):
        parts += [","] * (n > 0) + [item]
    return draw(spaced([*parts, brackets[1]]))


@st.composite
def entry(draw: st.DrawFn, task: str, lines: bool, width: int) -> str:
    rows = []
    for _ in range(draw(st.integers(0, 4))):
        video = str(draw(st.integers(0, 10**17)))
        cells = [draw(number) for _ in range(width - 1)]
        rows.append(video if width == 1 else draw(array([video, *cells])))
    members = [f'"desc_id":{draw(blank)}{draw(st.integers(0, 10**6))}', f'"predictions":{draw(array(rows))}']
    members += [f'"desc"{draw(blank)}:{draw(string)}'] * draw(st.booleans())
    members += [f'"task":"{task}"'] * lines
    return draw(array(draw(st.permutations(members)), "{}"))


@st.composite
def submission(draw: st.DrawFn) -> str:
    lines = draw(st.booleans())
    tasks = draw(st.lists(st.sampled_from(["VCMR", "SVMR", "VR"]), max_size=3, unique=True))
    widths = {task: draw(st.sampled_from([3, 4, 1] if task == "VR" else [3, 4])) for task in tasks}
    if lines:
        chosen = draw(st.lists(st.sampled_from(tasks), min_size=1, max_size=4)) if tasks else []
        return "\n".join(draw(entry(task, True, widths[task])) for task in chosen)
    members = [
        f'"{task}":{draw(array([draw(entry(task, False, widths[task])) for _ in range(draw(st.integers(0, 3)))]))}'
        for task in tasks
    ]
    if draw(st.booleans()) and 3 not in widths.values() and 1 not in widths.values():
        members.insert(draw(st.integers(0, len(members))), '"video2idx":{"a":1,"b":2}')
    return draw(array(members, "{}"))


def read(raw: bytes, folder: Path) -> list[tuple[str, int, list[tuple[Any, ...]]]]:
    """(task, desc_id, rows) as the reader gives them; raises Refused."""
    path = folder / "predictions.json"
    path.write_bytes(raw)
    source = PredictionFile(path)
    findings = Findings(path.name)
    found = []
    for lists in read_lists(source, None, findings):
        rows = list(
            zip(lists.video.tolist(), lists.start.tolist(), lists.end.tolist(), lists.score.tolist(), strict=True)
        )
        for n, desc_id in enumerate(lists.desc_ids.tolist()):
            found.append((lists.task, desc_id, rows[lists.offsets[n] : lists.offsets[n + 1]]))
    findings.raise_if_any()
    source.close()
    return found


class NotOfTheForm(Exception):
    pass


def plain_read(raw: bytes) -> list[tuple[str, int, list[tuple[Any, ...]]]]:
    """The same by Python's json and plain checks; raises NotOfTheForm."""

    def demand(condition: object) -> None:
        if not condition:
            raise NotOfTheForm

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        demand(len({key for key, _ in members}) == len(members))
        demand(
            not any(re.search("[\ud800-\udfff]", value) for pair in members for value in pair if isinstance(value, str))
        )
        return dict(members)

    def refuse(_: str) -> None:
        raise NotOfTheForm

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_constant=refuse)
    try:
        content = raw.decode()
        documents, at = [], 0
        while content[at:].strip(" \t\r\n"):
            at += len(content[at:]) - len(content[at:].lstrip(" \t\r\n"))
            document, at = decoder.raw_decode(content, at)
            documents.append(document)
    except (ValueError, RecursionError) as error:
        raise NotOfTheForm from error
    demand(documents and all(isinstance(document, dict) for document in documents))
    entries, form = [], next(iter(documents[0]), None)
    if form in ("desc_id", "desc", "predictions", "task"):
        for document in documents:
            demand(document.get("task") in ("VCMR", "SVMR", "VR"))
            entries.append((document.pop("task"), document))
    else:
        demand(len(documents) == 1)
        names = documents[0].pop("video2idx", None)
        demand(names is None or isinstance(names, dict))
        demand(names is None or all(type(idx) is int for idx in names.values()))
        demand(set(documents[0]) <= {"VCMR", "SVMR", "VR"})
        for task, array in documents[0].items():
            demand(isinstance(array, list))
            entries += [(task, document) for document in array]
    widths: dict[str, set[int]] = {}
    found = []
    for task, document in entries:
        demand(
            isinstance(document, dict)
            and {"desc_id", "predictions"} <= set(document) <= {"desc_id", "predictions", "desc"}
        )
        demand(type(document["desc_id"]) is int and 0 <= document["desc_id"] < 10**18)
        demand(isinstance(document.get("desc", ""), str) and isinstance(document["predictions"], list))
        rows = []
        for row in document["predictions"]:
            cells = row if isinstance(row, list) else [row]
            demand(type(cells[0] if cells else None) is int and 0 <= cells[0] < 10**18)
            demand(all(type(cell) in (int, float) and math.isfinite(float(cell)) for cell in cells))
            demand(len(cells) in (3, 4) if isinstance(row, list) else task == "VR")
            widths.setdefault(task, set()).add(len(cells))
            rows.append((cells[0], *map(float, [*cells[1:], 0, 0, 0][:3])))
        found.append((task, document["desc_id"], rows))
    demand(all(len(width) == 1 for width in widths.values()))
    if form not in ("desc_id", "desc", "predictions", "task") and names is not None:
        demand(all(width == {4} for width in widths.values()))
    return found


def agree(raw: bytes, folder: Path) -> None:
    try:
        expected = plain_read(raw)
    except NotOfTheForm:
        with pytest.raises(PredictionError):
            read(raw, folder)
    else:
        found = read(raw, folder)
        # JSONL of several tasks comes grouped by task; inside a task the order is the file's
        assert sorted(found, key=lambda item: item[0]) == sorted(expected, key=lambda item: item[0])


@small
@given(submission())
@pytest.mark.slow
def test_reads_what_json_reads(tmp_path: Path, content: str) -> None:
    agree(content.encode(), tmp_path)


@settings(small, max_examples=200)
@given(submission(), st.data())
def test_accepts_a_damaged_file_exactly_when_json_does(tmp_path: Path, content: str, data: st.DataObject) -> None:
    raw = bytearray(content.encode())
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(raw)))
        piece = data.draw(st.sampled_from(PIECES))
        raw[at : at + data.draw(st.integers(0, 2))] = piece
    agree(bytes(raw), tmp_path)


def test_a_file_passes_through_a_small_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries, strings and blanks are cut by the window's end at every possible place."""
    entries = [
        {
            "desc_id": n,
            "desc": 'ä\u20ac\U0001f600 \\ "' * (n % 3),
            "predictions": [[n, 0.1 * k, 1e-70, -n / 7] for k in range(n % 4)],
        }
        for n in range(40)
    ]
    raw = json.dumps({"video2idx": {"a": 1}, "VCMR": entries, "SVMR": [], "VR": entries}, indent=1).encode()
    expected = plain_read(raw)
    for window in range(700, 760):
        monkeypatch.setattr(reader, "WINDOW", window)
        assert read(raw, tmp_path) == expected
    monkeypatch.setattr(reader, "WINDOW", 100)
    with pytest.raises(PredictionError, match="larger than 100 bytes"):
        read(raw, tmp_path)


@pytest.mark.parametrize("cut", [0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_every_truncation_is_noticed(cut: float, tmp_path: Path) -> None:
    raw = json.dumps({"VR": [{"desc_id": n, "predictions": [1, 2, 3]} for n in range(9)]}).encode()
    with pytest.raises(PredictionError):
        read(raw[: int(len(raw) * cut)], tmp_path)
