"""Accepted items corrected and withdrawn: what is true now, what is kept of before, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import ProgrammingError, transaction
from django.test import Client

from annotation.models import Answer, Clip, Correction, Query, Question, Segment
from annotation.models.items import content_id
from annotation.review import corrections

pytestmark = pytest.mark.django_db
REASON = "the colour was wrong"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ann", is_staff=True)


@pytest.fixture
def query(clip: Clip) -> Query:
    segment = Segment.objects.create(public_id=1, clip=clip, start=2.0, end=9.0)
    Query.objects.create(public_id=3, segment=segment, text="Another query", type="v")
    return Query.objects.create(public_id=2, segment=segment, text="A red ball rolls", type="v")


@pytest.fixture
def question(query: Query) -> Question:
    found = Question.objects.create(public_id=5, segment=query.segment, text="What rolls?")
    for place, text in enumerate(("a cube", "a ball", "a cone", "a ring")):
        Answer.objects.create(question=found, position=place, text=text, correct=place == 1)
    return found


def corrected(item: Query | Question, user: User, **changes: Any) -> Query | Question:
    return corrections.correct(
        item, **{"options": [], **corrections.state_of(item), **changes, "reason": REASON}, user=user
    )


def test_another_text_is_another_id_and_the_old_one_is_kept_in_the_list(query: Query, user: User) -> None:
    corrected(query, user, text="A  blue ball rolls")
    query.refresh_from_db()
    assert (query.text, query.public_id) == ("A blue ball rolls", content_id("A blue ball rolls"))
    row = Correction.objects.get()
    assert (row.kind, row.public_id, row.what, row.user) == ("moment", 2, "corrected", user)
    assert (row.before, row.after) == ({"text": "A red ball rolls"}, {"text": "A blue ball rolls"})
    corrected(query, user, text="A green ball rolls")
    assert [change.public_id for change in corrections.history(query)] == [content_id("A blue ball rolls"), 2]


def test_other_times_leave_the_other_items_of_the_segment_alone(query: Query, user: User) -> None:
    corrected(query, user, end=8.0)
    query.refresh_from_db()
    assert (query.public_id, query.segment.start, query.segment.end) == (2, 2.0, 8.0)
    assert Query.objects.get(public_id=3).segment.end == 9.0


def test_the_first_option_is_the_right_one(question: Question, user: User) -> None:
    assert corrections.state_of(question)["options"] == ["a ball", "a cube", "a cone", "a ring"]
    corrected(question, user, options=["a wheel", "a ball", "a cone", "a ring"])
    assert {(a.text, a.correct) for a in question.answers.all()} == {
        ("a wheel", True), ("a ball", False), ("a cone", False), ("a ring", False),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "nothing is changed"),
        ({"text": " \u200b"}, "a text is expected"),
        ({"end": 30.5}, "end <= 30 s"),
        ({"start": 9.0}, "start < end"),
        ({"options": ["a ball", "A ball!", "c", "d"]}, "all differ"),
        ({"options": ["a ball", "", "c", "d"]}, "none of them blank"),
        ({"text": "".join(chr(0x4E00 + n) for n in range(4000))}, "at most 2000 bytes"),
        ({"options": ["a ball", "".join(chr(0x4E00 + n) for n in range(4000)), "c", "d"]}, "at most 2000 bytes"),
    ],
)
def test_what_no_release_would_take_is_refused(
    question: Question, user: User, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        corrected(question, user, **changes)
    assert not Correction.objects.exists()


def test_a_text_that_stands_there_already_is_refused(query: Query, user: User) -> None:
    with pytest.raises(ValidationError, match="stands on this moment already"):
        corrected(query, user, text="Another query")
    assert not Correction.objects.exists()


def test_withdrawing_needs_a_reason_and_is_done_once(query: Query, user: User) -> None:
    with pytest.raises(ValidationError, match="a reason of at least"):
        corrections.withdraw(query, "bad", user)
    corrections.withdraw(query, REASON, user)
    query.refresh_from_db()
    assert query.withdrawn_by == Correction.objects.get()
    with pytest.raises(ValidationError, match="withdrawn already"):
        corrections.withdraw(query, REASON, user)


def test_the_list_of_corrections_only_grows(query: Query, user: User) -> None:
    corrections.withdraw(query, REASON, user)
    with pytest.raises(ProgrammingError), transaction.atomic():
        Correction.objects.update(reason="another")


def test_the_page_corrects_and_withdraws(client: Client, query: Query, question: Question, user: User) -> None:
    client.force_login(user)
    page = client.get("/items/qa/5/").content.decode()
    assert "Right answer" in page
    state = corrections.state_of(question)
    sent = {"text": "What rolls there?", "start": state["start"], "end": state["end"], "reason": REASON}
    sent |= {f"option_{place}": text for place, text in enumerate(state["options"])}
    refused = client.post("/items/qa/5/", sent | {"end": 99})
    assert (refused.status_code, "a moment inside the clip" in refused.content.decode()) == (422, True)
    done = client.post("/items/qa/5/", sent, follow=True).content.decode()
    assert "Corrected: the next release holds it so." in done
    assert "text was What rolls?" in done
    assert client.post("/items/moment/2/", {"withdraw": "1", "reason": "no"}).status_code == 422
    gone = client.post("/items/moment/2/", {"withdraw": "1", "reason": REASON}, follow=True).content.decode()
    assert "Withdrawn: no release to come holds it." in gone
    assert client.get("/items/moment/77/").status_code == 404
    assert client.get("/items/film/2/").status_code == 404
