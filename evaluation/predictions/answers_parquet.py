"""QA predictions as Parquet: integer columns qid and answer_idx."""

from pathlib import Path
from typing import NoReturn

import pyarrow as pa
import pyarrow.parquet as pq

from evaluation.predictions.errors import Findings, PredictionError, Problem
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.parquet import named_columns

MOST_ANSWERS = 1 << 20
SCHEMA = pa.schema([("qid", pa.int64()), ("answer_idx", pa.int64())])


def read_answer_columns(source: PredictionFile, findings: Findings) -> list[tuple[str, int]]:
    """(question id, answer) pairs in file order. Raises PredictionError."""

    def refuse(message: str) -> NoReturn:
        raise PredictionError([Problem(source.name, "QA", None, None, None, message)])

    try:
        file = pq.ParquetFile(source.path)
        schema = named_columns(file.schema_arrow, findings)
        if sorted(schema.names) != sorted(SCHEMA.names) or not all(pa.types.is_integer(kind) for kind in schema.types):
            refuse(f"columns are {', '.join(schema.names[:10])}: expected integers qid and answer_idx")
        if file.metadata.num_rows > MOST_ANSWERS:
            refuse(f"{file.metadata.num_rows} rows: expected at most {MOST_ANSWERS}")
        table = file.read(columns=SCHEMA.names)
    except (pa.ArrowException, OSError) as error:
        refuse(f"not Parquet: {error}")
    if table["qid"].null_count or table["answer_idx"].null_count:
        refuse("a null: expected integers")
    return [(str(qid), answer) for qid, answer in zip(*(table[n].to_pylist() for n in SCHEMA.names), strict=True)]


def write_answer_columns(path: Path, answers: list[tuple[int, int]]) -> None:
    """Write (question id, answer) pairs."""
    columns = [[qid for qid, _ in answers], [answer for _, answer in answers]]
    pq.write_table(pa.table(columns, schema=SCHEMA), path)
