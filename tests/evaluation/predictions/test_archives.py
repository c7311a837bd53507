"""Predictions packed by people and by attackers, numbered as in the reference list."""

import gzip
import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.predictions import file
from evaluation.predictions.errors import PredictionError
from tests.evaluation.predictions.conftest import Json


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is the point
        for name, content in members:
            archive.writestr(name, content)
    return raw.getvalue()


def bomb(size: int) -> bytes:
    """A zip of `size` blanks, written in blocks."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("p.json", "w") as member:
        for _ in range(size >> 20):
            member.write(b" " * (1 << 20))
    return raw.getvalue()


def lying(raw: bytes, real: int, declared: int) -> bytes:
    """A zip whose directory and header declare another size than the member has."""
    return raw.replace(real.to_bytes(4, "little"), declared.to_bytes(4, "little"))


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("p.json")
    info.external_attr = 0o120777 << 16
    return info


ARCHIVES: dict[str, tuple[Callable[[str], bytes], str]] = {
    "25 zip that declares 1 GiB and more": (
        lambda good: lying(bomb(1 << 20), 1 << 20, 1025 << 20),
        "declares 1074790400 bytes",
    ),
    "25 zip that declares less than it holds": (
        lambda good: lying(bomb(64 << 20), 64 << 20, 1 << 20),
        "empty file|damaged archive",
    ),
    "26 parent folder": (lambda good: zipped(("../../evil", good.encode())), "plain file name"),
    "26 absolute": (lambda good: zipped(("/etc/passwd", good.encode())), "plain file name"),
    "26 backslashes": (lambda good: zipped(("..\\evil", good.encode())), "plain file name"),
    "26 link": (lambda good: zipped((link(), b"/etc/passwd")), "is a link"),
    "27 name twice": (lambda good: zipped(("p.json", b"{}"), ("p.json", good.encode())), "zip of 2 members"),
    "27 two members": (lambda good: zipped(("a.json", b"{}"), ("b.json", good.encode())), "zip of 2 members"),
    "27 no member": (lambda good: zipped(), "zip of 0 members"),
    "27 two files beside what macOS adds": (
        lambda good: zipped(("a.json", b"{}"), ("b.json", good.encode()), ("__MACOSX/._a.json", b"x")),
        "zip of 2 members",
    ),
    "27 only what macOS adds": (lambda good: zipped(("__MACOSX/._a.json", good.encode())), "zip of 0 members"),
    "27 very many members": (lambda good: zipped(*((f"{n:05}", b"") for n in range(5000))), "very large directory"),
    "14 truncated zip": (lambda good: zipped(("p.json", good.encode()))[:-30], "damaged archive"),
    "14 truncated gzip": (lambda good: gzip.compress(good.encode())[:-30], "damaged archive"),
    "14 damaged gzip": (lambda good: gzip.compress(good.encode())[:-8] + b"12345678", "damaged archive"),
    "14 only magic": (lambda good: b"PK\x03\x04", "damaged archive"),
    "14 only Parquet magic": (lambda good: b"PAR1" + bytes(50), "not Parquet"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_a_bad_archive_is_refused(case: str, good: str, score: Callable[..., Json]) -> None:
    build, message = ARCHIVES[case]
    (problem,) = score(build(good), name="predictions.bin")["refused"]
    assert problem["file"] == "predictions.bin"
    assert any(part in problem["message"] for part in message.split("|")), problem["message"]


@pytest.mark.slow
@pytest.mark.parametrize("pack", [bomb, lambda size: gzip.compress(b" " * (1 << 20)) * (size >> 20)])
def test_a_real_bomb_is_refused(pack: Callable[[int], bytes], score: Callable[..., Json]) -> None:
    """25: a gigabyte of blanks and a little more."""
    (problem,) = score(pack(1025 << 20))["refused"]
    assert "1074790400 bytes" in problem["message"] or "unpacks to more than" in problem["message"]


def test_what_unpacks_to_too_much_is_refused_while_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """25, with a small budget: the fourth megabyte is never unpacked."""
    monkeypatch.setattr(file, "MAX_BYTES", 2 << 20)
    (tmp_path / "p.json.gz").write_bytes(gzip.compress(b" " * (64 << 20)))
    opened, block = file.PredictionFile(tmp_path / "p.json.gz"), bytearray(1 << 20)
    read = [opened.readinto(memoryview(block)) for _ in range(2)]
    with pytest.raises(PredictionError, match="unpacks to more than"):
        opened.readinto(memoryview(block))
    assert sum(read) == 2 << 20


def test_good_archives_are_read(good: str, score: Callable[..., Json]) -> None:
    plain = score(good.encode(), expect=0)["metrics"]
    assert score(zipped(("tvr_val_submission.json", good.encode())), expect=0)["metrics"] == plain
    assert score(gzip.compress(good.encode()), expect=0)["metrics"] == plain


def test_a_zip_made_on_a_mac_is_read(good: str, score: Callable[..., Json]) -> None:
    folder = (
        ("preds/", b""),
        ("preds/p.json", good.encode()),
        ("preds/.DS_Store", b"Bud1"),
        ("__MACOSX/preds/._p.json", b"x"),
    )
    assert score(zipped(*folder), expect=0)["metrics"] == score(good.encode(), expect=0)["metrics"]
