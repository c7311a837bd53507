"""Lists of the API: pages by key, with opaque tokens.

A token is signed and bound to requester, operation and filters, so that it cannot be forged or carried over to
another list; the page after it starts behind the last row shown, whatever has been added or removed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.dateparse import parse_datetime

from annotation.marketplace.models import Requester
from annotation.marketplace.protocol.errors import refused

DEFAULT_RESULTS = 10
_signer = signing.Signer(salt="marketplace.pages")

Row = TypeVar("Row", bound=Model)


def page(
    operation: str,
    requester: Requester,
    members: dict[str, Any],
    rows: QuerySet[Row],
    time_field: str | None = None,
    *,
    newest_first: bool = False,
) -> tuple[list[Row], str | None]:
    """One page of `rows` in order of (time_field, id) and the token of the next one, if there is one."""  # fmt: skip
    size = members.get("MaxResults", DEFAULT_RESULTS)
    binding = _binding(operation, requester, members)
    ways = ("-", "lt") if newest_first else ("", "gt")
    rows = rows.order_by(*([f"{ways[0]}{time_field}"] if time_field else []), f"{ways[0]}id")
    if "NextToken" in members:
        rows = rows.filter(_behind(members["NextToken"], binding, time_field, ways[1]))
    shown = list(rows[:size])
    # A page with rows always has a token and an empty page ends the list: clients that count on the former break
    # without it, and those that stop where there is no token find one page more.
    return shown, _token(shown[-1], binding, time_field) if shown else None


def page_then(
    operation: str, requester: Requester, members: dict[str, Any], rows: QuerySet[Row], tail: Sequence[str]
) -> tuple[list[Row], list[str], str | None]:
    """Like `page`, for a list that ends with a few fixed entries: rows, entries and the next token."""
    size = members.get("MaxResults", DEFAULT_RESULTS)
    binding = _binding(operation, requester, members)
    last_id, skipped = _read(members["NextToken"], binding) if "NextToken" in members else (0, 0)
    found = list(rows.filter(id__gt=last_id).order_by("id")[: size + 1])
    shown = found[:size]
    if len(found) > size:
        return shown, [], _signer.sign_object([binding, shown[-1].pk, 0], compress=True)
    entries = list(tail[skipped : skipped + size - len(shown)])
    end = skipped + len(entries)
    position = [binding, shown[-1].pk if shown else last_id, end]
    return shown, entries, _signer.sign_object(position, compress=True) if end < len(tail) else None


def listing(name: str, shown: list[dict[str, Any]], token: str | None) -> dict[str, Any]:
    """The members that every list answer has."""
    return {"NumResults": len(shown), name: shown, "NextToken": token}


def _binding(operation: str, requester: Requester, members: dict[str, Any]) -> str:
    filters = {key: value for key, value in members.items() if key not in ("NextToken", "MaxResults")}
    text = json.dumps([operation, requester.public_id, filters], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _token(last: Model, binding: str, time_field: str | None) -> str:
    at = getattr(last, time_field).isoformat() if time_field else None
    return _signer.sign_object([binding, last.pk, at], compress=True)


def _behind(token: str, binding: str, time_field: str | None, way: str) -> Q:
    last_id, at = _read(token, binding)
    if time_field is None:
        return Q(**{f"id__{way}": last_id})
    moment = parse_datetime(at)
    return Q(**{f"{time_field}__{way}": moment}) | Q(**{time_field: moment, f"id__{way}": last_id})


def _read(token: str, binding: str) -> tuple[Any, Any]:
    """The position that a token of this very list holds. Raises InvalidNextToken."""
    try:
        bound_to, last_id, position = _signer.unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        bound_to = None
    if bound_to != binding:
        raise refused("InvalidNextToken", "NextToken is not one that this list has given out")
    return last_id, position
