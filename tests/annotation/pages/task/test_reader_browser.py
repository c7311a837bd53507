"""A question as its reader will see it, on the page on which it is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from annotation.models import Answer, Draft, Hit, Question, Segment
from annotation.models.crowd import Kind
from tests.annotation.pages.desk import DESK, PHONE, Desk, check, saved
from tests.browsing import assert_fit

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
QUESTION = "What rolls over the floor?"
OPTIONS = {"correct": "a ball", "wrong_1": "a cube", "wrong_2": "a cat", "wrong_3": "a car"}


def as_shown(page: Page, where: str) -> tuple[str, list[str]]:
    """The line that asks, and the choices, as they are read."""
    asked = page.locator(f"{where} .ask").inner_text()
    labels = page.locator(f"{where} .choices label").all_inner_texts()
    return " ".join(asked.split()), [" ".join(label.split()) for label in labels]


def write_question(page: Page) -> None:
    page.locator("[name=question]").fill(QUESTION)
    for name, text in OPTIONS.items():
        page.locator(f"[name={name}]").fill(text)
    saved(page)


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_a_writer_sees_the_question_as_its_reader_will(
    viewport: dict[str, int],
    desk: Desk,
    segment: Segment,
    make_task: Callable[[Kind], Hit],
    open_task: Callable[..., Page],
) -> None:
    page = open_task(Kind.QA, viewport)
    write_question(page)
    assert not page.locator(".reader .ask").is_visible(), "closed until somebody asks for it"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    firsts, orders = set(), set()
    summary = page.get_by_text("As its reader will see it")
    summary.focus()
    for _ in range(16):
        page.keyboard.press("Enter")
        page.locator(".reader .ask").wait_for()
        _, choices = as_shown(page, ".reader")
        assert sorted(choices[:4]) == sorted(OPTIONS.values())
        firsts.add(choices[0])
        orders.add(tuple(choices))
        page.keyboard.press(" ")
        page.locator(".reader .ask").wait_for(state="hidden")
    assert len(firsts) > 1
    assert len(orders) > 4
    page.keyboard.press("Enter")
    shown = as_shown(page, ".reader")
    assert_fit(page)
    assert not [url for url in asked if "/task/" in url], "nothing leaves the page for it"
    check_hit = make_task(Kind.VALIDATE)
    question = Question.objects.create(public_id=9, segment=segment, text=QUESTION)
    Answer.objects.bulk_create(
        Answer(question=question, position=n, text=text, correct=n == 0) for n, text in enumerate(OPTIONS.values())
    )
    Hit.objects.filter(pk=check_hit.pk).update(question=question)
    read = as_shown(desk.open(check_hit, viewport, hitId=check_hit.hit_id or ""), "main")
    assert (shown[0], sorted(shown[1])) == (read[0], sorted(read[1])), "word for word what is asked"
    assert shown[1][-1] == read[1][-1]


def test_the_preview_follows_what_is_written_and_is_no_part_of_the_answer(
    desk: Desk, open_task: Callable[..., Page]
) -> None:
    page = open_task(Kind.QA)
    page.get_by_text("As its reader will see it").click()
    assert as_shown(page, ".reader")[1][:4] == ["…"] * 4
    write_question(page)
    before = as_shown(page, ".reader")[1]
    page.locator("[name=correct]").fill("a marble")
    after = as_shown(page, ".reader")[1]
    assert after == ["a marble" if one == "a ball" else one for one in before], "in the order that was drawn"
    saved(page)
    assert Draft.objects.get().fields.keys() == {"question", *OPTIONS}
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("Thank you").wait_for()
    assert desk.marketplace.answers == [{"question": QUESTION, **OPTIONS, "correct": "a marble"}]


def test_a_sentence_that_says_where_is_told_so(open_task: Callable[..., Page]) -> None:
    page = open_task(Kind.QUERY)
    page.locator("[name=query]").fill("a woman opens the iron gate at the end of the clip")
    assert check(page, "query") == "12 words (8 to 20) · says where, not what"
    assert page.locator("[data-check=query]").get_attribute("class") == "bad"
    page.locator("[name=query]").fill("a woman opens the iron gate at the end of the garden")
    assert check(page, "query") == "12 words (8 to 20)"
