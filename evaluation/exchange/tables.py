"""The public rows as Parquet: one table a task and split, the same columns in each, empty where truth is withheld."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.exchange.rows import durations, public_rows, span_of, tasks_of, window_of
from evaluation.release.names import SPLITS, table_name
from evaluation.release.schema import ManifestFile, MomentRow, QuestionRow, Task
from evaluation.release.writer import listed, make_place

_WHERE = [
    ("vid_name", pa.string()),
    ("video", pa.string()),
    ("duration", pa.float64()),
    ("start", pa.float64()),
    ("end", pa.float64()),
]
_ASKED = [("qid", pa.int64()), ("q", pa.string()), ("options", pa.list_(pa.string())), ("answer_idx", pa.int64())]
SCHEMAS: dict[Task, pa.Schema] = {
    "moment": pa.schema([("desc_id", pa.int64()), ("desc", pa.string()), ("type", pa.string()), *_WHERE]),
    "qa": pa.schema([*_ASKED, *_WHERE]),
}
"""Times are seconds of the clip; withheld columns are null."""
TOGETHER = 10_000  # rows that are in memory as Python has them


def write_tables(folder: Path, canary: str) -> list[ManifestFile]:
    """A Parquet file a task and split into a release folder; same rows, same bytes. Raises ReleaseError, OSError."""
    files = []
    for task in tasks_of(folder):
        schema = SCHEMAS[task].with_metadata({"canary": canary})
        seconds = durations(folder, task)
        for split in SPLITS:
            rows = iter(_rows(folder, task, split, seconds))
            parts = []
            while part := list(islice(rows, TOGETHER)):
                parts.append(pa.RecordBatch.from_pylist(part, schema))
            table = pa.Table.from_batches(parts, schema)
            path = table_name(task, split)
            pq.write_table(table, make_place(folder, path), compression="zstd")
            files.append(listed(folder, path, table.num_rows))
    return files


def _rows(folder: Path, task: Task, split: str, seconds: dict[str, float]) -> Iterable[dict[str, Any]]:
    for row in public_rows(folder, task, split):
        yield _moment(row) if isinstance(row, MomentRow) else _question(row, seconds)


def _moment(row: MomentRow) -> dict[str, Any]:
    where = _where(row.vid_name, row.duration, row.ts)
    return {"desc_id": row.desc_id, "desc": row.desc, "type": row.type, **where}


def _question(row: QuestionRow, seconds: dict[str, float]) -> dict[str, Any]:
    where = _where(row.vid_name, seconds.get(row.vid_name), span_of(row))
    return {"qid": row.qid, "q": row.q, "options": list(row.options), "answer_idx": row.answer_idx, **where}


def _where(clip: str | None, duration: float | None, span: tuple[float, float] | None) -> dict[str, Any]:
    start, end = span or (None, None)
    video = None if clip is None else window_of(clip).video
    return {"vid_name": clip, "video": video, "duration": duration, "start": start, "end": end}
