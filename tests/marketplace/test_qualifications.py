"""Who may see, preview and accept: comparators, guards, locale, tests, retries."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.marketplace.lab import ANSWER_KEY, TEST_FORM, Lab, unique
from tests.marketplace.site import Site, WorkerBrowser

LOCALE, ADULT = "00000000000000000071", "00000000000000000060"
APPROVED, PERCENT = "00000000000000000040", "000000000000000000L0"
MASTERS = "2F1QJWKUDD8XADTFD2Q0G6UTO95ALH"


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def requirement(type_id: str, comparator: str, *values: int, **more: Any) -> dict[str, Any]:
    integers = {"IntegerValues": list(values)} if values else {}
    return {"QualificationTypeId": type_id, "Comparator": comparator, **integers, **more}


def accepts(lab: Lab, worker: WorkerBrowser, *requirements: dict[str, Any]) -> bool:
    hit = lab.hit(QualificationRequirements=list(requirements))
    listed = hit["HITTypeId"] in worker.get("/").hit_types
    page = worker.accept(hit["HITTypeId"])
    assert listed == (page.frame is not None), "the list and the accept button agree"
    if page.frame is not None:
        worker.press(page, "return")
    return listed


@pytest.mark.parametrize(
    ("comparator", "values", "with_five", "without"),
    [
        ("LessThan", [6], True, False),
        ("LessThan", [5], False, False),
        ("LessThanOrEqualTo", [5], True, False),
        ("GreaterThan", [4], True, False),
        ("GreaterThan", [5], False, False),
        ("GreaterThanOrEqualTo", [5], True, False),
        ("EqualTo", [5], True, False),
        ("EqualTo", [4], False, False),
        ("NotEqualTo", [5], False, True),
        ("NotEqualTo", [4], True, True),
        ("Exists", [], True, False),
        ("DoesNotExist", [], False, True),
        ("In", [3, 5], True, False),
        ("In", [3, 4], False, False),
        ("NotIn", [3, 5], False, True),
        ("NotIn", [3, 4], True, True),
    ],
)
def test_comparators(lab: Lab, comparator: str, values: list[int], with_five: bool, without: bool) -> None:
    type_id = lab.qualification_type()
    lab.api.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=lab.worker.id, IntegerValue=5)
    assert accepts(lab, lab.worker, requirement(type_id, comparator, *values)) == with_five
    assert accepts(lab, lab.colleague, requirement(type_id, comparator, *values)) == without


def test_all_requirements_must_be_met(lab: Lab) -> None:
    first, second = lab.qualification_type(), lab.qualification_type()
    lab.api.associate_qualification_with_worker(QualificationTypeId=first, WorkerId=lab.worker.id)
    assert not accepts(lab, lab.worker, requirement(first, "Exists"), requirement(second, "Exists"))


@pytest.mark.parametrize(
    ("guard", "listed_closed", "previewed"),
    [
        ({}, True, True),
        ({"ActionsGuarded": "Accept"}, True, True),
        ({"ActionsGuarded": "PreviewAndAccept"}, True, False),
        ({"RequiredToPreview": True}, True, False),
        ({"ActionsGuarded": "DiscoverPreviewAndAccept"}, False, False),
    ],
)
def test_guards(lab: Lab, guard: dict[str, Any], listed_closed: bool, previewed: bool) -> None:
    type_id = lab.qualification_type()
    hit = lab.hit(QualificationRequirements=[requirement(type_id, "Exists", **guard)])
    text = lab.worker.get("/").text
    assert (f'data-closed-hit-type="{hit["HITTypeId"]}"' in text) == listed_closed
    preview = lab.worker.get(f"/groups/{hit['HITTypeId']}/")
    assert (preview.frame is not None) == previewed
    assert preview.status == (200 if listed_closed else 404)
    assert lab.worker.accept(hit["HITTypeId"]).frame is None
    assert lab.get(hit)["QualificationRequirements"] == [requirement(type_id, "Exists", **guard)]


@pytest.mark.parametrize(
    "wrong",
    [
        requirement("3NOTHING", "Exists"),
        requirement(ADULT, "Exists", 1),
        requirement(ADULT, "EqualTo"),
        requirement(ADULT, "EqualTo", 1, 2),
        requirement(ADULT, "In"),
        requirement(ADULT, "In", *range(16)),
        requirement(LOCALE, "EqualTo", 1),
        requirement(LOCALE, "GreaterThan", LocaleValues=[{"Country": "US"}]),
        requirement(LOCALE, "EqualTo", LocaleValues=[{"Country": "US"}, {"Country": "DE"}]),
        requirement(ADULT, "EqualTo", LocaleValues=[{"Country": "US"}]),
        requirement(ADULT, "EqualTo", 1, RequiredToPreview=True, ActionsGuarded="Accept"),
    ],
)
def test_requirements_that_cannot_be_evaluated_are_refused(lab: Lab, wrong: dict[str, Any]) -> None:
    with pytest.raises(ClientError):
        lab.hit(QualificationRequirements=[wrong])


def test_what_the_system_knows_of_a_worker(lab: Lab) -> None:
    worker = lab.site.worker()
    country = {"LocaleValues": [{"Country": "US", "Subdivision": "CA"}, {"Country": "DE"}]}
    assert not accepts(lab, worker, requirement(LOCALE, "In", **country))
    assert not accepts(lab, worker, requirement(ADULT, "EqualTo", 1))
    assert not accepts(lab, worker, requirement(MASTERS, "Exists"))
    assert accepts(lab, worker, requirement(PERCENT, "GreaterThanOrEqualTo", 95)), "nobody has reviewed yet"
    with psycopg.connect(lab.site.database_url) as connection:
        connection.execute(
            "UPDATE marketplace_worker SET country = 'US', subdivision = 'CA', adult = true, master = true"
            " WHERE public_id = %s",
            [worker.id],
        )
    assert accepts(lab, worker, requirement(LOCALE, "In", **country))
    assert not accepts(lab, worker, requirement(LOCALE, "NotIn", **country))
    assert not accepts(lab, worker, requirement(LOCALE, "EqualTo", LocaleValues=[{"Country": "DE"}]))
    assert accepts(lab, worker, requirement(ADULT, "EqualTo", 1), requirement(MASTERS, "Exists"))
    good, bad = (lab.submitted(worker)[1] for _ in range(2))
    lab.api.approve_assignment(AssignmentId=good)
    lab.api.reject_assignment(AssignmentId=bad, RequesterFeedback="No")
    assert accepts(lab, worker, requirement(APPROVED, "EqualTo", 1), requirement(PERCENT, "EqualTo", 50))


def request_form(worker: WorkerBrowser, type_id: str) -> dict[str, Any] | None:
    forms = worker.get("/worker/qualifications/").forms
    return next((form for form in forms if type_id in (form["url"] or "")), None)


def sit(worker: WorkerBrowser, type_id: str) -> Any:
    form = request_form(worker, type_id)
    assert form is not None
    return worker.post(form["url"], form["fields"])


def test_a_test_is_scored_and_may_be_repeated_after_the_delay(lab: Lab) -> None:
    type_id = lab.qualification_type(
        Test=TEST_FORM, AnswerKey=ANSWER_KEY, TestDurationInSeconds=300, RetryDelayInSeconds=3600
    )
    worker = lab.worker
    worker.press(sit(worker, type_id), "test", **{"answer-capital": "a"})
    score = lab.api.get_qualification_score(QualificationTypeId=type_id, WorkerId=worker.id)["Qualification"]
    assert score["IntegerValue"] == 0
    lab.api.disassociate_qualification_from_worker(QualificationTypeId=type_id, WorkerId=worker.id)
    assert request_form(worker, type_id) is None
    assert "You can try again from" in worker.get("/worker/qualifications/").text
    lab.site.advance(3601)
    worker.press(sit(worker, type_id), "test", **{"answer-capital": "b"})
    score = lab.api.get_qualification_score(QualificationTypeId=type_id, WorkerId=worker.id)["Qualification"]
    assert (score["IntegerValue"], score["Status"]) == (100, "Granted")


def test_a_test_has_its_time(lab: Lab) -> None:
    type_id = lab.qualification_type(Test=TEST_FORM, TestDurationInSeconds=60)
    page = sit(lab.worker, type_id)
    assert re.search(r'data-seconds-left="(59|60)"', page.text)
    lab.site.advance(61)
    assert "its time is over" in lab.worker.press(page, "test", **{"answer-capital": "b"}).text
    assert lab.api.list_qualification_requests(QualificationTypeId=type_id)["NumResults"] == 0
    assert "only once" in lab.worker.get("/worker/qualifications/").text


def test_wrong_answers_to_a_form_say_what_is_wrong_and_keep_the_right_ones(lab: Lab) -> None:
    type_id = lab.qualification_type(Test=TEST_FORM, TestDurationInSeconds=600)
    page = sit(lab.worker, type_id)
    again = lab.worker.press(page, "test", **{"answer-capital": "zz", "answer-why": "kept & safe"})
    assert again.status == 400
    assert "Please choose one of the options." in again.text
    assert 'value="kept &amp; safe"' in again.text


def test_a_deleted_type_keeps_what_workers_hold_but_cannot_be_required(lab: Lab) -> None:
    name = unique("Gone")
    type_id = lab.qualification_type(Name=name)
    lab.api.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=lab.worker.id)
    hit = lab.hit(QualificationRequirements=[requirement(type_id, "Exists")])
    lab.api.delete_qualification_type(QualificationTypeId=type_id)
    assert hit["HITTypeId"] in lab.worker.get("/").hit_types
    with pytest.raises(ClientError, match="QualificationTypeDoesNotExist"):
        lab.hit(QualificationRequirements=[requirement(type_id, "Exists")])
