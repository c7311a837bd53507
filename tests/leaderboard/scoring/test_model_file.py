"""The zip of a model: what is damaged, packed to burst or too large is refused before it costs anything."""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmark_site.leaderboard.models import State, Submission, Track
from benchmark_site.leaderboard.scoring.model_file import MOST_BYTES, ModelFileError, unpack
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from tests.leaderboard.conftest import ApiClient

FILES = dict.fromkeys(("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"), b"{}")


def write(path: Path, files: Mapping[str, bytes] = FILES, packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def bad_name(path: Path) -> Path:
    """A name that says it is UTF-8 and is none."""
    write(path, {**FILES, "é.txt": b""})
    path.write_bytes(path.read_bytes().replace("é".encode(), b"\xff\xfe"))
    return path


def cut(path: Path) -> Path:
    """Says that its last member is longer than the file."""
    data = bytearray(write(path, packed=zipfile.ZIP_STORED).read_bytes())
    struct.pack_into("<II", data, data.rfind(b"PK\x01\x02") + 20, 5000, 5000)
    path.write_bytes(data)
    return path


def many_members(path: Path) -> Path:
    """A directory of half a million empty entries, without the files."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 500_000
    path.write_bytes(directory + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(directory), 0, 0))
    return path


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (bad_name, "the zip cannot be read: 'utf-8' codec"),
        (cut, "the zip cannot be read: EOFError"),
        (many_members, "the zip cannot be read: a very large directory: expected at most 262,144 bytes"),
        (lambda path: write(path, packed=zipfile.ZIP_LZMA), "config.json is packed in another way"),
        (lambda path: write(path, packed=zipfile.ZIP_BZIP2), "config.json is packed in another way"),
    ],
)
def test_a_broken_zip_is_refused(make: Callable[[Path], Path], expected: str, tmp_path: Path) -> None:
    path = make(tmp_path / "m.zip")
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=expected):
        unpack(path, tmp_path / "out", 2**30)
    assert tracemalloc.get_traced_memory()[1] < 20 * 2**20
    tracemalloc.stop()


@pytest.mark.django_db(transaction=True)
def test_the_sender_of_a_broken_zip_reads_why(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    sent = api_client.post(track, bad_name(tmp_path / "m.zip"), kind="model")[1]
    submission = Submission.objects.get(pk=sent["id"])
    predict_evaluation(submission.evaluation.pk)
    assert submission.evaluation.state == State.FAILED
    assert "the zip cannot be read" in submission.evaluation.problems[0]["message"]


@pytest.mark.django_db(transaction=True)
def test_a_model_that_is_lost_here_is_no_fault_of_its_sender(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = api_client.post(track, write(tmp_path / "m.zip"), kind="model")[1]
    submission = Submission.objects.get(pk=sent["id"])
    Path(submission.file.path).unlink()
    predict_evaluation(submission.evaluation.pk)
    evaluation = submission.evaluation
    assert (evaluation.state, evaluation.problems) == (State.FAILED, [])
    assert evaluation.error == "the prediction failed: a file is lost or no disk is left here"
    assert submission.file.name not in str(api_client.get(f"submissions/{sent['id']}"))


@pytest.mark.parametrize("name", list(MOST_BYTES))
def test_small_files_are_small(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "m.zip", {**FILES, name: b" " * (MOST_BYTES[name] + 1)})
    with pytest.raises(ModelFileError, match=rf"{name} holds [\d,]+ bytes: at most {MOST_BYTES[name]:,} are taken"):
        unpack(path, tmp_path / "out", 2**30)


def test_a_configuration_of_many_small_things_takes_little_memory(tmp_path: Path) -> None:
    unit = b'{"":0},'
    most = MOST_BYTES["config.json"]
    path = write(tmp_path / "m.zip", {**FILES, "config.json": b"[" + unit * (most // len(unit) - 1) + b"0]"})
    tracemalloc.start()
    unpack(path, tmp_path / "out", 2**30)
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_weights_are_as_large_as_a_submission_may_be(tmp_path: Path) -> None:
    path = write(tmp_path / "m.zip", {**FILES, "model.safetensors": b" " * 1001})
    with pytest.raises(ModelFileError, match=r"model.safetensors holds 1,001 bytes: at most 1,000 are taken"):
        unpack(path, tmp_path / "out", 1000)


def test_a_models_files_are_few(tmp_path: Path) -> None:
    path = write(tmp_path / "m.zip", {f"{number}.txt": b"" for number in range(1001)})
    with pytest.raises(ModelFileError, match="the zip holds 1001 files"):
        unpack(path, tmp_path / "out", 2**30)
