"""Review policies that are wrong, or whose actions cannot be done; layouts."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.marketplace.lab import Lab
from tests.marketplace.site import Site

KNOWN, PLURALITY = "ScoreMyKnownAnswers/2011-09-01", "SimplePlurality/2011-09-01"
KEY = {"Key": "AnswerKey", "MapEntries": [{"Key": "q", "Values": ["1"]}]}


@pytest.fixture(scope="module")
def lab(site: Site) -> Lab:
    return Lab(site)


@pytest.mark.parametrize(
    "policy",
    [
        {"PolicyName": PLURALITY, "Parameters": [KEY]},
        {"PolicyName": KNOWN, "Parameters": []},
        {"PolicyName": KNOWN, "Parameters": [KEY, {"Key": "PayTwice", "Values": ["1"]}]},
        {"PolicyName": KNOWN, "Parameters": [KEY, {"Key": "ExtendMaximumAssignments", "Values": ["26"]}]},
        {"PolicyName": KNOWN, "Parameters": [KEY, {"Key": "ExtendMaximumAssignments", "Values": ["many"]}]},
        {"PolicyName": KNOWN, "Parameters": [{"Key": "AnswerKey", "MapEntries": [{"Key": "q", "Values": []}]}]},
    ],
)
def test_a_policy_that_cannot_run_is_refused_when_the_hit_is_made(lab: Lab, policy: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        lab.hit(AssignmentReviewPolicy=policy)
    assert caught.value.response["TurkErrorCode"] in (
        "AWS.MechanicalTurk.InvalidParameterValue",
        "AWS.MissingParameters",
    )


def test_an_action_that_cannot_be_done_says_why(lab: Lab) -> None:
    """A HIT of 9 cannot be extended to 10: the answer is kept, the action failed."""
    hit = lab.hit(
        MaxAssignments=9,
        AssignmentReviewPolicy={
            "PolicyName": KNOWN,
            "Parameters": [
                KEY,
                {"Key": "ExtendIfKnownAnswerScoreIsLessThan", "Values": ["50"]},
                {"Key": "ExtendMaximumAssignments", "Values": ["12"]},
                {"Key": "ExtendMinimumTimeInSeconds", "Values": ["3600"]},
            ],
        },
    )
    assignment_id = lab.worker.do(hit["HITTypeId"], q="2")
    assert lab.status(assignment_id) == "Submitted"
    answer = lab.api.list_review_policy_results_for_hit(HITId=hit["HITId"], PolicyLevels=["Assignment"])
    (action,) = answer["AssignmentReviewReport"]["ReviewActions"]
    assert (action["ActionName"], action["Status"]) == ("extend", "Failed")
    assert action["ErrorCode"] == "AWS.MechanicalTurk.InvalidMaximumAssignmentsIncrease"
    assert lab.get(hit)["MaxAssignments"] == 9


def test_agreement_approves_and_rejects_workers(lab: Lab) -> None:
    hit = lab.hit(
        MaxAssignments=3,
        HITReviewPolicy={
            "PolicyName": PLURALITY,
            "Parameters": [
                {"Key": "QuestionIds", "Values": ["q", "r"]},
                {"Key": "QuestionAgreementThreshold", "Values": ["60"]},
                {"Key": "ApproveIfWorkerAgreementScoreIsAtLeast", "Values": ["100"]},
                {"Key": "RejectIfWorkerAgreementScoreIsLessThan", "Values": ["1"]},
                {"Key": "ExtendIfHITAgreementScoreIsLessThan", "Values": ["100"]},
                {"Key": "ExtendMaximumAssignments", "Values": ["5"]},
                {"Key": "ExtendMinimumTimeInSeconds", "Values": ["3600"]},
            ],
        },
    )
    answers = (("cat", "1"), ("cat", "2"), ("dog", "3"))
    ids = [worker.do(hit["HITTypeId"], q=q, r=r) for worker, (q, r) in zip(lab.site.crowd(3), answers, strict=True)]
    assert [lab.status(assignment_id) for assignment_id in ids] == ["Approved", "Approved", "Rejected"]
    assert lab.get(hit)["MaxAssignments"] == 4, "half of the questions are agreed on: one more opinion"


def test_a_layout_is_filled_with_the_hits_parameters(lab: Lab) -> None:
    with psycopg.connect(lab.site.database_url) as connection:
        connection.execute(
            "INSERT INTO marketplace_hitlayout (public_id, requester_id, name, html) SELECT '3LAYOUT', id, 'clip',"
            " '<p>${text}</p><video src=\"${clip}\"></video>' FROM marketplace_requester WHERE access_key = %s",
            [lab.api._request_signer._credentials.access_key],
        )
    parameters = [{"Name": "clip", "Value": "c1.mp4"}, {"Name": "text", "Value": "a ]]> b"}]
    hit = lab.hit(Question=None, HITLayoutId="3LAYOUT", HITLayoutParameters=parameters)
    assert hit["HITLayoutId"] == "3LAYOUT"
    frame = lab.worker.get(f"/groups/{hit['HITTypeId']}/").frame
    assert frame is not None
    assert lab.worker.http.get(frame).text == '<p>a ]]> b</p><video src="c1.mp4"></video>'
    with pytest.raises(ClientError, match="lack: text"):
        lab.hit(Question=None, HITLayoutId="3LAYOUT", HITLayoutParameters=parameters[:1])
