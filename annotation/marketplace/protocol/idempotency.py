"""UniqueRequestToken: the second call with a token is refused and says what the first one made, for 24 hours."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from django.db import IntegrityError, transaction

from annotation.marketplace.models import Requester, RequestToken

TOKEN_LIFETIME = dt.timedelta(hours=24)

Purpose = Literal["hit", "extend", "bonus"]


def reserve(requester: Requester, purpose: Purpose, token: str, result: str, now: dt.datetime) -> str | None:
    """Take the token in the caller's transaction; None, or the result of the call that has it already.

    The unique index makes a second call wait until the first one has committed or rolled back.
    """
    mine = RequestToken.objects.filter(requester=requester, purpose=purpose, token=token)
    mine.filter(created_at__lte=now - TOKEN_LIFETIME).delete()
    try:
        with transaction.atomic():
            RequestToken.objects.create(
                requester=requester, purpose=purpose, token=token, result=result, created_at=now
            )
    except IntegrityError:
        return mine.values_list("result", flat=True).get()
    return None
