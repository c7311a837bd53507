"""A person's path through the worker site in Chromium: desktop and phone, light and dark, by keyboard, under axe-core.

With MARKETPLACE_SCREENSHOTS set to a folder, pictures of the path are left there (docs/screenshots has some).
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.marketplace.lab import ANSWER_KEY, TEST_FORM, Lab, unique
from tests.marketplace.site import FORM, HTML_QUESTION, PASSWORD, ROOT, Site, external
from tests.marketplace.task_page import TaskServer

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 360, "height": 780}}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lab(site: Site) -> Iterator[Lab]:
    with TaskServer(site.task_port):
        yield Lab(site)


@pytest.fixture(scope="module")
def task(lab: Lab) -> str:
    return external(f"http://localhost:{lab.site.task_port}/task?unit=1")


class Person:
    """Somebody in front of a browser window, who runs axe-core wherever asked and keeps the console's complaints."""

    def __init__(self, browser: Browser, site: Site, size: str, scheme: str = "light") -> None:
        self.site, self.size = site, size
        self.context: BrowserContext = browser.new_context(
            base_url=site.url, viewport=SIZES[size], color_scheme=scheme, locale="en-GB"
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(8_000)
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self._note("error", str(error)))
        self.name = f"{size}-{secrets.token_hex(4)}"

    def _note(self, kind: str, text: str) -> None:
        # The task page tries to move us away, and error pages are opened on purpose: Chromium says so.
        expected = ("evil.example.org", "the server responded with a status of 4", "Unsafe attempt")
        if kind == "error" and not any(part in text for part in expected):
            self.complaints.append(text)

    def sign_up(self) -> None:
        self.page.goto("/accounts/signup/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign up").click()
        expect(self.page.get_by_role("heading", name="Find work", exact=True)).to_be_visible()

    def check(self, picture: str = "") -> None:
        """axe-core finds nothing, nothing is wider than the window, the console is quiet."""
        found = axe(self.page)
        assert found == [], json.dumps(found, indent=1)
        wide = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{self.page.url} is {wide} px wider than the window"
        assert self.complaints == []
        folder = os.environ.get("MARKETPLACE_SCREENSHOTS")
        if folder and picture:
            path = Path(folder) / f"marketplace-{picture}-{self.size}.png"
            self.page.screenshot(path=path, full_page=True)


def axe(where: Any) -> list[dict[str, Any]]:
    """Violations in a page or frame, without looking into further frames."""
    where.evaluate(AXE.read_text())
    result = where.evaluate("axe.run(document, {iframes: false})")
    return [
        {"rule": violation["id"], "where": [node["html"][:300] for node in violation["nodes"]]}
        for violation in result["violations"]
    ]


@pytest.fixture
def person(browser: Browser, site: Site) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def make(size: str, scheme: str = "light") -> Person:
        people.append(Person(browser, site, size, scheme))
        return people[-1]

    yield make
    for one in people:
        one.context.close()


