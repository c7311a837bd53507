"""Items written in each form of the field, and in the project's own release, are read as the same items."""

from __future__ import annotations

import csv
import io
import json
import string
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.exchange.field_files import write_field_files
from evaluation.exchange.tables import write_tables
from evaluation.forms.export import convert, rows_bytes
from evaluation.forms.records import Fault, Moment, Question
from evaluation.forms.table import FORMS
from evaluation.release import writer
from evaluation.release.names import highlights_name, how2_name, rows_name, table_name

MINUTE = 60


@dataclass(frozen=True)
class Item:
    """A text about a stretch of the minute that begins at `minute`, in milliseconds of it; `right` is an option."""

    text: str
    minute: int
    start: int
    end: int
    options: tuple[str, ...]
    right: int

    @property
    def seconds(self) -> tuple[float, float]:
        return self.start / 1000, self.end / 1000

    def video(self, number: int) -> str:
        return f"-f_{number}_{self.minute}_{self.minute + MINUTE}"

    def film(self, number: int) -> tuple[str, str, str]:
        """(film, its minute, its moment) as How2 writes them, in seconds of the film."""
        first, last = self.minute + self.start / 1000, self.minute + self.end / 1000
        return f"-f_{number}", f"[{self.minute}:{self.minute + MINUTE}]", f"[{first:.3f}:{last:.3f}]"


