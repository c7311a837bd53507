"""A batch's answers as a file: JSON lines, CSV or Parquet. One statement reads them, so all are of one moment.

Workers have pseudonyms, keyed so that a copy of the database does not tell whose they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from annotation.console import choices
from annotation.models import Assignment, Batch, Worker

FORMS = {"jsonl": "application/x-ndjson", "csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
FIELDS = (
    "assignment", "worker", "clip", "segment_start", "segment_end", "question_id", "narration_hidden", "gold",
    "agreement", "answer", *choices.FIELDS, "evidence", "state", "used", "feedback", "submitted_at", "reviewed_at",
)  # fmt: skip
AT_ONCE = 2000  # rows in memory

Row = dict[str, Any]


def pseudonym(worker: Worker) -> str:
    """The same for one worker in every export of this installation, and no way back without its key."""
    return f"W-{_keyed(f'{worker.environment}|{worker.worker_id}')[:12]}"


def _keyed(name: str) -> str:
    """64 hexadecimal digits."""
    return salted_hmac("annotation.export", name, secret=settings.PSEUDONYM_KEY, algorithm="sha256").hexdigest()


def rows(batch: Batch) -> Iterator[Row]:
    """Every answer to the batch, in the order of collection; times in seconds of the clip, moments in ISO 8601, UTC."""
    places = ("worker", "hit__clip__video", "hit__segment__clip__video")
    found = Assignment.objects.filter(batch=batch).select_related(*places).order_by("pk")
    for row in choices.with_options(found).iterator(AT_ONCE):
        hit, segment = row.hit, row.hit.segment
        yield {
            # keyed as well: the database says whose assignment it is
            "assignment": f"A-{_keyed(f'{row.worker.environment}|{row.worker.worker_id}|{row.assignment_id}')[:16]}",
            "worker": pseudonym(row.worker),
            "clip": hit.shown_clip.name,
            "segment_start": segment.start if segment else None,
            "segment_end": segment.end if segment else None,
            "question_id": hit.question.public_id if hit.question else None,
            "narration_hidden": hit.narration_hidden,
            "gold": hit.gold,
            "agreement": hit.agreement,
            "answer": row.payload,
            **choices.in_words(row),
            "evidence": row.evidence,
            "state": row.state,
            "used": row.used,
            "feedback": row.feedback,
            "submitted_at": row.submitted_at.isoformat(),
            "reviewed_at": row.reviewed_at.isoformat() if row.reviewed_at else None,
        }


def write(batch: Batch, form: str) -> Iterator[bytes]:
    """The file, a piece at a time. Raises KeyError for a form that is not one of `FORMS`."""
    return {"jsonl": _json_lines, "csv": _csv, "parquet": _parquet}[form](rows(batch))


def _json_lines(found: Iterator[Row]) -> Iterator[bytes]:
    for row in found:
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _flat(row: Row) -> Row:
    """Answer and evidence as JSON in one field each."""
    return {**row, **{name: json.dumps(row[name], ensure_ascii=False) for name in ("answer", "evidence")}}


def _csv(found: Iterator[Row]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.DictWriter(line, FIELDS)
    writer.writeheader()
    for row in found:
        writer.writerow({name: _as_text(name, value) for name, value in _flat(row).items()})
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()
    yield line.getvalue().encode()


def _as_text(name: str, value: Any) -> Any:
    """What a table program would take for a formula, marked as text; a clip keeps the name by which it is joined."""
    formula = isinstance(value, str) and name != "clip" and value.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{value}" if formula else value


def _parquet(found: Iterator[Row]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, flag, number = pa.string(), pa.bool_(), pa.float64()
    kinds = {"narration_hidden": flag, "gold": flag, "used": flag, "agreement": number, "segment_start": number,
             "segment_end": number, "question_id": pa.int64(), "choice_place": pa.int64(), "also_place": pa.int64(),
             "evidence": pa.list_(text)}  # fmt: skip
    schema = pa.schema([(name, kinds.get(name, text)) for name in FIELDS])
    out = io.BytesIO()
    part: list[Row] = []
    with pq.ParquetWriter(out, schema) as writer:
        for row in found:
            part.append({**row, "answer": json.dumps(row["answer"], ensure_ascii=False)})
            if len(part) == AT_ONCE:
                writer.write_table(pa.Table.from_pylist(part, schema))
                part.clear()
        writer.write_table(pa.Table.from_pylist(part, schema))
    yield out.getvalue()
