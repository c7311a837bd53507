"""What the tables refuse: malformed versions, half-frozen releases, any change of a frozen one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from annotation.models import Video
from benchmark_site.releases.models import Item, Negative, Release, ReleaseFile, SplitVideo

pytestmark = pytest.mark.django_db
SHA = "0" * 64


def refused(change: Callable[[], object], match: str | None = None) -> None:
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        change()


@pytest.fixture
def frozen(corpus) -> Release:
    """A frozen release with a row of every kind, written by hand."""
    videos = corpus(2, features=False)
    release = Release.objects.create(slug="demo", version="1.0.0")
    items = [question(release, video, number) for number, video in enumerate(videos)]
    Negative.objects.create(
        item=items[0], option=1, source=items[1], relevance=0.5, similarity=0.1, replaced="a written one"
    )
    ReleaseFile.objects.create(release=release, path="README.md", sha256=SHA, bytes=1, access="public")
    SplitVideo.objects.create(video=videos[0], split="train", release=release)
    Release.objects.filter(pk=release.pk).update(state="frozen", step="done", sha256=SHA, frozen_at=timezone.now())
    return release


def question(release: Release, video: Video, number: int, **fields: object) -> Item:
    values = {
        "kind": "qa", "public_id": number, "split": "train", "vid_name": "v", "duration": 30.0, "start": 1.0,
        "end": 5.0, "text": "What?", "options": ["a", "b", "c", "d"], "answer_index": 0, **fields,
    }  # fmt: skip
    return Item.objects.create(release=release, video=video, **values)


@pytest.mark.parametrize(
    "version", ["1", "1.0", "1.0.0.0", "01.0.0", "1.0.0+build", "v1.0.0", "1.0.0-", "1.0.0-01", ""]
)
def test_versions_that_are_not_semantic_are_refused(version):
    refused(lambda: Release.objects.create(slug="demo", version=version), "release_version_form")


@pytest.mark.parametrize("version", ["0.0.1", "1.0.0", "10.20.30", "1.0.0-rc.1", "1.0.0-alpha-2.0"])
def test_semantic_versions_are_accepted(version):
    release = Release(slug="demo", version=version)
    release.full_clean()
    release.save()
    assert release.get_absolute_url() == f"/releases/demo/{version}/"
    assert str(release) == f"demo {version}"


@pytest.mark.parametrize("slug", ["Demo", "de mo", "-demo", "demo-", "de--mo", "../demo", "démo", ""])
def test_names_that_are_no_plain_folder_are_refused(slug):
    refused(lambda: Release.objects.create(slug=slug, version="1.0.0"), "release_slug_form")


def test_a_version_exists_once():
    Release.objects.create(slug="demo", version="1.0.0")
    refused(lambda: Release.objects.create(slug="demo", version="1.0.0"), "release_version_once")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"state": "frozen"}, "release_frozen_has_hash"),
        ({"state": "frozen", "sha256": "short", "step": "done"}, "release_frozen_has_hash"),
        ({"state": "failed"}, "release_failed_has_reason"),
        ({"claimed_by": "me"}, "release_claim_has_heartbeat"),
    ],
)
def test_states_that_contradict_themselves_are_refused(fields, constraint):
    refused(lambda: Release.objects.create(slug="demo", version="1.0.0", **fields), constraint)


def test_a_frozen_release_refuses_every_change(frozen):
    refused(lambda: Release.objects.update(state="building"))
    refused(lambda: Release.objects.update(sha256="1" * 64))
    refused(lambda: Release.objects.filter(pk=frozen.pk).delete())
    frozen.refresh_from_db()
    assert frozen.state == "frozen"


@pytest.mark.parametrize("model", [Item, Negative, ReleaseFile])
def test_rows_of_a_frozen_release_can_neither_change_nor_go(frozen, model):
    field = {"text": "other"} if model is Item else {"replaced": "x"} if model is Negative else {"bytes": 2}
    refused(lambda: model.objects.update(**field), "frozen")
    refused(lambda: model.objects.all()._raw_delete("default"), "frozen")
    assert model.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases_release SET sha256 = repeat('1', 64)",
        "UPDATE releases_item SET text = 'other'",
        "UPDATE releases_negative SET relevance = 1",
        "UPDATE releases_releasefile SET bytes = 2",
        "DELETE FROM releases_negative",
        "DELETE FROM releases_splitvideo",
        "INSERT INTO releases_exclusion (release_id, kind, public_id, vid_name, text, check_id, reason) "
        "SELECT id, 'qa', 9, 'v', 'what?', 'B2', 'x' FROM releases_release",
    ],
)
def test_a_frozen_release_refuses_raw_sql(frozen, statement):
    def run() -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    refused(run)


def test_nothing_can_be_added_to_a_frozen_release(frozen):
    item = frozen.items.first()
    source = frozen.items.last()
    refused(lambda: question(frozen, item.video, 99), "frozen")
    refused(
        lambda: Negative.objects.create(item=item, option=2, source=source, relevance=1, similarity=0, replaced="x"),
        "frozen",
    )
    refused(
        lambda: ReleaseFile.objects.create(release=frozen, path="x", sha256=SHA, bytes=1, access="public"), "frozen"
    )


def test_rows_cannot_move_out_of_or_into_a_frozen_release(frozen):
    other = Release.objects.create(slug="demo", version="1.0.1")
    refused(lambda: frozen.items.update(release=other), "frozen")
    item = question(other, Video.objects.first(), 5)
    refused(lambda: Item.objects.filter(pk=item.pk).update(release=frozen), "frozen")


def test_a_release_in_work_can_change_and_go(frozen):
    other = Release.objects.create(slug="demo", version="1.0.1")
    question(other, Video.objects.first(), 5)
    other.items.update(text="better")
    other.delete()
    assert Release.objects.get() == frozen


def test_the_ledger_of_splits_is_append_only(frozen):
    row = SplitVideo.objects.get()
    refused(lambda: SplitVideo.objects.update(split="test"))
    refused(lambda: SplitVideo.objects.all().delete())
    refused(lambda: SplitVideo.objects.create(video=row.video, split="val", release=frozen), "unique")
    other = Video.objects.exclude(pk=row.video_id).first()
    refused(lambda: SplitVideo.objects.create(video=other, split="dev", release=frozen), "known_split")


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"start": 5.0}, "inside_clip"),
        ({"start": -1.0}, "inside_clip"),
        ({"end": 30.1}, "inside_clip"),
        ({"options": ["a", "b", "c"]}, "query_or_question"),
        ({"answer_index": 4}, "query_or_question"),
        ({"answer_index": None}, "query_or_question"),
        ({"kind": "moment"}, "query_or_question"),
        ({"type": "v"}, "query_or_question"),
    ],
)
def test_items_that_are_neither_query_nor_question_are_refused(corpus, fields, constraint):
    video = corpus(1, features=False)[0]
    release = Release.objects.create(slug="demo", version="1.0.0")
    refused(lambda: question(release, video, 1, **fields), constraint)


def test_an_answer_is_never_matched_to_its_own_question(corpus):
    release = Release.objects.create(slug="demo", version="1.0.0")
    item = question(release, corpus(1, features=False)[0], 1)
    with pytest.raises(IntegrityError, match="negative_from_another_item"):
        Negative.objects.create(item=item, option=1, source=item, relevance=1, similarity=0, replaced="x")
