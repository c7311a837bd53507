"""QA predictions: {"question id": answer index}, JSONL lines {"qid", "answer_idx"}, or Parquet of those two columns.

They are small and read at once. Python's own json is used with hooks because it alone shows duplicate keys (typed
parsers keep the last silently); its laxities (NaN, huge integers, any encoding) are closed by hand.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from evaluation.io.opened import BYTE_ORDER_MARK
from evaluation.metrics.protocol import Rules
from evaluation.predictions.errors import Findings, PredictionError, Problem
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.ids import CANONICAL_ID, QueryIds
from evaluation.release import Questions

MAX_QA_BYTES = 16 << 20
MOST_DIGITS = 18
LINE_KEYS = ("qid", "answer_idx")


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a repeated key stays visible."""


def read_answers(source: PredictionFile, findings: Findings) -> Sequence[tuple[str, Any]]:
    """(question id as written, answer as written) in file order. Raises PredictionError."""
    if source.is_parquet:
        from evaluation.predictions.answers_parquet import (
            read_answer_columns,  # pyarrow costs 0.1 s that JSON need not pay
        )

        return read_answer_columns(source, findings)
    raw = source.read_all(MAX_QA_BYTES)
    findings.note("byte_order_mark", raw.startswith(BYTE_ORDER_MARK))
    raw = raw.removeprefix(BYTE_ORDER_MARK)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(source, f"not UTF-8 at byte {error.start}")
    if re.match(r'\s*\{\s*"(qid|answer_idx)"', text):
        lines = enumerate(text.split("\n"), 1)
        return [_line_pair(source, line, number) for number, line in lines if line.strip()]
    pairs = _object(source, text, "")
    if not isinstance(pairs, _Pairs):
        _refuse(source, 'expected one object {"question id": answer index}')
    return pairs


def parse_answers(
    pairs: Sequence[tuple[str, Any]], findings: Findings, names: Sequence[str] = ()
) -> list[tuple[int, int]]:
    """(question id, answer) as numbers; ids that are none or come twice, and answers that are none, are refused.

    Where the truth has texts for ids, `names` are those and their places the numbers.
    """
    checked, seen = [], set()
    ids = QueryIds(findings, names)
    for key, answer in pairs:
        if not names and not CANONICAL_ID.fullmatch(key):
            shown = repr(key[:40])  # escapes what cannot be printed, or even encoded
            findings.refuse(f"question id {shown}: expected a whole number", task="QA", id=shown[1:-1])
        elif (qid := ids.of_text(key, "QA") if names else int(key)) in seen:
            findings.refuse("question id a second time", task="QA", id=qid)
        elif type(answer) is not int:
            found = str(answer)[:40]
            findings.refuse(f"answer is {found!r}: expected an answer index (a whole number)", task="QA", id=qid)
            seen.add(qid)
        else:
            checked.append((qid, answer))
            seen.add(qid)
    findings.raise_if_any()
    return checked


def align_answers(
    answers: Sequence[tuple[int, int]],
    questions: Questions,
    rules: Rules,
    missing_is_miss: bool,
    findings: Findings,
) -> NDArray[np.int64]:
    """Answers [N] in the order of `questions`, negative where missing or no choice; problems go to `findings`."""
    place = {int(qid): n for n, qid in enumerate(questions.qids)}
    given = np.full(len(questions), -1, np.int64)
    for qid, answer in answers:
        if qid not in place:
            findings.refuse("not a question of this split", task="QA", id=qid)
        elif answer < 0 or (questions.options and answer >= len(questions.options[place[qid]])):
            if rules == "strict":
                last = len(questions.options[place[qid]]) - 1 if questions.options else None
                expected = "0 or more" if last is None else f"0 .. {last}"
                findings.refuse(f"answer is {answer}: expected {expected}", task="QA", id=qid)
            findings.note("answer_outside", 1)
        else:
            given[place[qid]] = answer
    missing = sorted(place.keys() - {qid for qid, _ in answers})
    if missing_is_miss:
        findings.note("missing_query", len(missing))
    else:
        for qid in missing:
            findings.refuse("no answer to this question", task="QA", id=qid)
    return given


def _object(source: PredictionFile, text: str, where: str) -> Any:
    def parse_int(digits: str) -> int:
        if len(digits) > MOST_DIGITS:
            _refuse(source, f"{where}a number of {len(digits)} digits: expected an answer index")
        return int(digits)

    try:
        return json.loads(
            text,
            object_pairs_hook=_Pairs,
            parse_int=parse_int,
            parse_constant=lambda name: _refuse(source, f"{where}{name} is not JSON"),
        )
    except json.JSONDecodeError as error:
        _refuse(source, f"{where}not JSON: {error.msg} (line {error.lineno}, column {error.colno})")
    except RecursionError:
        _refuse(source, f"{where}brackets nested too deep")


def _line_pair(source: PredictionFile, line: str, number: int) -> tuple[str, Any]:
    pairs = _object(source, line, f"line {number}: ")
    if not isinstance(pairs, _Pairs) or sorted(key for key, _ in pairs) != sorted(LINE_KEYS):
        _refuse(source, f'line {number}: expected {{"qid": …, "answer_idx": …}}')
    fields = dict(pairs)
    return str(fields["qid"]), fields["answer_idx"]


def _refuse(source: PredictionFile, message: str) -> NoReturn:
    raise PredictionError([Problem(source.name, "QA", None, None, None, message)])
