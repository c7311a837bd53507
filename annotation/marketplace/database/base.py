"""A connection that is looked at before each request without a question to the server."""

from __future__ import annotations

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """What PostgreSQL's end or restart has cut is noticed as before: there is something to read, at least the end.

    Django would send a query before the first of each request: one fifteenth of the time of all pages and calls in a
    replay of a campaign.
    """

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN)
        return not poller.poll(0) or bool(super().is_usable())
