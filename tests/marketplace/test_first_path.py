"""The shortest way through: a HIT is made, found, previewed, accepted, submitted, listed, approved and paid."""

from __future__ import annotations

from typing import Any

from tests.marketplace.site import Site, external

HIT = {
    "Title": "Choose a segment",
    "Description": "Watch a clip and choose a part of it",
    "Reward": "0.15",
    "AssignmentDurationInSeconds": 600,
    "LifetimeInSeconds": 86_400,
    "MaxAssignments": 2,
}


def test_a_hit_goes_from_creation_to_payment(site: Site, requester: Any) -> None:
    hit = requester.create_hit(**HIT, Question=external(), RequesterAnnotation="unit 1")["HIT"]
    assert (hit["HITStatus"], hit["NumberOfAssignmentsAvailable"]) == ("Assignable", 2)
    worker = site.worker()
    assert hit["HITTypeId"] in worker.get("/").hit_types
    preview = worker.get(f"/groups/{hit['HITTypeId']}/")
    assert preview.parameter("assignmentId") == "ASSIGNMENT_ID_NOT_AVAILABLE"
    assert preview.parameter("s") == "a"
    assert preview.parameter("b") == "c"

    page = worker.accept(hit["HITTypeId"])
    assert page.parameter("hitId") == hit["HITId"]
    assert page.parameter("workerId") == worker.id
    assert page.parameter("turkSubmitTo") == site.url
    received = worker.submit(page, start="3.5", end="12.0")
    assert received.status == 200
    assert "next" in received.links

    (assignment,) = requester.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert assignment["WorkerId"] == worker.id
    assert assignment["AssignmentStatus"] == "Submitted"
    assert "<QuestionIdentifier>start</QuestionIdentifier><FreeText>3.5</FreeText>" in assignment["Answer"]
    requester.approve_assignment(AssignmentId=assignment["AssignmentId"], RequesterFeedback="Thank you")
    approved = requester.get_assignment(AssignmentId=assignment["AssignmentId"])["Assignment"]
    assert approved["AssignmentStatus"] == "Approved"
    # 10000 - 0.15 - 0.03 fee, and 0.18 held for the second slot
    assert requester.get_account_balance()["AvailableBalance"] == "9999.64"
    assert requester.get_account_balance()["OnHoldBalance"] == "0.18"
    assert "Thank you" in worker.table()

    assert "Nothing is left for you in this group" in worker.accept(hit["HITTypeId"]).text
