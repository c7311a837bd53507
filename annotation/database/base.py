"""Connections that have statements planned once, and are looked at before each request without asking the server."""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base, operations

MOST_PLANNED = 100  # parameters of a statement that is planned once: longer ones hardly come twice


class Cursor(psycopg.Cursor[Any]):
    """Short statements go with their parameters apart, by which the server knows them again; the protocol takes 65,535
    of these. Long ones, of rows or keys by the thousand, go as one text, as Django sends all.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        if params is not None and len(params) > MOST_PLANNED:
            query, params = psycopg.ClientCursor(self.connection).mogrify(query, params), None
        return super().execute(query, params, **options)


# A connection has the server plan a statement once, from the third time on that it is asked: to plan most of them
# takes longer than to answer them. Django turns that off for poolers; PgBouncer has known such statements since 1.21.
PLANNED_ONCE = {"server_side_binding": True, "cursor_factory": Cursor, "prepare_threshold": 2}


class DatabaseOperations(operations.DatabaseOperations):
    """Integers go in as many bytes as they need."""

    def adapt_integerfield_value(self, value: Any, internal_type: str) -> Any:
        """As it is: where Django can only guess the field it sends four bytes, and cuts off the rest in silence."""
        return value


class DatabaseWrapper(base.DatabaseWrapper):
    """What PostgreSQL's end or restart has cut is noticed as before: there is something to read, at least the end.

    Django would send a query before the first of each request: one fifteenth of the time of all pages and calls in a
    replay of a campaign.
    """

    ops_class = DatabaseOperations

    def __init__(self, settings_dict: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        settings_dict["OPTIONS"] = PLANNED_ONCE | settings_dict.get("OPTIONS", {})
        super().__init__(settings_dict, *args, **kwargs)

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN)
        return not poller.poll(0) or bool(super().is_usable())
