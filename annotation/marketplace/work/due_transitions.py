"""What time does by itself: abandonment, expiry, auto-approval, disposal, tests timed out, tokens dead.

`apply_due` runs before every API call and worker page (one cheap query when nothing is due) and in `run_clock`, so that
nobody ever sees a state that the clock has overtaken. Each move is conditional under its own lock: any number of
processes may do so at once.
"""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet
from psycopg import Cursor, sql

from annotation.marketplace.models import Assignment, Hit, QualificationRequest, RequestToken
from annotation.marketplace.protocol.errors import ApiError
from annotation.marketplace.protocol.idempotency import TOKEN_LIFETIME
from annotation.marketplace.work import lifecycle

BATCH = 500
SOME_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


def apply_due(now: dt.datetime) -> int:
    """Do everything that is due at `now`; returns the number of moves."""
    moves = 0
    while _is_due(now):
        made = _apply_batch(now)
        if not made:
            break  # another process has made these moves meanwhile
        moves += made
    return moves


def forget_dead_tokens(now: dt.datetime) -> int:
    return RequestToken.objects.filter(created_at__lt=now - TOKEN_LIFETIME).delete()[0]


def _overdue(now: dt.datetime) -> Q:
    return Q(status=Assignment.Status.ACCEPTED, deadline__lte=now)


def _auto_approvable(now: dt.datetime) -> Q:
    return Q(status=Assignment.Status.SUBMITTED, auto_approve_at__lte=now)


def _disposable(now: dt.datetime) -> Q:
    return Q(disposed_at=None, dispose_at__lte=now, expires_at__lte=now, pending=0, submitted=0)


def _timed_out(now: dt.datetime) -> Q:
    return Q(status=QualificationRequest.Status.TESTING, deadline__lte=now)


def _is_due(now: dt.datetime) -> bool:
    """Every call and page asks: the server plans it once for each connection, which took longer than to answer it."""
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        cursor.execute(_statement(), {"now": now}, prepare=True)
        return cursor.fetchone() is not None


@cache
def _statement() -> sql.Composed:
    """The query for what is due, with a place for the time alone.

    Each part is asked for its first row in the order of its index: a plan for any time would else read whole tables,
    in the belief that a third of all is due.
    """
    due: list[tuple[QuerySet[Any], str]] = [
        (Assignment.objects.filter(_overdue(SOME_TIME)), "deadline"),
        (Assignment.objects.filter(_auto_approvable(SOME_TIME)), "auto_approve_at"),
        (Hit.objects.filter(expiry_done=False, expires_at__lte=SOME_TIME), "expires_at"),
        (Hit.objects.filter(_disposable(SOME_TIME)), "dispose_at"),
        (QualificationRequest.objects.filter(_timed_out(SOME_TIME)), "deadline"),
    ]
    first, *others = (queryset.order_by(order).values("id")[:1] for queryset, order in due)
    text, values = first.union(*others, all=True)[:1].query.sql_with_params()
    places = [sql.Placeholder("now") if value == SOME_TIME else sql.Literal(value) for value in values]
    parts = [sql.SQL(part) for part in text.split("%s")]
    return sql.Composed([*(one for pair in zip(parts, places, strict=False) for one in pair), parts[-1]])


def _apply_batch(now: dt.datetime) -> int:
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
    try:
        lifecycle.approve(assignment, None, now)
    except ApiError:
        return False  # another process, or the requester, was faster
    return True


def _dispose(hit_id: int, now: dt.datetime) -> bool:
    try:
        lifecycle.dispose(hit_id, now)
    except ApiError:
        return False
    return True
