"""Faults on demand: each happens as often as it was asked for, and the client sees what a real one would show."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from tests.marketplace.lab import HIT, Lab, unique
from tests.marketplace.site import Site, external
from tests.marketplace.webhook import Webhook


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    yield Lab(site)
    site.faults(clear=True)


def count(lab: Lab, title: str) -> int:
    hits = [hit for page in lab.api.get_paginator("list_hits").paginate() for hit in page["HITs"]]
    return sum(hit["Title"] == title for hit in hits)


def test_a_lost_answer_makes_two_hits_without_a_token_and_one_with_it(lab: Lab) -> None:
    bare, safe = unique("Bare"), unique("Safe")
    lab.site.faults(add={"kind": "lost_answer", "operation": "CreateHIT"})
    lab.hit(Title=bare)
    assert count(lab, bare) == 2, "boto3 tries again by itself"
    lab.site.faults(add={"kind": "lost_answer", "operation": "CreateHIT"})
    with pytest.raises(ClientError) as caught:
        lab.hit(Title=safe, UniqueRequestToken=unique("token"))
    assert caught.value.response["TurkErrorCode"] == "AWS.MechanicalTurk.HitAlreadyExists"
    assert count(lab, safe) == 1


def test_an_answer_lost_for_good_is_a_broken_connection(lab: Lab) -> None:
    client = lab.site.requester(retries=1)
    lab.site.faults(add={"kind": "lost_answer", "operation": "CreateHIT"})
    with pytest.raises(HTTPClientError):
        client.create_hit(**HIT, Question=external())
    assert client.list_hits()["NumResults"] == 1, "the work was done"


@pytest.mark.parametrize("kind", ["throttling", "service_fault"])
def test_transient_errors_are_retried_and_change_nothing(lab: Lab, kind: str) -> None:
    lab.site.faults(add={"kind": kind, "operation": "CreateHIT", "remaining": 2})
    title = unique("Retried")
    lab.hit(Title=title)
    assert count(lab, title) == 1
    assert lab.site.faults()["faults"] == []


def test_throttling_is_told_by_its_name(lab: Lab) -> None:
    lab.site.faults(add={"kind": "throttling", "operation": "*", "remaining": 5})
    with pytest.raises(ClientError) as caught:
        lab.api.get_account_balance()
    assert caught.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}


def test_a_delay_delays(lab: Lab) -> None:
    lab.site.faults(add={"kind": "delay", "operation": "GetAccountBalance", "seconds": 0.5})
    start = time.monotonic()
    lab.api.get_account_balance()
    assert time.monotonic() - start > 0.5


def notified(lab: Lab, hook: Webhook) -> dict[str, Any]:
    hit = lab.hit(MaxAssignments=2)
    lab.api.update_notification_settings(
        HITTypeId=hit["HITTypeId"],
        Notification={
            "Destination": hook.sqs, "Transport": "SQS", "Version": "2014-08-15", "EventTypes": ["AssignmentSubmitted"],
        },
    )  # fmt: skip
    return hit


def test_a_notice_can_come_twice_with_one_document_id(lab: Lab) -> None:
    with Webhook(lab.site.hook_port) as hook:
        hit = notified(lab, hook)
        lab.site.faults(add={"kind": "duplicate_notice", "operation": "AssignmentSubmitted"})
        lab.worker.do(hit["HITTypeId"])
        lab.site.faults(tick=True)
        first, second = hook.documents()
        assert first == second
        assert first["Events"][0]["HITId"] == hit["HITId"]
        assert first["EventDocVersion"] == "2006-05-05"


def test_a_notice_that_fails_is_sent_again_later(lab: Lab) -> None:
    with Webhook(lab.site.hook_port, failures=1) as hook:
        hit = notified(lab, hook)
        lab.worker.do(hit["HITTypeId"])
        lab.site.faults(tick=True)
        assert hook.documents() == []
        lab.site.advance(11)
        lab.site.faults(tick=True)
        assert len(hook.documents()) == 1
        lab.site.faults(tick=True)
        assert len(hook.documents()) == 1


def test_every_event_of_a_hits_life_is_told(lab: Lab) -> None:
    events = [
        "AssignmentAccepted", "AssignmentAbandoned", "AssignmentReturned", "AssignmentSubmitted", "AssignmentRejected",
        "AssignmentApproved", "HITCreated", "HITExpired", "HITReviewable", "HITExtended", "HITDisposed",
    ]  # fmt: skip
    with Webhook(lab.site.hook_port) as hook:
        specification = {
            "Destination": hook.sqs, "Transport": "SQS", "Version": "2006-05-05", "EventTypes": events,
        }  # fmt: skip
        first = lab.hit()
        lab.api.update_notification_settings(HITTypeId=first["HITTypeId"], Notification=specification)
        lab.api.update_expiration_for_hit(HITId=first["HITId"], ExpireAt=lab.now())
        hit = lab.hit(Title=first["Title"], AssignmentDurationInSeconds=600, MaxAssignments=2)
        key = {"HITId": hit["HITId"]}
        lab.worker.accept(hit["HITTypeId"])
        lab.site.advance(601)
        lab.api.get_hit(**key)
        page = lab.worker.accept(hit["HITTypeId"])
        lab.worker.press(page, "return")
        good, bad = lab.worker.do(hit["HITTypeId"]), lab.colleague.do(hit["HITTypeId"])
        lab.api.approve_assignment(AssignmentId=good)
        lab.api.reject_assignment(AssignmentId=bad, RequesterFeedback="No")
        lab.api.create_additional_assignments_for_hit(**key, NumberOfAdditionalAssignments=1)
        lab.api.update_expiration_for_hit(**key, ExpireAt=lab.now())
        lab.api.delete_hit(**key)
        lab.site.faults(tick=True)
        told = [event["EventType"] for event in hook.events() if event["HITId"] == hit["HITId"]]
    assert told == [
        "HITCreated", "AssignmentAccepted", "AssignmentAbandoned", "AssignmentAccepted", "AssignmentReturned",
        "AssignmentAccepted", "AssignmentSubmitted", "AssignmentAccepted", "AssignmentSubmitted", "HITReviewable",
        "AssignmentApproved", "AssignmentRejected", "HITExtended", "HITExpired", "HITReviewable", "HITDisposed",
    ]  # fmt: skip


def test_the_door_says_what_it_does_not_understand(site: Site) -> None:
    for order in ({"unknown": 1}, {"add": {"kind": "earthquake"}}, {"advance_s": "soon"}):
        answer = site.http.post(f"{site.url}/faults", json=order)
        assert answer.status_code == 400
        assert "error" in answer.json()
