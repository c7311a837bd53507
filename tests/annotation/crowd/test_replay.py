"""Two hundred real annotations through the whole system, its worker killed twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCE = Path(os.environ.get("BENCH_SHARED", ROOT.parent / "shared")) / "data/how2"


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not SOURCE.exists(), reason="How2R and How2QA are not there (BENCH_SHARED)")
def test_200_annotations_equal_their_source_and_the_ledger() -> None:
    own = ("DATABASE_URL", "CELERY_BROKER_URL", "MARKETPLACE_", "MTURK_", "BENCH_HOME", "SITE_URL")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    command = [sys.executable, "-m", "benchmarks.replay", "--data", str(SOURCE), "--annotations", "200"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything equals its source and the ledger" in done.stdout
