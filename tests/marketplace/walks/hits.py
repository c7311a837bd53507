"""Walks of the operations on HITs and their types."""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.marketplace.lab import HIT, Lab, unique
from tests.marketplace.site import HTML_QUESTION
from tests.marketplace.walks import cents, walk


@walk
def CreateHIT(lab: Lab) -> None:
    made = lab.hit(MaxAssignments=3, RequesterAnnotation="batch:unit:1")
    read = lab.get(made)
    assert read == made
    assert read["Expiration"] - read["CreationTime"] == dt.timedelta(days=1)
    assert read["CreationTime"].tzinfo is not None
    assert (read["HITStatus"], read["HITReviewStatus"]) == ("Assignable", "NotReviewed")
    assert read["AutoApprovalDelayInSeconds"] == 2_592_000
    counts = [read[f"NumberOfAssignments{name}"] for name in ("Pending", "Available", "Completed")]
    assert counts == [0, 3, 0]
    assert read["QualificationRequirements"] == []


@walk
def CreateHITType(lab: Lab) -> None:
    members = {key: value for key, value in HIT.items() if key != "LifetimeInSeconds"} | {"Title": unique("Type")}
    first = lab.api.create_hit_type(**members)["HITTypeId"]
    assert lab.api.create_hit_type(**members)["HITTypeId"] == first
    assert lab.api.create_hit_type(**(members | {"Reward": "0.150"[:4]}))["HITTypeId"] == first
    assert lab.api.create_hit_type(**(members | {"Reward": "0.16"}))["HITTypeId"] != first
    assert lab.other.create_hit_type(**members)["HITTypeId"] != first


@walk
def CreateHITWithHITType(lab: Lab) -> None:
    members = {key: value for key, value in HIT.items() if key != "LifetimeInSeconds"} | {"Title": unique("Type")}
    type_id = lab.api.create_hit_type(**members)["HITTypeId"]
    question = HTML_QUESTION.format(html="<form><input name=x></form>")
    hit = lab.api.create_hit_with_hit_type(HITTypeId=type_id, LifetimeInSeconds=60, Question=question)["HIT"]
    assert lab.get(hit)["HITTypeId"] == type_id
    assert lab.get(hit)["Question"] == question
    assert lab.get(hit)["Title"] == members["Title"]
    assert lab.get(hit)["MaxAssignments"] == 1


@walk
def GetHIT(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=2)
    lab.worker.accept(hit["HITTypeId"])
    read = lab.get(hit)
    assert (read["NumberOfAssignmentsPending"], read["NumberOfAssignmentsAvailable"]) == (1, 1)
    lab.colleague.accept(hit["HITTypeId"])
    assert lab.get(hit)["HITStatus"] == "Unassignable"


@walk
def ListHITs(lab: Lab) -> None:
    ids = [lab.hit(Title=unique("Listed"))["HITId"] for _ in range(3)]
    listed = [hit["HITId"] for page in lab.api.get_paginator("list_hits").paginate() for hit in page["HITs"]]
    assert listed[:3] == ids[::-1]
    assert len(set(listed)) == len(listed)


@walk
def ListReviewableHITs(lab: Lab) -> None:
    hit, _ = lab.submitted()
    open_hit = lab.hit(Title=hit["Title"], MaxAssignments=2)
    of_type = lab.api.list_reviewable_hits(HITTypeId=hit["HITTypeId"])
    assert [row["HITId"] for row in of_type["HITs"]] == [hit["HITId"]]
    assert lab.get(open_hit)["HITStatus"] == "Assignable"
    lab.api.update_hit_review_status(HITId=hit["HITId"])
    assert lab.api.list_reviewable_hits(HITTypeId=hit["HITTypeId"])["NumResults"] == 0
    reviewing = lab.api.list_reviewable_hits(HITTypeId=hit["HITTypeId"], Status="Reviewing")["HITs"]
    assert [row["HITStatus"] for row in reviewing] == ["Reviewing"]


@walk
def ListHITsForQualificationType(lab: Lab) -> None:
    type_id = lab.qualification_type()
    requirement = {"QualificationTypeId": type_id, "Comparator": "EqualTo", "IntegerValues": [2]}
    hit = lab.hit(QualificationRequirements=[requirement])
    listed = lab.api.list_hits_for_qualification_type(QualificationTypeId=type_id)["HITs"]
    assert [row["HITId"] for row in listed] == [hit["HITId"]]
    assert listed[0]["QualificationRequirements"] == [requirement]


@walk
def UpdateExpirationForHIT(lab: Lab) -> None:
    hit = lab.hit()
    later = hit["Expiration"] + dt.timedelta(days=3)
    lab.api.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=later)
    assert lab.get(hit)["Expiration"] == later
    lab.api.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=dt.datetime(2015, 1, 1, tzinfo=dt.UTC))
    assert lab.get(hit)["HITStatus"] == "Reviewable"
    assert hit["HITTypeId"] not in lab.worker.get("/").hit_types
    lab.api.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=later)
    assert lab.get(hit)["HITStatus"] == "Assignable"


