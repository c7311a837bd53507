"""The kernels' machine code: kept where it can be, safe where others write, never stale, never behind an import."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from evaluation.kernels import aot
from evaluation.metrics.nms import GroupedSpans, NmsScratch, nms, nms_kernel
from evaluation.predictions.json.strings import skip_blank
from tests.evaluation.conftest import REPOSITORY

LIGHT = """
import sys
import evaluation.__main__, evaluation.release, evaluation.metrics.nms, evaluation.metrics.definitions
heavy = {"torch", "numba", "pyarrow", "pandas", "vl_convert", "scipy", "django"} & set(sys.modules)
assert not heavy, heavy
"""
SCORE = """
import sys
from evaluation.metrics.nms import nms
print(nms([1], [[0, 1]], [1.0]).tolist())
assert "numba" not in sys.modules
"""


def python(code: str, cwd: Path, **options: object) -> str:
    environment = os.environ | {"PYTHONPATH": str(cwd), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= options.pop("environment", {})  # type: ignore[arg-type,operator]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=environment,
        text=True,
        capture_output=True,
        **options,  # type: ignore[call-overload]
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_importing_the_scorer_loads_nothing_heavy() -> None:
    python(LIGHT, REPOSITORY)


def test_scoring_runs_machine_code_without_numba() -> None:
    nms([1], [[0, 1]], [1.0])  # compiled at the latest now
    assert python(SCORE, REPOSITORY) == "[0]\n"


def test_arguments_that_would_corrupt_memory_are_refused() -> None:
    with pytest.raises(TypeError, match="takes a writeable C array"):
        skip_blank(np.zeros(4, np.int64), 0, 4)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a writeable C array"):
        skip_blank(np.zeros(8, np.uint8)[::2], 0, 4)
    with pytest.raises(TypeError, match="takes 3 arguments"):
        skip_blank(np.zeros(8, np.uint8), 0)  # type: ignore[call-arg]


def test_a_structure_of_another_kind_is_refused() -> None:
    numbers = np.zeros(1, np.int64)
    scratch, rows = NmsScratch(numbers, numbers, numbers), GroupedSpans(numbers, *np.zeros((3, 1)))
    with pytest.raises(TypeError, match="takes a GroupedSpans, not a tuple"):
        nms_kernel(tuple(rows), 0.5, 1, scratch, numbers)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="takes a writeable C array"):
        nms_kernel(rows._replace(start=numbers), 0.5, 1, scratch, numbers)  # type: ignore[arg-type]


def test_the_name_of_the_code_follows_its_sources(tmp_path: Path) -> None:
    name = "import evaluation.kernels.aot as n; print(n._fingerprint())"
    shutil.copytree(REPOSITORY / "evaluation", tmp_path / "evaluation", ignore=shutil.ignore_patterns("__pycache__"))
    same = python(name, tmp_path)
    assert same == python(name, REPOSITORY)
    with (tmp_path / "evaluation/predictions/json/number.py").open("a") as file:
        file.write("# changed\n")
    assert python(name, tmp_path) != same


def test_every_module_with_kernels_is_part_of_the_name() -> None:
    with_kernels = {
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in (REPOSITORY / "evaluation").rglob("*.py")
        if "@kernel" in path.read_text() or "@helper" in path.read_text()
    }
    assert with_kernels <= set(aot.MODULES)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to run as a user who cannot write the package")
def test_a_package_that_cannot_be_written_caches_for_the_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o005:
            folder.chmod(folder.stat().st_mode | 0o055)
    site, home = tmp_path / "site", tmp_path / "home"
    shutil.copytree(REPOSITORY / "evaluation", site / "evaluation", ignore=shutil.ignore_patterns("__pycache__"))
    home.mkdir()
    os.chown(home, 65534, 65534)
    code = "import evaluation.kernels.aot as n; print(n._cache_folder())"
    try:
        folder = python(code, site, user=65534, environment={"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")})
    except PermissionError:
        pytest.skip("the interpreter itself is out of reach of other users")
    assert folder.strip() == str(home / "cache/hero-bench")


def test_a_cache_folder_that_others_can_write_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "hero-bench"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(aot, "PACKAGE", tmp_path / "no/such/evaluation")
    monkeypatch.setattr(aot.tempfile, "gettempdir", lambda: str(tmp_path / "private"))
    folder = aot._cache_folder()
    assert folder != shared
    assert not folder.stat().st_mode & 0o022
