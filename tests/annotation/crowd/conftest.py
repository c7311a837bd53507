"""A marketplace as a process of its own, our account there, and workers who use its pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from annotation.crowd.workers import enrolment
from annotation.models import Worker
from tests.marketplace.site import Site, WorkerBrowser, running_site

SITE_URL = "http://localhost:8000"
GROUPS = ["segment", "query", "qa"] * 2


@dataclass(frozen=True)
class Lab:
    """A marketplace with our requester account and two workers of each group."""

    site: Site
    key: str
    secret: str
    workers: list[WorkerBrowser]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    log = tmp_path_factory.mktemp("marketplace") / "server.log"
    with running_site(os.environ["MARKETPLACE_DATABASE_URL"], log, MARKETPLACE_FRAME_ORIGINS=SITE_URL) as site:
        key, secret = site.account("1000.00")
        yield Lab(site, key, secret, site.workers(len(GROUPS)))


@pytest.fixture
def crowd(lab: Lab, settings: Any) -> Iterator[Site]:
    """The marketplace, with the platform's settings pointing to it; faults and clock are set back at the end."""
    settings.MTURK_ENDPOINT_URL = lab.site.url + "/api"
    settings.CROWD_ORIGINS = [lab.site.url]
    settings.MTURK_ACCESS_KEY, settings.MTURK_SECRET = lab.key, lab.secret
    yield lab.site
    lab.site.faults(clear=True, reset_clock=True)


@pytest.fixture
def annotators(lab: Lab, crowd: Site) -> list[WorkerBrowser]:
    """Six workers: two of each group, in turn. They enrol in the first test that asks for them and stay."""
    enrolment.open_enrolment("local")
    for worker, group in zip(lab.workers, GROUPS, strict=True):
        page = worker.get("/worker/qualifications/")
        for form in page.forms:
            if form["action"] == "request-qualification":
                worker.post(form["url"], form["fields"])
        if not enrolment.admit_workers("local"):
            Worker.objects.create(environment="local", worker_id=worker.id, group=group)
    return lab.workers
