"""A release mirrored to a bucket, by the command and boto3 over HTTP."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluation.cli.main import main
from evaluation.release import Release
from tests.evaluation.exchange.bucket_server import KEY, BucketServer, Stored
from tests.evaluation.small_release import write_release

TARGET = "s3://bench/mirrors/demo"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[BucketServer]:
    """A server of one bucket that the AWS environment names."""
    names = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    with BucketServer() as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def mirrored(capsys: pytest.CaptureFixture[str], release: Path, target: str = TARGET) -> tuple[int, str]:
    status = main(["mirror", str(release), target])
    captured = capsys.readouterr()
    return status, " ".join((captured.out + captured.err).split())


def fetched(server: BucketServer, folder: Path, prefix: str = "mirrors/demo/") -> Release:
    """What lies under the prefix, as a folder."""
    for key, stored in server.objects.items():
        if key.startswith(prefix):
            path = folder / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(stored.body)
    return Release.open(folder)


def test_a_bucket_holds_the_public_part_and_nothing_is_sent_twice(
    server: BucketServer, release: Path, tmp_path: Path, capsys
) -> None:
    server.objects["mirrors/demo/notes.txt"] = server.objects["other/README.md"] = Stored(b"of somebody else")
    assert mirrored(capsys, release)[0] == 0
    copy = fetched(server, tmp_path / "copy")
    copy.verify()
    assert copy.is_public_copy
    assert not [key for key in server.objects if "held_out" in key]
    assert server.put()[-1] == "mirrors/demo/MANIFEST.json"
    server.asked.clear()
    status, text = mirrored(capsys, release, f"{TARGET}/")
    assert (status, "0 files copied" in text) == (0, True)
    assert server.put() == []
    assert server.objects["mirrors/demo/notes.txt"] == server.objects["other/README.md"] == Stored(b"of somebody else")


def test_the_bucket_itself_may_be_the_place(server: BucketServer, release: Path, tmp_path: Path, capsys) -> None:
    assert mirrored(capsys, release, "s3://bench")[0] == 0
    fetched(server, tmp_path / "copy", "").verify()


@pytest.mark.parametrize("damaged", ["moment/tvr/val.jsonl", "subtitles.jsonl"])
def test_what_was_replaced_there_is_sent_again(
    server: BucketServer, release: Path, tmp_path: Path, capsys, damaged: str
) -> None:
    mirrored(capsys, release)
    server.asked.clear()
    server.objects[f"mirrors/demo/{damaged}"] = Stored(b"x" * (release / damaged).stat().st_size)
    assert "1 files copied" in mirrored(capsys, release)[1]
    assert server.put() == [f"mirrors/demo/{damaged}"]
    fetched(server, tmp_path / "copy").verify()


def test_a_copy_that_was_cut_off_is_no_release_and_goes_on(
    server: BucketServer, release: Path, tmp_path: Path, capsys
) -> None:
    server.room = 3
    status, text = mirrored(capsys, release)
    assert status == 2
    assert "error: s3://bench/mirrors/demo/" in text
    assert "Access Denied" in text
    assert len(server.objects) == 3
    assert "mirrors/demo/MANIFEST.json" not in server.objects
    server.room, before = None, set(server.objects)
    server.asked.clear()
    assert mirrored(capsys, release)[0] == 0
    assert not before & set(server.put())
    fetched(server, tmp_path / "copy").verify()


@pytest.mark.parametrize("name", ["moment/tvr/val.jsonl", "qa/value/train.jsonl"])
def test_what_is_of_somebody_else_is_not_replaced(server: BucketServer, release: Path, capsys, name: str) -> None:
    server.objects[f"mirrors/demo/{name}"] = Stored(b"of somebody else")
    status, text = mirrored(capsys, release)
    assert status == 2
    assert f"s3://bench/mirrors/demo/{name}: is no file of this release" in text
    assert server.put() == []


def test_a_mirror_of_another_release_stays(server: BucketServer, release: Path, tmp_path: Path, capsys) -> None:
    mirrored(capsys, write_release(tmp_path / "other", seed=1))
    server.asked.clear()
    status, text = mirrored(capsys, release)
    assert status == 2
    assert "s3://bench/mirrors/demo/MANIFEST.json: is that of another release" in text
    assert server.put() == []


def test_a_manifest_of_another_size_is_not_read(server: BucketServer, release: Path, capsys) -> None:
    server.objects["mirrors/demo/MANIFEST.json"] = Stored(b"x" * 100_000)
    status, text = mirrored(capsys, release)
    assert status == 2
    assert "MANIFEST.json: is that of another release" in text
    assert {method for method, _ in server.asked} == {"HEAD"}


def test_a_file_that_differs_from_its_hash_is_not_sent(
    server: BucketServer, release: Path, tmp_path: Path, capsys
) -> None:
    source = shutil.copytree(release, tmp_path / "source")
    (source / "moment/tvr/val.jsonl").write_text("damaged")
    status, text = mirrored(capsys, source)
    assert status == 2
    assert "val.jsonl" in text
    assert "mirrors/demo/MANIFEST.json" not in server.objects


@pytest.mark.parametrize(
    ("target", "environment", "said"),
    [
        ("s3://nobody/demo", {}, "The specified bucket does not exist"),
        ("s3://", {}, "expected s3://BUCKET/PREFIX"),
        ("s3://a b/demo", {}, 'Invalid bucket name "a b"'),
        (TARGET, {"AWS_ACCESS_KEY_ID": "another"}, "s3://bench/mirrors/demo: An error occurred (403)"),
        (TARGET, {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
        (TARGET, {"AWS_ENDPOINT_URL": "nowhere"}, "Invalid endpoint"),
        (TARGET, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
    ],
)
def test_what_is_in_the_way_is_named(
    server: BucketServer, release: Path, capsys, monkeypatch, target: str, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    status, text = mirrored(capsys, release, target)
    assert (status, said in text) == (2, True), text
    assert server.objects == {}