@pytest.mark.parametrize("size", sorted(SIZES))
def test_a_person_signs_up_works_and_sees_the_work_approved(
    person: Callable[..., Person], lab: Lab, task: str, size: str
) -> None:
    hit = lab.hit(
        Title="Describe what happens in a clip",
        Description=f"Watch up to a minute and write one sentence, {size}",
        Question=task,
        MaxAssignments=2,
    )
    me = person(size)
    me.page.goto("/accounts/signup/")
    me.check("signup")
    me.sign_up()
    me.check("groups")

    me.page.locator(f"[data-hit-type='{hit['HITTypeId']}'] a[data-action=preview]").click()
    frame = me.page.frame_locator("iframe[data-role=task]")
    expect(frame.get_by_role("button", name="Submit")).to_be_disabled()
    me.check("preview")
    me.page.get_by_role("button", name="Accept and work").click()
    expect(frame.get_by_role("button", name="Submit")).to_be_enabled()
    expect(me.page.get_by_role("timer")).to_contain_text("0:0")
    me.check("task")
    probe = json.loads(frame.locator("#probe").text_content() or "")
    assert probe["document"] == probe["address"] == probe["cookie"] == probe["move"] == "SecurityError"
    assert probe["own"] == ""

    frame.get_by_label("Your sentence").fill("A cat jumps <onto> a table & sleeps")
    frame.get_by_role("button", name="Submit").click()
    expect(frame.get_by_role("heading", name="Thank you, your work was received")).to_be_visible()
    expect(me.page.get_by_role("timer")).to_be_hidden()
    inner = next(part for part in me.page.frames if part.url.endswith("/mturk/externalSubmit"))
    assert axe(inner) == []
    me.check("received")
    frame.get_by_role("link", name="Next task").click()
    expect(me.page.get_by_text("Nothing is left for you in this group")).to_be_visible()
    me.check()

    (assignment,) = lab.api.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert "A cat jumps &lt;onto&gt; a table &amp; sleeps" in assignment["Answer"]
    lab.api.approve_assignment(AssignmentId=assignment["AssignmentId"], RequesterFeedback="Thank you, well seen")
    me.page.get_by_role("link", name="My work").click()
    expect(me.page.get_by_role("cell", name="Approved")).to_be_visible()
    expect(me.page.get_by_text("You have earned $0.15")).to_be_visible()
    me.check("work")


def test_the_path_by_keyboard_alone(person: Callable[..., Person], lab: Lab, task: str) -> None:
    title = unique("Keyboard")
    lab.hit(Title=title, Question=task)
    me = person("desktop")
    me.page.goto("/accounts/signup/")

    def press_on(name: str) -> None:
        for _ in range(60):
            me.page.keyboard.press("Tab")
            focused = me.page.evaluate("document.activeElement.textContent || ''")
            if name in " ".join(focused.split()):
                outline = me.page.evaluate(
                    "getComputedStyle(document.activeElement).outlineStyle + "
                    "getComputedStyle(document.activeElement).boxShadow"
                )
                assert outline != "nonenone", f"the focus on {name} is not visible"
                me.page.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} cannot be reached with Tab")

    me.page.keyboard.type(me.name)
    me.page.keyboard.press("Tab")
    me.page.keyboard.type(PASSWORD)
    me.page.keyboard.press("Enter")
    expect(me.page.get_by_role("heading", name="Find work", exact=True)).to_be_visible()
    press_on(f"Preview {title}")
    expect(me.page).to_have_url(re.compile("/groups/"))  # the list has a heading of this name, too
    expect(me.page.get_by_role("heading", name=title)).to_be_visible()
    press_on("Accept and work")
    frame = me.page.frame_locator("iframe[data-role=task]")
    expect(frame.get_by_role("button", name="Submit")).to_be_enabled()
    frame.get_by_label("Your sentence").focus()
    me.page.keyboard.type("Typed")
    me.page.keyboard.press("Enter")
    expect(frame.get_by_role("heading", name="Thank you, your work was received")).to_be_visible()


def test_an_html_question_submits_from_its_opaque_origin(person: Callable[..., Person], lab: Lab) -> None:
    page = (
        "<!doctype html><html lang=en><title>t</title><main><h1>Label it</h1><form method=post>"
        "<input type=hidden name=assignmentId><label>Label <input name=label></label><button>Send</button></form>"
        "<p id=probe></p></main><script>const q = new URLSearchParams(location.search);"
        "const form = document.forms[0]; form.assignmentId.value = q.get('assignmentId');"
        "form.action = q.get('turkSubmitTo') + '/mturk/externalSubmit';"
        "let seen; try { seen = parent.document.title } catch (e) { seen = e.name }"
        "let own; try { own = document.cookie } catch (e) { own = e.name }"
        "document.querySelector('#probe').textContent = seen + ' ' + own + ' ' + origin</script></html>"
    )
    title = unique("Label")
    hit = lab.hit(Title=title, Question=HTML_QUESTION.format(html=page))
    me = person("desktop")
    me.sign_up()
    me.page.get_by_role("link", name=f"Preview {title}").click()
    me.page.get_by_role("button", name="Accept and work").click()
    frame = me.page.frame_locator("iframe[data-role=task]")
    assert frame.locator("#probe").inner_text() == "SecurityError SecurityError null"
    frame.get_by_label("Label").fill("cat")
    frame.get_by_role("button", name="Send").click()
    expect(frame.get_by_role("heading", name="Thank you, your work was received")).to_be_visible()
    (row,) = lab.api.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert "<FreeText>cat</FreeText>" in row["Answer"]


