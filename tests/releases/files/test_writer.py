"""How rows become lines: seconds that every loader can split, options in their places."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from benchmark_site.releases.files.writer import query_of, question_of
from benchmark_site.releases.models import Item
from evaluation.release import read_moments, read_questions, read_video_index
from evaluation.release.writer import _public_query_row, _public_question_row, _query_row, _question_row

milliseconds = st.integers(0, 10**7)
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@st.composite
def questions(draw: st.DrawFn) -> Item:
    start, length = draw(milliseconds), draw(st.integers(1, 10**6))
    options = draw(st.lists(texts, min_size=4, max_size=5))
    return Item(
        kind="qa",
        public_id=draw(st.integers(0, 2**31 - 1)),
        vid_name="a-b_c_0_60",
        duration=(start + length) / 1000,
        start=start / 1000,
        end=(start + length) / 1000,
        text=draw(texts),
        options=options,
        answer_index=draw(st.integers(0, len(options) - 1)),
    )


@given(questions())
def test_a_question_reads_back_as_it_was(tmp_path_factory, item):
    folder = tmp_path_factory.mktemp("rows")
    for make, answer in ((_question_row, item.answer_index), (_public_question_row, -1)):
        row = make(question_of(item))
        path = folder / "questions.jsonl"
        path.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        read = read_questions(path)
        assert (read.qids[0], read.q[0], list(read.options[0]), read.video[0]) == (
            item.public_id, item.text, item.options, item.vid_name,
        )  # fmt: skip
        assert read.answer[0] == answer
        if answer < 0:
            assert row.keys() == {"qid", "vid_name", "q", *(f"a{n}" for n in range(len(item.options)))}
            continue
        # the field's loaders: ts.split("-"), silently [-1, -1] where that fails
        start, end = (float(part) for part in row["ts"].split("-"))
        assert (start, end) == (item.start, item.end) == tuple(read.span[0])


@given(questions())
def test_a_query_reads_back_as_it_was_and_the_public_row_tells_no_truth(tmp_path_factory, item):
    item.type = "vt"
    folder = tmp_path_factory.mktemp("rows")
    (folder / "idx.json").write_text(json.dumps({"test_public": {item.vid_name: [item.duration, 0]}}))
    videos = read_video_index(folder / "idx.json")["test_public"]
    path = folder / "queries.jsonl"
    path.write_text(json.dumps(_query_row(query_of(item)), ensure_ascii=False) + "\n", encoding="utf-8")
    read = read_moments(path, videos)
    assert (read.desc_ids[0], read.desc[0], read.types[0], read.video[0]) == (item.public_id, item.text, "vt", 0)
    assert (read.start[0], read.end[0]) == (item.start, item.end)
    assert _public_query_row(query_of(item)) == {"desc_id": item.public_id, "desc": item.text, "type": "vt"}
