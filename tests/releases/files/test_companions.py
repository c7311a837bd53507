"""What lies beside the rows of a frozen release: card, datasheet, licences, changes, sums; it tells no truth."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from annotation.models import Query, Video
from annotation.review.corrections import withdraw
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.services import create_release
from evaluation.exchange.contamination import canary_of, contamination
from evaluation.release import Release as Reader
from tests.releases.conftest import frozen_without_matching, small_release

pytestmark = pytest.mark.django_db


def text(release: Release, path: str) -> str:
    return (release.folder / path).read_text(encoding="utf-8")


@pytest.fixture
def described(corpus) -> Release:
    corpus(6)
    Video.objects.filter(public_id="shapes-001").update(licence="CC-BY-4.0", title="A film", source="https://x.org/1")
    release = create_release(
        "demo", "1.0.0", hidden="shared", description="Shapes that move.", authors="Doe, Jane\nThe Lab",
        licence="CC-BY-SA-4.0",
    )  # fmt: skip
    return frozen_without_matching(release)


def test_a_release_says_what_it_is_and_may_be(described):
    card = text(described, "README.md")
    assert card.startswith('---\npretty_name: "demo 1.0.0"\n')
    assert "license: cc-by-sa-4.0" in card
    assert "Shapes that move." in card
    assert "SPDX-License-Identifier: CC-BY-SA-4.0" in text(described, "LICENSE")
    assert 'family-names: "Doe"' in text(described, "CITATION.cff")
    sheet = text(described, "DATASHEET.md")
    assert "6 videos, 6 clips" in sheet
    assert "CC-BY-4.0, CC0-1.0" in sheet
    for path in ("README.md", "DATASHEET.md", "CITATION.cff", "LICENSE", "croissant.json"):
        assert described.canary in text(described, path), path
    assert described.seal not in described.canary


def test_each_clip_has_its_licence(described):
    rows = [json.loads(line) for line in text(described, "licences.jsonl").splitlines()]
    assert {row["vid_name"]: row["licence"] for row in rows} == {
        f"shapes-{number:03d}_0_30": "CC-BY-4.0" if number == 1 else "CC0-1.0" for number in range(6)
    }
    (film,) = [row for row in rows if row["title"]]
    assert (film["title"], film["source"]) == ("A film", "https://x.org/1")


def test_a_public_copy_is_whole_for_sha256sum_and_for_verify(described, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(described.folder, copy)
    shutil.rmtree(copy / "held_out")
    subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=copy, check=True)
    assert list(Reader.open(copy).unlisted()) == []
    Reader.open(copy).verify()
    named = {line.split("  ")[1] for line in (copy / "SHA256SUMS").read_text().splitlines()}
    on_disk = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert on_disk - named == {"PROVENANCE.json", "SHA256SUMS"}


def test_no_companion_holds_what_is_withheld(sealed):
    """The texts of the reserve, and of test its clips and answers, stand in no other form either."""
    companions = [
        file.path for file in sealed.files.filter(access="public") if not file.path.startswith(("moment/", "qa/"))
    ]
    assert {path.partition("/")[0] for path in companions} >= {"parquet", "how2", "qvhighlights", "DATASHEET.md"}
    reserve = sealed.items.filter(published=False).values_list("text", flat=True)
    assert reserve
    hidden = sealed.items.filter(published=True, split="test", kind=Item.Kind.MOMENT)
    for path in companions:
        raw = (sealed.folder / path).read_bytes()
        assert not [found for found in reserve if found.encode() in raw], path
        if path.startswith(("how2/", "qvhighlights/")):
            assert not [item.vid_name for item in hidden if item.vid_name.encode() in raw], path


def test_the_canary_of_a_page_is_found(described, tmp_path):
    reader = Reader.open(described.folder)
    assert canary_of(reader) == described.canary
    (tmp_path / "corpus.txt").write_text(f"a crawl of {described.canary}, and more\n")
    assert contamination(reader, [tmp_path / "corpus.txt"]).canary == [f"{tmp_path}/corpus.txt:1"]


def test_changes_name_labelled_items_with_their_reason_and_count_hidden_ones(frozen):
    assert "The first version." in text(frozen, "CHANGES.md")
    user = User.objects.create_user("ann")
    gone = {}
    for split in ("train", "test"):
        item = frozen.items.filter(kind="moment", split=split).first()
        gone[split] = item.public_id
        withdraw(Query.objects.get(public_id=item.public_id), f"about nothing in {split}", user)
    second = frozen_without_matching(small_release("demo", "1.0.1"))
    told = text(second, "CHANGES.md")
    assert f"Since 1.0.0 (`{frozen.sha256}`)" in told
    assert "- 1 moment train withdrawn" in told
    assert "- 1 moment test withdrawn" in told
    assert f"- moment {gone['train']} withdrawn: about nothing in train" in told
    assert str(gone["test"]) not in told
    assert "in test" not in told


def test_the_same_rows_give_the_same_companions(described):
    before = dict(described.files.values_list("path", "sha256"))
    seal, folder = described.seal, described.folder
    kept = folder.with_name("kept")
    shutil.move(folder, kept)
    copy = create_release(
        "demo", "1.0.0-b", hidden="shared", description="Shapes that move.", authors="Doe, Jane\nThe Lab",
        licence="CC-BY-SA-4.0", seal=seal,
    )  # fmt: skip
    again = dict(frozen_without_matching(copy).files.values_list("path", "sha256"))
    assert before.keys() == again.keys()
    named = {"README.md", "CHANGES.md", "CITATION.cff", "DATASHEET.md", "LICENSE", "croissant.json"}  # the version
    assert {path for path in before if before[path] != again[path]} == named | {
        path
        for path in before
        if path.startswith("parquet/")  # the canary
    }
    assert Path(kept, "CHANGES.md").is_file()
