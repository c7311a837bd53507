"""One marketplace for the whole folder; each test makes requesters and workers of its own in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

pytest.register_assert_rewrite(
    "tests.marketplace.invariants", "tests.marketplace.lab", "tests.marketplace.site", "tests.marketplace.walks"
)

from tests.marketplace import invariants  # noqa: E402
from tests.marketplace.site import Site, running_site  # noqa: E402


@pytest.fixture(scope="session")
def database_server() -> str:
    url = os.environ.get("MARKETPLACE_DATABASE_URL")
    if not url:
        pytest.skip("MARKETPLACE_DATABASE_URL is not set: run with -p tests.services, which starts PostgreSQL")
    return url


@pytest.fixture(scope="session")
def site(database_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    log = tmp_path_factory.mktemp("marketplace") / "server.log"
    with running_site(database_server, log) as running:
        yield running
        invariants.assert_hold(running.database_url)  # after everything that the tests have done


@pytest.fixture(scope="module")
def requester(site: Site) -> Any:
    """A boto3 client with an account of its own for the module."""
    return site.requester()
