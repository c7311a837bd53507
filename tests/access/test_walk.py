"""Both sites' addresses against their tables: a new URL without a row fails here, and is closed until it has one."""

from __future__ import annotations

import re

import pytest

from tests.access.walk import ROOT, SETTINGS, Site, walk


@pytest.fixture(scope="module", params=SETTINGS)
def site(request: pytest.FixtureRequest) -> Site:
    return walk(request.param)


def test_every_address_has_a_row(site: Site) -> None:
    assert site.unknown == []


def test_every_row_has_an_address(site: Site) -> None:
    assert site.unused == []


def test_the_docs_show_the_table(site: Site) -> None:
    docs = (ROOT / "docs/access.md").read_text()
    assert site.markdown in docs, f"docs/access.md must hold:\n\n{site.markdown}"


def test_the_walk_goes_into_the_namespaces() -> None:
    routes = walk("benchmark_site.access").routes
    assert {"admin:auth_user_change", "api:get_submission", "clip"} <= routes.keys()
    assert any(re.search(r"<int:pk>", route) for route in routes["batch"])
