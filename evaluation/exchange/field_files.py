"""The public rows in more of the field's own forms: How2R's and How2QA's CSV, QVHighlights' JSON Lines.

How2's CSV holds the video and the truth of every row, so there is none of what is withheld. How2QA's has seven columns,
so there is none of questions with five options.
"""

import csv
import io
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from evaluation.exchange.rows import public_rows, span_of, tasks_of, window_of
from evaluation.io.jsonl import encode_line
from evaluation.release.names import SPLITS, highlights_name, how2_name
from evaluation.release.schema import ManifestFile, MomentRow, QuestionRow
from evaluation.release.writer import seconds_text, write_file

LABELLED = ("train", "val")
HOW2QA_OPTIONS = 4


def write_field_files(folder: Path) -> list[ManifestFile]:
    """How2's CSV of each task and QVHighlights' JSON Lines of the queries. Raises ReleaseError, OSError."""
    files = []
    for task in tasks_of(folder):
        if task == "qa" and not _as_in_how2qa(folder):
            continue
        for split in LABELLED:
            rows = [
                _how2r(row) if isinstance(row, MomentRow) else _how2qa(row) for row in public_rows(folder, task, split)
            ]
            files.append(write_file(folder, how2_name(task, split), _csv(rows), len(rows)))
    if "moment" in tasks_of(folder):
        for split in SPLITS:
            lines = [encode_line(_highlights(row)) for row in public_rows(folder, "moment", split)]
            files.append(write_file(folder, highlights_name(split), b"".join(lines), len(lines)))
    return files


def _as_in_how2qa(folder: Path) -> bool:
    """Whether its questions have one option for each of How2QA's columns."""
    return all(len(row.options) == HOW2QA_OPTIONS for row in islice(public_rows(folder, "qa", "train"), 1))


def _how2r(row: MomentRow) -> list[str]:
    """video, [clip], [segment], query; seconds of the whole video."""
    assert row.vid_name is not None  # train and val withhold nothing
    assert row.ts is not None
    window = window_of(row.vid_name)
    clip = (window.start, window.end or row.duration or 0.0)
    return [window.video, _span(*clip), _span(window.start + row.ts[0], window.start + row.ts[1]), row.desc]


def _how2qa(row: QuestionRow) -> list[str]:
    """video, [segment], three wrong answers, question, the right one."""
    span = span_of(row)
    assert span is not None
    assert row.answer_idx is not None
    window = window_of(row.vid_name)
    options = list(row.options)
    right = options.pop(row.answer_idx)
    return [window.video, _span(window.start + span[0], window.start + span[1]), *options, row.q, right]


def _highlights(row: MomentRow) -> dict[str, Any]:
    """A query as moment_detr and lighthouse read it; of a withheld one its text alone."""
    if row.ts is None:
        return {"qid": row.desc_id, "query": row.desc}
    where = {"duration": row.duration, "vid": row.vid_name, "relevant_windows": [list(row.ts)]}
    return {"qid": row.desc_id, "query": row.desc, **where}


def _span(start: float, end: float) -> str:
    return f"[{seconds_text(start)}:{seconds_text(end)}]"


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
