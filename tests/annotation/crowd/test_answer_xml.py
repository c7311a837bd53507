import json
from collections.abc import Callable
from xml.sax.saxutils import escape

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from annotation.crowd.answer_xml import AnswerError, parse_fields, read_payload
from annotation.crowd.client import Submitted
from annotation.crowd.collect import admit, store
from annotation.models import Assignment, Hit
from annotation.models.crowd import Kind

NAMESPACE = "http://mechanicalturk.amazonaws.com/AWSMechanicalTurkDataSchemas/2005-10-01/QuestionFormAnswers.xsd"
BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    f'<QuestionFormAnswers xmlns="{NAMESPACE}"><Answer><QuestionIdentifier>answer</QuestionIdentifier>'
    "<FreeText>&b;</FreeText></Answer></QuestionFormAnswers>"
)


def answers(**fields: str) -> str:
    rows = "".join(
        f"<Answer><QuestionIdentifier>{name}</QuestionIdentifier><FreeText>{escape(text)}</FreeText></Answer>"
        for name, text in fields.items()
    )
    return f'<?xml version="1.0"?><QuestionFormAnswers xmlns="{NAMESPACE}">{rows}</QuestionFormAnswers>'


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_free_text_comes_back_as_it_was(text: str) -> None:
    assert parse_fields(answers(answer=text, other="x")) == {"answer": text, "other": "x"}


@pytest.mark.parametrize("xml", ["", "<a>", "no xml", BOMB, "<a/>" + " " * 300_000])
def test_what_is_not_answers_is_refused(xml: str) -> None:
    with pytest.raises(AnswerError):
        parse_fields(xml)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (answers(other="1"), "no field"),
        (answers(answer="{"), "not JSON"),
        (answers(answer="[1]"), "not a JSON object"),
        (answers(answer=json.dumps({"start": 3, "end": 300})), "end: The clip ends at 30.0 s"),
        (answers(answer=json.dumps({"start": 3})), "end: This field is required"),
        (answers(answer="[" * 100_000), "not JSON"),
        (answers(answer='{"start": 1' + "0" * 400 + ', "end": 5}'), "a number .* is too large"),
        (answers(answer='{"broken": "\\u0000"}'), "broken: Select a valid choice. \ufffd"),
        (answers(answer='{"broken": "\\ud800"}'), "broken: Select a valid choice. \ufffd"),
    ],
)
def test_every_rule_is_applied_again(make_hit: Callable[..., Hit], xml: str, reason: str) -> None:
    with pytest.raises(AnswerError, match=reason):
        read_payload(xml, make_hit(Kind.SEGMENT))


@pytest.mark.django_db
@pytest.mark.parametrize("said", ["\\u0000", "\\ud800", "x" * 190_000])
def test_what_is_wrong_can_be_stored_and_is_short(make_hit: Callable[..., Hit], said: str) -> None:
    hostile = Submitted("ASG1", "AW1", answers(answer=f'{{"broken": "{said}"}}'), timezone.now(), "Submitted")
    admit("local", [hostile])
    assert store([(make_hit(Kind.SEGMENT), hostile)])
    (line,) = Assignment.objects.get().evidence
    assert line.startswith("not a valid answer: broken")
    assert len(line) < 1100


@pytest.mark.django_db
def test_a_good_answer_is_read(make_hit: Callable[..., Hit]) -> None:
    xml = answers(answer=json.dumps({"start": 3, "end": 9}), receipt="x")
    assert read_payload(xml, make_hit(Kind.SEGMENT)) == {"start": 3.0, "end": 9.0}
