"""Early pytest plugin: real PostgreSQL and Valkey for the whole run, before pytest-django reads the settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

_stack = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Before pytest-django, which reads the settings here."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if os.environ.get("BENCH_TEST_WORKER") != worker:  # else a child pytest of this run
        os.environ["BENCH_TEST_WORKER"] = worker
        early_config.add_cleanup(_stack.close)
        _prepare_home()
        # Each worker of a parallel run has services of its own: a shared queue would mix their tasks. The process that
        # deals the tests out runs none.
        if worker or not getattr(early_config.known_args_namespace, "numprocesses", None):
            from benchmark_site.local import embedded

            _stack.enter_context(embedded.running())
    yield


def _prepare_home() -> None:
    # Not tmp_path: its folders are of mode 700, which PostgreSQL's unprivileged user cannot enter.
    home = tempfile.mkdtemp(prefix="hero-bench-tests-")
    os.chmod(home, 0o755)
    _stack.callback(shutil.rmtree, home, ignore_errors=True)
    os.environ["BENCH_HOME"] = home
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
