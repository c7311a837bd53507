"""Early pytest plugin: real PostgreSQL and Valkey for the whole run, before pytest-django reads the settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

WORKER = "PYTEST_XDIST_WORKER"


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest-django, which reads the settings here."""
    if os.environ.get("BENCH_TEST_WORKER") != os.environ.get(WORKER, ""):  # else a child of a run that has them
        spread = getattr(early_config.known_args_namespace, "numprocesses", None)
        stack = ExitStack()
        early_config.add_cleanup(stack.close)
        # Each worker of a parallel run has services of its own: a shared queue would mix their tasks. The process that
        # deals the tests out runs none.
        stack.enter_context(running(services=WORKER in os.environ or not spread))
    yield


@contextmanager
def running(*, services: bool = True) -> Iterator[None]:
    """A state folder, gone at the end, with its services or without; child processes find it in the environment."""
    # Not tmp_path: its folders are of mode 700, which PostgreSQL's unprivileged user cannot enter.
    home = tempfile.mkdtemp(prefix="hero-bench-tests-")
    os.chmod(home, 0o755)
    os.environ["BENCH_HOME"] = home
    os.environ["BENCH_TEST_WORKER"] = os.environ.get(WORKER, "")
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # what asks for two threads all the same lets the other workers work
    os.environ["HF_HUB_OFFLINE"] = "1"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        if services:
            from benchmark_site.local import embedded

            stack.enter_context(embedded.running())
        yield
