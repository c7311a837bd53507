from collections.abc import Callable

import pytest

from annotation.models import Hit, Segment
from annotation.models.crowd import Kind
from annotation.review.answer_forms import AnswerForm, CombinedForm, QueryForm, QuestionForm, SegmentForm

pytestmark = pytest.mark.django_db
SENTENCE = "a red ball rolls slowly over the green floor"
QUESTION = {"question": "What rolls?", "correct": "a ball", "wrong_1": "a cube", "wrong_2": "a cat", "wrong_3": "a car"}


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        ("-1", "5", "start"),
        ("5", "5.5", "end"),
        ("8", "3", "end"),
        ("1", "31", "end"),
        ("x", "5", "start"),
        ("nan", "5", "start"),
    ],
)
def test_a_segment_must_lie_in_its_clip_and_last(
    make_hit: Callable[..., Hit], start: str, end: str, field: str
) -> None:
    form = SegmentForm({"start": start, "end": end}, hit=make_hit(Kind.SEGMENT))
    assert field in form.errors


def test_a_segment_is_stored_in_milliseconds_and_clamped_to_the_clip(make_hit: Callable[..., Hit]) -> None:
    form = SegmentForm({"start": "1.23456", "end": "30.04"}, hit=make_hit(Kind.SEGMENT))
    assert form.is_valid()
    assert form.payload() == {"start": 1.235, "end": 30.0}


@pytest.mark.parametrize("text", ["too short", " ".join(["word"] * 21), "", "\u200e\u200e"])
def test_a_query_has_8_to_20_words(make_hit: Callable[..., Hit], segment: Segment, text: str) -> None:
    form = QueryForm({"query": text, "based_on": "v"}, hit=make_hit(Kind.QUERY, segment=segment))
    assert "query" in form.errors


def test_a_query_is_normalised(make_hit: Callable[..., Hit], segment: Segment) -> None:
    form = QueryForm({"query": f"  {SENTENCE}\r\n", "based_on": "t"}, hit=make_hit(Kind.QUERY, segment=segment))
    assert form.is_valid()
    assert form.payload() == {"query": SENTENCE, "based_on": "t"}


def test_who_saw_no_words_cannot_base_a_query_on_them(make_hit: Callable[..., Hit], segment: Segment) -> None:
    form = QueryForm({"query": SENTENCE, "based_on": "vt"}, hit=make_hit(Kind.QUERY, segment=segment, hidden=True))
    assert "based_on" in form.errors


def test_a_moment_and_its_sentence_are_one_answer_and_keep_both_rules(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.COMBINED)
    answer = {"start": "5.0", "end": "12.0", "query": SENTENCE, "based_on": "vt"}
    form = CombinedForm(answer, hit=hit)
    assert form.is_valid(), form.errors
    assert form.payload() == {"start": 5.0, "end": 12.0, "query": SENTENCE, "based_on": "vt"}
    assert [value for _, value in CombinedForm.in_words(form.payload(), form.hit)] == [5.0, 12.0, SENTENCE, "vt"]
    for change, field in (({"end": "6.0"}, "end"), ({"query": "too short"}, "query"), ({"start": ""}, "start")):
        assert list(CombinedForm(answer | change, hit=hit).errors) == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": "What rolls"}, "question"),
        ({"wrong_1": "A ball."}, "wrong_1"),
        ({"wrong_3": "a CAT"}, "wrong_3"),
        ({"correct": "?!"}, "correct"),
        ({"wrong_2": ""}, "wrong_2"),
    ],
)
def test_a_question_ends_so_and_its_answers_differ(
    make_hit: Callable[..., Hit], segment: Segment, change: dict[str, str], field: str
) -> None:
    form = QuestionForm({**QUESTION, **change}, hit=make_hit(Kind.QA, segment=segment))
    assert field in form.errors


def test_a_good_question_passes(make_hit: Callable[..., Hit], segment: Segment) -> None:
    form = QuestionForm(QUESTION, hit=make_hit(Kind.QA, segment=segment))
    assert form.is_valid()
    assert form.payload() == QUESTION


@pytest.mark.parametrize("form", [SegmentForm, QueryForm, CombinedForm, QuestionForm])
def test_that_the_clip_is_broken_is_the_whole_answer(
    make_hit: Callable[..., Hit], segment: Segment, form: type[AnswerForm]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    told = form({"broken": "does not play", "query": "x", "start": "5"}, hit=hit)
    assert told.is_valid()
    assert told.payload() == {"broken": "does not play"}
    assert "broken" in form({"broken": "of course"}, hit=hit).errors