QUESTIONS = FORM.format(
    questions="<Overview><Title>About the clip</Title><Text>Watch it first.</Text></Overview>"
    "<Question><QuestionIdentifier>kind</QuestionIdentifier><DisplayName>Kind</DisplayName>"
    "<IsRequired>true</IsRequired><QuestionContent><Text>What is it?</Text></QuestionContent><AnswerSpecification>"
    "<SelectionAnswer><MaxSelectionCount>2</MaxSelectionCount><Selections><Selection><SelectionIdentifier>film"
    "</SelectionIdentifier><Text>A film</Text></Selection><Selection><SelectionIdentifier>show"
    "</SelectionIdentifier><Text>A show</Text></Selection><OtherSelection/></Selections></SelectionAnswer>"
    "</AnswerSpecification></Question><Question><QuestionIdentifier>seconds</QuestionIdentifier>"
    "<DisplayName>Seconds</DisplayName><IsRequired>true</IsRequired><QuestionContent><Text>How long?</Text>"
    "</QuestionContent><AnswerSpecification><FreeTextAnswer><Constraints>"
    '<IsNumeric minValue="1" maxValue="60"/></Constraints></FreeTextAnswer></AnswerSpecification></Question>'
    "<Question><QuestionIdentifier>story</QuestionIdentifier><DisplayName>Story</DisplayName><QuestionContent>"
    "<Text>What happens?</Text></QuestionContent><AnswerSpecification><FreeTextAnswer>"
    "<NumberOfLinesSuggestion>4</NumberOfLinesSuggestion></FreeTextAnswer></AnswerSpecification></Question>"
    "<Question><QuestionIdentifier>file</QuestionIdentifier><DisplayName>Picture</DisplayName><QuestionContent>"
    "<Text>If you have one</Text></QuestionContent><AnswerSpecification><FileUploadAnswer><MaxFileSizeInBytes>999"
    "</MaxFileSizeInBytes><MinFileSizeInBytes>1</MinFileSizeInBytes></FileUploadAnswer></AnswerSpecification>"
    "</Question>"
)


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.slow
def test_every_page_filled_and_in_its_error_states(
    person: Callable[..., Person], lab: Lab, task: str, size: str, scheme: str
) -> None:
    me = person(size, scheme)
    me.page.goto("/accounts/signup/")
    me.page.get_by_label("Username").fill("no spaces please")
    me.page.get_by_label("Password").fill("short")
    me.page.get_by_role("button", name="Sign up").click()
    expect(me.page.get_by_text("Enter a valid username")).to_be_visible()
    me.check("signup-errors")
    me.page.goto("/accounts/login/")
    me.check("login")
    me.page.get_by_label("Username").fill("nobody")
    me.page.get_by_label("Password").fill("nothing")
    me.page.get_by_role("button", name="Log in").click()
    expect(me.page.get_by_text("Please enter a correct username")).to_be_visible()
    me.check()
    me.sign_up()
    for path in ("/worker/work/", "/worker/messages/", "/worker/qualifications/", "/accounts/password/", "/nowhere/"):
        me.page.goto(path)
        me.check()
    _fill(me, lab, task)
    me.page.goto("/")
    me.check("groups-filled")
    me.page.goto("/worker/qualifications/")
    me.check("qualifications")
    me.page.goto("/worker/messages/")
    me.check("messages")
    me.page.goto("/worker/work/")
    me.check("work-filled")
    me.page.get_by_role("row", name="Rejected").first.wait_for()


