"""QuestionFormAnswers, the XML in which MTurk returns what a worker submitted."""

from __future__ import annotations

import json
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from annotation.models import Hit
from annotation.review.answer_forms import ANSWER_FORMS

MAX_ANSWER_BYTES = 200_000


class AnswerError(ValueError):
    """An answer that is no answer to its HIT; the message says what is wrong with it."""


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
    except ValueError as error:
        raise AnswerError(f"its field “answer” is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise AnswerError("its field “answer” is not a JSON object")
    form = ANSWER_FORMS[hit.batch.kind](data, hit=hit)
    if not form.is_valid():
        raise AnswerError("; ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items()))
    return form.payload()
