"""Operation name -> the function that does it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from annotation.marketplace.models import Requester

Members = dict[str, Any]
Handler = Callable[[Requester, Members, dt.datetime], Members]

HANDLERS: dict[str, Handler] = {}


def operation(name: str) -> Callable[[Handler], Handler]:
    """Register a handler of requester, decoded members and time; what writes does so in one transaction."""

    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register
