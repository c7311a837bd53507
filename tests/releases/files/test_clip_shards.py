"""`manage.py export_clips`: films as tar files that WebDataset reads, none without a licence that allows it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import webdataset
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command

from annotation.models import Clip, Video
from benchmark_site.releases.models import Release
from tests.releases.conftest import Corpus, frozen_without_matching, small_release

pytestmark = pytest.mark.django_db
KIB = 2**10


@pytest.fixture
def release(corpus: Corpus) -> Release:
    """Eight clips: one by permission, one without a licence, one without a film."""
    corpus(8)
    Video.objects.filter(public_id="shapes-001").update(licence="by permission", source="https://films.example/1")
    Video.objects.filter(public_id="shapes-002").update(licence="")
    for number, clip in enumerate(Clip.objects.order_by("video__public_id")):
        if clip.video.public_id != "shapes-003":
            clip.file.save("film.mp4", ContentFile(bytes([number]) * 400 * KIB))
    return frozen_without_matching(small_release("demo", "1.0.0"))


def exported(folder: Path, *more: str) -> None:
    call_command("export_clips", "demo", "1.0.0", str(folder), "--licence", "CC0-1.0", "--shard-mib", "1", *more)


def refused(*arguments: str) -> str:
    with pytest.raises(CommandError) as caught:
        call_command("export_clips", *arguments)
    assert caught.value.returncode == 2
    return str(caught.value)


def test_webdataset_reads_the_films_whose_licence_was_named(release, tmp_path: Path, capsys):
    exported(tmp_path / "out", "--licence", "by permission")
    tars = sorted((tmp_path / "out").glob("*.tar"))
    assert [path.name for path in tars] == ["clips-000000.tar", "clips-000001.tar", "clips-000002.tar"]
    assert max(path.stat().st_size for path in tars) < 1.1 * KIB**2
    samples = list(webdataset.WebDataset([str(path) for path in tars], shardshuffle=False, empty_check=False))
    told = [json.loads(sample["json"]) for sample in samples]
    wanted = [f"shapes-{number:03d}_0_30" for number in (0, 1, 4, 5, 6, 7)]
    assert [row["vid_name"] for row in told] == wanted
    assert [set(sample["mp4"]) for sample in samples] == [{0}, {1}, {4}, {5}, {6}, {7}]
    assert told[1] == {
        "vid_name": "shapes-001_0_30", "duration": 30.0, "licence": "by permission",
        "source": "https://films.example/1", "title": None,
    }  # fmt: skip
    left = [json.loads(line) for line in (tmp_path / "out/left_out.jsonl").read_text().splitlines()]
    assert left == [
        {"vid_name": "shapes-002_0_30", "why": "licence: none stated"},
        {"vid_name": "shapes-003_0_30", "why": "no film here"},
    ]
    assert "6 clips in 3 tar files" in (said := capsys.readouterr().out)
    assert "1 left out, no film here" in said


def test_the_sums_hold_and_the_same_release_gives_the_same_bytes(release, tmp_path: Path):
    exported(tmp_path / "one")
    exported(tmp_path / "two")
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    sums = dict(reversed(line.split("  ")) for line in files.pop("SHA256SUMS").decode().splitlines())
    assert sums == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_what_cannot_be_exported_says_why_and_leaves_nothing(release, tmp_path: Path):
    out = tmp_path / "out"
    said = refused("demo", "1.0.0", str(out), "--licence", "CC BY 4.0")
    assert "“CC BY 4.0”" in said
    assert "“CC0-1.0” (6), “by permission” (1), “none stated” (1)" in said
    assert "there are: demo 1.0.0" in refused("demo", "2.0.0", str(out), "--licence", "CC0-1.0")
    assert "1 or more" in refused("demo", "1.0.0", str(out), "--licence", "CC0-1.0", "--shard-mib", "0")
    Path(Clip.objects.get(video__public_id="shapes-007").file.path).unlink()
    assert "No such file" in refused("demo", "1.0.0", str(out), "--licence", "CC0-1.0")
    assert not list(tmp_path.glob("out*"))
    listed = release.folder / "licences.jsonl"
    listed.chmod(0o644)
    listed.write_bytes(b"{broken\n")
    assert "licences.jsonl:1" in refused("demo", "1.0.0", str(out), "--licence", "CC0-1.0")
    assert not list(tmp_path.glob("out*"))
    out.mkdir()
    assert "exists already" in refused("demo", "1.0.0", str(out), "--licence", "CC0-1.0")
