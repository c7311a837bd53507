"""Walks of the operations on submitted work and money."""

from __future__ import annotations

import datetime as dt

from tests.marketplace.lab import Lab, unique
from tests.marketplace.site import FORM
from tests.marketplace.walks import cents, walk


@walk
def GetAssignment(lab: Lab) -> None:
    hit, assignment_id = lab.submitted()
    answer = lab.api.get_assignment(AssignmentId=assignment_id)
    assignment = answer["Assignment"]
    assert answer["HIT"]["HITId"] == assignment["HITId"] == hit["HITId"]
    assert assignment["WorkerId"] == lab.worker.id
    assert assignment["AcceptTime"] <= assignment["SubmitTime"] <= assignment["Deadline"]
    assert abs(assignment["AutoApprovalTime"] - assignment["SubmitTime"] - dt.timedelta(days=30)) < dt.timedelta(
        seconds=1
    )
    assert "ApprovalTime" not in assignment


@walk
def ListAssignmentsForHIT(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=2)
    first, second = lab.worker.do(hit["HITTypeId"], note="one"), lab.colleague.do(hit["HITTypeId"], note="two")
    lab.api.reject_assignment(AssignmentId=second, RequesterFeedback="Empty")
    listed = lab.api.list_assignments_for_hit(HITId=hit["HITId"])
    assert [row["AssignmentId"] for row in listed["Assignments"]] == [first, second]
    assert listed["NumResults"] == 2
    only = lab.api.list_assignments_for_hit(HITId=hit["HITId"], AssignmentStatuses=["Rejected"])["Assignments"]
    assert [row["RequesterFeedback"] for row in only] == ["Empty"]
    assert "RejectionTime" in only[0]
    assert "<FreeText>two</FreeText>" in only[0]["Answer"]


@walk
def ApproveAssignment(lab: Lab) -> None:
    hit, assignment_id = lab.submitted()
    before = lab.api.get_account_balance()
    lab.api.approve_assignment(AssignmentId=assignment_id, RequesterFeedback="Well seen")
    read = lab.api.get_assignment(AssignmentId=assignment_id)["Assignment"]
    assert (read["AssignmentStatus"], read["RequesterFeedback"]) == ("Approved", "Well seen")
    assert read["ApprovalTime"] >= read["SubmitTime"]
    assert lab.get(hit)["NumberOfAssignmentsCompleted"] == 1
    after = lab.api.get_account_balance()
    assert cents(before["OnHoldBalance"]) - cents(after["OnHoldBalance"]) == 18
    assert before["AvailableBalance"] == after["AvailableBalance"]


@walk
def RejectAssignment(lab: Lab) -> None:
    _, assignment_id = lab.submitted()
    before = lab.api.get_account_balance()
    lab.api.reject_assignment(AssignmentId=assignment_id, RequesterFeedback="Nothing was chosen")
    assert lab.status(assignment_id) == "Rejected"
    after = lab.api.get_account_balance()
    assert cents(after["AvailableBalance"]) - cents(before["AvailableBalance"]) == 18
    lab.api.approve_assignment(AssignmentId=assignment_id, OverrideRejection=True)
    assert lab.status(assignment_id) == "Approved"
    assert lab.api.get_account_balance()["AvailableBalance"] == before["AvailableBalance"]


@walk
def SendBonus(lab: Lab) -> None:
    _, assignment_id = lab.submitted()
    before = lab.api.get_account_balance()
    lab.api.send_bonus(
        WorkerId=lab.worker.id, AssignmentId=assignment_id, BonusAmount="1.5", Reason="Quick work",
        UniqueRequestToken=unique("bonus"),
    )  # fmt: skip
    after = lab.api.get_account_balance()
    assert cents(before["AvailableBalance"]) - cents(after["AvailableBalance"]) == 180
    (payment,) = lab.api.list_bonus_payments(AssignmentId=assignment_id)["BonusPayments"]
    assert (payment["BonusAmount"], payment["WorkerId"]) == ("1.50", lab.worker.id)
    assert "$1.50" in lab.worker.table()


@walk
def ListBonusPayments(lab: Lab) -> None:
    hit, assignment_id = lab.submitted()
    for number in range(3):
        lab.api.send_bonus(
            WorkerId=lab.worker.id, AssignmentId=assignment_id, BonusAmount="0.05", Reason=f"[b:{number}]"
        )
    for key in ({"HITId": hit["HITId"]}, {"AssignmentId": assignment_id}):
        pages = lab.api.get_paginator("list_bonus_payments").paginate(**key, PaginationConfig={"PageSize": 2})
        assert [row["Reason"] for page in pages for row in page["BonusPayments"]] == ["[b:0]", "[b:1]", "[b:2]"]


@walk
def GetAccountBalance(lab: Lab) -> None:
    before = lab.api.get_account_balance()
    lab.hit(MaxAssignments=10, Reward="0.30")  # 10 x (0.30 + 40 %)
    after = lab.api.get_account_balance()
    assert cents(before["AvailableBalance"]) - cents(after["AvailableBalance"]) == 420
    assert cents(after["OnHoldBalance"]) - cents(before["OnHoldBalance"]) == 420


@walk
def GetFileUploadURL(lab: Lab) -> None:
    form = FORM.format(
        questions="<Question><QuestionIdentifier>clip</QuestionIdentifier><QuestionContent><Text>A clip</Text>"
        "</QuestionContent><AnswerSpecification><FileUploadAnswer><MaxFileSizeInBytes>1000</MaxFileSizeInBytes>"
        "<MinFileSizeInBytes>1</MinFileSizeInBytes></FileUploadAnswer></AnswerSpecification></Question>"
    )
    hit = lab.hit(Question=form)
    lab.worker.accept(hit["HITTypeId"])
    work = lab.worker.get("/worker/work/").text
    assignment_id = work.split('data-assignment="')[1].split('"')[0]
    page = lab.worker.get(f"/assignments/{assignment_id}/answers/")
    lab.worker.post(
        f"/assignments/{assignment_id}/answers/", page.form("answers")["fields"], files={"answer-clip": b"\x00video"}
    )
    url = lab.api.get_file_upload_url(AssignmentId=assignment_id, QuestionIdentifier="clip")["FileUploadURL"]
    assert url.startswith(lab.site.url)
    answer = lab.worker.http.get(url)
    assert answer.content == b"\x00video"
    assert answer.headers["Content-Disposition"] == "attachment"
