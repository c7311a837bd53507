"""What strangers send: entities, scripts, other people's ids, forged posts."""

from __future__ import annotations

import html
import json
import subprocess
import sys

import pytest
from botocore.exceptions import ClientError

from tests.marketplace.lab import Lab, unique
from tests.marketplace.site import FORM, HTML_QUESTION, Site, external

SCRIPT = "<script>alert(document.cookie)</script>\"'><img src=x onerror=alert(1)>"
LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


@pytest.mark.parametrize(
    "question",
    [
        LAUGHS + external("https://example.org/&c;"),
        OUTSIDE + external("https://example.org/&x;"),
        external("https://example.org/") + "<",
        external("javascript:alert(1)"),
        external("data:text/html,x"),
        external("https://user:secret@example.org/"),
        external("//example.org/"),
        external("http://not-allowed.example.org/"),
        external("https://"),
        external().replace("<FrameHeight>0</FrameHeight>", ""),
        external().replace("http://mechanicalturk.amazonaws.com", "http://elsewhere.example.org"),
        HTML_QUESTION.format(html=""),
        FORM.format(questions=""),
        "<Question/>",
        "not xml",
    ],
)
def test_a_question_that_is_not_one_is_refused(lab: Lab, question: str) -> None:
    with pytest.raises(ClientError) as caught:
        lab.hit(Question=question)
    assert caught.value.response["TurkErrorCode"] in (
        "AWS.MechanicalTurk.XMLParseError",
        "AWS.MechanicalTurk.InvalidQuestion",
    )


def test_a_task_on_the_marketplaces_own_origin_is_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="own origin"):
        lab.hit(Question=external(f"{lab.site.url}/worker/work/"))


def test_tests_and_answer_keys_with_entities_are_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="XMLParseError"):
        lab.qualification_type(Test=LAUGHS + "<QuestionForm>&c;</QuestionForm>", TestDurationInSeconds=60)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("Title", "x" * 129),
        ("Title", "a\x00b"),
        ("Title", "a\ud800b"),
        ("Title", " "),
        ("Keywords", "x" * 1001),
        ("Description", "x" * 2001),
        ("RequesterAnnotation", "x" * 256),
        ("Question", "x" * 65_536),
        ("Reward", "0.155"),
        ("Reward", "-1"),
        ("Reward", "1e3"),
        ("Reward", "99999999999"),
        ("MaxAssignments", 0),
        ("MaxAssignments", 2**40),
        ("AssignmentDurationInSeconds", 29),
        ("LifetimeInSeconds", 31_536_001),
        ("AutoApprovalDelayInSeconds", 2_592_001),
        ("AutoApprovalDelayInSeconds", -1),
        ("UniqueRequestToken", "x" * 65),
        ("QualificationRequirements", [{"QualificationTypeId": "X", "Comparator": "Like"}]),
        ("QualificationRequirements", [{"QualificationTypeId": "X", "Comparator": "Exists"}] * 11),
    ],
)
def test_members_out_of_bounds_are_refused(lab: Lab, member: str, value: object) -> None:
    """botocore checks none of these on the client's side."""
    try:
        with pytest.raises(ClientError) as caught:
            lab.hit(**{member: value})
    except UnicodeEncodeError:
        return  # a lone surrogate does not even leave the client
    assert caught.value.response["TurkErrorCode"] in (
        "AWS.ParameterOutOfRange",
        "AWS.MechanicalTurk.InvalidParameterValue",
    )


