"""What botocore's validator leaves to the server: max, pattern, enum, number ranges, and the documented lengths."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from botocore.model import Shape

from annotation.marketplace.protocol.errors import ApiError, refused

YEAR_S = 31_536_000
MONTH_S = 2_592_000
QUESTION_BYTES = 65_535

# member name -> most characters. The wire model says nothing about these; AWS's documentation does.
MAX_LENGTH = {
    "Title": 128,
    "Keywords": 1000,
    "Description": 2000,
    "RequesterAnnotation": 255,
    "RequesterFeedback": 1024,
    "Reason": 1024,
    "Subject": 200,
    "MessageText": 4096,
    "Name": 200,
    "Destination": 2000,
    "Query": 200,
    "QuestionIdentifier": 255,
    "PolicyName": 100,
}
MAX_BYTES = {"Question": QUESTION_BYTES, "Test": QUESTION_BYTES, "AnswerKey": QUESTION_BYTES}
RANGE = {
    "LifetimeInSeconds": (30, YEAR_S),
    "AssignmentDurationInSeconds": (30, YEAR_S),
    "AutoApprovalDelayInSeconds": (0, MONTH_S),
    "MaxAssignments": (1, 1_000_000_000),
    "NumberOfAdditionalAssignments": (1, 1_000_000_000),
    "TestDurationInSeconds": (1, YEAR_S),
    "RetryDelayInSeconds": (0, YEAR_S),
}
MAX_ITEMS = {
    "QualificationRequirements": 10,
    "IntegerValues": 15,
    "LocaleValues": 30,
    "WorkerIds": 100,
    "HITLayoutParameters": 100,
    "EventTypes": 20,
    "Parameters": 30,
    "MapEntries": 100,
    "Values": 100,
}
NOT_BLANK = {"Title", "Description", "Name", "Reason", "Subject", "MessageText", "RequesterFeedback", "Question"}
# These take a reason and do nothing with it; Mephisto sends an empty one.
REASON_MAY_BE_BLANK = {"DisassociateQualificationFromWorker", "DeleteWorkerBlock", "RejectQualificationRequest"}
MONEY = {"Reward", "BonusAmount"}
MOST_MONEY = 1_000_000
INTEGER_BITS = {"integer": 31, "long": 63}
_ILLEGAL_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LATEST_EPOCH_S = 4_102_444_800  # 2100-01-01


def check(operation: str, members: dict[str, Any], shape: Shape) -> None:
    """Raise a RequestError for the first member that is out of bounds; the members passed botocore's validator."""
    if operation in REASON_MAY_BE_BLANK and not members.get("Reason", "-").strip():
        members = {name: value for name, value in members.items() if name != "Reason"}
    _check("", members, shape)


def in_utc(value: Any) -> Any:
    """botocore answers timestamps in the machine's local zone; ours are UTC everywhere."""
    if isinstance(value, dict):
        return {key: in_utc(member) for key, member in value.items()}
    if isinstance(value, list):
        return [in_utc(member) for member in value]
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC)
    return value


def _check(name: str, value: Any, shape: Shape) -> None:
    if shape.type_name == "structure":
        for member, inner in value.items():
            if inner is not None:
                _check(member, inner, shape.members[member])
    elif shape.type_name == "list":
        if len(value) > MAX_ITEMS.get(name, 1000):
            raise _out_of_range(name, f"has {len(value)} entries, at most {MAX_ITEMS.get(name, 1000)} are allowed")
        for inner in value:
            _check(name, inner, shape.member)
    elif shape.type_name == "string":
        _check_string(name, value, shape)
    elif shape.type_name in INTEGER_BITS:
        _check_integer(name, value, shape)
    elif shape.type_name == "timestamp":
        _check_timestamp(name, value)


def _check_string(name: str, value: str, shape: Shape) -> None:
    longest = shape.metadata.get("max", MAX_LENGTH.get(name))
    if longest is not None and len(value) > longest:
        raise _out_of_range(name, f"has {len(value)} characters, at most {longest} are allowed")
    if name in MAX_BYTES and len(value.encode("utf-8", "surrogatepass")) > MAX_BYTES[name]:
        raise _out_of_range(name, f"has more than {MAX_BYTES[name]} bytes")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), value):
        raise _bad(name, f"does not match {pattern}")
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        raise _bad(name, f"must be one of {', '.join(shape.metadata['enum'])}")
    if name in NOT_BLANK and not value.strip():
        raise _bad(name, "must not be empty")
    if name in MONEY and float(value) > MOST_MONEY:
        raise _out_of_range(name, f"is more than ${MOST_MONEY}")
    illegal = _ILLEGAL_IN_XML.search(value)
    if illegal:
        raise _bad(name, f"holds a character that XML does not allow (U+{ord(illegal.group()):04X})")


def _check_integer(name: str, value: Any, shape: Shape) -> None:
    if isinstance(value, bool):
        raise _bad(name, "must be a number")
    if abs(value) > 2 ** INTEGER_BITS[shape.type_name] - 1:
        raise _out_of_range(name, f"does not fit {INTEGER_BITS[shape.type_name] + 1} bits")
    low, high = RANGE.get(name, (None, shape.metadata.get("max")))
    if (low is not None and value < low) or (high is not None and value > high):
        raise _out_of_range(name, f"is {value}, must be from {low if low is not None else 1} to {high}")


def _check_timestamp(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(name, "must be seconds since 1970 as a number")
    if not 0 <= value <= LATEST_EPOCH_S:
        raise _out_of_range(name, "must lie between 1970 and 2100")


def _out_of_range(name: str, problem: str) -> ApiError:
    return refused("AWS.ParameterOutOfRange", f"{name} {problem}")


def _bad(name: str, problem: str) -> ApiError:
    return refused("AWS.MechanicalTurk.InvalidParameterValue", f"{name} {problem}")
