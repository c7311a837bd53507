"""Review policies: what a requester lets the marketplace decide by itself.

ScoreMyKnownAnswers/2011-09-01 scores each submitted assignment against known answers; SimplePlurality/2011-09-01
looks for agreement once every assignment of a HIT has been submitted. Both may approve, reject and extend; each
action leaves a row that says how it ended.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.db import transaction

from annotation.marketplace.models import Assignment, Hit, ReviewAction, ReviewResult
from annotation.marketplace.models.reviews import Level
from annotation.marketplace.protocol.errors import ApiError, refused
from annotation.marketplace.questions.answer_xml import read_answers
from annotation.marketplace.work import lifecycle

KNOWN_ANSWERS = "ScoreMyKnownAnswers/2011-09-01"
PLURALITY = "SimplePlurality/2011-09-01"

_PERCENT = (0, 100)
_EXTEND = {"ExtendMaximumAssignments": (2, 25), "ExtendMinimumTimeInSeconds": (3600, 31_536_000)}
# parameter -> allowed range of a number, or None for text and lists
PARAMETERS: dict[str, dict[str, tuple[int, int] | None]] = {
    KNOWN_ANSWERS: {
        "AnswerKey": None,
        "ApproveIfKnownAnswerScoreIsAtLeast": (0, 101),
        "ApproveReason": None,
        "RejectIfKnownAnswerScoreIsLessThan": (0, 101),
        "RejectReason": None,
        "ExtendIfKnownAnswerScoreIsLessThan": (0, 101),
        **_EXTEND,
    },
    PLURALITY: {
        "QuestionIds": None,
        "QuestionAgreementThreshold": _PERCENT,
        "DisregardAssignmentIfRejected": None,
        "DisregardAssignmentIfKnownAnswerScoreIsLessThan": (0, 101),
        "ExtendIfHITAgreementScoreIsLessThan": _PERCENT,
        "ApproveIfWorkerAgreementScoreIsAtLeast": (0, 101),
        "RejectIfWorkerAgreementScoreIsLessThan": (0, 101),
        "RejectReason": None,
        **_EXTEND,
    },
}
REQUIRED = {KNOWN_ANSWERS: ("AnswerKey",), PLURALITY: ("QuestionIds", "QuestionAgreementThreshold")}

Policy = dict[str, Any]


def check(assignment_policy: Policy | None, hit_policy: Policy | None) -> None:
    """Raises a RequestError that names the policy's first wrong part."""
    _check(assignment_policy, "AssignmentReviewPolicy", KNOWN_ANSWERS)
    _check(hit_policy, "HITReviewPolicy", PLURALITY)


def run(hit: Hit, submitted: Assignment, now: dt.datetime) -> None:
    """Apply the HIT's policies after a submission, in its transaction and under the HIT's lock."""
    if hit.assignment_review_policy:
        _score_known_answers(hit, submitted, hit.assignment_review_policy, now)
    if hit.hit_review_policy:
        hit.refresh_from_db()
        if hit.pending == 0 and hit.free_slots == 0:
            _find_plurality(hit, hit.hit_review_policy, now)


def _check(policy: Policy | None, member: str, name: str) -> None:
    if policy is None:
        return
    if policy["PolicyName"] != name:
        raise refused("AWS.MechanicalTurk.InvalidParameterValue", f"PolicyName of {member} must be {name}")
    given = {parameter.get("Key", ""): parameter for parameter in policy.get("Parameters", [])}
    for key, parameter in given.items():
        if key not in PARAMETERS[name]:
            raise refused("AWS.MechanicalTurk.InvalidParameterValue", f"{key!r} is not a parameter of {name}")
        limits = PARAMETERS[name][key]
        if limits is not None:
            _check_number(key, parameter.get("Values", []), limits)
    for key in REQUIRED[name]:
        if key not in given:
            raise refused("AWS.MissingParameters", f"{name} needs the parameter {key}")
    for entry in given.get("AnswerKey", {}).get("MapEntries", []):
        if not entry.get("Key") or not entry.get("Values"):
            raise refused("AWS.MechanicalTurk.InvalidParameterValue", "Each entry of AnswerKey needs a Key and Values")


