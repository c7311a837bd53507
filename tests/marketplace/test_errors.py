"""Every error code of the one table, met over HTTP; each is marked as the model's, AWS's documentation's or ours."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from annotation.marketplace.protocol.errors import FRONT_DOOR, TURK_ERROR_CODES
from tests.marketplace.lab import TEST_FORM, Lab, unique
from tests.marketplace.site import ROOT, Site, external

PREFIX = "AWS.MechanicalTurk."
NOBODY = "A0NOBODY"
NOTHING = "3NOTHING"


@pytest.fixture(scope="module")
def lab(site: Site) -> Iterator[Lab]:
    yield Lab(site)
    site.faults(clear=True)


def code_of(call: Callable[[], Any]) -> str:
    """The TurkErrorCode of a call that must fail as a RequestError whose message names the code."""
    with pytest.raises(ClientError) as caught:
        call()
    answer = caught.value.response
    assert answer["Error"]["Code"] == "RequestError", answer
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert answer["TurkErrorCode"] in answer["Message"]
    return str(answer["TurkErrorCode"])


def _hit_already_exists(lab: Lab) -> str:
    token = unique("t")
    hit = lab.hit(UniqueRequestToken=token)
    with pytest.raises(lab.api.exceptions.RequestError, match=hit["HITId"]):
        lab.hit(UniqueRequestToken=token)
    return code_of(lambda: lab.hit(UniqueRequestToken=token))


def _increase_to_ten(lab: Lab) -> str:
    hit = lab.hit(MaxAssignments=9)
    return code_of(lambda: _extend(lab, hit, 1))


def _wrong_assignment_state(lab: Lab) -> str:
    _, assignment_id = lab.submitted()
    lab.api.approve_assignment(AssignmentId=assignment_id)
    with pytest.raises(ClientError, match="can be called with a status of: Submitted"):
        lab.api.approve_assignment(AssignmentId=assignment_id)
    return code_of(lambda: lab.api.reject_assignment(AssignmentId=assignment_id, RequesterFeedback="Late"))


def _wrong_hit_state(lab: Lab) -> str:
    hit = lab.hit()
    return code_of(lambda: lab.api.delete_hit(HITId=hit["HITId"]))


def _request_decided(lab: Lab) -> str:
    type_id = lab.qualification_type()
    worker = lab.site.worker()
    form = next(f for f in worker.get("/worker/qualifications/").forms if type_id in (f["url"] or ""))
    worker.post(form["url"], form["fields"])
    (request,) = lab.api.list_qualification_requests(QualificationTypeId=type_id)["QualificationRequests"]
    key = {"QualificationRequestId": request["QualificationRequestId"]}
    lab.api.accept_qualification_request(**key)
    return code_of(lambda: lab.api.reject_qualification_request(**key))


def _override_too_late(lab: Lab) -> str:
    _, assignment_id = lab.submitted()
    lab.api.reject_assignment(AssignmentId=assignment_id, RequesterFeedback="No")
    lab.site.advance(31 * 86_400)
    return code_of(lambda: lab.api.approve_assignment(AssignmentId=assignment_id, OverrideRejection=True))


def _duplicate_request(lab: Lab) -> str:
    _, assignment_id = lab.submitted()
    bonus = {
        "WorkerId": lab.worker.id, "AssignmentId": assignment_id, "BonusAmount": "1.00", "Reason": "Thanks",
        "UniqueRequestToken": unique("b"),
    }  # fmt: skip
    lab.api.send_bonus(**bonus)
    return code_of(lambda: lab.api.send_bonus(**bonus))


def _worker_of_another_assignment(lab: Lab) -> str:
    _, assignment_id = lab.submitted()
    return code_of(
        lambda: lab.api.send_bonus(
            WorkerId=lab.colleague.id, AssignmentId=assignment_id, BonusAmount="1", Reason="Thanks"
        )
    )


def _no_file(lab: Lab) -> str:
    _, assignment_id = lab.submitted()
    return code_of(lambda: lab.api.get_file_upload_url(AssignmentId=assignment_id, QuestionIdentifier="x"))


def _no_name_twice(lab: Lab) -> str:
    name = unique("Once")
    lab.qualification_type(Name=name)
    return code_of(lambda: lab.qualification_type(Name=name))


def _foreign_token(lab: Lab) -> str:
    hits = [lab.hit() for _ in range(2)]
    token = lab.api.list_hits(MaxResults=1)["NextToken"]
    assert hits
    code_of(lambda: lab.api.list_worker_blocks(NextToken=token))
    code_of(lambda: lab.other.list_hits(NextToken=token))
    return code_of(lambda: lab.api.list_hits(NextToken=token[:-1] + ("A" if token[-1] != "A" else "B")))


def _service_fault(lab: Lab) -> str:
    lab.site.faults(add={"kind": "service_fault", "operation": "GetHIT", "remaining": 3})
    with pytest.raises(lab.api.exceptions.ServiceFault) as caught:
        lab.api.get_hit(HITId=NOTHING)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert caught.value.response["ResponseMetadata"]["RetryAttempts"] == 2
    return str(caught.value.response["TurkErrorCode"])


def _extend(lab: Lab, hit: dict[str, Any], number: int) -> None:
    lab.api.create_additional_assignments_for_hit(HITId=hit["HITId"], NumberOfAdditionalAssignments=number)


def _notify(lab: Lab, destination: str) -> None:
    specification = {
        "Destination": destination, "Transport": "SQS", "Version": "2006-05-05", "EventTypes": ["HITReviewable"],
    }  # fmt: skip
    lab.api.update_notification_settings(HITTypeId=lab.hit()["HITTypeId"], Notification=specification)


TRIGGERS: dict[str, Callable[[Lab], str]] = {
    PREFIX + "HitAlreadyExists": _hit_already_exists,
    PREFIX + "InvalidMaximumAssignmentsIncrease": _increase_to_ten,
    PREFIX + "InvalidAssignmentState": _wrong_assignment_state,
    PREFIX + "InvalidHITState": _wrong_hit_state,
    PREFIX + "InvalidQualificationRequestState": _request_decided,
    PREFIX + "InsufficientFunds": lambda lab: code_of(lambda: lab.hit(Reward="9000.00")),
    PREFIX + "HITDoesNotExist": lambda lab: code_of(lambda: lab.api.get_hit(HITId=NOTHING)),
    PREFIX + "HITTypeDoesNotExist": lambda lab: code_of(
        lambda: lab.api.create_hit_with_hit_type(HITTypeId=NOTHING, LifetimeInSeconds=60, Question=external())
    ),
    PREFIX + "HITLayoutDoesNotExist": lambda lab: code_of(lambda: lab.hit(Question=None, HITLayoutId=NOTHING)),
    PREFIX + "AssignmentDoesNotExist": lambda lab: code_of(lambda: lab.api.get_assignment(AssignmentId=NOTHING)),
    PREFIX + "WorkerDoesNotExist": lambda lab: code_of(
        lambda: lab.api.create_worker_block(WorkerId=NOBODY, Reason="Who?")
    ),
    PREFIX + "QualificationDoesNotExist": lambda lab: code_of(
        lambda: lab.api.get_qualification_score(QualificationTypeId=lab.qualification_type(), WorkerId=lab.worker.id)
    ),
    PREFIX + "QualificationTypeDoesNotExist": lambda lab: code_of(
        lambda: lab.api.get_qualification_type(QualificationTypeId=NOTHING)
    ),
    PREFIX + "QualificationTypeAlreadyExists": _no_name_twice,
    PREFIX + "QualificationRequestDoesNotExist": lambda lab: code_of(
        lambda: lab.api.accept_qualification_request(QualificationRequestId=NOTHING)
    ),
    PREFIX + "InvalidQualificationTypeState": lambda lab: code_of(
        lambda: lab.qualification_type(Test=TEST_FORM, TestDurationInSeconds=60, AutoGranted=True)
    ),
    PREFIX + "DuplicateRequest": _duplicate_request,
    PREFIX + "RejectionOverrideTooLate": _override_too_late,
    PREFIX + "InvalidWorker": _worker_of_another_assignment,
    PREFIX + "FileDoesNotExist": _no_file,
    PREFIX + "NotificationSpecificationDoesNotExist": lambda lab: code_of(
        lambda: lab.api.update_notification_settings(HITTypeId=lab.hit()["HITTypeId"], Active=True)
    ),
    PREFIX + "InvalidTransportEndpoint": lambda lab: code_of(lambda: _notify(lab, "http://169.254.169.254/latest")),
    PREFIX + "XMLParseError": lambda lab: code_of(lambda: lab.hit(Question="<ExternalQuestion>")),
    PREFIX + "InvalidQuestion": lambda lab: code_of(lambda: lab.hit(Question=external("ftp://example.org/"))),
    PREFIX + "InvalidNextToken": _foreign_token,
    "AWS.ParameterOutOfRange": lambda lab: code_of(lambda: lab.hit(LifetimeInSeconds=29)),
    "AWS.MissingParameters": lambda lab: code_of(lambda: lab.hit(Question=None)),
    "AWS.MechanicalTurk.InvalidParameterValue": lambda lab: code_of(lambda: lab.hit(Reward="$1")),
    "AWS.ServiceFault": _service_fault,
}


@pytest.mark.parametrize("code", sorted(TURK_ERROR_CODES))
def test_error_code_is_met(code: str, lab: Lab) -> None:
    assert TRIGGERS[code](lab) == code
    assert TURK_ERROR_CODES[code] in ("model", "aws", "ours")


def test_the_table_and_its_triggers_are_the_same() -> None:
    assert set(TRIGGERS) == set(TURK_ERROR_CODES)


def test_the_documentation_has_the_whole_table() -> None:
    text = (ROOT / "docs" / "marketplace.md").read_text()
    sources = {"model": "the service model", "aws": "AWS's documentation or SDK", "ours": "ours"}
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for code, source in [*TURK_ERROR_CODES.items(), *((name, source) for name, (_, source) in FRONT_DOOR.items())]:
        (row,) = [line for line in rows if line.startswith(f"| `{code}` |")]
        assert row.endswith(f"| {sources[source]} |")


# The front door: what comes before an operation.

KEY, SECRET = "AKFRONTDOOR00000001", "s" * 40


@pytest.fixture(scope="module")
def front_door(site: Site) -> Site:
    site.manage("create_requester", "--name", "front door", "--access-key", KEY, "--secret", SECRET)
    return site


def signed(
    site: Site, body: bytes = b"{}", *, key: str = KEY, secret: str = SECRET, target: str = "GetAccountBalance",
    at: dt.datetime | None = None, sign_target: bool = True,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request as botocore signs them, with one thing wrong if so asked."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    name = f"MTurkRequesterServiceV20170117.{target}"
    if sign_target:
        headers["X-Amz-Target"] = name
    request = AWSRequest("POST", f"{site.url}/api", data=body, headers=headers)
    signer = SigV4Auth(Credentials(key, secret), "mturk-requester", "us-east-1")
    request.context["timestamp"] = (at or dt.datetime.now(dt.UTC)).strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    signer._inject_signature_to_request(request, signer.signature(text, request))
    return {**dict(request.headers.items()), "X-Amz-Target": name}


def post(site: Site, headers: dict[str, str], body: bytes = b"{}") -> tuple[int, str, str]:
    response = site.http.post(f"{site.url}/api", content=body, headers=headers)
    answer = response.json()
    return response.status_code, answer.get("__type", ""), answer.get("Message", "")


def _moved(headers: dict[str, str], name: str, old: str, new: str) -> dict[str, str]:
    assert old in headers[name]
    return headers | {name: headers[name].replace(old, new, 1)}  # the year only: a time may hold a 20, too


def _without_authorization(site: Site) -> dict[str, str]:
    return {name: value for name, value in signed(site).items() if name != "Authorization"}


DOORS: dict[str, list[Callable[[Site], tuple[int, str, str]]]] = {
    "InvalidSignatureException": [
        lambda site: post(site, signed(site, secret="t" * 40)),
        lambda site: post(site, signed(site), b'{"x":1}'),
        lambda site: post(site, signed(site) | {"X-Amz-Content-SHA256": "0" * 64}, b'{"x":1}'),
        lambda site: post(site, signed(site) | {"X-Amz-Target": "MTurkRequesterServiceV20170117.ListHITs"}),
        lambda site: post(site, signed(site, at=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=6))),
        lambda site: post(site, signed(site, at=dt.datetime.now(dt.UTC) + dt.timedelta(minutes=6))),
        lambda site: post(site, _moved(signed(site), "Authorization", "mturk-requester", "sqs")),
        lambda site: post(site, _moved(signed(site), "X-Amz-Date", "20", "19")),
    ],
    "UnrecognizedClientException": [lambda site: post(site, signed(site, key="AKNOBODY"))],
    "MissingAuthenticationTokenException": [lambda site: post(site, _without_authorization(site))],
    "IncompleteSignatureException": [
        lambda site: post(site, signed(site) | {"Authorization": "Basic eDp5"}),
        lambda site: post(site, signed(site, sign_target=False)),
        lambda site: post(site, signed(site) | {"X-Amz-Date": "yesterday"}),
    ],
    "UnknownOperationException": [lambda site: post(site, signed(site, target="GrantHIT"))],
    "SerializationException": [
        lambda site, body=body: post(site, signed(site, body), body)
        for body in (b"{", b"[]", b"\xff\xfe", b'{"a":NaN}', b'"x"', b"[" * 100_000)
    ],
    "RequestEntityTooLargeException": [
        lambda site: post(site, signed(site, b"x" * 10_485_760), b"x" * 10_485_760),
    ],
}


def _throttled(site: Site) -> tuple[int, str, str]:
    site.faults(add={"kind": "throttling", "operation": "GetAccountBalance"})
    return post(site, signed(site))


DOORS["ThrottlingException"] = [_throttled]


@pytest.mark.parametrize("name", sorted(FRONT_DOOR))
def test_front_door_refuses(name: str, front_door: Site) -> None:
    for attempt in DOORS[name]:
        status, kind, message = attempt(front_door)
        assert (status, kind) == (FRONT_DOOR[name][0], name), message


def test_the_right_signature_enters_by_both_spellings_of_the_address(front_door: Site) -> None:
    assert post(front_door, signed(front_door))[0] == 200
    for suffix in ("/api", "/api/"):
        assert _at(front_door, suffix).get_account_balance()["AvailableBalance"] == "10000.00"


def _at(site: Site, suffix: str) -> Any:
    return boto3.client(
        "mturk", endpoint_url=site.url + suffix, region_name="us-east-1", aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )  # fmt: skip


def test_a_skewed_clock_is_told_by_the_signature(front_door: Site) -> None:
    front_door.faults(add={"kind": "clock_skew", "operation": "GetAccountBalance", "seconds": 400})
    assert post(front_door, signed(front_door))[1] == "InvalidSignatureException"
    assert post(front_door, signed(front_door))[0] == 200


def test_members_out_of_the_model_are_refused(front_door: Site) -> None:
    for body, code in (
        ({"HITId": "3A", "Extra": 1}, "AWS.MechanicalTurk.InvalidParameterValue"),
        ({"HITId": 3}, "AWS.MechanicalTurk.InvalidParameterValue"),
        ({"HITId": "lower"}, "AWS.MechanicalTurk.InvalidParameterValue"),
        ({"HITId": "A" * 65}, "AWS.ParameterOutOfRange"),
        ({"HITId": ""}, "AWS.MechanicalTurk.InvalidParameterValue"),
        ({}, "AWS.MissingParameters"),
        ({"HITId": None}, "AWS.MissingParameters"),
    ):
        content = json.dumps(body).encode()
        response = front_door.http.post(
            f"{front_door.url}/api", content=content, headers=signed(front_door, content, target="GetHIT")
        )
        assert response.status_code == 400
        assert response.json()["TurkErrorCode"] == code, body
