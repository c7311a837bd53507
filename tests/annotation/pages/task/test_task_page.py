"""The task page as a marketplace's frame loads it: over HTTP, without cookies."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from django.conf import settings
from django.core import signing
from django.test import Client
from django.utils import timezone
from lxml import html

from annotation.crowd.client import TIME_ON_TASK
from annotation.crowd.launch import external_question
from annotation.media.clip_files import SALT
from annotation.models import Assignment, Batch, Clip, Draft, Hit, Receipt, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review.answer_forms import SegmentForm
from benchmark_site.releases.models import Release, SplitVideo

pytestmark = pytest.mark.django_db


def frame_url(hit: Hit) -> str:
    return urlsplit(fromstring(external_question(hit)).findtext("{*}ExternalURL")).path


def parameters(**changes: str) -> dict[str, str]:
    return {
        "assignmentId": "ASG1",
        "hitId": "HIT0",
        "workerId": "AW1",
        "turkSubmitTo": settings.MARKETPLACE_URL,
        **changes,
    }


def task_token(client: Client, hit: Hit, **changes: str) -> str:
    page = html.fromstring(client.get(frame_url(hit), parameters(**changes)).content)
    return page.xpath("//form[@data-role='task-form']//input[@name='token']/@value")[0]


def test_a_preview_shows_the_task_and_cannot_be_submitted(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    response = client.get(frame_url(hit), {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"})
    page = html.fromstring(response.content)
    assert response.status_code == 200
    assert page.xpath("//video[@data-role='clip']/@src")
    assert page.xpath("//fieldset[@disabled]")
    assert not page.xpath("//form/@data-submit-to")
    assert client.post(frame_url(hit), {"start": "1", "end": "9", "token": ""}).status_code == 400


def test_the_page_may_be_framed_by_the_marketplace_only_and_sets_no_cookie(
    client: Client, make_hit: Callable[..., Hit]
) -> None:
    response = client.get(frame_url(make_hit(Kind.SEGMENT)), parameters())
    policy = response["Content-Security-Policy"]
    assert f"frame-ancestors {settings.MARKETPLACE_URL} " in policy
    assert "X-Frame-Options" not in response
    assert not response.cookies


def test_a_good_answer_goes_on_to_the_marketplace_whole(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    response = client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": task_token(client, hit)})
    form = html.fromstring(response.content).xpath("//form[@data-role='submit']")[0]
    fields = dict(form.form_values())
    assert form.action == f"{settings.MARKETPLACE_URL}/mturk/externalSubmit"
    assert fields["assignmentId"] == "ASG1"
    assert fields["workerId"] == "AW1"
    assert json.loads(fields["answer"]) == {"start": 2.0, "end": 9.5}
    assert Receipt.objects.get().payload == {"start": 2.0, "end": 9.5}


def test_a_double_click_is_one_receipt_and_other_content_is_kept_beside(
    client: Client, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    told = [client.post(frame_url(hit), {"start": "2", "end": end, "token": token}) for end in ("9.5", "9.5", "8")]
    assert [answer.status_code for answer in told] == [200, 200, 409]
    assert b"submit.js" not in told[2].content, "what counts is sent by the worker's own press"
    assert [receipt.payload["end"] for receipt in Receipt.objects.all()] == [9.5, 8.0]


def test_receipts_of_one_assignment_are_bounded(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    ends = ("9.5", "9.4", "9.3", "9.2", "9.1", "9.0", "9.5")
    told = [client.post(frame_url(hit), {"start": "2", "end": end, "token": token}) for end in ends]
    assert [answer.status_code for answer in told] == [200, 409, 409, 409, 409, 409, 200]
    assert b"5 different answers to this task were received already" in told[5].content
    assert b"5 different answers" not in told[4].content
    assert Receipt.objects.count() == 5


def test_receipts_of_made_up_assignments_are_bounded_and_hold_up_nobody(
    client: Client, make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.pages.task.task_page.MOST_RECEIPTS", 3)
    hit = make_hit(Kind.SEGMENT)
    for n in range(5):
        token = task_token(client, hit, assignmentId=f"MADE{n}", workerId=f"AW{n}")
        answer = client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": token})
        assert answer.status_code == 200
        form = html.fromstring(answer.content).xpath("//form[@data-role='submit']")[0]
        assert json.loads(dict(form.form_values())["answer"]) == {"start": 2.0, "end": 9.5}
        assert (b"is stored" in answer.content) == (n < 3)
    assert Receipt.objects.count() == 3


def test_a_segment_of_two_seconds_is_one_wherever_it_stands(make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    for start in (tenths / 10 for tenths in range(0, int(10 * (hit.shown_clip.duration - 2)))):
        asked = {"start": f"{start:.1f}", "end": f"{start + 2:.1f}"}
        assert SegmentForm(asked, hit=hit).is_valid(), asked
        assert not SegmentForm(asked | {"end": f"{start + 1.9:.1f}"}, hit=hit).is_valid()


def test_a_bad_answer_comes_back_with_what_to_change(
    client: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    response = client.post(frame_url(hit), {"query": "<b>short</b>", "based_on": "v", "token": task_token(client, hit)})
    page = html.fromstring(response.content)
    assert response.status_code == 422
    assert "8 to 20 words" in page.xpath("string(//*[@role='alert'])")
    assert page.xpath("string(//textarea)").strip() == "<b>short</b>"
    assert not Receipt.objects.exists()


def test_words_are_absent_where_narration_is_hidden(
    client: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    shown = make_hit(Kind.QUERY, segment=segment)
    other = Segment.objects.create(public_id=2, clip=segment.clip, start=14.0, end=20.0)
    hidden = make_hit(Kind.QUERY, segment=other, hidden=True)
    for hit, heard in ((shown, True), (hidden, False)):
        page = client.get(frame_url(hit), parameters()).content
        assert (b"Look at the red ball" in page) == heard
        assert (b"This clip has no sound, on purpose" in page) != heard


def test_where_the_narration_is_hidden_no_address_tells_when_somebody_speaks(
    client: Client, make_hit: Callable[..., Hit], clip: Clip
) -> None:
    """The signed addresses in a page say which file each is of."""
    Clip.objects.update(file="a.mp4", silent="b.mp4", poster="c.jpg", strip="d.jpg", waveform="e.svg")
    for hidden, wanted in ((True, {"silent", "poster", "strip"}), (False, {"file", "poster", "strip", "waveform"})):
        hit = make_hit(Kind.SEGMENT, hidden=hidden)
        page = client.get(frame_url(hit), parameters()).content.decode()
        tokens = re.findall(r"/media/clip/(.+?)\.(?:mp4|jpg|svg)", page)
        assert {signing.loads(token, salt=SALT)[1] for token in tokens} == wanted
        hit.delete()


@pytest.mark.parametrize(
    "change",
    [
        {"turkSubmitTo": "https://evil.example"},
        {"turkSubmitTo": ""},
        {"turkSubmitTo": "https://["},
        *({name: text} for name in ("workerId", "assignmentId") for text in ("", "A\0", "A" * 65, "A B", "Ä")),
    ],
)
def test_an_answer_never_goes_to_a_stranger(
    client: Client, make_hit: Callable[..., Hit], change: dict[str, str]
) -> None:
    response = client.get(frame_url(make_hit(Kind.SEGMENT)), parameters(**change))
    assert response.status_code == 400
    assert b"evil" not in response.content


def test_a_made_up_unit_and_a_token_of_another_task_are_refused(
    client: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(Kind.SEGMENT)
    other = make_hit(Kind.QUERY, segment=segment)
    token = task_token(client, other)
    unknown = client.get("/task/1:x:y/")
    assert unknown.status_code == 404
    assert b"There is no such task" in unknown.content
    assert "X-Frame-Options" not in unknown
    assert client.post(frame_url(hit), {"start": "1", "end": "9", "token": token}).status_code == 400
    assert not Receipt.objects.exists()


PREVIEW = {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}


@pytest.mark.parametrize(
    ("hit_state", "batch_state", "preview", "accepted"),
    [
        (Hit.State.OPEN, Batch.State.OPEN, 200, 200),
        (Hit.State.WAITING, Batch.State.LAUNCHING, 200, 200),
        (Hit.State.OPEN, Batch.State.CLOSING, 410, 200),
        (Hit.State.OPEN, Batch.State.CLOSED, 410, 410),
        (Hit.State.DONE, Batch.State.OPEN, 410, 410),
    ],
)
def test_a_task_that_is_over_says_so_in_the_frame_and_nothing_else(
    client: Client,
    make_hit: Callable[..., Hit],
    segment: Segment,
    hit_state: str,
    batch_state: str,
    preview: int,
    accepted: int,
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    Hit.objects.update(state=hit_state)
    Batch.objects.update(state=batch_state)
    for given, status in ((PREVIEW, preview), (parameters(), accepted)):
        response = client.get(frame_url(hit), given)
        assert response.status_code == status
        assert "X-Frame-Options" not in response
        assert f"frame-ancestors {settings.MARKETPLACE_URL} " in response["Content-Security-Policy"]
        page = response.content.decode()
        assert ("This task is over" in page) == (status == 410)
        for told in ("5.0–12.0 s", "/media/clip/", "Look at the red ball"):
            assert (told in page) == (status == 200)


def test_an_answer_on_its_way_is_taken_when_the_task_is_over(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    Hit.objects.update(state=Hit.State.DONE)
    Batch.objects.update(state=Batch.State.CLOSED)
    assert client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": token}).status_code == 200
    assert Receipt.objects.get().payload == {"start": 2.0, "end": 9.5}
    assert client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": ""}).status_code == 400


def handed_on(page: bytes) -> dict[str, object]:
    """The answer in the form that goes to the marketplace."""
    return json.loads(dict(html.fromstring(page).xpath("//form[@data-role='submit']")[0].form_values())["answer"])


def test_a_received_answer_is_offered_until_the_marketplace_has_it(
    client: Client, make_hit: Callable[..., Hit]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": task_token(client, hit)})
    again = client.get(frame_url(hit), parameters()).content
    assert handed_on(again) == {"start": 2.0, "end": 9.5}
    assert b"submit.js" in again
    other = client.get(frame_url(hit), parameters(workerId="AW2")).content
    assert b"task-form" in other, "the id of an assignment is given again after a return: another worker begins anew"
    worker = Worker.objects.create(environment="local", worker_id="AW1", group=Kind.SEGMENT)
    now = datetime.now(UTC)
    Assignment.objects.create(hit=hit, worker=worker, assignment_id="ASG1", answer="", submitted_at=now)
    assert b"Your answer has arrived" in client.get(frame_url(hit), parameters()).content


def seal(hit: Hit) -> None:
    release = Release.objects.create(slug="demo", version="1.0.0")
    SplitVideo.objects.create(release=release, video=hit.shown_clip.video, split="test")


ENDED: dict[str, Callable[[Hit], object]] = {
    "the batch": lambda hit: Batch.objects.update(state=Batch.State.CLOSED),
    "the unit": lambda hit: Hit.objects.update(state=Hit.State.DONE),
    "the worker's welcome": lambda hit: Worker.objects.create(environment="local", worker_id="AW1", blocked=True),
    "the clip's publicity": seal,
}


@pytest.mark.parametrize("ended", ENDED)
def test_a_received_answer_is_offered_again_whatever_has_ended(
    client: Client, make_hit: Callable[..., Hit], segment: Segment, ended: str
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    answer = {"query": "a red ball rolls slowly over the green floor", "based_on": "v"}
    client.post(frame_url(hit), {**answer, "token": task_token(client, hit)})
    ENDED[ended](hit)
    response = client.get(frame_url(hit), parameters())
    assert (response.status_code, handed_on(response.content)) == (200, answer)
    for told in ("5.0–12.0 s", "/media/clip/", "Look at the red ball"):
        assert told not in response.content.decode()
    assert client.get(frame_url(hit), parameters(assignmentId="ASG2")).status_code in {403, 410}


def save(client: Client, hit: Hit, token: str, version: int, /, **fields: object) -> tuple[int, dict[str, object]]:
    sent = {"token": token, "version": version, "fields": json.dumps(fields), "conduct": ""}
    response = client.post(f"{frame_url(hit)}draft/", sent)
    assert not response.cookies
    return response.status_code, response.json()


def test_a_draft_is_kept_by_version_for_its_worker_alone(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    assert save(client, hit, token, 0, start="3.0", end="9.0") == (200, {"version": 1})
    assert save(client, hit, token, 0, start="4.0", end="9.0") == (
        409,
        {"version": 1, "fields": {"start": "3.0", "end": "9.0"}},
    )
    assert save(client, hit, token, 1, start="4.0", end="9.0") == (200, {"version": 2})
    page = html.fromstring(client.get(frame_url(hit), parameters()).content)
    assert page.xpath("//input[@name='start']/@value") == ["4.0"]
    assert page.xpath("//form/@data-version") == ["2"]
    other = html.fromstring(client.get(frame_url(hit), parameters(workerId="AW2")).content)
    assert other.xpath("//input[@name='start']/@value") == []
    client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": token})
    assert save(client, hit, token, 2, start="5.0")[0] == 410


def test_a_draft_whose_answer_was_lost_is_saved_by_the_repeat(client: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    for _ in range(2):
        assert save(client, hit, token, 0, start="3.0", end="9.0") == (200, {"version": 1})
    assert save(client, hit, token, 1, start="4.0", end="9.0") == (200, {"version": 2})
    assert save(client, hit, token, 0, start="4.0", end="9.0")[0] == 409, "a version that this page never saw"


def test_drafts_of_made_up_assignments_do_not_pile_up(
    client: Client, make_hit: Callable[..., Hit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotation.pages.task.drafts.MOST_DRAFTS", 3)
    hit = make_hit(Kind.SEGMENT)
    again = {"attempt": 2, "request_token": "again", "hit_id": "again", "state": Hit.State.OPEN, "wanted": 1}
    other = Hit.objects.create(batch=hit.batch, clip=hit.clip, **again)
    kept, at_work = task_token(client, other), task_token(client, hit)
    assert save(client, other, kept, 0, start="1")[0] == 200
    for n in range(1, 8):
        assert save(client, hit, at_work, n - 1, start=str(n)) == (200, {"version": n})
        made_up = task_token(client, hit, assignmentId=f"MADE{n}")
        assert save(client, hit, made_up, 0, start="9")[0] == (200 if n < 3 else 429)
    assert set(hit.drafts.values_list("assignment_id", flat=True)) == {"ASG1", "MADE1", "MADE2"}
    Draft.objects.exclude(assignment_id="ASG1").update(saved_at=timezone.now() - TIME_ON_TASK)
    assert save(client, hit, task_token(client, hit, assignmentId="LATER"), 0, start="9")[0] == 200
    assert set(hit.drafts.values_list("assignment_id", flat=True)) == {"ASG1", "LATER"}
    assert other.drafts.count() == 1
    Draft.objects.all().delete()
    assert save(client, hit, at_work, 7, start="8") == (200, {"version": 8}), "the page goes on from where it was"


@pytest.mark.parametrize("fields", [{"query": "not of this form"}, {"start": 3}, {"start": "1" * 1001}, {"token": "x"}])
def test_what_is_no_draft_is_refused(client: Client, make_hit: Callable[..., Hit], fields: dict[str, object]) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    assert save(client, hit, token, 0, **fields)[0] == 400
    assert save(client, hit, "forged", 0, start="1")[0] == 403
    assert client.post(f"{frame_url(hit)}draft/", {"token": token, "version": "x", "fields": "{"}).status_code == 400
    assert not Draft.objects.exists()


DEEP = "[" * 100_000


def test_half_an_emoji_and_nul_are_left_out_of_a_draft(
    client: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    token = task_token(client, hit)
    assert save(client, hit, token, 0, query="a b\0all \ud83d") == (200, {"version": 1})
    assert Draft.objects.get().fields == {"query": "a ball "}
    sent = {"token": token, "version": 1, "fields": DEEP}
    assert client.post(f"{frame_url(hit)}draft/", sent).status_code == 400


@pytest.mark.parametrize(
    ("conduct", "kept"),
    [
        (DEEP, None),
        ('{"played": [], "seconds": 1' + "0" * 400 + ', "pasted": 0}', None),
        (
            '{"played": [[0, 1e300]], "seconds": 1e300, "pasted": 1e300}',
            {"played": [[0, 86_400]], "seconds": 86_400, "pasted": 100_000},
        ),
    ],
    ids=["deep", "long", "much"],
)
def test_an_answer_is_taken_whatever_a_browser_says_of_how_it_came_about(
    client: Client, make_hit: Callable[..., Hit], conduct: str, kept: object
) -> None:
    hit = make_hit(Kind.SEGMENT)
    answer = {"start": "2", "end": "9.5", "token": task_token(client, hit), "conduct": conduct}
    assert client.post(frame_url(hit), answer).status_code == 200
    assert Receipt.objects.get().conduct == kept


def test_an_answer_under_another_units_address_is_no_receipt_of_this_one(
    client: Client, clip: Clip, make_hit: Callable[..., Hit]
) -> None:
    mine = make_hit(Kind.SEGMENT)
    place = {"batch": mine.batch, "wanted": 1, "state": Hit.State.OPEN}
    other = Hit.objects.create(
        clip=Clip.objects.create(video=clip.video, start=30.0, end=60.0), request_token="other", hit_id="HO", **place
    )
    for hit in (other, mine):  # the same ids, first under an address where they do not belong
        sent = client.post(frame_url(hit), {"start": "2", "end": "9.5", "token": task_token(client, hit)})
        assert "Received" in sent.content.decode()
    assert set(Receipt.objects.values_list("hit", flat=True)) == {mine.pk, other.pk}
