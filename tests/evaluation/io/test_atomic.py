"""Files and folders that appear whole or not at all."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.io.atomic import atomic_file, atomic_folder, remove_leftovers, write_atomic
from tests.evaluation.conftest import REPOSITORY


def fill_the_disk(file: Path) -> None:
    file.write_bytes(b"new")
    raise OSError(28, "No space left on device")


def test_a_file_is_replaced_at_the_end_and_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_file(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, [b"o", b"ld"])
    with pytest.raises(OSError, match="No space"), atomic_file(path) as temporary:
        fill_the_disk(temporary)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    write_atomic(path, [b"1"])
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_appears_whole_and_takes_no_leftovers_along(replace: bool, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    (tmp_path / "deep" / "folder.part").mkdir(parents=True)
    (tmp_path / "deep" / "folder.part" / "left over").touch()
    with atomic_folder(path, replace=replace) as unfinished:
        (unfinished / "file").touch()
        assert not path.exists()
    assert [found.name for found in path.iterdir()] == ["file"]
    assert list(path.parent.iterdir()) == [path]


def test_only_a_folder_that_may_be_replaced_is(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(OSError, match="not empty"), atomic_folder(path):
        pass
    with pytest.raises(OSError, match="No space"), atomic_folder(path, replace=True) as unfinished:
        fill_the_disk(unfinished / "new")
    assert [found.name for found in tmp_path.rglob("*")] == ["folder", "old"]
    with atomic_folder(path, replace=True) as unfinished:
        (unfinished / "new").touch()
    assert [found.name for found in tmp_path.rglob("*")] == ["folder", "new"]


@pytest.mark.parametrize("name", ["file", "a[b]*?", "x" * 255])
def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path, name: str) -> None:
    path, others = (
        tmp_path / name,
        [tmp_path / other for other in (".file.original", "file.part", ".files.0000000x.part")],
    )
    for other in others:
        other.touch()
    killed = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom evaluation.io.atomic import atomic_file\n"
        "with atomic_file(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    run = subprocess.run([sys.executable, "-c", killed, str(path)], cwd=REPOSITORY)
    assert run.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == len(others) + 1
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == sorted(others)
