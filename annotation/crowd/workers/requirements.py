"""What a worker must have to see a batch's work: its group, and what the batch asks for beside it."""

from __future__ import annotations

import re
from typing import Any

from annotation.crowd.client import Crowd
from annotation.crowd.workers.enrolment import GROUP_NUMBER, group_qualification
from annotation.crowd.workers.entry_tests import qualification
from annotation.models import Batch
from annotation.models.crowd import Kind

PERCENT_APPROVED = "000000000000000000L0"  # the protocol's own, the same in every environment
LOCALE = "00000000000000000071"
COMPARATORS = {
    "=": "EqualTo",
    "!=": "NotEqualTo",
    ">=": "GreaterThanOrEqualTo",
    ">": "GreaterThan",
    "<=": "LessThanOrEqualTo",
    "<": "LessThan",
}
OWN = re.compile(r"([A-Z0-9]{1,64})\s*(?:(=|!=|>=|>|<=|<)\s*(-?\d{1,9})|(exists|missing))")
MOST = 10  # by the protocol, the group among them


class RequirementError(ValueError):
    """A requirement that the protocol does not have; the message names the line and what is expected."""


def requirements(crowd: Crowd, batch: Batch) -> list[dict[str, Any]]:
    """QualificationRequirements of the batch's HIT type. Makes group qualification and entry test where they lack."""
    group = group_qualification(crowd, batch.environment).qualification_type_id
    asked = [_asked(group, "EqualTo", [GROUP_NUMBER[Kind(batch.kind).group]], "DiscoverPreviewAndAccept")]
    if batch.entry_test is not None:
        test = qualification(crowd, batch.entry_test, batch.environment)
        asked.append(_asked(test, "GreaterThanOrEqualTo", [batch.entry_test.pass_mark]))
    if batch.approval_rate is not None:
        asked.append(_asked(PERCENT_APPROVED, "GreaterThanOrEqualTo", [batch.approval_rate]))
    if codes := country_codes(batch.countries):
        places = {"LocaleValues": [{"Country": code} for code in codes]}
        asked.append({**_asked(LOCALE, "In", []), **places})
    return asked + own_qualifications(batch.qualifications)


def own_qualifications(text: str) -> list[dict[str, Any]]:
    """Lines such as `3ABC… >= 80` or `3ABC… exists`. Raises RequirementError."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = OWN.fullmatch(line.strip())
        if match is None:
            raise RequirementError(
                f"line {number}: expected is a qualification type's id, then one of = != >= > <= < and a whole number, "
                "or “exists” or “missing”"
            )
        type_id, sign, value, presence = match.groups()
        comparator = COMPARATORS[sign] if sign else {"exists": "Exists", "missing": "DoesNotExist"}[presence]
        found.append(_asked(type_id, comparator, [int(value)] if sign else []))
    if len(found) > MOST - 4:  # group, test, rate and countries have their places
        raise RequirementError(f"{len(found)} qualifications: at most {MOST - 4} can be asked for")
    return found


def country_codes(text: str) -> list[str]:
    """ISO 3166-1 codes between commas. Raises RequirementError; whether a code is in use the marketplace says."""
    codes = [code for code in re.split(r"[\s,;]+", text) if code]
    for code in codes:
        if not re.fullmatch(r"[A-Z]{2}", code):
            raise RequirementError(f"{code!r} is no country: codes of two capital letters are expected, such as US, GB")
    return list(dict.fromkeys(codes))


def _asked(type_id: str, comparator: str, values: list[int], guarded: str = "PreviewAndAccept") -> dict[str, Any]:
    numbers = {"IntegerValues": values} if values else {}
    return {"QualificationTypeId": type_id, "Comparator": comparator, **numbers, "ActionsGuarded": guarded}