def _check_number(key: str, values: list[str], limits: tuple[int, int]) -> None:
    low, high = limits
    if len(values) != 1 or not values[0].isascii() or not values[0].isdigit() or not low <= int(values[0]) <= high:
        raise refused("AWS.MechanicalTurk.InvalidParameterValue", f"{key} needs one number from {low} to {high}")


def _score_known_answers(hit: Hit, assignment: Assignment, policy: Policy, now: dt.datetime) -> None:
    known = {entry["Key"]: entry["Values"] for entry in _parameter(policy, "AnswerKey").get("MapEntries", [])}
    given = read_answers(assignment.answer)
    correct = {question: sorted(given.get(question, [])) == sorted(values) for question, values in known.items()}
    for question, right in correct.items():
        _result(hit, Level.ASSIGNMENT, assignment, "KnownAnswerCorrect", str(right).lower(), question)
    score = 100 * sum(correct.values()) // len(correct) if correct else 0
    _result(hit, Level.ASSIGNMENT, assignment, "KnownAnswerScore", str(score))

    approve_at, reject_below = (
        _number(policy, "ApproveIfKnownAnswerScoreIsAtLeast"),
        _number(policy, "RejectIfKnownAnswerScoreIsLessThan"),
    )
    if approve_at is not None and score >= approve_at:
        _approve(hit, Level.ASSIGNMENT, assignment, _text(policy, "ApproveReason"), now)
    elif reject_below is not None and score < reject_below:
        _reject(hit, Level.ASSIGNMENT, assignment, _text(policy, "RejectReason"), now)
    extend_below = _number(policy, "ExtendIfKnownAnswerScoreIsLessThan")
    if extend_below is not None and score < extend_below:
        _extend(hit, Level.ASSIGNMENT, policy, now)


def _find_plurality(hit: Hit, policy: Policy, now: dt.datetime) -> None:
    assignments = _considered(hit, policy)
    answers = {assignment.pk: read_answers(assignment.answer) for assignment in assignments}
    threshold = _number(policy, "QuestionAgreementThreshold") or 0
    questions = _parameter(policy, "QuestionIds").get("Values", [])
    agreed: dict[str, str] = {}
    for question in questions:
        votes = Counter(_vote(answers[assignment.pk], question) for assignment in assignments)
        if not votes:
            continue
        answer, count = votes.most_common(1)[0]
        share = 100 * count // len(assignments)
        _result(hit, Level.HIT, None, "QuestionAgreement", str(share), question)
        if share > threshold:
            agreed[question] = answer
            _result(hit, Level.HIT, None, "AgreedAnswer", answer, question)
    score = 100 * len(agreed) // len(questions) if questions else 0
    _result(hit, Level.HIT, None, "HITAgreementScore", str(score))
    Hit.objects.filter(pk=hit.pk).update(hit_policy_done=True)
    for assignment in assignments:
        _judge_worker(hit, assignment, answers[assignment.pk], agreed, policy, now)
    extend_below = _number(policy, "ExtendIfHITAgreementScoreIsLessThan")
    if extend_below is not None and score < extend_below:
        _extend(hit, Level.HIT, policy, now)


