"""Whether a worker meets a HIT's qualification requirements."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from annotation.marketplace import countries
from annotation.marketplace.models import Assignment, Qualification, QualificationType, Requester, Worker
from annotation.marketplace.protocol.errors import refused

PERCENT_APPROVED = "000000000000000000L0"
NUMBER_APPROVED = "00000000000000000040"
LOCALE = "00000000000000000071"
ADULT = "00000000000000000060"
MASTERS = ("2F1QJWKUDD8XADTFD2Q0G6UTO95ALH", "2ARFPLSP75KLA8M8DH1HTEQVJT3SY6")

# id -> name, description. Every worker may have these; nobody can request or assign them.
SYSTEM: dict[str, tuple[str, str]] = {
    PERCENT_APPROVED: (
        "Worker_PercentAssignmentsApproved",
        "Percent of a worker's reviewed assignments that were approved; 100 before the first review",
    ),
    NUMBER_APPROVED: ("Worker_NumberHITsApproved", "How many of a worker's assignments were approved"),
    LOCALE: ("Worker_Locale", "The country, and in some countries the part of it, that a worker is in"),
    ADULT: ("Worker_Adult", "1 for a worker who has agreed to see adult content"),
    **dict.fromkeys(MASTERS, ("Masters", "1 for workers whom the host of this marketplace has made masters")),
}

VALUE_FREE = ("Exists", "DoesNotExist")
SET_COMPARATORS = ("In", "NotIn")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "EqualTo": operator.eq,
    "NotEqualTo": operator.ne,
}
LOCALE_COMPARATORS = ("EqualTo", "NotEqualTo", *SET_COMPARATORS)

Requirement = dict[str, Any]


def check_requirements(requirements: Iterable[Requirement], requester: Requester) -> None:
    """Refuse requirements that could never be evaluated. Raises RequestErrors."""
    for requirement in requirements:
        type_id, comparator = requirement["QualificationTypeId"], requirement["Comparator"]
        integers, locales = requirement.get("IntegerValues") or [], requirement.get("LocaleValues") or []
        if "ActionsGuarded" in requirement and "RequiredToPreview" in requirement:
            raise refused(
                "AWS.MechanicalTurk.InvalidParameterValue",
                "RequiredToPreview and ActionsGuarded cannot be used together",
            )
        if comparator in VALUE_FREE:
            if integers or locales:
                raise refused("AWS.MechanicalTurk.InvalidParameterValue", f"{comparator} takes no values")
        elif type_id == LOCALE:
            if integers or comparator not in LOCALE_COMPARATORS:
                raise refused(
                    "AWS.MechanicalTurk.InvalidParameterValue",
                    f"Worker_Locale takes LocaleValues with {LOCALE_COMPARATORS}",
                )
            _check_count(comparator, locales, "LocaleValues")
            for locale in locales:
                if problem := countries.problem(locale["Country"]):
                    raise refused("AWS.MechanicalTurk.InvalidParameterValue", problem)
        else:
            if locales:
                raise refused(
                    "AWS.MechanicalTurk.InvalidParameterValue", "LocaleValues can only be used with Worker_Locale"
                )
            _check_count(comparator, integers, "IntegerValues")
        if (
            type_id not in SYSTEM
            and not QualificationType.objects.filter(public_id=type_id, requester=requester, deleted_at=None).exists()
        ):
            raise refused("QualificationTypeDoesNotExist", f"QualificationType {type_id} does not exist")


def _check_count(comparator: str, values: list[Any], name: str) -> None:
    if not values or (comparator not in SET_COMPARATORS and len(values) != 1):
        expected = "at least one value" if comparator in SET_COMPARATORS else "exactly one value"
        raise refused("AWS.MechanicalTurk.InvalidParameterValue", f"{comparator} takes {expected} in {name}")


@dataclass
class Holdings:
    """What a worker holds, loaded once for a page."""

    worker: Worker
    values: dict[str, int]

    @classmethod
    def of(cls, worker: Worker) -> Holdings:
        granted = Qualification.objects.filter(worker=worker, granted=True)
        return cls(worker, dict(granted.values_list("qualification_type__public_id", "value")))

    def value(self, type_id: str) -> Any:
        """The integer, the (country, subdivision) of Locale, or None where the worker does not hold it."""
        if type_id == LOCALE:
            return (self.worker.country, self.worker.subdivision) if self.worker.country else None
        if type_id == ADULT:
            return 1 if self.worker.adult else None
        if type_id in MASTERS:
            return 1 if self.worker.master else None
        if type_id in (PERCENT_APPROVED, NUMBER_APPROVED) and type_id not in self.values:
            self.values |= self._review_record()
        return self.values.get(type_id)

    def meets(self, requirement: Requirement) -> bool:
        value, comparator = self.value(requirement["QualificationTypeId"]), requirement["Comparator"]
        if comparator == "Exists":
            return value is not None
        if comparator == "DoesNotExist":
            return value is None
        if value is None:
            # Somebody without a value is not equal to, and not in, anything.
            return comparator in ("NotEqualTo", "NotIn")
        if requirement["QualificationTypeId"] == LOCALE:
            inside = any(_same_place(value, locale) for locale in requirement["LocaleValues"])
            return inside if comparator in ("EqualTo", "In") else not inside
        wanted = requirement["IntegerValues"]
        if comparator in SET_COMPARATORS:
            return (value in wanted) == (comparator == "In")
        return COMPARE[comparator](value, wanted[0])

    def unmet(self, requirements: Iterable[Requirement]) -> list[Requirement]:
        return [requirement for requirement in requirements if not self.meets(requirement)]

    def _review_record(self) -> dict[str, int]:
        of_worker = Assignment.objects.filter(worker=self.worker)
        approved = of_worker.filter(status=Assignment.Status.APPROVED).count()
        rejected = of_worker.filter(status=Assignment.Status.REJECTED).count()
        percent = 100 * approved // (approved + rejected) if approved + rejected else 100
        return {PERCENT_APPROVED: percent, NUMBER_APPROVED: approved}


@dataclass(frozen=True)
class Access:
    """What a worker may do with the HITs of a type."""

    discover: bool
    preview: bool
    accept: bool
    unmet: list[Requirement]


def access(requirements: Iterable[Requirement], holdings: Holdings) -> Access:
    unmet = holdings.unmet(requirements)
    guards = {_guard(requirement) for requirement in unmet}
    return Access(
        discover="DiscoverPreviewAndAccept" not in guards,
        preview=not guards & {"PreviewAndAccept", "DiscoverPreviewAndAccept"},
        accept=not unmet,
        unmet=unmet,
    )


def _guard(requirement: Requirement) -> str:
    if requirement.get("RequiredToPreview"):
        return "PreviewAndAccept"
    return str(requirement.get("ActionsGuarded", "Accept"))


def _same_place(value: tuple[str, str], locale: dict[str, str]) -> bool:
    country, subdivision = value
    return country == locale["Country"] and locale.get("Subdivision") in (None, subdivision)


def grant(qualification_type: QualificationType, worker: Worker, value: int, now: dt.datetime) -> None:
    Qualification.objects.update_or_create(
        qualification_type=qualification_type,
        worker=worker,
        defaults={"value": value, "granted": True, "reason": "", "granted_at": now},
    )
