"""The task page in Chromium: what is seen is what is sent, nothing is lost, all of it fits the first screen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, Route

from annotation.models import Batch, Clip, Draft, Hit, Receipt, Segment
from annotation.models.crowd import MARKING, Kind
from annotation.review.answer_forms import ANSWER_FORMS
from tests.annotation.pages.desk import (
    DESK,
    END,
    PHONE,
    QUICKLY,
    SENTENCE,
    START,
    Desk,
    at,
    check,
    saved,
    shown,
    taken,
    until,
)
from tests.annotation.pages.task.test_task_page import frame_url, parameters
from tests.annotation.review.test_human_accuracy import ask
from tests.browsing import assert_fit

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

KEYED = {
    "in at the end": ([(24.5, "o"), (24.5, "i")], ["24.5", "26.5"]),
    "in at the clip's end": ([(30.0, "o"), (30.0, "i")], ["28.0", "30.0"]),
    "out before the start": ([(20.0, "i"), (1.0, "o")], ["0.0", "2.0"]),
    "in, out": ([(5.03, "i"), (12.06, "o")], ["5.0", "12.1"]),
    "nudged": ([(5.0, "i"), (12.0, "o"), (12.0, "["), (0, "["), (0, "]"), (0, "]"), (0, "]")], ["5.0", "12.1"]),
}


@pytest.mark.parametrize("name", KEYED)
def test_what_keys_set_slider_and_fields_show_and_the_marketplace_gets(
    name: str, desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    keys, expected = KEYED[name]
    page = desk.open(make_hit(Kind.SEGMENT))
    for second, key in keys:
        at(page, second)
        page.keyboard.press(key)
        assert shown(page)[0] == shown(page)[1]
    assert shown(page) == (expected, expected)
    page.get_by_role("button", name="Submit").click()
    taken(page)
    assert desk.marketplace.answers == [dict(zip(("start", "end"), map(float, expected), strict=True))]


@pytest.mark.parametrize(
    ("field_name", "typed", "expected"),
    [
        (START, "4.27", ["4.3", "10.0"]),
        (START, "29", ["28.0", "30.0"]),
        (END, "1", ["0.0", "2.0"]),
        (END, "", ["0.0", "10.0"]),
    ],
)
def test_what_is_typed_moves_the_slider_or_comes_back(
    field_name: str, typed: str, expected: list[str], desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    page.locator(field_name).fill(typed)
    page.keyboard.press("Tab")
    assert shown(page) == (expected, expected)


@pytest.mark.parametrize(
    ("field_name", "typed", "expected"), [(START, "20", [20.0, 22.0]), (END, "12.54", [0.0, 12.5])]
)
def test_what_is_still_being_typed_is_sent_as_the_slider_shows_it(
    field_name: str, typed: str, expected: list[float], desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    page.locator(field_name).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type(typed)
    saved(page)  # as it stands, while the slider waits for the rest
    with page.expect_event("console") as logged:
        page.evaluate(
            """() => document.querySelector("form[data-role=task-form]").addEventListener("submit", () => console.log(
                [...document.querySelectorAll("[role=slider]")].map(handle => handle.getAttribute("aria-valuetext"))
            ), {capture: true, once: true})"""
        )
        page.keyboard.press("Control+Enter")
    taken(page)
    assert logged.value.text == f"[{expected[0]:.1f} seconds, {expected[1]:.1f} seconds]"
    assert desk.marketplace.answers == [{"start": expected[0], "end": expected[1]}]


WATCH = """window.shifted = 0;
new PerformanceObserver(list => list.getEntries().forEach(entry => { shifted += entry.value; }))
    .observe({type: "layout-shift", buffered: true});"""


@pytest.mark.parametrize("kind", [Kind.SEGMENT, Kind.QUERY])
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_moves_when_film_and_pictures_arrive(
    kind: Kind, viewport: dict[str, int], desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    desk.context.add_init_script(WATCH)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    media = re.compile(r"\.(mp4|jpg)")
    desk.context.route(media, hold)
    page = desk.context.new_page()
    page.set_viewport_size(viewport)  # type: ignore[arg-type]
    hit = make_hit(kind, segment=None if kind == Kind.SEGMENT else segment)
    page.goto(desk.server + frame_url(hit) + "?" + urlencode(parameters()), wait_until="domcontentloaded")
    page.wait_for_timeout(1000)
    assert held
    before = page.evaluate("shifted")
    desk.context.unroute(media)
    for route in held:
        route.continue_()
    until(page, "player.video.readyState > 0")
    page.wait_for_timeout(300)
    assert before < 0.1  # good, say the Web Vitals
    assert page.evaluate("shifted") < before + 0.001  # the clock, which shows more digits


def test_a_moment_is_marked_and_described_by_keyboard_alone(
    desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.COMBINED))
    for second, key in [(5.0, "i"), (12.0, "o")]:
        at(page, second)
        page.keyboard.press(key)
    page.locator("[name=query]").focus()
    page.keyboard.type(SENTENCE)  # i and o of it are letters, no edges
    assert check(page, "query") == "9 words (8 to 20)"
    page.keyboard.press("Tab")
    page.keyboard.press("Space")  # the picture
    assert shown(page) == (["5.0", "12.0"], ["5.0", "12.0"])
    page.get_by_role("button", name="Submit").focus()
    page.keyboard.press("Enter")
    taken(page)
    assert desk.marketplace.answers == [{"start": 5.0, "end": 12.0, "query": SENTENCE, "based_on": "v"}]


def test_pointer_and_arrows_on_the_slider_move_the_fields(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    handle = page.locator("[role=slider]").nth(1)
    handle.press("ArrowRight")
    assert shown(page) == (["0.0", "10.1"], ["0.0", "10.1"])
    box, track = handle.bounding_box(), page.locator("[data-role=slider]").bounding_box()
    assert box
    assert track
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(track["x"] + track["width"] * 0.6, box["y"] + 10, steps=4)
    page.mouse.up()
    fields, handles = shown(page)
    assert fields == handles
    assert float(fields[1]) == pytest.approx(18.0, abs=0.2)
    assert page.evaluate("player.now()") == pytest.approx(float(fields[1]), abs=0.01)


def test_a_handle_stands_at_once_where_its_field_says(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    share = page.evaluate("""() => {
        const end = document.querySelector("[name=end]");
        end.value = "15";
        end.dispatchEvent(new Event("change"));
        const bar = document.querySelector("[data-role=slider]").getBoundingClientRect();
        const handle = document.querySelectorAll("[role=slider]")[1].getBoundingClientRect();
        return (handle.x + handle.width / 2 - bar.x) / bar.width;
    }""")
    assert share == pytest.approx(0.5, abs=0.01)


def test_the_players_keys(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    at(page, 10.0)
    for key, second in [
        ("ArrowRight", 11.0), ("ArrowLeft", 10.0), ("Shift+ArrowRight", 10.1), ("Shift+ArrowLeft", 10.0),
        (".", 10.15), (".", 10.25), (",", 10.15), ("Shift+O", 10.0), ("Shift+I", 0.0),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate("player.now()") == pytest.approx(second, abs=0.001), key
    page.keyboard.press(" ")
    assert not page.evaluate("player.video.paused")
    page.keyboard.press(" ")
    assert page.evaluate("player.video.paused")
    rates = []
    for _ in range(3):
        page.locator("[data-action=speed]").click()
        rates.append(page.evaluate("player.video.playbackRate"))
        assert page.locator("[data-role=speed]").inner_text() == f"{rates[-1]:g}×"
    assert rates == [1.5, 0.5, 1]
    page.get_by_text("Keys", exact=True).click()
    page.get_by_label("Keys are on").uncheck()
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("player.now()") < 1


def test_a_play_that_is_taken_back_at_once_is_no_error(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    page.evaluate("player.actions.play(); player.actions.play()")
    page.wait_for_timeout(200)
    assert page.evaluate("player.video.paused")
    assert desk.errors == []


@pytest.mark.parametrize("kind", [Kind.SEGMENT, Kind.COMBINED])
def test_a_segment_takes_at_most_eight_inputs_from_play_to_submit(
    kind: Kind, desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    """A person who looks for two seconds and types nothing but what has to be said."""
    page = desk.open(make_hit(kind))
    inputs = 0
    for key, second in ((" ", 2.0), ("i", 4.5), ("o", 5.0)):
        page.keyboard.press(key)
        inputs += 1
        until(page, f"player.now() >= {second}")
    if kind == Kind.COMBINED:
        page.locator("[name=based_on]").first.check()
        page.locator("[name=query]").fill(SENTENCE)
    fields, _ = shown(page)
    page.keyboard.press("Control+Enter")
    taken(page)
    assert inputs + 1 <= 8
    (answer,) = desk.marketplace.answers
    assert [answer["start"], answer["end"]] == [float(value) for value in fields]
    assert 1.9 < float(fields[0]) < 3.5 < float(fields[1]) < 6.5


def test_in_a_preview_nothing_is_marked(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT), assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE")
    at(page, 4.0)
    page.keyboard.press("i")
    assert [page.locator(f"[data-action={name}]").is_disabled() for name in ("in", "out")] == [True, True]
    assert shown(page)[0] == ["0.0", "10.0"]


def test_the_segment_loops_and_lets_go(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    for second, key in ((5.0, "i"), (7.0, "o"), (20.0, "l")):
        at(page, second)
        page.keyboard.press(key)
    page.wait_for_timeout(3500)
    assert 5.0 <= page.evaluate("player.now()") <= 7.2
    page.keyboard.press("l")
    at(page, 6.8)
    until(page, "player.now() > 7.5")


@pytest.mark.parametrize("hidden", [False, True])
def test_the_time_line_shows_when_somebody_speaks_unless_the_narration_is_hidden(
    hidden: bool, desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.QUERY, segment=segment, hidden=hidden))
    waveform, said = page.locator(".strip .waveform"), page.locator(".strip .said")
    assert (waveform.count(), said.count()) == ((0, 0) if hidden else (1, 2))
    if not hidden:
        until(page, "document.querySelector('.waveform').naturalWidth > 0")
        strip, drawn, line = (found.bounding_box() for found in (page.locator(".strip"), waveform, said.first))
        assert strip and drawn and line  # noqa: PT018
        assert (drawn["x"], drawn["width"]) == pytest.approx((strip["x"], strip["width"]))
        assert (line["x"] - strip["x"]) / strip["width"] == pytest.approx(1 / 30, abs=0.005)


@pytest.mark.parametrize("kind", [Kind.QUERY, Kind.QA])
def test_a_writer_sees_the_segment_marked_and_looped(
    kind: Kind, desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(kind, segment=segment))
    until(page, "player.now() >= 5")
    strip, band = (page.locator(f"[data-role={name}]").bounding_box() for name in ("strip", "band"))
    assert strip
    assert band
    assert (band["x"] - strip["x"]) / strip["width"] == pytest.approx(5 / 30, abs=0.005)
    assert band["width"] / strip["width"] == pytest.approx(7 / 30, abs=0.005)
    at(page, 11.7)
    page.keyboard.press(" ")
    until(page, "player.now() < 8")
    assert page.evaluate("player.now()") >= 4.99


NEEDED = {
    Kind.SEGMENT: ["video", ".strip", "[data-role=slider]", "[data-role=controls]", START, END, ".send button"],
    Kind.QUERY: ["video", ".strip", "[data-role=controls]", "[name=query]", ".choices", ".send button"],
    Kind.COMBINED: [
        "video",
        ".strip",
        "[data-role=slider]",
        "[data-role=controls]",
        START,
        END,
        "[name=query]",
        ".choices",
        ".send button",
    ],
    Kind.QA: ["video", ".strip", "[data-role=controls]", "[name=question]", "[name=wrong_3]", ".send button"],
    Kind.VALIDATE: ["video", ".strip", "[data-role=controls]", ".choices", "[name=also]", ".send button"],
}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_all_that_one_works_with_is_in_the_first_screen(
    kind: Kind,
    viewport: dict[str, int],
    desk: Desk,
    film: Clip,
    segment: Segment,
    make_hit: Callable[..., Hit],
    settings: Any,
) -> None:
    hit = make_hit(kind, segment=None if kind in MARKING else segment)
    if kind == Kind.VALIDATE:
        Hit.objects.update(question=ask(segment))
    if kind == Kind.QA:  # the page says of both
        Batch.objects.update(blind_bonus="0.10")
        settings.BLIND_IN_THE_LOOP = True
    page = desk.open(hit, viewport)
    for name in [*NEEDED[kind], "details.broken summary"]:
        box = page.locator(name).first.bounding_box()
        assert box, name
        assert box["width"] > 0, name
        assert box["y"] >= 0, name
        assert box["y"] + box["height"] <= viewport["height"], name
        assert box["x"] + box["width"] <= viewport["width"], name
    assert page.locator("[data-action=speed]").is_visible() == (viewport == DESK or kind not in MARKING)
    for button in page.locator("[data-role=controls] button:visible").all():
        assert button.evaluate("b => Math.min(b.offsetWidth, b.offsetHeight)") >= 44
    assert_fit(page)


def test_words_are_counted_while_they_are_written(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.QUERY, segment=segment))
    text = page.locator("[name=query]")
    text.press_sequentially("one – two")
    assert check(page, "query") == "2 words (8 to 20)"
    text.fill(SENTENCE)
    assert page.locator("[data-check=query]").get_attribute("class") == "good"
    text.fill("Look at the red ball!")
    assert "repeats what is said" in check(page, "query")


def test_four_answers_are_checked_while_they_are_written(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.QA, segment=segment))
    page.locator("[name=question]").fill("What rolls")
    assert check(page, "question") == "ends with a question mark"
    for name, text in {
        "correct": "a large red ball",
        "wrong_1": "a cube",
        "wrong_2": "A cube!",
        "wrong_3": "?",
    }.items():
        page.locator(f"[name={name}]").fill(text)
    assert check(page, "wrong_2") == "the same as wrong answer 1"
    assert check(page, "wrong_3") == "needs a letter or a digit"
    assert check(page, "correct") == "the longest: it can be guessed"
    page.locator("[name=wrong_1]").fill("a small green cube")
    page.locator("[name=wrong_3]").fill("Look at the red ball")
    assert check(page, "correct") == "✓"
    assert check(page, "wrong_2") == "✓"
    assert check(page, "wrong_3") == "repeats what is said"


def test_a_restored_question_is_checked_blind(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit], settings: Any
) -> None:
    settings.BLIND_IN_THE_LOOP = True
    desk.context.route(re.compile(r"/blind/"), lambda route: route.fulfill(json={"why": "it is the longest"}))
    page = desk.open(make_hit(Kind.QA, segment=segment))
    texts = ("What rolls here now?", "a ball", "a cube", "a cat", "a car")
    for name, text in zip(("question", "correct", "wrong_1", "wrong_2", "wrong_3"), texts, strict=True):
        page.locator(f"[name={name}]").fill(text)
    saved(page)
    page.reload()
    page.get_by_text("Can be guessed without watching: it is the longest.").wait_for()


def test_that_a_clip_is_broken_is_an_answer(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.QUERY, segment=segment))
    page.get_by_text("This clip is broken").click()
    page.get_by_role("button", name="does not play").click()
    taken(page)
    assert desk.marketplace.answers == [{"broken": "does not play"}]


def test_a_reload_keeps_what_was_set_and_how_it_came_about(
    desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.SEGMENT))
    at(page, 5.0)
    page.keyboard.press("i")
    page.keyboard.press(" ")
    page.wait_for_timeout(1500)
    page.keyboard.press(" ")
    at(page, 12.0)
    page.keyboard.press("o")
    saved(page)
    before = shown(page)
    page.reload()
    assert shown(page) == before
    assert before[0] == ["5.0", "12.0"]
    page.get_by_role("button", name="Submit").click()
    taken(page)
    conduct = Receipt.objects.get().conduct
    assert conduct is not None
    assert conduct["seconds"] >= 1
    assert any(b - a > 1 for a, b in conduct["played"])


def submitted_offline(desk: Desk, hit: Hit) -> Page:
    """A task whose answer was sent while the network was away."""
    page = desk.open(hit)
    desk.context.set_offline(True)
    page.locator("[name=query]").fill(SENTENCE)
    page.get_by_label("picture", exact=True).check()
    page.get_by_role("button", name="Submit").click()
    page.get_by_text("No connection").wait_for()
    return page


def test_a_lost_network_loses_nothing_and_the_answer_goes_when_it_is_back(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = submitted_offline(desk, make_hit(Kind.QUERY, segment=segment))
    assert page.locator("[name=query]").input_value() == SENTENCE
    assert not Receipt.objects.exists()
    desk.context.set_offline(False)
    taken(page)
    assert desk.marketplace.answers == [{"based_on": "v", "query": SENTENCE}]


def test_what_is_changed_after_submit_goes_only_when_it_is_pressed_again(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = submitted_offline(desk, make_hit(Kind.QUERY, segment=segment))
    page.locator("[name=query]").fill(SENTENCE + " and")
    desk.context.set_offline(False)
    page.get_by_text("not sent: press Submit again").wait_for()
    page.locator("[name=query]").fill("")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Submit").click()
    assert not Receipt.objects.exists(), "nothing that was half written"
    page.locator("[name=query]").fill(SENTENCE + " there")
    page.wait_for_timeout(1500)
    assert not Receipt.objects.exists()
    page.get_by_role("button", name="Submit").click()
    taken(page)
    assert desk.marketplace.answers == [{"based_on": "v", "query": SENTENCE + " there"}]


@pytest.mark.parametrize(("choice", "left"), [("What I see here", "mine"), ("The other tab's", "theirs")])
def test_the_later_of_two_tabs_is_told_and_says_which_draft_stays(
    choice: str, left: str, desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    first, second = desk.open(hit), desk.open(hit)
    first.locator("[name=query]").fill("theirs")
    saved(first)
    second.locator("[name=query]").fill("mine")
    second.get_by_text("Another tab of this task").wait_for()
    assert Draft.objects.get().fields["query"] == "theirs"
    second.get_by_role("button", name=choice).click()
    assert second.locator("[name=query]").input_value() == left
    second.locator("[name=query]").fill(left + " and more")
    saved(second)
    assert Draft.objects.get().fields["query"] == left + " and more"


def test_the_other_tabs_moment_is_taken_whole(desk: Desk, film: Clip, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    first, second = desk.open(hit), desk.open(hit)
    for tab, keys in ((first, [(9.0, "o"), (4.0, "i")]), (second, [(28.0, "o"), (20.0, "i")])):
        for second_of_clip, key in keys:
            at(tab, second_of_clip)
            tab.keyboard.press(key)
        if tab is first:
            saved(first)
    second.get_by_role("button", name="The other tab's").click()
    assert shown(second) == (["4.0", "9.0"], ["4.0", "9.0"])
    second.wait_for_timeout(1500)  # longer than a draft waits
    assert Draft.objects.get().fields == {"start": "4.0", "end": "9.0"}


def test_what_the_other_tab_left_open_is_open_again(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    first, second = desk.open(hit), desk.open(hit)
    first.locator("[name=query]").fill("theirs")
    saved(first)
    second.get_by_label("picture", exact=True).check()
    second.get_by_role("button", name="The other tab's").click()
    assert second.locator("[name=query]").input_value() == "theirs"
    assert second.locator("[name=based_on]:checked").count() == 0


def test_the_second_of_two_tabs_is_told_that_another_answer_was_received(
    desk: Desk, film: Clip, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    desk.marketplace.up = False
    first, second = desk.open(hit), desk.open(hit)
    with first.expect_event("requestfailed", lambda request: request.url.endswith("externalSubmit")):
        first.get_by_role("button", name="Submit").click()
    at(second, 12.0)
    second.keyboard.press("i")
    second.get_by_text("received already, from another tab").wait_for()
    second.get_by_role("button", name="Send it all the same").click()
    second.get_by_role("heading", name="Another answer was received before").wait_for()
    assert [receipt.payload["start"] for receipt in Receipt.objects.order_by("pk")] == [0.0, 12.0]
    desk.marketplace.up = True
    second.get_by_role("button", name="Send the first answer").click()
    taken(second)
    assert desk.marketplace.answers == [{"start": 0.0, "end": 10.0}]


@pytest.mark.parametrize("meanwhile", ["nothing", "submitted", "wrote on"])
def test_a_lost_response_is_no_other_tab(
    meanwhile: str, desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    page = desk.open(make_hit(Kind.QUERY, segment=segment))
    lost: list[Route] = []

    def lose_the_first(route: Route) -> None:
        if lost:
            return route.continue_()
        lost.append(route)
        route.fetch()
        return route.abort()

    desk.context.route(re.compile(r"/draft/"), lose_the_first)
    page.get_by_label("picture", exact=True).check()
    page.locator("[name=query]").fill(SENTENCE)
    if meanwhile == "submitted":
        page.get_by_role("button", name="Submit").click()
        taken(page)
        return
    page.get_by_text("No connection").wait_for()
    if meanwhile == "wrote on":
        page.locator("[name=query]").fill(SENTENCE + " again")
    saved(page)
    assert lost
    assert page.locator("[data-role=told]").is_hidden()
    assert Draft.objects.get().fields["query"] == page.locator("[name=query]").input_value()


FAULTS: dict[str, Callable[[Route], None]] = {
    "no answer": lambda route: route.abort(),
    "502": lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>502 Bad Gateway</h1>"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("button", ["Submit", "does not play"])
def test_while_our_server_is_down_an_answer_goes_straight_to_the_marketplace(
    fault: str, button: str, desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    desk.context.add_init_script(QUICKLY)
    page = desk.open(hit)
    desk.context.route(re.compile(r"/task/"), FAULTS[fault])
    page.locator("[name=query]").fill(SENTENCE)
    page.get_by_label("picture", exact=True).check()
    page.get_by_text("This clip is broken").click()
    page.get_by_role("button", name=button).click()
    taken(page)
    (answer,) = desk.marketplace.answers
    assert answer == ({"query": SENTENCE, "based_on": "v"} if button == "Submit" else {"broken": button})
    assert ANSWER_FORMS[hit.batch.kind](answer, hit=hit).is_valid()
    assert desk.marketplace.senders == [("ASG1", "AW1")]


def test_while_nothing_is_reached_the_page_stays_with_the_answer(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    desk.context.add_init_script(QUICKLY)
    page = desk.open(make_hit(Kind.QUERY, segment=segment))
    desk.marketplace.up = False
    tried: list[Route] = []
    task = re.compile(r"/task/")

    def fail(route: Route) -> None:
        tried.append(route)
        route.abort()

    desk.context.route(task, fail)
    page.locator("[name=query]").fill(SENTENCE)
    page.get_by_label("picture", exact=True).check()
    page.get_by_role("button", name="Submit").click()
    while len(tried) < 10:
        page.wait_for_timeout(100)
    assert page.locator("[name=query]").input_value() == SENTENCE
    desk.context.unroute(task)
    desk.marketplace.up = True
    taken(page)
    assert Receipt.objects.get().payload == {"query": SENTENCE, "based_on": "v"}


def test_faults_before_an_answer_goes_do_not_send_it_past_us(
    desk: Desk, film: Clip, segment: Segment, make_hit: Callable[..., Hit]
) -> None:
    desk.context.add_init_script(QUICKLY)
    page = desk.open(make_hit(Kind.QUERY, segment=segment))
    left = 6

    def fail_for_a_while(route: Route) -> None:
        nonlocal left
        left -= 1
        FAULTS["502"](route) if left >= 0 else route.continue_()

    desk.context.route(re.compile(r"/draft/"), fail_for_a_while)
    page.locator("[name=query]").fill(SENTENCE)
    saved(page)
    assert Draft.objects.get().fields["query"] == SENTENCE
    left = 2
    page.get_by_label("picture", exact=True).check()
    page.get_by_role("button", name="Submit").click()
    taken(page)
    assert Receipt.objects.get().payload == {"query": SENTENCE, "based_on": "v"}
