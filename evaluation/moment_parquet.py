"""Moment predictions as Parquet: one row per predicted moment, lists as runs of rows.

Columns: task (VCMR | SVMR | VR), desc_id, video_idx (integers), start, end (seconds), score (float64). The rows of one
list stand together, best first. `score` may be left out altogether; VR rows carry start = end = 0.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from evaluation.lists import RETRIEVAL_TASKS, Lists
from evaluation.problems import Findings, Problem, Refused
from evaluation.scan import MOST_ROWS
from evaluation.source import Source

ROWS_AT_ONCE = 1 << 17
INTEGERS = ("desc_id", "video_idx")
FLOATS = ("start", "end", "score")
MAX_FOOTER_BYTES = 1 << 20
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


class MomentParquet:
    """Reads one source. Raises Refused where the file is not of the form."""

    def __init__(self, source: Source, findings: Findings) -> None:
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
        self._check_schema(self.file.schema_arrow)
        self.has_score = "score" in self.file.schema_arrow.names

    def lists(self) -> Iterator[Lists]:
        """The lists in file order; a list that a batch cuts is held back for the next."""
        names = ["task", *INTEGERS, *(FLOATS if self.has_score else FLOATS[:2])]
        held: dict[str, NDArray[Any]] | None = None
        try:
            for batch in self.file.iter_batches(ROWS_AT_ONCE, columns=names, use_threads=False):
                columns = self._columns(batch)
                if held is not None:
                    columns = {name: np.concatenate([held[name], columns[name]]) for name in columns}
                starts = run_starts(columns["task"], columns["desc_id"])
                last = int(starts[-1])
                if len(columns["task"]) - last > MOST_ROWS:
                    self._refuse(
                        f"more than {MOST_ROWS} rows",
                        task=RETRIEVAL_TASKS[columns["task"][last]],
                        id=int(columns["desc_id"][last]),
                    )
                held = {name: column[last:].copy() for name, column in columns.items()}
                yield from self._runs(columns, starts)
        except (pa.ArrowException, OSError) as error:
            self._refuse(f"damaged Parquet: {error}")
        if held is None:
            self._refuse("no rows")
        yield from self._runs(held, np.array([0, len(held["task"])]))

    def _runs(self, columns: dict[str, NDArray[Any]], bounds: NDArray[np.int64]) -> Iterator[Lists]:
        """Lists between consecutive bounds, as one `Lists` per stretch of the same task."""
        tasks = columns["task"][bounds[:-1]]
        breaks = np.flatnonzero(np.diff(tasks)) + 1
        for low, high in zip([0, *breaks.tolist()], [*breaks.tolist(), len(tasks)], strict=True):
            if low == high:
                continue
            part = slice(int(bounds[low]), int(bounds[high]))
            yield Lists(
                task=RETRIEVAL_TASKS[tasks[low]],
                desc_ids=columns["desc_id"][bounds[low:high]],
                offsets=bounds[low : high + 1] - bounds[low],
                video=columns["video_idx"][part],
                start=columns["start"][part],
                end=columns["end"][part],
                score=columns["score"][part],
                has_score=self.has_score,
            )

    def _columns(self, batch: pa.RecordBatch) -> dict[str, NDArray[Any]]:
        """Columns of a batch as arrays of our own, every value checked to be there and finite."""
        task = batch.column("task")
        known = np.array(
            [RETRIEVAL_TASKS.index(name) if name in RETRIEVAL_TASKS else -1 for name in task.dictionary.to_pylist()],
            np.int8,
        )
        columns: dict[str, NDArray[Any]] = {}
        for name in (*INTEGERS, *FLOATS):
            if name not in batch.schema.names:
                columns[name] = np.zeros(len(batch))
                continue
            column = batch.column(name)
            if column.null_count:
                self._refuse_cell(batch, name, int(np.flatnonzero(column.is_null().to_numpy(False))[0]), "null")
            kind = np.int64 if name in INTEGERS else np.float64
            columns[name] = np.array(column.to_numpy(False), kind)
            if kind is np.float64 and not (finite := np.isfinite(columns[name])).all():
                at = int(np.flatnonzero(~finite)[0])
                self._refuse_cell(batch, name, at, str(columns[name][at]))
        if task.null_count:
            self._refuse_cell(batch, "task", int(np.flatnonzero(task.is_null().to_numpy(False))[0]), "null")
        columns["task"] = known[task.indices.to_numpy(False)]
        if (columns["task"] < 0).any():
            at = int(np.flatnonzero(columns["task"] < 0)[0])
            self._refuse_cell(batch, "task", at, repr(task[at].as_py())[:40])
        return columns

    def _check_schema(self, schema: pa.Schema) -> None:
        names = schema.names
        if sorted(names) not in (
            sorted(SCHEMA.names),
            sorted(set(SCHEMA.names) - {"score"}),
        ):
            self._refuse(f"columns are {', '.join(names[:10])}: expected {', '.join(SCHEMA.names)}")
        for name in INTEGERS:
            if not pa.types.is_integer(schema.field(name).type) or schema.field(name).type == pa.uint64():
                self._refuse(f"column {name} is {schema.field(name).type}: expected a signed integer type")
        for name in FLOATS:
            if name in names and schema.field(name).type != pa.float64():
                self._refuse(f"column {name} is {schema.field(name).type}: expected float64 (double)")
        task = schema.field("task").type
        if not (pa.types.is_dictionary(task) and pa.types.is_string(task.value_type)):
            self._refuse(f"column task is {task}: expected string")

    def _refuse(self, message: str, **place: Any) -> NoReturn:
        problem = Problem(
            self.source.name, place.get("task"), place.get("id"), place.get("row"), place.get("column"), message
        )
        raise Refused([*self.findings.problems, problem])

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


def run_starts(task: NDArray[np.int8], desc_id: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places where a run of equal (task, desc_id) begins; the last run begins at the last of them."""
    change = (task[1:] != task[:-1]) | (desc_id[1:] != desc_id[:-1])
    return np.concatenate([[0], np.flatnonzero(change) + 1])


def write_parquet(path: Path, parts: Iterable[Lists]) -> None:
    """Write lists as they come. Plain float64 with LZ4: larger than it could be, and fast to read."""
    with pq.ParquetWriter(
        path, SCHEMA, compression="lz4", use_dictionary=["task", "desc_id", "video_idx"], write_statistics=False
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
