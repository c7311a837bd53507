"""Results of review policies."""

from __future__ import annotations

import datetime as dt
from typing import Any

from annotation.marketplace.models import Hit, Requester, ReviewAction, ReviewResult
from annotation.marketplace.operations import lookup
from annotation.marketplace.operations.registry import Members, operation
from annotation.marketplace.protocol.pagination import page


@operation("ListReviewPolicyResultsForHIT")
def list_results(requester: Requester, members: Members, now: dt.datetime) -> Members:
    """Results are paged; all actions stand beside the first page's results, as far as they are asked for."""
    hit = lookup.hit_of(requester, members["HITId"])
    levels = members.get("PolicyLevels") or ["Assignment", "HIT"]
    results = ReviewResult.objects.filter(hit=hit, level__in=levels)
    if not members.get("RetrieveResults", True):
        results = results.none()
    shown, token = page("ListReviewPolicyResultsForHIT", requester, members, results)
    wants_actions = members.get("RetrieveActions", True) and "NextToken" not in members
    actions = list(ReviewAction.objects.filter(hit=hit, level__in=levels).order_by("id")) if wants_actions else []
    answer: dict[str, Any] = {"HITId": hit.public_id, "NextToken": token}
    for level in levels:
        policy = _policy(hit, level)
        if policy is not None:
            answer[f"{level}ReviewPolicy"] = policy
            answer[f"{level}ReviewReport"] = {
                "ReviewResults": [_result(row) for row in shown if row.level == level],
                "ReviewActions": [_action(row) for row in actions if row.level == level],
            }
    return answer


def _policy(hit: Hit, level: str) -> Members | None:
    return hit.assignment_review_policy if level == "Assignment" else hit.hit_review_policy


def _result(row: ReviewResult) -> Members:
    return {
        "ActionId": row.action_id,
        "SubjectId": row.subject_id,
        "SubjectType": row.subject_type,
        "QuestionId": row.question_id or None,
        "Key": row.key,
        "Value": row.value,
    }


def _action(row: ReviewAction) -> Members:
    return {
        "ActionId": row.public_id,
        "ActionName": row.name,
        "TargetId": row.target_id,
        "TargetType": row.target_type,
        "Status": row.status,
        "CompleteTime": row.completed_at,
        "Result": row.result or None,
        "ErrorCode": row.error_code or None,
    }
