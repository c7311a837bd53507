"""QuestionFormAnswers, the XML in which MTurk returns what a worker submitted."""

from __future__ import annotations

import json
import re
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from annotation.models import Hit
from annotation.review.answer_forms import ANSWER_FORMS

MAX_ANSWER_BYTES = 200_000
MAX_REASON = 1000  # characters of what is wrong, which may quote the answer
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # PostgreSQL takes neither NUL nor half a character


class AnswerError(ValueError):
    """An answer that is no answer to its HIT; the message says what is wrong with it, in text that can be stored."""

    def __init__(self, reason: str) -> None:
        super().__init__(UNSTORABLE.sub("\ufffd", reason)[:MAX_REASON])


def parse_fields(xml: str) -> dict[str, str]:
    """Field name to free text. Raises AnswerError where the XML is not QuestionFormAnswers."""
    if len(xml) > MAX_ANSWER_BYTES:
        raise AnswerError(f"the answer is longer than {MAX_ANSWER_BYTES} characters")
    try:
        root = fromstring(xml)
    except (ParseError, DefusedXmlException) as error:
        raise AnswerError(f"the answer is not well-formed XML: {error}") from error
    fields = {}
    for answer in root.iterfind("{*}Answer"):
        name = answer.findtext("{*}QuestionIdentifier")
        if name:
            fields[name] = answer.findtext("{*}FreeText") or ""
    return fields


def read_payload(xml: str, hit: Hit) -> dict[str, Any]:
    """The checked answer to this HIT. Every rule of the form is applied again: a browser decides nothing."""
    raw = parse_fields(xml).get("answer")
    if raw is None:
        raise AnswerError("there is no field “answer” in it")
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise AnswerError(f"its field “answer” is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise AnswerError("its field “answer” is not a JSON object")
    form = ANSWER_FORMS[hit.batch.kind](data, hit=hit)
    try:
        valid = form.is_valid()
    except OverflowError as error:  # a number beyond every float
        raise AnswerError(f"a number in its field “answer” is too large: {error}") from error
    if not valid:
        raise AnswerError("; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()))
    return form.payload()
