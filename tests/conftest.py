"""What every test of the platform stands on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests import chromium

# Without the first, Chromium refuses to run as root; the others keep it from calling home.
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

# How long an example takes tells of the machine and of what else runs on it, not of the code. (Under CI hypothesis
# adds its own: the same examples each time, and no database of failures.)
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


class OneDemo(LoadFileScheduling):
    """A file's tests stay on one worker, and so do all that look at the running demo: it takes minutes to start."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/e2e" if nodeid.startswith("tests/e2e/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneDemo:
    return OneDemo(config, log)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium. One at a time, since Playwright runs one event loop in this thread."""
    program = chromium.find()
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Chromium is missing: `python -m tests.chromium` installs it")
        pytest.skip("no Chromium on this machine and no right to install it")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Beside that loop Django would refuse to touch the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        running = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield running
        running.close()


@pytest.fixture(autouse=True)
def _static_files_as_they_lie(settings: Any) -> None:
    """Pages name static files without the hashed names that only `collectstatic` knows; end-to-end tests run it."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