def clean(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def told_apart(text: str) -> str:
    return " ".join(text.casefold().split())


letters = st.characters(codec="utf-8", exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
texts = st.text(st.one_of(letters, st.sampled_from(string.printable)), min_size=1, max_size=30).map(clean).filter(bool)
options = st.lists(texts, min_size=4, max_size=4, unique_by=told_apart)
spans = st.lists(st.integers(0, MINUTE * 1000), min_size=2, max_size=2, unique=True).map(sorted)


@st.composite
def items(draw: st.DrawFn) -> Item:
    start, end = draw(spans)
    return Item(
        draw(texts), MINUTE * draw(st.integers(0, 60)), start, end, tuple(draw(options)), draw(st.integers(0, 3))
    )


def jsonl(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def comma_separated(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def tvr(found: Sequence[Item]) -> bytes:
    return jsonl(
        [
            {"desc_id": n, "desc": i.text, "vid_name": i.video(n), "ts": i.seconds, "duration": MINUTE}
            for n, i in enumerate(found, 1)
        ]
    )


def highlights(found: Sequence[Item]) -> bytes:
    return jsonl(
        [
            {"qid": n, "query": i.text, "vid": i.video(n), "relevant_windows": [i.seconds], "duration": MINUTE}
            for n, i in enumerate(found, 1)
        ]
    )


def charades(found: Sequence[Item]) -> bytes:
    return "".join(f"{i.video(n)} {i.seconds[0]} {i.seconds[1]}##{i.text}\n" for n, i in enumerate(found, 1)).encode()


def by_video(found: Sequence[Item], entry: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
    return {i.video(n): entry(i) for n, i in enumerate(found, 1)}


def activitynet(found: Sequence[Item]) -> bytes:
    return json.dumps(
        by_video(found, lambda i: {"duration": MINUTE, "timestamps": [i.seconds], "sentences": [i.text]})
    ).encode()


def tacos(found: Sequence[Item]) -> bytes:
    frames = {"fps": 1000, "num_frames": MINUTE * 1000}
    return json.dumps(
        by_video(found, lambda i: frames | {"timestamps": [[i.start, i.end]], "sentences": [i.text]})
    ).encode()


def youcook2(found: Sequence[Item]) -> bytes:
    entries = by_video(
        found, lambda i: {"duration": MINUTE, "annotations": [{"segment": i.seconds, "sentence": i.text}]}
    )
    return json.dumps({"database": entries}).encode()


def how2r(found: Sequence[Item]) -> bytes:
    return comma_separated([(*i.film(n), i.text) for n, i in enumerate(found, 1)])


MOMENTS = {
    "tvr": tvr, "value": tvr, "qvhighlights": highlights, "charades-sta": charades, "activitynet": activitynet,
    "tacos": tacos, "youcook2": youcook2, "how2r": how2r,
}  # fmt: skip


def answers(i: Item) -> dict[str, Any]:
    return {f"a{place}": option for place, option in enumerate(i.options)}


def tvqa(found: Sequence[Item]) -> bytes:
    return jsonl(
        [
            {"qid": n, "q": i.text, "vid_name": i.video(n), "ts": f"{i.seconds[0]}-{i.seconds[1]}", **answers(i)}
            | {"answer_idx": i.right}
            for n, i in enumerate(found, 1)
        ]
    )


def tvqa_plus(found: Sequence[Item]) -> bytes:
    rows = [
        {"qid": n, "q": i.text, "vid_name": i.video(n), "ts": i.seconds, **answers(i), "answer_idx": str(i.right)}
        for n, i in enumerate(found, 1)
    ]
    return json.dumps(rows).encode()


def how2qa(found: Sequence[Item]) -> bytes:
    rows = []
    for n, i in enumerate(found, 1):
        film, _, moment = i.film(n)
        wrong = [option for place, option in enumerate(i.options) if place != i.right]
        rows.append((film, moment, *wrong, i.text, i.options[i.right]))
    return comma_separated(rows)


QUESTIONS = {"tvqa": tvqa, "value": tvqa, "tvqa+": tvqa_plus, "how2qa": how2qa}


def read(form: str, raw: bytes, folder: Path) -> list[Any]:
    """The records of a file; converted, and read once more, it must give the same rows."""
    path = folder / "in"
    path.write_bytes(raw)
    rows = convert(path, FORMS[form]).rows
    (folder / "own.jsonl").write_bytes(rows_bytes(rows))
    again = convert(folder / "own.jsonl", FORMS["tvr" if "desc" in rows[0] else "tvqa"])
    assert (again.rows, again.faults) == (rows, [])
    return list(FORMS[form].read(path))


several = given(found=st.lists(items(), min_size=1, max_size=5))
few = settings(max_examples=25, deadline=None)


@pytest.mark.parametrize("form", MOMENTS)
@few
@several
def test_queries_come_back(form: str, found: list[Item]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        records = read(form, MOMENTS[form](found), Path(folder))
    for n, (record, item) in enumerate(zip(records, found, strict=True), 1):
        assert (record.text, record.video, record.id) == (item.text, item.video(n), n)
        assert [tuple(window) for window in record.windows] == [item.seconds]
        assert record.duration == (None if form == "charades-sta" else MINUTE)


@pytest.mark.parametrize("form", QUESTIONS)
@few
@several
def test_questions_come_back(form: str, found: list[Item]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        records = read(form, QUESTIONS[form](found), Path(folder))
    for n, (record, item) in enumerate(zip(records, found, strict=True), 1):
        assert (record.text, record.video, record.id) == (item.text, item.video(n), n)
        assert [tuple(window) for window in record.windows] == [item.seconds]
        assert set(record.options) == set(item.options)
        assert record.options[record.answer] == item.options[item.right]


@few
@several
def test_choices_of_whole_pieces_and_statements_come_back(found: list[Item]) -> None:
    pieces = [(i.start // 10_000 % 6, 5) for i in found]
    rows = [
        {"annotation_id": n, "description": i.text, "video": i.video(n), "times": [piece, piece, [0, 0]]}
        for n, (i, piece) in enumerate(zip(found, pieces, strict=True), 1)
    ]
    statements = {i.video(n): {"statement": [[i.options[0], i.options[1]]]} for n, i in enumerate(found, 1)}
    asked = [
        {"id": n, "video_id": n, "question": i.text, "answer": i.options[0], "category_id": 0}
        for n, i in enumerate(found, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        chosen = read("didemo", json.dumps(rows).encode(), Path(folder))
        stated = read("violin", json.dumps(statements).encode(), Path(folder))
        path = Path(folder) / "asked.json"
        path.write_text(json.dumps(asked))
        opened = list(FORMS["msrvtt-qa"].read(path))
    for record, item, (first, last) in zip(chosen, found, pieces, strict=True):
        assert (record.text, [tuple(w) for w in record.windows]) == (item.text, [(first * 5.0, (last + 1) * 5.0)])
    assert [(r.text, r.answer) for r in stated] == [
        pair for i in found for pair in zip(i.options[:2], (1, 0), strict=True)
    ]
    assert [(r.text, r.options, r.video) for r in opened] == [
        (i.text, i.options[:1], f"video{n}") for n, i in enumerate(found, 1)
    ]


@pytest.mark.parametrize("form", ["msrvtt", "vatex", "value-clips"])
@few
@several
def test_captions_come_back_with_their_clip_and_no_moment(form: str, found: list[Item]) -> None:
    numbered = list(enumerate(found, 1))
    clips = {n: f"f-{n}_{i.minute:06}_{i.minute + MINUTE:06}" for n, i in numbered}
    videos = [{"video_id": clips[n], "start time": i.minute, "end time": i.minute + MINUTE} for n, i in numbered]
    sentences = [{"video_id": clips[n], "caption": i.text, "sen_id": n} for n, i in numbered]
    captioned = [{"videoID": clips[n], "enCap": [i.text, i.options[0]], "chCap": []} for n, i in numbered]
    rows = [{"vid_name": clips[n], "duration": MINUTE, "desc": i.text, "desc_id": n} for n, i in numbered]
    raw = {
        "msrvtt": json.dumps({"videos": videos, "sentences": sentences}).encode(),
        "vatex": json.dumps(captioned).encode(),
        "value-clips": jsonl(rows),
    }[form]
    with tempfile.TemporaryDirectory() as folder:
        records = read(form, raw, Path(folder))
    assert all((record.windows, record.duration) == ((), MINUTE) for record in records)
    expected = [(clips[n], text) for n, i in numbered for text in (i.text, i.options[0])[: 1 + (form == "vatex")]]
    assert [(record.video, record.text) for record in records] == expected


@few
@several
def test_every_form_that_a_release_is_written_in_says_the_same(found: list[Item]) -> None:
    common = [
        {"id": n, "split": split, "published": True, "clip": i.video(n), "text": i.text, "start": i.seconds[0]}
        | {"end": i.seconds[1]}
        for split in ("train", "val", "test")
        for n, i in enumerate(found, {"train": 0, "val": 100, "test": 200}[split])
    ]
    queries = [writer.Query(**row, duration=float(MINUTE), type="vt") for row in common]
    asked = [
        writer.Question(**row, options=i.options, answer=i.right) for row, i in zip(common, found * 3, strict=True)
    ]
    clips = [
        writer.Clip(name=row["clip"], split=row["split"], duration=MINUTE, tasks=["moment", "qa"], subtitles=[])
        for row in common
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        files = writer.write_files(folder, queries, asked, clips, [])
        files += [*write_tables(folder, "canary"), *write_field_files(folder)]
        writer.write_manifests(folder, files, name="demo", version="1.0.0", seed=0, hidden="shared", nonce="0" * 64)
        labelled = [row for row in common if row["split"] == "val"]
        moments = [(row["text"], row["clip"], row["start"], row["end"]) for row in labelled]
        right = [(*moment, i.options[i.right]) for moment, i in zip(moments, found, strict=True)]
        for form, name in (
            ("tvr", rows_name("moment", "val")), ("value", rows_name("moment", "val")),
            ("qvhighlights", highlights_name("val")), ("how2r", how2_name("moment", "val")),
        ):  # fmt: skip
            assert [told(record) for record in FORMS[form].read(folder / name)] == moments, form
        for form, name in (
            ("tvqa", rows_name("qa", "val")), ("value", rows_name("qa", "val")), ("how2qa", how2_name("qa", "val")),
        ):  # fmt: skip
            assert [told(record) for record in FORMS[form].read(folder / name)] == right, form
        everything = [told(record) for record in FORMS["release"].read(folder)]
        assert everything[len(found) : 2 * len(found)] == moments
        assert everything[4 * len(found) : 5 * len(found)] == right
        table = pq.read_table(folder / table_name("moment", "val")).to_pylist()
        assert [(row["desc"], row["vid_name"], row["start"], row["end"]) for row in table] == moments
        table = pq.read_table(folder / table_name("qa", "val")).to_pylist()
        assert [
            (row["q"], row["vid_name"], row["start"], row["end"], row["options"][row["answer_idx"]]) for row in table
        ] == right


def told(record: Moment | Question | Fault) -> tuple[Any, ...]:
    assert not isinstance(record, Fault), record
    ((start, end),) = record.windows
    where = (record.text, record.video, start, end)
    if isinstance(record, Moment):
        return where
    assert record.answer is not None
    return (*where, record.options[record.answer])