@walk
def UpdateHITReviewStatus(lab: Lab) -> None:
    hit, _ = lab.submitted()
    lab.api.update_hit_review_status(HITId=hit["HITId"])
    assert lab.get(hit)["HITStatus"] == "Reviewing"
    lab.api.update_hit_review_status(HITId=hit["HITId"], Revert=True)
    assert lab.get(hit)["HITStatus"] == "Reviewable"


@walk
def UpdateHITTypeOfHIT(lab: Lab) -> None:
    hit, dearer = lab.hit(), lab.hit(Reward="1.00")
    before = lab.api.get_account_balance()
    lab.api.update_hit_type_of_hit(HITId=hit["HITId"], HITTypeId=dearer["HITTypeId"])
    assert lab.get(hit)["Reward"] == "1.00"
    after = lab.api.get_account_balance()
    assert cents(after["OnHoldBalance"]) - cents(before["OnHoldBalance"]) == 120 - 18


@walk
def CreateAdditionalAssignmentsForHIT(lab: Lab) -> None:
    hit, _ = lab.submitted()
    assert lab.get(hit)["HITStatus"] == "Reviewable"
    lab.api.create_additional_assignments_for_hit(
        HITId=hit["HITId"], NumberOfAdditionalAssignments=2, UniqueRequestToken=unique("more")
    )
    assert (lab.get(hit)["MaxAssignments"], lab.get(hit)["HITStatus"]) == (3, "Assignable")
    assert hit["HITTypeId"] not in lab.worker.get("/").hit_types, "one worker, one assignment of a HIT"


@walk
def DeleteHIT(lab: Lab) -> None:
    hit, assignment_id = lab.submitted()
    lab.api.approve_assignment(AssignmentId=assignment_id)
    lab.api.delete_hit(HITId=hit["HITId"])
    assert lab.get(hit)["HITStatus"] == "Disposed"
    newest = lab.api.list_hits(MaxResults=100)["HITs"]
    assert hit["HITId"] not in [row["HITId"] for row in newest]


@walk
def ListReviewPolicyResultsForHIT(lab: Lab) -> None:
    key = {"Key": "AnswerKey", "MapEntries": [{"Key": "city", "Values": ["Berlin"]}, {"Key": "gold", "Values": ["1"]}]}
    hit = lab.hit(
        MaxAssignments=2,
        AssignmentReviewPolicy={
            "PolicyName": "ScoreMyKnownAnswers/2011-09-01",
            "Parameters": [
                key,
                {"Key": "ApproveIfKnownAnswerScoreIsAtLeast", "Values": ["100"]},
                {"Key": "RejectIfKnownAnswerScoreIsLessThan", "Values": ["50"]},
                {"Key": "RejectReason", "Values": ["The known answers were missed"]},
                {"Key": "ExtendIfKnownAnswerScoreIsLessThan", "Values": ["50"]},
                {"Key": "ExtendMaximumAssignments", "Values": ["3"]},
                {"Key": "ExtendMinimumTimeInSeconds", "Values": ["3600"]},
            ],
        },
        HITReviewPolicy={
            "PolicyName": "SimplePlurality/2011-09-01",
            "Parameters": [
                {"Key": "QuestionIds", "Values": ["city"]},
                {"Key": "QuestionAgreementThreshold", "Values": ["50"]},
            ],
        },
    )
    good = lab.worker.do(hit["HITTypeId"], city="Berlin", gold="1")
    bad = lab.colleague.do(hit["HITTypeId"], city="Bonn", gold="2")
    assert (lab.status(good), lab.status(bad)) == ("Approved", "Rejected")
    assert lab.get(hit)["MaxAssignments"] == 3
    third = lab.site.worker()
    third.do(hit["HITTypeId"], city="Berlin", gold="0")
    results: list[dict[str, Any]] = []
    answer = lab.api.list_review_policy_results_for_hit(HITId=hit["HITId"], MaxResults=4)
    first = answer
    while True:
        for level in ("Assignment", "HIT"):
            results += answer[f"{level}ReviewReport"]["ReviewResults"]
        if "NextToken" not in answer:
            break
        answer = lab.api.list_review_policy_results_for_hit(
            HITId=hit["HITId"], MaxResults=4, NextToken=answer["NextToken"]
        )
    values = {(row["SubjectId"], row["Key"]): row["Value"] for row in results}
    assert values[good, "KnownAnswerScore"] == "100"
    assert values[bad, "KnownAnswerScore"] == "0"
    assert values[hit["HITId"], "AgreedAnswer"] == "Berlin"
    assert values[hit["HITId"], "HITAgreementScore"] == "100"
    assert values[bad, "WorkerAgreementScore"] == "0"
    actions = [(row["ActionName"], row["Status"]) for row in first["AssignmentReviewReport"]["ReviewActions"]]
    assert actions == [("approve", "Succeeded"), ("reject", "Succeeded"), ("extend", "Succeeded")]
    assert lab.get(hit)["HITReviewStatus"] == "ReviewedAppropriate"
