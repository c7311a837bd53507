import os
from pathlib import Path

import pytest

from tests.evaluation.small_release import write_release

REPOSITORY = Path(__file__).parents[2]
SHARED = Path(os.environ.get("BENCH_SHARED", REPOSITORY / "../shared"))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with its held-out files; tests must not write into it."""
    return write_release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def public_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same release as a participant has it."""
    return write_release(tmp_path_factory.mktemp("public"), held_out=False)


@pytest.fixture(scope="session")
def golden() -> Path:
    folder = Path(os.environ.get("BENCH_GOLDEN", SHARED / "golden")) / "eval"
    if not folder.is_dir():
        pytest.skip(f"no golden folder at {folder} (BENCH_GOLDEN)")
    return folder
