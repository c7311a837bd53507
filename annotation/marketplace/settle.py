"""What time does by itself: abandonment, expiry, auto-approval, disposal, tests timed out, tokens dead.

`settle` runs before every API call and worker page (one cheap query when nothing is due) and in `run_clock`, so that
nobody ever sees a state that the clock has overtaken. Each move is conditional under its own lock: any number of
processes may settle at once.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import Exists, F, Q

from annotation.marketplace import lifecycle
from annotation.marketplace.models import Assignment, Hit, QualificationRequest, RequestToken
from annotation.marketplace.tokens import TOKEN_LIFETIME

BATCH = 500


def settle(now: dt.datetime) -> int:
    """Do everything that is due at `now`; returns the number of moves."""
    moves = 0
    while _is_due(now):
        moves += _settle_batch(now)
    return moves


def forget_dead_tokens(now: dt.datetime) -> int:
    return RequestToken.objects.filter(created_at__lt=now - TOKEN_LIFETIME).delete()[0]


def _overdue(now: dt.datetime) -> Q:
    return Q(status=Assignment.Status.ACCEPTED, deadline__lte=now)


def _auto_approvable(now: dt.datetime) -> Q:
    return Q(status=Assignment.Status.SUBMITTED, auto_approve_at__lte=now)


def _disposable(now: dt.datetime) -> Q:
    return Q(disposed_at=None, expires_at__lte=now - lifecycle.DISPOSAL_AFTER, pending=0, submitted=0)


def _timed_out(now: dt.datetime) -> Q:
    return Q(status=QualificationRequest.Status.TESTING, deadline__lte=now)


def _is_due(now: dt.datetime) -> bool:
    due = (
        Exists(Assignment.objects.filter(_overdue(now)))
        | Exists(Assignment.objects.filter(_auto_approvable(now)))
        | Exists(Hit.objects.filter(expiry_done=False, expires_at__lte=now))
        | Exists(Hit.objects.filter(_disposable(now)))
        | Exists(QualificationRequest.objects.filter(_timed_out(now)))
    )
    return _one_row(due)


def _one_row(condition: object) -> bool:
    """Ask PostgreSQL for one boolean without a table to scan."""
    from django.contrib.contenttypes.models import ContentType

    return bool(ContentType.objects.values_list(condition, flat=True)[:1][0])


def _settle_batch(now: dt.datetime) -> int:
    moves = 0
    for assignment in Assignment.objects.filter(_overdue(now)).order_by("deadline", "id")[:BATCH]:
        moves += lifecycle.give_back(assignment, "Abandoned", now)
    for hit_id in Hit.objects.filter(expiry_done=False, expires_at__lte=now).values_list("id", flat=True)[:BATCH]:
        moves += lifecycle.expire(hit_id, now)
    for assignment in Assignment.objects.filter(_auto_approvable(now)).order_by("auto_approve_at", "id")[:BATCH]:
        moves += _auto_approve(assignment, now)
    for hit_id in Hit.objects.filter(_disposable(now)).values_list("id", flat=True)[:BATCH]:
        moves += _dispose(hit_id, now)
    moves += QualificationRequest.objects.filter(_timed_out(now)).update(
        status=QualificationRequest.Status.TIMED_OUT, submitted_at=F("deadline")
    )
    return moves


def _auto_approve(assignment: Assignment, now: dt.datetime) -> bool:
    from annotation.marketplace.errors import ApiError

    try:
        lifecycle.approve(assignment, None, now)
    except ApiError:
        return False  # another process, or the requester, was faster
    return True


def _dispose(hit_id: int, now: dt.datetime) -> bool:
    from annotation.marketplace.errors import ApiError

    try:
        lifecycle.dispose(hit_id, now)
    except ApiError:
        return False
    return True
