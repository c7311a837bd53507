"""Drafts in Chromium where something stands between page and server, and while a number is half typed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from annotation.models import Draft, Hit, Receipt
from annotation.models.crowd import Kind
from tests.annotation.pages.desk import END, QUICKLY, SENTENCE, START, Desk, at, saved, shown, taken, write

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
DRAFT = re.compile(r"/draft/")


def first_of(desk: Desk, count: int, act: Callable[[Route], None]) -> list[Route]:
    """Let something else happen to the first drafts that are sent; what it happened to."""
    met: list[Route] = []

    def meet(route: Route) -> None:
        if len(met) == count:
            return route.continue_()
        met.append(route)
        return act(route)

    desk.context.route(DRAFT, meet)
    return met


NO_WORD: dict[str, Callable[[Route], None]] = {
    "the network's own page": lambda route: route.fulfill(status=200, content_type="text/html", body="<p>Log in"),
    "half a word": lambda route: route.fulfill(status=200, content_type="application/json", body='{"vers'),
    "too many at this task": lambda route: route.fulfill(status=429, json={"error": "nothing is kept"}),
    "too large on the way": lambda route: route.fulfill(status=413, content_type="text/html", body="too large"),
}


@pytest.mark.parametrize("word", NO_WORD)
@pytest.mark.parametrize("pressed", [pytest.param("before", marks=pytest.mark.slow), "after"])
def test_what_is_no_word_of_the_server_is_tried_again(
    word: str, pressed: str, desk: Desk, open_task: Callable[..., Page]
) -> None:
    page = open_task(Kind.QUERY)
    met = first_of(desk, 1, NO_WORD[word])
    write(page)
    if pressed == "after":
        saved(page)
        assert Draft.objects.get().fields["query"] == SENTENCE
    page.get_by_role("button", name="Submit").click()
    taken(page)
    assert len(met) == 1
    assert Receipt.objects.get().payload == {"query": SENTENCE, "based_on": "v"}
    assert Draft.objects.get().fields["query"] == SENTENCE


def test_two_answers_of_the_server_that_were_lost_are_no_other_tab(desk: Desk, open_task: Callable[..., Page]) -> None:
    desk.context.add_init_script(QUICKLY)
    page = open_task(Kind.QUERY)
    texts = [SENTENCE, SENTENCE + " again", SENTENCE + " again and again"]

    def lose(route: Route) -> None:
        route.fetch()  # the server has it
        route.abort()

    met = first_of(desk, 2, lose)
    for number, text in enumerate(texts):
        write(page, text)
        while len(met) < min(number + 1, 2):
            page.wait_for_timeout(20)
    saved(page)
    assert page.locator("[data-role=told]").is_hidden()
    assert Draft.objects.get().fields["query"] == texts[-1]


@pytest.mark.parametrize(
    ("field_name", "typed"), [(END, ""), (END, "1"), (START, ""), (START, "2")], ids=["no end", "1…", "no start", "2…"]
)
def test_a_reload_while_a_number_is_half_typed_keeps_both_edges(
    field_name: str, typed: str, open_task: Callable[..., Page]
) -> None:
    page = open_task(Kind.SEGMENT)
    for second, key in ((5.0, "i"), (12.5, "o")):
        at(page, second)
        page.keyboard.press(key)
    saved(page)
    version = Draft.objects.get().version
    page.locator(field_name).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(typed) if typed else page.keyboard.press("Delete")
    page.wait_for_timeout(1500)  # longer than a draft waits
    assert Draft.objects.get().fields == {"start": "5.0", "end": "12.5"}
    assert Draft.objects.get().version > version, "it was written down meanwhile"
    page.reload()
    assert shown(page) == (["5.0", "12.5"], ["5.0", "12.5"])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"start": "5.0", "end": ""}, ["5.0", "10.0"]), ({"start": "", "end": "12.5"}, ["0.0", "12.5"])],
)
def test_of_a_draft_with_one_edge_that_edge_is_restored(
    fields: dict[str, str], expected: list[str], desk: Desk, make_task: Callable[[Kind], Hit]
) -> None:
    hit = make_task(Kind.SEGMENT)
    Draft.objects.create(hit=hit, assignment_id="ASG1", worker_id="AW1", fields=fields, version=1)
    assert shown(desk.open(hit)) == (expected, expected)
