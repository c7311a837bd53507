"""Walks of blocks, messages and notifications."""

from __future__ import annotations

from typing import Any

from tests.marketplace.lab import Lab
from tests.marketplace.walks import walk
from tests.marketplace.webhook import Webhook


@walk
def CreateWorkerBlock(lab: Lab) -> None:
    worker, hit = lab.site.worker(), lab.hit()
    lab.api.create_worker_block(WorkerId=worker.id, Reason="Asked not to be invited")
    assert hit["HITTypeId"] not in worker.get("/").hit_types
    blocks = lab.api.list_worker_blocks(MaxResults=100)["WorkerBlocks"]
    assert {"WorkerId": worker.id, "Reason": "Asked not to be invited"} in blocks


@walk
def DeleteWorkerBlock(lab: Lab) -> None:
    worker, hit = lab.site.worker(), lab.hit()
    lab.api.create_worker_block(WorkerId=worker.id, Reason="By mistake")
    lab.api.delete_worker_block(WorkerId=worker.id, Reason="It was a mistake")
    lab.api.delete_worker_block(WorkerId=worker.id)
    assert hit["HITTypeId"] in worker.get("/").hit_types


@walk
def ListWorkerBlocks(lab: Lab) -> None:
    for worker in (lab.worker, lab.colleague):
        lab.other.create_worker_block(WorkerId=worker.id, Reason="Test")
    pages = lab.watch.on(lab.other).get_paginator("list_worker_blocks").paginate(PaginationConfig={"PageSize": 1})
    assert [row["WorkerId"] for page in pages for row in page["WorkerBlocks"]] == [lab.worker.id, lab.colleague.id]
    for worker in (lab.worker, lab.colleague):
        lab.other.delete_worker_block(WorkerId=worker.id)


@walk
def NotifyWorkers(lab: Lab) -> None:
    stranger = lab.site.worker()
    _, assignment_id = lab.submitted()
    lab.api.approve_assignment(AssignmentId=assignment_id)
    answer = lab.api.notify_workers(
        Subject="New clips", MessageText="There is new work.\nCome back.",
        WorkerIds=[lab.worker.id, stranger.id, "A0NOBODY"],
    )  # fmt: skip
    failures = {row["WorkerId"]: row["NotifyWorkersFailureCode"] for row in answer["NotifyWorkersFailureStatuses"]}
    assert failures == {stranger.id: "HardFailure", "A0NOBODY": "HardFailure"}
    assert "New clips" in lab.worker.get("/worker/messages/").text
    assert "New clips" not in stranger.get("/worker/messages/").text


@walk
def UpdateNotificationSettings(lab: Lab) -> None:
    with Webhook(lab.site.hook_port) as hook:
        hit = lab.hit(MaxAssignments=2)
        specification = _specification(hook.sqs, ["AssignmentAccepted", "AssignmentSubmitted"])
        lab.api.update_notification_settings(HITTypeId=hit["HITTypeId"], Notification=specification, Active=True)
        assignment_id = lab.worker.do(hit["HITTypeId"])
        lab.site.faults(tick=True)
        events = [(event["EventType"], event["AssignmentId"]) for event in hook.events()]
        assert events == [("AssignmentAccepted", assignment_id), ("AssignmentSubmitted", assignment_id)]
        lab.api.update_notification_settings(HITTypeId=hit["HITTypeId"], Active=False)
        lab.colleague.do(hit["HITTypeId"])
        lab.site.faults(tick=True)
        assert len(hook.events()) == 2


@walk
def SendTestEventNotification(lab: Lab) -> None:
    with Webhook(lab.site.hook_port) as hook:
        specification = _specification(hook.sns, ["Ping"]) | {"Transport": "SNS"}
        lab.api.send_test_event_notification(Notification=specification, TestEventType="Ping")
        lab.site.faults(tick=True)
        (event,) = hook.events()
        assert event["EventType"] == "Ping"
        assert hook.requests[0]["headers"]["x-amz-sns-message-type"] == "Notification"


def _specification(destination: str, events: list[str]) -> dict[str, Any]:
    return {"Destination": destination, "Transport": "SQS", "Version": "2006-05-05", "EventTypes": events}