def _judge_worker(
    hit: Hit, assignment: Assignment, answers: dict[str, list[str]], agreed: dict[str, str], policy: Policy,
    now: dt.datetime,
) -> None:  # fmt: skip
    if not agreed:
        return
    right = sum(_vote(answers, question) == answer for question, answer in agreed.items())
    score = 100 * right // len(agreed)
    _result(hit, Level.HIT, assignment, "WorkerAgreementScore", str(score))
    if assignment.status != Assignment.Status.SUBMITTED:
        return
    approve_at = _number(policy, "ApproveIfWorkerAgreementScoreIsAtLeast")
    reject_below = _number(policy, "RejectIfWorkerAgreementScoreIsLessThan")
    if approve_at is not None and score >= approve_at:
        _approve(hit, Level.HIT, assignment, None, now)
    elif reject_below is not None and score < reject_below:
        _reject(hit, Level.HIT, assignment, _text(policy, "RejectReason"), now)


def _considered(hit: Hit, policy: Policy) -> list[Assignment]:
    assignments = list(Assignment.objects.filter(hit=hit, status__in=Assignment.VISIBLE).order_by("id"))
    if _text(policy, "DisregardAssignmentIfRejected") == "true":
        assignments = [row for row in assignments if row.status != Assignment.Status.REJECTED]
    least = _number(policy, "DisregardAssignmentIfKnownAnswerScoreIsLessThan")
    if least is not None:
        scores = dict(ReviewResult.objects.filter(hit=hit, key="KnownAnswerScore").values_list("subject_id", "value"))
        assignments = [row for row in assignments if int(scores.get(row.public_id, "100")) >= least]
    return assignments


def _vote(answers: dict[str, list[str]], question: str) -> str:
    return "|".join(sorted(answers.get(question, [])))


def _approve(hit: Hit, level: Level, assignment: Assignment, reason: str | None, now: dt.datetime) -> None:
    target = (assignment.public_id, "Assignment")
    _act(hit, level, "approve", target, lambda: lifecycle.approve(assignment, reason, now), now)


def _reject(hit: Hit, level: Level, assignment: Assignment, reason: str | None, now: dt.datetime) -> None:
    text = reason or "The answers do not agree with what the requester expects"
    target = (assignment.public_id, "Assignment")
    _act(hit, level, "reject", target, lambda: lifecycle.reject(assignment, text, now), now)


def _extend(hit: Hit, level: Level, policy: Policy, now: dt.datetime) -> None:
    hit.refresh_from_db()
    most = _number(policy, "ExtendMaximumAssignments") or 0
    if hit.max_assignments >= most:
        return
    reserve = dt.timedelta(seconds=_number(policy, "ExtendMinimumTimeInSeconds") or 0)

    def extend() -> None:
        lifecycle.extend(hit.pk, 1, now)
        if hit.expires_at < now + reserve:
            lifecycle.set_expiration(hit.pk, now + reserve, now)

    _act(hit, level, "extend", (hit.public_id, "HIT"), extend, now)


def _act(
    hit: Hit, level: Level, name: str, target: tuple[str, str], action: Callable[[], None], now: dt.datetime
) -> None:
    status, result, code = "Succeeded", name, ""
    try:
        with transaction.atomic():
            action()
    except ApiError as error:
        status, result, code = "Failed", error.message[:200], error.turk_code or ""
    ReviewAction.objects.create(
        hit=hit, level=level, name=name, target_id=target[0], target_type=target[1], status=status, result=result,
        error_code=code, completed_at=now,
    )  # fmt: skip


def _result(hit: Hit, level: Level, assignment: Assignment | None, key: str, value: str, question: str = "") -> None:
    subject = (hit.public_id, "HIT") if assignment is None else (assignment.public_id, "Assignment")
    ReviewResult.objects.create(
        hit=hit, level=level, subject_id=subject[0], subject_type=subject[1], question_id=question, key=key, value=value
    )


def _parameter(policy: Policy, key: str) -> Policy:
    return next((entry for entry in policy.get("Parameters", []) if entry.get("Key") == key), {})


def _text(policy: Policy, key: str) -> str | None:
    values = _parameter(policy, key).get("Values") or [None]
    return values[0]


def _number(policy: Policy, key: str) -> int | None:
    text = _text(policy, key)
    return None if text is None else int(text)