def test_scripts_in_titles_messages_and_feedback_are_shown_as_text(lab: Lab) -> None:
    worker = lab.site.worker()
    title = unique("t") + SCRIPT
    hit = lab.hit(Title=title, Description=SCRIPT, Keywords=SCRIPT)
    kind = lab.qualification_type(Name=unique("q") + SCRIPT, Description=SCRIPT)
    pages = [worker.get("/"), worker.get(f"/groups/{hit['HITTypeId']}/"), worker.get("/worker/qualifications/")]
    page = worker.accept(hit["HITTypeId"])
    received = worker.submit(page, **{SCRIPT: SCRIPT})
    assert received.status == 200
    assignment_id = page.parameter("assignmentId")
    lab.api.reject_assignment(AssignmentId=assignment_id, RequesterFeedback=SCRIPT)
    lab.api.notify_workers(Subject=SCRIPT, MessageText=SCRIPT, WorkerIds=[worker.id])
    pages += [page, received, worker.get("/worker/work/"), worker.get("/worker/messages/")]
    for shown in pages:
        assert "<script>alert" not in shown.text
        assert "<img src=x" not in shown.text
    assert html.escape(SCRIPT) in pages[0].text
    (row,) = lab.api.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert "<script>" not in row["Answer"]
    assert "&lt;script&gt;" in row["Answer"]
    lab.api.delete_qualification_type(QualificationTypeId=kind)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("🎬 clip ‮rtl", "🎬 clip ‮rtl"),
        ("two\r\nlines\ttab", "two&#13;\nlines\ttab"),
        ("nul\x00bell\x07end", "nulbellend"),
        ("&<>]]>", "&amp;&lt;&gt;]]&gt;"),
        ("x" * 60_000, "x" * 60_000),
        ("", ""),
    ],
)
def test_odd_answers_come_back_as_well_formed_xml(lab: Lab, sent: str, stored: str) -> None:
    hit = lab.hit()
    page = lab.worker.accept(hit["HITTypeId"])
    assert lab.worker.submit(page, text=sent).status == 200
    answer = lab.api.get_assignment(AssignmentId=page.parameter("assignmentId"))["Assignment"]["Answer"]
    wanted = f"<FreeText>{stored}</FreeText>" if stored else "<FreeText></FreeText>"
    assert wanted in answer.replace("<FreeText/>", "<FreeText></FreeText>")


def test_a_name_sent_twice_comes_back_once(lab: Lab) -> None:
    hit = lab.hit()
    page = lab.worker.accept(hit["HITTypeId"])
    data = {"assignmentId": page.parameter("assignmentId"), "workerId": lab.worker.id, "x": ["1", "2"]}
    lab.worker.frame.post(f"{lab.site.url}/mturk/externalSubmit", data=data)
    answer = lab.api.get_assignment(AssignmentId=page.parameter("assignmentId"))["Assignment"]["Answer"]
    assert answer.count("<Answer>") == 1
    assert "<FreeText>1|2</FreeText>" in answer


def test_a_requester_sees_only_its_own(lab: Lab) -> None:
    hit, assignment_id = lab.submitted()
    kind = lab.qualification_type()
    other = lab.other
    calls = {
        "HITDoesNotExist": [
            lambda: other.get_hit(HITId=hit["HITId"]),
            lambda: other.list_assignments_for_hit(HITId=hit["HITId"]),
            lambda: other.delete_hit(HITId=hit["HITId"]),
            lambda: other.list_review_policy_results_for_hit(HITId=hit["HITId"]),
        ],
        "HITTypeDoesNotExist": [
            lambda: other.create_hit_with_hit_type(
                HITTypeId=hit["HITTypeId"], LifetimeInSeconds=60, Question=external()
            ),
            lambda: other.update_notification_settings(HITTypeId=hit["HITTypeId"], Active=True),
        ],
        "AssignmentDoesNotExist": [
            lambda: other.get_assignment(AssignmentId=assignment_id),
            lambda: other.reject_assignment(AssignmentId=assignment_id, RequesterFeedback="Mine"),
            lambda: other.send_bonus(
                WorkerId=lab.worker.id, AssignmentId=assignment_id, BonusAmount="1", Reason="Mine"
            ),
        ],
        "QualificationTypeDoesNotExist": [
            lambda: other.associate_qualification_with_worker(QualificationTypeId=kind, WorkerId=lab.worker.id),
            lambda: other.update_qualification_type(QualificationTypeId=kind, Description="Mine"),
            lambda: other.list_workers_with_qualification_type(QualificationTypeId=kind),
        ],
    }
    for code, attempts in calls.items():
        for attempt in attempts:
            with pytest.raises(ClientError) as caught:
                attempt()
            assert caught.value.response["TurkErrorCode"] == f"AWS.MechanicalTurk.{code}"
    assert hit["HITId"] not in json.dumps(other.list_hits(MaxResults=100), default=str)
    assert lab.status(assignment_id) == "Submitted"


