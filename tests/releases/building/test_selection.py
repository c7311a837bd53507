"""A release may take a part of what was accepted: by licence or tag of the video, by batch."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from annotation.models import Assignment, Batch, Hit, Query, Video, Worker
from annotation.models.crowd import Kind
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.services import create_release
from tests.releases.conftest import deal_by_hand, frozen_without_matching, make_corpus

pytestmark = pytest.mark.django_db


def snapshot(version: str, **chosen: Any) -> set[str]:
    """Names of the videos whose items a release takes that chooses so."""
    release = create_release("demo", version, hidden=Release.Hidden.SHARED, **chosen)
    take_snapshot(acquire(Release, release.pk))
    return set(Item.objects.filter(release=release).values_list("video__public_id", flat=True))


def test_licence_and_tag_of_the_video_choose(media) -> None:
    videos = make_corpus(12)
    deal_by_hand([*videos[0::3], *videos[1::3], *videos[2::3]], train=4, val=4)  # some of each in every part
    free, tagged = ({video.public_id for video in part} for part in (videos[:6], videos[3:9]))
    Video.objects.exclude(public_id__in=free).update(licence="CC-BY-4.0")
    Video.objects.filter(public_id__in=tagged).update(tags=["kitchen"])
    everything = {video.public_id for video in videos}
    assert snapshot("1.0.0") == everything
    assert snapshot("1.0.1", only_licences=["CC0-1.0"]) == free
    assert snapshot("1.0.2", only_licences=["CC0-1.0", "CC-BY-4.0"]) == everything
    assert snapshot("1.0.3", only_tag="kitchen", only_licences=["CC0-1.0"]) == free & tagged
    with pytest.raises(BuildError, match="nothing that was chosen has been accepted yet"):
        snapshot("1.0.4", only_tag="garden")


def test_answers_to_batches_are_taken_and_nothing_that_was_imported(media) -> None:
    deal_by_hand(make_corpus(4))
    batch = Batch.objects.create(name="one", kind=Kind.QUERY, reward="0.20", budget="9.00")
    written = list(Query.objects.order_by("pk")[:5])
    worker = Worker.objects.create(environment="local", worker_id="AW", group=Kind.QUERY)
    for number, query in enumerate(written):
        hit = Hit.objects.create(batch=batch, segment=query.segment, request_token=f"{number}", wanted=1)
        query.assignment = Assignment.objects.create(
            hit=hit, worker=worker, assignment_id=f"A{number}", payload={}, submitted_at=timezone.now()
        )
        query.save()
    release = create_release("demo", "1.0.0", hidden=Release.Hidden.SHARED, only_batches=[batch.pk])
    take_snapshot(acquire(Release, release.pk))
    found = Item.objects.filter(release=release)
    assert set(found.values_list("kind", "public_id")) == {("moment", query.public_id) for query in written}


def test_the_form_offers_what_there_is_and_the_datasheet_says_what_was_chosen(client, media) -> None:
    make_corpus(6)
    batch = Batch.objects.create(name="one", kind=Kind.QUERY, reward="0.20", budget="9.00")
    client.force_login(User.objects.create_user("ann", is_staff=True))
    page = client.get("/releases/new/").content.decode()
    assert 'value="CC0-1.0"' in page
    assert f'<option value="{batch.pk}">' in page
    asked = {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "shared", "set_aside": 20}
    refused = client.post("/releases/new/", asked | {"only_licences": ["MIT"]})
    assert "MIT is not one of the available choices" in refused.content.decode()
    client.post("/releases/new/", asked | {"only_licences": ["CC0-1.0"], "only_batches": []})
    release = Release.objects.get()
    assert (release.only_licences, release.only_batches, release.only_tag) == (["CC0-1.0"], [], "")
    frozen_without_matching(release)
    assert "takes videos under CC0-1.0." in (release.folder / "DATASHEET.md").read_text()


def test_the_command_names_a_batch_that_is_not_there(media) -> None:
    with pytest.raises(CommandError, match="there is no batch 'two'"):
        call_command("build_release", "demo", "1.0.0", "--only-batch", "two")
