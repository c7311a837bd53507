"""Errors of the requester API, in the service's shapes.

Each code carries where it comes from: `model` (named in botocore's service model or its documentation strings),
`aws` (AWS's documentation or its earlier SDKs for Mechanical Turk), `ours` (this marketplace's choice).
"""

from __future__ import annotations

from typing import Literal

Source = Literal["model", "aws", "ours"]

# TurkErrorCode -> source. docs/marketplace.md prints this table and the contract test meets every row.
TURK_ERROR_CODES: dict[str, Source] = {
    "AWS.MechanicalTurk.HitAlreadyExists": "model",
    "AWS.MechanicalTurk.InvalidMaximumAssignmentsIncrease": "model",
    "AWS.MechanicalTurk.InvalidAssignmentState": "aws",
    "AWS.MechanicalTurk.InvalidHITState": "aws",
    "AWS.MechanicalTurk.InvalidQualificationRequestState": "aws",
    "AWS.MechanicalTurk.InsufficientFunds": "aws",
    "AWS.MechanicalTurk.HITDoesNotExist": "aws",
    "AWS.MechanicalTurk.HITTypeDoesNotExist": "ours",
    "AWS.MechanicalTurk.HITLayoutDoesNotExist": "ours",
    "AWS.MechanicalTurk.AssignmentDoesNotExist": "aws",
    "AWS.MechanicalTurk.WorkerDoesNotExist": "ours",
    "AWS.MechanicalTurk.QualificationDoesNotExist": "aws",
    "AWS.MechanicalTurk.QualificationTypeDoesNotExist": "aws",
    "AWS.MechanicalTurk.QualificationTypeAlreadyExists": "aws",
    "AWS.MechanicalTurk.QualificationRequestDoesNotExist": "aws",
    "AWS.MechanicalTurk.InvalidQualificationTypeState": "aws",
    "AWS.MechanicalTurk.DuplicateRequest": "ours",
    "AWS.MechanicalTurk.RejectionOverrideTooLate": "ours",
    "AWS.MechanicalTurk.InvalidWorker": "ours",
    "AWS.MechanicalTurk.FileDoesNotExist": "ours",
    "AWS.MechanicalTurk.NotificationSpecificationDoesNotExist": "ours",
    "AWS.MechanicalTurk.InvalidTransportEndpoint": "aws",
    "AWS.MechanicalTurk.XMLParseError": "aws",
    "AWS.MechanicalTurk.InvalidQuestion": "ours",
    "AWS.MechanicalTurk.InvalidNextToken": "ours",
    "AWS.ParameterOutOfRange": "aws",
    "AWS.MissingParameters": "aws",
    "AWS.MechanicalTurk.InvalidParameterValue": "aws",
    "AWS.ServiceFault": "ours",
}

# Exception names outside of the model's two (RequestError, ServiceFault): the front door of every AWS JSON service.
FRONT_DOOR: dict[str, tuple[int, Source]] = {
    "InvalidSignatureException": (403, "aws"),
    "UnrecognizedClientException": (403, "aws"),
    "MissingAuthenticationTokenException": (403, "aws"),
    "IncompleteSignatureException": (403, "aws"),
    "UnknownOperationException": (400, "aws"),
    "SerializationException": (400, "aws"),
    "RequestEntityTooLargeException": (413, "ours"),
    "ThrottlingException": (400, "aws"),
}


class ApiError(Exception):
    """An answer other than 200."""

    def __init__(self, name: str, status: int, message: str, turk_code: str | None = None) -> None:
        super().__init__(message)
        self.name, self.status, self.message, self.turk_code = name, status, message, turk_code

    def body(self) -> dict[str, str]:
        body = {"__type": self.name, "Message": self.message}
        if self.turk_code:
            body["TurkErrorCode"] = self.turk_code
        else:
            body["message"] = self.message  # the front door spells it in lower case
        return body


def refused(code: str, message: str) -> ApiError:
    """A RequestError with one of the table's codes, written without its common prefix."""
    full = code if code.startswith("AWS.") else f"AWS.MechanicalTurk.{code}"
    if full not in TURK_ERROR_CODES:
        raise KeyError(full)
    return ApiError("RequestError", 400, f"{message} ({full})", full)


def front_door(name: str, message: str) -> ApiError:
    return ApiError(name, FRONT_DOOR[name][0], message)


def service_fault(message: str) -> ApiError:
    return ApiError("ServiceFault", 500, message, "AWS.ServiceFault")
