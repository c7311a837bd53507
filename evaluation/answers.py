"""Reads QA submissions: {"question_id": answer_id}, small enough to be read at once.

Python's own json is used with hooks because it alone lets duplicate keys be seen (msgspec keeps the last silently).
"""

import json
import re
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from evaluation.checks import Rules
from evaluation.problems import Findings, Problem, Refused
from evaluation.release import Questions

MAX_QA_BYTES = 16 << 20
MAX_DIGITS = 18
CANONICAL_ID = re.compile(r"0|[1-9][0-9]*")


def read_answers(raw: bytes, file: str) -> list[tuple[str, Any]]:
    """The (key, value) pairs of one JSON object as they stand. Raises Refused."""

    def refuse(message: str) -> NoReturn:
        raise Refused([Problem(file, "QA", None, None, None, message)])

    def parse_int(digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            refuse(f"a number of {len(digits)} digits: expected an answer index")
        return int(digits)

    try:
        pairs = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_Pairs,
            parse_int=parse_int,
            parse_constant=lambda name: refuse(f"{name} is not JSON"),
        )
    except UnicodeDecodeError as error:
        refuse(f"not UTF-8 at byte {error.start}")
    except json.JSONDecodeError as error:
        refuse(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except RecursionError:
        refuse("brackets nested too deep")
    if not isinstance(pairs, _Pairs):
        refuse('expected one object {"question id": answer index}')
    return list(pairs)


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as its pairs, so that a repeated key stays visible."""


def match_answers(
    pairs: list[tuple[str, Any]], questions: Questions, rules: Rules, missing_is_miss: bool, findings: Findings
) -> NDArray[np.int64]:
    """Answers [N] in the order of `questions`, -1 where missing; problems and counts go to `findings`."""
    place = {int(qid): n for n, qid in enumerate(questions.qids)}
    options = len(questions.options[0]) if questions.options else None
    given = np.full(len(questions), -1, np.int64)
    seen: set[int] = set()
    for key, answer in pairs:
        if not CANONICAL_ID.fullmatch(key) or len(key) > MAX_DIGITS or int(key) not in place:
            findings.refuse(f"question id {key[:40]!r} is not a question of this split", task="QA", id=key[:40])
        elif int(key) in seen:
            findings.refuse("question id a second time", task="QA", id=int(key))
        elif type(answer) is not int:
            findings.refuse(
                f"answer is {str(answer)[:40]!r}: expected an answer index (a whole number)", task="QA", id=int(key)
            )
            seen.add(int(key))
        else:
            seen.add(int(key))
            if answer < 0 or (options is not None and answer >= options):
                message = f"answer is {answer}: expected 0 .. {(options or 1) - 1}"
                if rules == "strict":
                    findings.refuse(message, task="QA", id=int(key))
                findings.note("answer_outside", 1)
                answer = -2
            given[place[int(key)]] = answer
    missing = [int(qid) for qid in questions.qids if int(qid) not in seen]
    if missing_is_miss:
        findings.note("missing_query", len(missing))
    else:
        for qid in missing:
            findings.refuse("no answer for this question (--missing=miss counts it as wrong)", task="QA", id=qid)
    return given
