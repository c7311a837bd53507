"""What the clock does: expiry, abandonment, auto-approval, disposal, dead tokens."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.marketplace.lab import Lab, unique
from tests.marketplace.site import Site

HOUR, DAY = 3_600, 86_400


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


def counts(hit: dict[str, Any]) -> tuple[int, int, int]:
    return tuple(hit[f"NumberOfAssignments{name}"] for name in ("Pending", "Available", "Completed"))  # type: ignore[return-value]


def test_expiry_ends_accepting_and_releases_the_hold_but_not_work_begun(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=3, LifetimeInSeconds=HOUR, AssignmentDurationInSeconds=2 * HOUR)
    page = lab.worker.accept(hit["HITTypeId"])
    held = lab.api.get_account_balance()["OnHoldBalance"]
    lab.site.advance(HOUR + 1)
    assert lab.get(hit)["HITStatus"] == "Unassignable"
    assert counts(lab.get(hit)) == (1, 2, 0)
    after = lab.api.get_account_balance()["OnHoldBalance"]
    assert float(held) - float(after) == pytest.approx(0.36)
    assert "Nothing is left" in lab.colleague.accept(hit["HITTypeId"]).text
    assert lab.worker.submit(page).status == 200
    assert lab.get(hit)["HITStatus"] == "Reviewable"
    lab.api.approve_assignment(AssignmentId=page.parameter("assignmentId"))


def test_an_assignment_past_its_deadline_is_abandoned_and_its_id_goes_to_the_next_worker(lab: Lab) -> None:
    hit = lab.hit(AssignmentDurationInSeconds=60)
    first = lab.worker.accept(hit["HITTypeId"])
    assert lab.get(hit)["HITStatus"] == "Unassignable"
    lab.site.advance(61)
    late = lab.worker.submit(first)
    assert late.status == 409
    assert "time for this assignment is over" in late.text
    assert lab.get(hit)["HITStatus"] == "Assignable"
    assert "Abandoned" in lab.worker.table()

    second = lab.colleague.accept(hit["HITTypeId"])
    assert second.parameter("assignmentId") == first.parameter("assignmentId")
    assert lab.worker.submit(first).status == 403, "the first worker's old page must not answer for the second"
    assert lab.colleague.submit(second, who="colleague").status == 200
    (row,) = lab.api.list_assignments_for_hit(HITId=hit["HITId"])["Assignments"]
    assert row["WorkerId"] == lab.colleague.id


def test_submitted_work_is_approved_when_its_time_comes(lab: Lab) -> None:
    hit, assignment_id = lab.submitted(AutoApprovalDelayInSeconds=HOUR)
    lab.site.advance(HOUR - 60)
    assert lab.status(assignment_id) == "Submitted"
    lab.site.advance(61)
    assert lab.status(assignment_id) == "Approved"
    assert counts(lab.get(hit)) == (0, 0, 1)
    with pytest.raises(ClientError, match="InvalidAssignmentState"):
        lab.api.reject_assignment(AssignmentId=assignment_id, RequesterFeedback="Too late")


def test_with_no_delay_work_is_approved_at_once(lab: Lab) -> None:
    _, assignment_id = lab.submitted(AutoApprovalDelayInSeconds=0)
    assert lab.status(assignment_id) == "Approved"


def test_hits_are_disposed_120_days_after_their_end(lab: Lab) -> None:
    hit = lab.hit(LifetimeInSeconds=HOUR)
    lab.site.advance(HOUR + 119 * DAY)
    assert lab.get(hit)["HITStatus"] == "Reviewable"
    lab.site.advance(DAY + 60)
    assert lab.get(hit)["HITStatus"] == "Disposed"
    with pytest.raises(ClientError, match="InvalidHITState"):
        lab.api.create_additional_assignments_for_hit(HITId=hit["HITId"], NumberOfAdditionalAssignments=1)


def test_an_old_date_expires_a_hit_and_does_not_dispose_of_it(lab: Lab) -> None:
    hit = lab.hit()
    lab.api.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=dt.datetime(2015, 1, 1, tzinfo=dt.UTC))
    assert lab.get(hit)["HITStatus"] == "Reviewable"


def test_an_expired_hit_that_is_extended_holds_its_money_again(lab: Lab) -> None:
    hit = lab.hit(LifetimeInSeconds=HOUR)
    before = lab.api.get_account_balance()
    lab.site.advance(HOUR + 1)
    assert float(before["OnHoldBalance"]) > float(lab.api.get_account_balance()["OnHoldBalance"])
    lab.api.update_expiration_for_hit(HITId=hit["HITId"], ExpireAt=lab.now() + dt.timedelta(hours=1))
    assert lab.api.get_account_balance()["OnHoldBalance"] == before["OnHoldBalance"]
    assert lab.get(hit)["HITStatus"] == "Assignable"


def test_a_request_token_dies_after_24_hours(lab: Lab) -> None:
    token = unique("token")
    first = lab.hit(UniqueRequestToken=token)
    lab.site.advance(23 * HOUR)
    with pytest.raises(ClientError, match=first["HITId"]):
        lab.hit(UniqueRequestToken=token)
    lab.site.advance(HOUR + 1)
    assert lab.hit(UniqueRequestToken=token)["HITId"] != first["HITId"]


def test_a_returned_assignment_frees_its_slot(lab: Lab) -> None:
    hit = lab.hit()
    page = lab.worker.accept(hit["HITTypeId"])
    assert "returned" in lab.worker.press(page, "return").text
    assert counts(lab.get(hit)) == (0, 1, 0)
    assert lab.worker.submit(page).status == 409
    again = lab.worker.accept(hit["HITTypeId"])
    assert again.parameter("assignmentId") == page.parameter("assignmentId")


def test_a_returned_hit_comes_after_the_others_of_its_group(lab: Lab) -> None:
    first, second = lab.hit(Title=(title := unique("Skip"))), lab.hit(Title=title)
    page = lab.worker.accept(first["HITTypeId"])
    assert page.parameter("hitId") == first["HITId"]
    lab.worker.press(page, "return")
    assert lab.worker.accept(first["HITTypeId"]).parameter("hitId") == second["HITId"]
    assert lab.worker.accept(first["HITTypeId"]).parameter("hitId") == first["HITId"]


def test_a_worker_holds_at_most_25(lab: Lab) -> None:
    worker, title = lab.site.worker(), unique("Many")
    hits = [lab.hit(Title=title, Reward="0.01") for _ in range(26)]
    pages = [worker.accept(hits[0]["HITTypeId"]) for _ in range(25)]
    assert [page.parameter("hitId") for page in pages] == [hit["HITId"] for hit in hits[:25]], "oldest first"
    assert "You hold 25 assignments" in worker.accept(hits[0]["HITTypeId"]).text
    worker.press(pages[0], "return")
    assert worker.accept(hits[0]["HITTypeId"]).parameter("hitId") == hits[25]["HITId"]


def test_the_time_left_is_shown(lab: Lab) -> None:
    hit = lab.hit(AssignmentDurationInSeconds=600)
    text = lab.worker.accept(hit["HITTypeId"]).text
    left = re.search(r'data-seconds-left="(\d+)"', text)
    assert left is not None
    assert 590 <= int(left[1]) <= 600


def test_the_commands_do_what_reads_do(lab: Lab) -> None:
    """`tick` settles without anybody reading."""
    lab.hit(LifetimeInSeconds=HOUR)
    lab.site.advance(HOUR + 1)
    assert re.match(r"[1-9]\d* moves, ", lab.site.manage("tick"))
    assert lab.site.manage("tick").startswith("0 moves, ")
