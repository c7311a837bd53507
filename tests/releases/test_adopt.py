"""A release folder of another site becomes one of this site: same files, same splits, and its items go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Answer, Clip, Query, Question, Segment, Subtitle, Video
from benchmark_site.releases.models import Item, Release, SealedClip, SplitVideo
from benchmark_site.releases.split.carry_over import carried
from evaluation.release import Release as Reader
from tests.releases.conftest import frozen_without_matching, small_release

# Each test wipes the site, whose triggers keep ledgers and frozen rows: by truncation, which they allow.
pytestmark = pytest.mark.django_db(transaction=True)
TABLES = (Item, SplitVideo, SealedClip, Answer, Question, Query, Segment, Subtitle, Clip, Video, Release)


def moved(release: Release, place: Path, public: bool) -> Path:
    """The release's folder elsewhere, and a site that knows nothing of it."""
    from django.db import connection

    shutil.copytree(release.folder, place)
    if public:
        shutil.rmtree(place / "held_out")
    shutil.rmtree(release.folder)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in TABLES)} CASCADE")
    return place


def rows(release: Release) -> dict[tuple[str, int], tuple[object, ...]]:
    fields = ("split", "published", "vid_name", "start", "end", "text", "type", "answer_index")
    return {(i.kind, i.public_id): tuple(getattr(i, name) for name in fields) for i in release.items.all()}


@pytest.mark.parametrize("kind", ["frozen", "sealed"])
def test_a_full_copy_is_the_same_release_here(request, kind, tmp_path):
    release = request.getfixturevalue(kind)
    before, files = rows(release), dict(release.files.values_list("path", "sha256"))
    splits = dict(SplitVideo.objects.values_list("video__public_id", "split"))
    sealed = set(SealedClip.objects.values_list("clip__video__public_id", "task"))
    folder = moved(release, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert (here.state, here.sha256, here.hidden, here.seal) == ("frozen", release.sha256, release.hidden, release.seal)
    assert dict(here.files.values_list("path", "sha256")) == files
    assert rows(here) == before
    assert dict(SplitVideo.objects.values_list("video__public_id", "split")) == splits
    assert set(SealedClip.objects.values_list("clip__video__public_id", "task")) == sealed
    Reader.open(here.folder).verify()
    assert (here.folder / "held_out").stat().st_mode & 0o077 == 0
    assert Subtitle.objects.count() == Video.objects.count()
    assert {q.public_id for q in Query.objects.all()} == {number for task, number in before if task == "moment"}
    counts = [model.objects.count() for model in TABLES]
    call_command("import_release", str(folder))
    assert [model.objects.count() for model in TABLES] == counts


def test_the_next_version_goes_on_with_ids_and_splits(frozen, tmp_path):
    folder = moved(frozen, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    before = {key: row[:1] for key, row in rows(Release.objects.get()).items()}
    second = frozen_without_matching(small_release("demo", "1.1.0"))
    assert {key: row[:1] for key, row in rows(second).items()} == before
    assert not second.exclusions.exists()


def test_what_another_site_may_have_lent_is_not_lent_again(sealed, tmp_path):
    """Which answers of the reserve it has lent, its files do not say."""
    kept = set(sealed.items.filter(kind="qa", published=False).values_list("public_id", flat=True))
    folder = moved(sealed, tmp_path / "elsewhere", public=False)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    known = carried(here, list(here.items.filter(kind="qa").select_related("video")))
    assert kept
    assert kept <= known.lent


def test_of_a_public_copy_the_labelled_splits_come_in(frozen, tmp_path):
    labelled = {key for key, row in rows(frozen).items() if row[0] != "test"}
    folder = moved(frozen, tmp_path / "elsewhere", public=True)
    call_command("import_release", str(folder))
    here = Release.objects.get()
    assert rows(here).keys() == labelled
    assert not (here.folder / "held_out").exists()
    assert here.sha256 == frozen.sha256


def test_a_damaged_folder_and_another_split_are_refused_and_nothing_stays(frozen, tmp_path):
    video = frozen.items.filter(split="train").first().video.public_id
    folder = moved(frozen, tmp_path / "elsewhere", public=False)
    path = folder / "moment/tvr/val.jsonl"
    good = path.read_bytes()
    path.write_bytes(good + b"\n")
    with pytest.raises(CommandError, match=r"moment/tvr/val\.jsonl"):
        call_command("import_release", str(folder))
    path.write_bytes(good)
    other = small_release("other", "1.0.0")
    SplitVideo.objects.create(video=Video.objects.create(public_id=video, state="ready"), split="val", release=other)
    with pytest.raises(CommandError, match=f"{video} is in train there and in val here"):
        call_command("import_release", str(folder))
    assert not Query.objects.exists()
    assert list(Release.objects.all()) == [other]
    assert not frozen.folder.exists()