def test_a_worker_cannot_submit_for_another(lab: Lab) -> None:
    hit = lab.hit()
    page = lab.worker.accept(hit["HITTypeId"])
    assignment_id = page.parameter("assignmentId")

    def post(**data: str) -> int:
        return int(lab.colleague.frame.post(f"{lab.site.url}/mturk/externalSubmit", data=data).status_code)

    assert post(assignmentId=assignment_id, workerId=lab.colleague.id, x="1") == 403
    assert post(assignmentId=assignment_id, workerId="A0NOBODY", x="1") == 403
    assert post(assignmentId="3MADEUP", workerId=lab.worker.id, x="1") == 403
    assert post(assignmentId="ASSIGNMENT_ID_NOT_AVAILABLE", workerId=lab.worker.id, x="1") == 400
    assert post(assignmentId=assignment_id, workerId=lab.worker.id) == 400, "at least one field more"
    assert lab.colleague.get(f"/assignments/{assignment_id}/").status == 404
    token = lab.colleague.get("/").forms[0]["fields"]["csrfmiddlewaretoken"]
    assert lab.colleague.post(f"/assignments/{assignment_id}/return/", {"csrfmiddlewaretoken": token}).status == 404
    assert lab.get(hit)["NumberOfAssignmentsPending"] == 1
    assert post(assignmentId=assignment_id, x="1") == 200, "the protocol asks for assignmentId only"
    assert post(assignmentId=assignment_id, workerId=lab.worker.id, x="2") == 200, (
        "a second click finds the first answer"
    )
    answer = lab.api.get_assignment(AssignmentId=assignment_id)["Assignment"]["Answer"]
    assert "<FreeText>1</FreeText>" in answer


def test_an_old_page_without_worker_id_cannot_answer_for_the_next_worker(lab: Lab) -> None:
    hit = lab.hit()
    page = lab.worker.accept(hit["HITTypeId"])
    lab.worker.press(page, "return")
    second = lab.colleague.accept(hit["HITTypeId"])
    assert second.parameter("assignmentId") == page.parameter("assignmentId")
    data = {"assignmentId": page.parameter("assignmentId"), "x": "from the first"}
    assert lab.worker.frame.post(f"{lab.site.url}/mturk/externalSubmit", data=data).status_code == 403


def test_posts_without_the_pages_token_are_refused(lab: Lab) -> None:
    hit = lab.hit()
    assert lab.worker.post(f"/groups/{hit['HITTypeId']}/accept/", {}).status == 403
    cross = lab.worker.http.post(
        f"/groups/{hit['HITTypeId']}/accept/",
        data={"csrfmiddlewaretoken": lab.worker.get("/").forms[0]["fields"]["csrfmiddlewaretoken"]},
        headers={"Origin": "https://evil.example.org"},
    )
    assert cross.status_code == 403
    assert lab.get(hit)["NumberOfAssignmentsPending"] == 0


def test_pages_need_a_worker_and_carry_strict_headers(lab: Lab) -> None:
    for path in ("/", "/worker/work/", "/worker/qualifications/", "/worker/messages/"):
        assert "/accounts/login/" in lab.site.http.get(lab.site.url + path).headers["Location"]
    response = lab.worker.http.get("/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    cookies = lab.site.http.get(f"{lab.site.url}/accounts/login/").headers["Set-Cookie"]
    assert "HttpOnly" in cookies
    assert "SameSite=Lax" in cookies


def test_html_questions_are_served_into_an_opaque_origin(lab: Lab) -> None:
    hit = lab.hit(Question=HTML_QUESTION.format(html="<form><input name=x></form><script>1</script>"))
    page = lab.worker.accept(hit["HITTypeId"])
    assert page.frame is not None
    assert page.frame.startswith("/questions/")
    response = lab.worker.http.get(page.frame)
    assert "<script>1</script>" in response.text, "the requester's page comes as it is"
    sandbox = next(part for part in response.headers["Content-Security-Policy"].split(";") if "sandbox" in part)
    assert "allow-same-origin" not in sandbox
    assert "allow-scripts" in sandbox
    assert "frame-ancestors 'self'" in response.headers["Content-Security-Policy"]
    assert lab.worker.submit(page, x="1").status == 200
    assert "allow-same-origin" not in page.text


def test_an_external_page_keeps_its_origin_and_is_sandboxed(lab: Lab) -> None:
    page = lab.worker.accept(lab.hit()["HITTypeId"])
    assert 'sandbox="allow-scripts allow-forms' in page.text
    assert "allow-top-navigation " not in page.text


def test_the_fault_api_is_closed_by_default(site: Site) -> None:
    probe = (
        "import django, json; from django.conf import settings; django.setup();"
        "from django.test import RequestFactory; from annotation.marketplace.testing.fault_api import fault_api;"
        "from django.http import Http404\n"
        "try:\n    fault_api(RequestFactory().post('/faults', '{}', content_type='application/json'))\n"
        "except Http404:\n    print('closed')"
    )

    environment = site.environment | {"MARKETPLACE_FAULTS": "false"}
    result = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "closed"