def _fill(me: Person, lab: Lab, task: str) -> None:
    """Everything a worker can meet: a form HIT in all its states, a test, a rejection, messages, a closed group."""
    long = "Averylongwordwithoutanyplacetobreakit" * 3
    form_hit = lab.hit(Title=unique("Questions"), Question=QUESTIONS, Description=long)
    kind = lab.qualification_type(
        Name=unique("Cities"), Test=TEST_FORM, AnswerKey=ANSWER_KEY, TestDurationInSeconds=600, Description=long
    )
    waiting = lab.qualification_type(Name=unique("Group"))
    lab.hit(
        Title=unique("Only for members"),
        QualificationRequirements=[
            {"QualificationTypeId": kind, "Comparator": "GreaterThan", "IntegerValues": [100]},
            {"QualificationTypeId": "00000000000000000071", "Comparator": "In", "LocaleValues": [{"Country": "IS"}]},
        ],
    )
    lab.hit(Title=unique("Open"), Question=task)
    page = me.page
    page.goto(f"/groups/{form_hit['HITTypeId']}/")
    me.check("form-preview")
    page.get_by_role("button", name="Accept and work").click()
    me.check()
    page.get_by_role("link", name="Answer the questions").click()
    me.check("form")
    page.get_by_label("Seconds").fill("ninety")
    page.get_by_role("button", name="Submit answers").click()
    expect(page.get_by_text("Some answers need another look")).to_be_visible()
    me.check("form-errors")
    page.get_by_label("A film").check()
    page.get_by_label("Seconds").fill("42")
    page.get_by_role("button", name="Submit answers").click()
    expect(page.get_by_text("Your answers have been received.")).to_be_visible()
    me.check()
    (row,) = lab.api.list_assignments_for_hit(HITId=form_hit["HITId"])["Assignments"]
    lab.api.reject_assignment(AssignmentId=row["AssignmentId"], RequesterFeedback=f"Not what was asked for. {long}")
    lab.api.notify_workers(Subject=f"About {long}", MessageText="Read this.\n\nPlease.", WorkerIds=[row["WorkerId"]])
    page.goto(f"/assignments/{row['AssignmentId']}/")
    me.check("over")
    page.goto("/worker/qualifications/")
    page.locator(f"[data-qualification-type='{kind}'] button").click()
    page.get_by_role("button", name="Hand in").click()
    expect(page.get_by_text("Please answer this question.").first).to_be_visible()
    me.check("test-errors")
    page.get_by_label("Berlin").check()
    page.get_by_role("button", name="Hand in").click()
    page.locator(f"[data-qualification-type='{waiting}'] button").click()
    expect(page.get_by_text("You have asked for it.")).to_be_visible()


def test_refusals_are_readable_too(person: Callable[..., Person], lab: Lab, task: str) -> None:
    me = person("phone")
    me.sign_up()
    hit = lab.hit(Question=task)
    me.page.goto(f"/groups/{hit['HITTypeId']}/")
    me.page.get_by_role("button", name="Accept and work").click()
    frame = me.page.frame_locator("iframe[data-role=task]")
    frame.get_by_label("Your sentence").fill("Late")
    lab.site.advance(601)
    frame.get_by_role("button", name="Submit").click()
    expect(frame.get_by_text("The time for this assignment is over")).to_be_visible()
    inner = next(part for part in me.page.frames if part.url.endswith("/mturk/externalSubmit"))
    assert axe(inner) == []
    me.page.goto(f"/groups/{hit['HITTypeId']}/")
    me.context.clear_cookies(name="marketplace_csrf")
    me.page.get_by_role("button", name="Accept and work").click()
    expect(me.page.get_by_role("heading", name="This is not allowed")).to_be_visible()
    me.check()
    with psycopg.connect(lab.site.database_url) as connection:
        connection.execute("UPDATE auth_user SET is_staff = true, is_superuser = true WHERE username = %s", [me.name])
    me.page.goto("/admin/payroll/")
    expect(me.page.get_by_role("heading", name="Payroll")).to_be_visible()
    assert me.complaints == []
