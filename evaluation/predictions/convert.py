"""Rewrites predictions between JSON, JSONL and Parquet; every number keeps its 64 bits."""

from collections.abc import Iterator
from pathlib import Path

from evaluation.io.atomic import atomic_file, write_atomic
from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS, RankedLists
from evaluation.predictions.answers import parse_answers, read_answers
from evaluation.predictions.errors import Findings
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.reader import read_lists
from evaluation.predictions.writers import answer_lines, answer_object, moment_lines, moment_submission

SUFFIXES = (".json", ".jsonl", ".parquet")


def convert_moments(path: Path, out: Path) -> None:
    """Rewrite a moment submission in the form that the suffix of `out` names. Raises PredictionError.

    `desc` and `video2idx` are not carried over: scoring reads neither.
    """
    if out.suffix == ".parquet":
        from evaluation.predictions.parquet import write_parquet  # pyarrow costs 0.1 s that JSON need not pay

        with atomic_file(out) as temporary:
            write_parquet(temporary, _lists(path))
    elif out.suffix == ".jsonl":
        write_atomic(out, moment_lines(_lists(path)))
    else:
        # one reading a task: in JSON the lists of a task stand together, in the other forms they need not
        grouped = (lists for task in RETRIEVAL_TASKS for lists in _lists(path) if lists.task == task)
        write_atomic(out, moment_submission(grouped, None))


def convert_answers(path: Path, out: Path) -> None:
    """Rewrite a QA submission likewise. Raises PredictionError."""
    source = PredictionFile(path)
    findings = Findings(source.name)
    answers = parse_answers(read_answers(source, findings), findings)
    source.close()
    if out.suffix == ".parquet":
        from evaluation.predictions.answers_parquet import write_answer_columns

        with atomic_file(out) as temporary:
            write_answer_columns(temporary, answers)
    else:
        write_atomic(out, [answer_lines(answers) if out.suffix == ".jsonl" else answer_object(answers)])


def _lists(path: Path) -> Iterator[RankedLists]:
    source = PredictionFile(path)
    findings = Findings(source.name)
    yield from read_lists(source, None, findings)
    findings.raise_if_any()
    source.close()
