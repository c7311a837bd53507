"""Early pytest plugin: real PostgreSQL and Valkey for the whole run, before pytest-django reads the settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

_stack = ExitStack()


def _begin() -> None:
    if os.environ.get("BENCH_TEST_HOME"):  # a child pytest of this run
        return
    # Not tmp_path: its folders are of mode 700, which PostgreSQL's unprivileged user cannot enter.
    home = tempfile.mkdtemp(prefix="hero-bench-tests-")
    os.chmod(home, 0o755)
    _stack.callback(shutil.rmtree, home, ignore_errors=True)
    os.environ["BENCH_HOME"] = os.environ["BENCH_TEST_HOME"] = home
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    from benchmark_site.local import embedded

    _stack.enter_context(embedded.running())


_begin()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    _stack.close()


@pytest.fixture(scope="session")
def bench_home() -> Iterator[str]:
    """The state folder of the services of this run."""
    return os.environ["BENCH_HOME"]
