"""Walks of the operations on qualifications."""

from __future__ import annotations

from typing import Any

import pytest

from tests.marketplace.lab import ANSWER_KEY, TEST_FORM, Lab, unique
from tests.marketplace.site import external
from tests.marketplace.walks import walk


@walk
def CreateQualificationType(lab: Lab) -> None:
    name = unique("Test")
    made = lab.api.create_qualification_type(
        Name=name, Description="A short test", Keywords="test", QualificationTypeStatus="Active", Test=TEST_FORM,
        AnswerKey=ANSWER_KEY, TestDurationInSeconds=300, RetryDelayInSeconds=60,
    )["QualificationType"]  # fmt: skip
    read = lab.api.get_qualification_type(QualificationTypeId=made["QualificationTypeId"])["QualificationType"]
    assert read == made
    assert (read["Name"], read["Test"], read["AnswerKey"]) == (name, TEST_FORM, ANSWER_KEY)
    assert (read["IsRequestable"], read["AutoGranted"]) == (True, False)
    seen = lab.other.get_qualification_type(QualificationTypeId=made["QualificationTypeId"])["QualificationType"]
    assert "AnswerKey" not in seen
    worker = lab.site.worker()
    form = next(form for form in worker.get("/worker/qualifications/").forms if made_id(made) in (form["url"] or ""))
    test = worker.post(form["url"], form["fields"])
    assert "Which city is it?" in test.text
    wrong = worker.press(test, "test", **{"answer-why": "x" * 21})
    assert wrong.status == 400
    assert "Please answer this question." in wrong.text
    worker.press(test, "test", **{"answer-capital": "b", "answer-why": "It is"})
    score = lab.api.get_qualification_score(QualificationTypeId=made["QualificationTypeId"], WorkerId=worker.id)
    assert score["Qualification"]["IntegerValue"] == 100


@walk
def GetQualificationType(lab: Lab) -> None:
    locale = lab.api.get_qualification_type(QualificationTypeId="00000000000000000071")["QualificationType"]
    assert (locale["Name"], locale["IsRequestable"]) == ("Worker_Locale", False)


@walk
def UpdateQualificationType(lab: Lab) -> None:
    type_id = lab.qualification_type(RetryDelayInSeconds=5)
    lab.api.update_qualification_type(
        QualificationTypeId=type_id, Description="New words", AutoGranted=True, AutoGrantedValue=7,
        RetryDelayInSeconds=9,
    )  # fmt: skip
    read = lab.api.get_qualification_type(QualificationTypeId=type_id)["QualificationType"]
    assert (read["Description"], read["AutoGrantedValue"], read["RetryDelayInSeconds"]) == ("New words", 7, 9)
    _request(lab, type_id)
    assert _score(lab, type_id) == 7
    lab.api.update_qualification_type(QualificationTypeId=type_id, QualificationTypeStatus="Inactive")
    read = lab.api.get_qualification_type(QualificationTypeId=type_id)["QualificationType"]
    assert (read["QualificationTypeStatus"], read["IsRequestable"]) == ("Inactive", False)


@walk
def DeleteQualificationType(lab: Lab) -> None:
    name = unique("Short-lived")
    type_id = lab.qualification_type(Name=name)
    _request(lab, type_id)
    hit = lab.hit(QualificationRequirements=[{"QualificationTypeId": type_id, "Comparator": "Exists"}])
    lab.api.delete_qualification_type(QualificationTypeId=type_id)
    with pytest.raises(lab.api.exceptions.RequestError):
        lab.api.get_qualification_type(QualificationTypeId=type_id)
    with pytest.raises(lab.api.exceptions.RequestError):
        lab.api.create_hit_with_hit_type(HITTypeId=hit["HITTypeId"], LifetimeInSeconds=60, Question=external())
    assert lab.qualification_type(Name=name) != type_id


@walk
def ListQualificationTypes(lab: Lab) -> None:
    word = unique("findme").replace(" ", "")
    ids = [lab.qualification_type(Name=f"{word} {number}") for number in range(3)]
    hidden = lab.qualification_type(Name=f"{word} hidden", QualificationTypeStatus="Inactive")
    pages = lab.api.get_paginator("list_qualification_types").paginate(
        Query=word, MustBeRequestable=True, PaginationConfig={"PageSize": 2}
    )
    assert [row["QualificationTypeId"] for page in pages for row in page["QualificationTypes"]] == ids
    mine = lab.api.list_qualification_types(Query=word, MustBeRequestable=False, MustBeOwnedByCaller=True)
    assert [row["QualificationTypeId"] for row in mine["QualificationTypes"]] == [*ids, hidden]
    system = lab.api.list_qualification_types(Query="Worker_Locale", MustBeRequestable=False)["QualificationTypes"]
    assert [row["QualificationTypeId"] for row in system] == ["00000000000000000071"]


