"""Moment predictions as Parquet: one row per predicted moment, lists as runs of rows.

Columns: task (VCMR | SVMR | VR), desc_id, video_idx (integers), start, end (seconds), score (float64 or float32). The
rows of one list stand together, best first. `score` may be left out altogether; VR rows carry start = end = 0.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS, RankedLists
from evaluation.predictions.errors import Findings, PredictionError, Problem
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.json.scanner import MOST_ROWS

PANDAS_INDEX = re.compile(r"__index_level_\d+__")
ROWS_AT_ONCE = 1 << 15
INTEGERS = ("desc_id", "video_idx")
FLOATS = ("start", "end", "score")
ROW_COLUMNS = {"video_idx": 0, "start": 1, "end": 2, "score": 3}

SCHEMA = pa.schema(
    [
        ("task", pa.dictionary(pa.int8(), pa.string())),
        ("desc_id", pa.int64()),
        ("video_idx", pa.int32()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("score", pa.float64()),
    ]
)


class MomentParquetReader:
    """Reads one source. Raises PredictionError where the file is not of the form."""

    def __init__(self, source: PredictionFile, findings: Findings) -> None:
        self.source, self.findings = source, findings
        try:
            self.file = pq.ParquetFile(
                source.path,
                read_dictionary=["task"],
                thrift_string_size_limit=1 << 24,
                thrift_container_size_limit=1 << 20,
            )
        except (pa.ArrowException, OSError) as error:
            self._refuse(f"not Parquet: {error}")
        self._check_schema(named_columns(self.file.schema_arrow, findings))
        self.has_score = "score" in self.file.schema_arrow.names
        rows = ROWS_AT_ONCE + MOST_ROWS
        self.task = np.empty(rows, np.int8)
        self.desc_id, self.video = np.empty((2, rows), np.int64)
        self.floats = np.empty((3, rows), np.float64)

    def lists(self) -> Iterator[RankedLists]:
        """The lists in file order, each valid until the next is asked for; one that a batch cuts waits for the rest."""
        names = [name for name in SCHEMA.names if self.has_score or name != "score"]
        held = 0  # rows of the list that the last batch cut, at the front of the columns
        try:
            for batch in self.file.iter_batches(ROWS_AT_ONCE, columns=names, use_threads=False):
                end = held + len(batch)
                self._fill(batch, held)
                starts = run_starts(self.task[:end], self.desc_id[:end])
                last = int(starts[-1])
                if end - last > MOST_ROWS:
                    self._refuse(
                        f"more than {MOST_ROWS} rows",
                        task=RETRIEVAL_TASKS[self.task[last]],
                        id=int(self.desc_id[last]),
                    )
                yield from self._runs(starts)
                for column in (self.task, self.desc_id, self.video, *self.floats):
                    column[: end - last] = column[last:end].copy()
                held = end - last
        except (pa.ArrowException, OSError) as error:
            self._refuse(f"damaged Parquet: {error}")
        if not held:
            self._refuse("no rows")
        yield from self._runs(np.array([0, held]))

    def _runs(self, bounds: NDArray[np.int64]) -> Iterator[RankedLists]:
        """Lists between consecutive bounds, as one `RankedLists` per stretch of the same task."""
        tasks = self.task[bounds[:-1]]
        breaks = (np.flatnonzero(np.diff(tasks)) + 1).tolist()
        for low, high in zip([0, *breaks], [*breaks, len(tasks)], strict=True):
            if low == high:
                continue
            part = slice(int(bounds[low]), int(bounds[high]))
            start, end, score = self.floats[:, part]
            yield RankedLists(
                task=RETRIEVAL_TASKS[tasks[low]],
                desc_ids=self.desc_id[bounds[low:high]],
                offsets=bounds[low : high + 1] - bounds[low],
                video=self.video[part],
                start=start,
                end=end,
                score=score,
                has_score=self.has_score,
            )

    def _fill(self, batch: pa.RecordBatch, at: int) -> None:
        """Copy a batch into the columns from row `at` on; every value must be there and finite."""
        part = slice(at, at + len(batch))
        for name in batch.schema.names:
            if batch.column(name).null_count:
                nulls = batch.column(name).is_null().to_numpy(zero_copy_only=False)
                self._refuse_cell(batch, name, int(nulls.argmax()), "null")
        task = batch.column("task")
        if not pa.types.is_dictionary(task.type):  # large strings are never read as a dictionary
            task = task.dictionary_encode()
        known = [RETRIEVAL_TASKS.index(name) if name in RETRIEVAL_TASKS else -1 for name in task.dictionary.to_pylist()]
        self.task[part] = np.array(known, np.int8)[np.from_dlpack(task.indices)]
        if (self.task[part] < 0).any():
            unknown = int((self.task[part] < 0).argmax())
            self._refuse_cell(batch, "task", unknown, repr(task[unknown].as_py()[:40]))
        self.desc_id[part] = np.from_dlpack(batch.column("desc_id"))
        self.video[part] = np.from_dlpack(batch.column("video_idx"))
        for name, column in zip(FLOATS, self.floats, strict=True):
            if name in batch.schema.names:
                column[part] = np.from_dlpack(batch.column(name))
                finite = np.isfinite(column[part])
                if not finite.all():
                    bad = int(finite.argmin())
                    self._refuse_cell(batch, name, bad, str(column[at + bad]))
            else:
                column[part] = 0.0

    def _check_schema(self, schema: pa.Schema) -> None:
        names = schema.names
        if sorted(names) not in (sorted(SCHEMA.names), sorted(set(SCHEMA.names) - {"score"})):
            self._refuse(f"columns are {', '.join(names[:10])}: expected {', '.join(SCHEMA.names)}")
        for name in INTEGERS:
            if not pa.types.is_integer(schema.field(name).type) or schema.field(name).type == pa.uint64():
                self._refuse(f"column {name} is {schema.field(name).type}: expected a signed integer type")
        for name in FLOATS:
            if name in names and schema.field(name).type not in (pa.float32(), pa.float64()):
                self._refuse(f"column {name} is {schema.field(name).type}: expected float64 (double) or float32")
        task = schema.field("task").type
        texts = task.value_type if pa.types.is_dictionary(task) else task
        if not (pa.types.is_string(texts) or pa.types.is_large_string(texts)):
            self._refuse(f"column task is {task}: expected string")

    def _refuse(self, message: str, **place: Any) -> NoReturn:
        problem = Problem(
            self.source.name, place.get("task"), place.get("id"), place.get("row"), place.get("column"), message
        )
        raise PredictionError([*self.findings.problems, problem])

    def _refuse_cell(self, batch: pa.RecordBatch, name: str, at: int, found: str) -> NoReturn:
        task, desc_id = batch.column("task").to_pylist(), batch.column("desc_id").to_pylist()
        row = 0
        while row < at and (task[at - row - 1], desc_id[at - row - 1]) == (task[at], desc_id[at]):
            row += 1
        expected = f"one of {', '.join(RETRIEVAL_TASKS)}" if name == "task" else "a finite number"
        self._refuse(
            f"{name} is {found}: expected {expected}",
            task=task[at],
            id=desc_id[at],
            row=row,
            column=ROW_COLUMNS.get(name),
        )


def named_columns(schema: pa.Schema, findings: Findings) -> pa.Schema:
    """The columns without the numbering of rows that pandas writes beside them, which is counted and never read."""
    numbering = [name for name in schema.names if PANDAS_INDEX.fullmatch(name)]
    findings.note("pandas_index", len(numbering))
    return pa.schema([field for field in schema if field.name not in numbering])


def run_starts(task: NDArray[np.int8], desc_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places where a run of equal (task, desc_id) begins; the last run begins at the last of them."""
    change = (task[1:] != task[:-1]) | (desc_id[1:] != desc_id[:-1])
    return np.concatenate([[0], np.flatnonzero(change) + 1])


def write_parquet(path: Path, parts: Iterable[RankedLists]) -> None:
    """Write lists as they come; floats are split into streams of bytes, which makes them small and quick to read."""
    with pq.ParquetWriter(
        path,
        SCHEMA,
        compression="lz4",
        use_dictionary=["task", *INTEGERS],
        use_byte_stream_split=list(FLOATS),
        write_statistics=False,
    ) as writer:
        for lists in parts:
            lengths = np.diff(lists.offsets)
            rows = int(lists.offsets[-1])
            code = np.full(rows, RETRIEVAL_TASKS.index(lists.task), np.int8)
            writer.write_table(
                pa.table(
                    [
                        pa.DictionaryArray.from_arrays(code, pa.array(RETRIEVAL_TASKS)),
                        np.repeat(lists.desc_ids, lengths),
                        lists.video.astype(np.int32),
                        lists.start,
                        lists.end,
                        lists.score,
                    ],
                    schema=SCHEMA,
                )
            )
