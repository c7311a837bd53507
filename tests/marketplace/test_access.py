"""The table of access, tried on a running marketplace by a visitor and by a worker."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.access import walk
from tests.marketplace.site import Site


@pytest.fixture(scope="module")
def table() -> walk.Site:
    return walk.walk("annotation.marketplace.access")


def addresses(table: walk.Site) -> dict[str, str]:
    """One address a URL name, with ids that nobody has; without the admin's two regular expressions."""
    plain = {name: routes[0] for name, routes in table.routes.items() if "(?P" not in routes[0]}
    return {name: re.sub(r"<\w+:\w+>", "7", route) for name, route in plain.items()}


def test_a_visitor_is_asked_to_log_in_wherever_the_table_says_so(site: Site, table: walk.Site) -> None:
    for name, path in addresses(table).items():
        response = httpx.get(site.url + path)
        asked = response.status_code == 302 and response.headers["Location"].startswith("/accounts/login/")
        assert asked == (table.rows[name]["anonymous"] == "log in"), name


def test_a_worker_gets_what_is_a_workers(site: Site, table: walk.Site) -> None:
    worker = site.worker()
    for name, path in addresses(table).items():
        if name in {"login", "logout"}:
            continue
        status = worker.http.get(path).status_code
        if table.rows[name]["worker"] == "no":
            assert status == 403, name
        elif table.rows[name]["other worker"] == "no":
            assert status in {400, 404, 405}, name  # 400: a hand-in by address that names nothing
        else:
            assert status != 403, name