@walk
def ListQualificationRequests(lab: Lab) -> None:
    type_id = lab.qualification_type(Test=TEST_FORM, TestDurationInSeconds=60)
    worker = lab.worker
    test = _request(lab, type_id)
    assert lab.api.list_qualification_requests(QualificationTypeId=type_id)["NumResults"] == 0
    worker.press(test, "test", **{"answer-capital": "a", "answer-why": "<b>&"})
    (request,) = lab.api.list_qualification_requests(QualificationTypeId=type_id)["QualificationRequests"]
    assert (request["WorkerId"], request["Test"]) == (worker.id, TEST_FORM)
    assert "<SelectionIdentifier>a</SelectionIdentifier>" in request["Answer"]
    assert "<FreeText>&lt;b&gt;&amp;</FreeText>" in request["Answer"]
    everything = lab.api.list_qualification_requests(MaxResults=100)["QualificationRequests"]
    assert request["QualificationRequestId"] in [row["QualificationRequestId"] for row in everything]


@walk
def AcceptQualificationRequest(lab: Lab) -> None:
    type_id = lab.qualification_type()
    _request(lab, type_id)
    (request,) = lab.api.list_qualification_requests(QualificationTypeId=type_id)["QualificationRequests"]
    lab.api.accept_qualification_request(QualificationRequestId=request["QualificationRequestId"], IntegerValue=3)
    assert _score(lab, type_id) == 3
    assert lab.api.list_qualification_requests(QualificationTypeId=type_id)["NumResults"] == 0


@walk
def RejectQualificationRequest(lab: Lab) -> None:
    type_id = lab.qualification_type()
    _request(lab, type_id)
    (request,) = lab.api.list_qualification_requests(QualificationTypeId=type_id)["QualificationRequests"]
    lab.api.reject_qualification_request(QualificationRequestId=request["QualificationRequestId"], Reason="Full")
    assert lab.api.list_qualification_requests(QualificationTypeId=type_id)["NumResults"] == 0
    assert "your request was rejected: Full" in lab.worker.get("/worker/qualifications/").text


@walk
def AssociateQualificationWithWorker(lab: Lab) -> None:
    type_id = lab.qualification_type()
    requirement = {"QualificationTypeId": type_id, "Comparator": "GreaterThan", "IntegerValues": [1]}
    hit = lab.hit(QualificationRequirements=[requirement])
    assert hit["HITTypeId"] not in lab.worker.get("/").hit_types
    lab.api.associate_qualification_with_worker(
        QualificationTypeId=type_id, WorkerId=lab.worker.id, IntegerValue=2, SendNotification=False
    )
    assert _score(lab, type_id) == 2
    assert hit["HITTypeId"] in lab.worker.get("/").hit_types


@walk
def DisassociateQualificationFromWorker(lab: Lab) -> None:
    type_id = lab.qualification_type()
    lab.api.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=lab.worker.id)
    lab.api.disassociate_qualification_from_worker(
        QualificationTypeId=type_id, WorkerId=lab.worker.id, Reason="Left the group"
    )
    score = lab.api.get_qualification_score(QualificationTypeId=type_id, WorkerId=lab.worker.id)["Qualification"]
    assert score["Status"] == "Revoked"
    assert "Revoked: Left the group" in lab.worker.get("/worker/qualifications/").text


@walk
def GetQualificationScore(lab: Lab) -> None:
    type_id = lab.qualification_type()
    lab.api.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=lab.worker.id, IntegerValue=-5)
    score = lab.api.get_qualification_score(QualificationTypeId=type_id, WorkerId=lab.worker.id)["Qualification"]
    assert (score["IntegerValue"], score["Status"], score["WorkerId"]) == (-5, "Granted", lab.worker.id)


@walk
def ListWorkersWithQualificationType(lab: Lab) -> None:
    type_id = lab.qualification_type()
    for worker in (lab.worker, lab.colleague):
        lab.api.associate_qualification_with_worker(QualificationTypeId=type_id, WorkerId=worker.id)
    lab.api.disassociate_qualification_from_worker(QualificationTypeId=type_id, WorkerId=lab.colleague.id)
    pages = lab.api.get_paginator("list_workers_with_qualification_type").paginate(
        QualificationTypeId=type_id, PaginationConfig={"PageSize": 1}
    )
    assert [row["WorkerId"] for page in pages for row in page["Qualifications"]] == [lab.worker.id, lab.colleague.id]
    granted = lab.api.list_workers_with_qualification_type(QualificationTypeId=type_id, Status="Granted")
    assert [row["WorkerId"] for row in granted["Qualifications"]] == [lab.worker.id]


def made_id(made: dict[str, Any]) -> str:
    return str(made["QualificationTypeId"])


def _request(lab: Lab, type_id: str) -> Any:
    forms = lab.worker.get("/worker/qualifications/").forms
    form = next(form for form in forms if type_id in (form["url"] or ""))
    return lab.worker.post(form["url"], form["fields"])


def _score(lab: Lab, type_id: str) -> int:
    answer = lab.api.get_qualification_score(QualificationTypeId=type_id, WorkerId=lab.worker.id)
    return int(answer["Qualification"]["IntegerValue"])
