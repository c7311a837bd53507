"""What is written, and where: only regular files, whole or not at all, and never one over another."""

import json
import os
from pathlib import Path

import pytest

from adversarial.cli.main import main
from adversarial.data.errors import ItemError
from adversarial.data.jsonl import write_rows
from tests.adversarial.conftest import make_rows


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    write_rows(path, make_rows(12))
    return path


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a refused command prints."""
    assert main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize("kind", ["pipe", "link to a pipe", "link in a circle", "folder", "no parent"])
@pytest.mark.parametrize("role", ["output", "report", "audit report"])
def test_what_cannot_be_replaced_by_a_file_is_refused_before_the_work(
    kind: str, role: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, output = tmp_path / "bad", tmp_path / "out.jsonl"
    if kind == "pipe":
        os.mkfifo(bad)
    elif kind == "link to a pipe":
        os.mkfifo(tmp_path / "pipe")
        bad.symlink_to(tmp_path / "pipe")
    elif kind == "link in a circle":
        bad.symlink_to(bad)
    elif kind == "folder":
        bad.mkdir()
    else:
        bad = tmp_path / "absent" / "bad"
    before = sorted(os.lstat(path).st_mode for path in tmp_path.iterdir())
    commands = {
        "output": ["match", str(source), str(bad)],
        "report": ["match", str(source), str(output), "--report", str(bad)],
        "audit report": ["audit", str(source), "--report", str(bad)],
    }
    assert str(bad) in refusal(commands[role], capsys)
    assert sorted(os.lstat(path).st_mode for path in tmp_path.iterdir()) == before


def test_a_link_to_a_file_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "file.jsonl").write_text("old")
    (tmp_path / "link.jsonl").symlink_to("file.jsonl")
    (tmp_path / "dangling.jsonl").symlink_to("new.jsonl")
    for name in ("link", "dangling"):
        write_rows(tmp_path / f"{name}.jsonl", [{"a": 1}])
        assert (tmp_path / f"{name}.jsonl").is_symlink()
    assert (tmp_path / "file.jsonl").read_text() == (tmp_path / "new.jsonl").read_text() == '{"a": 1}\n'


@pytest.mark.parametrize("link", [False, True])
def test_no_path_is_taken_twice(link: bool, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = source.read_bytes()
    output, again = tmp_path / "out.jsonl", tmp_path / "again.jsonl"
    same, twice = source, output
    if link:
        again.symlink_to(output)
        same, twice = tmp_path / "link.jsonl", again
        same.symlink_to(source)
    for command in (
        ["match", str(source), str(same)],
        ["match", str(source), str(output), "--report", str(same)],
        ["audit", str(source), "--report", str(same)],
    ):
        assert "is the input as well" in refusal(command, capsys)
    assert "is another output as well" in refusal(["match", str(source), str(output), "--report", str(twice)], capsys)
    assert source.read_bytes() == content
    assert not output.exists()


def test_what_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    write_rows(path, [{"a": 1}])
    with pytest.raises(TypeError):
        write_rows(path, [{"a": 2}, {"a": object()}])
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_or_closed_disk_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match=r"x{250}: cannot be written: ") as refused:
        write_rows(tmp_path / ("x" * 250), _full())
    assert str(tmp_path) in str(refused.value)
    assert not list(tmp_path.iterdir())


def _full():  # type: ignore[no-untyped-def]
    yield {"a": 1}
    raise OSError(28, "No space left on device")
