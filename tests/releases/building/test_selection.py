"""A release may take a part of what was accepted: by licence or tag of the video, by batch, by a query over items."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from annotation.models import Assignment, Batch, Hit, Query, Question, Segment, Video, Worker
from annotation.models.crowd import Kind
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.selection import chosen
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.item_query import parsed
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


def matching(text: str) -> set[tuple[str, int]]:
    """Kind and place in the corpus of the items that a release takes that asks so."""
    release = Release(slug="demo", version="1.0.0", only_items=text)
    return {
        (kind, found)
        for kind, model in (("moment", Query), ("qa", Question))
        for found in chosen(release, model).values_list("pk", flat=True)
    }


def test_a_query_chooses_among_the_items_by_words_task_type_and_length(media) -> None:
    make_corpus(2)
    first, second, third = Query.objects.order_by("pk")[:3]
    asked = Question.objects.order_by("pk")[0]
    for item, text in (
        (first, "He chops onions on a cutting board"), (second, "She is cutting paper"), (third, "A dog barks"),
        (asked, "Who chops the onions?"),
    ):  # fmt: skip
        item.text = text
        item.save()
    Query.objects.update(type="vt")
    Query.objects.filter(pk=third.pk).update(type="t")
    lengths = {second.segment_id: (2.0, 4.5), third.segment_id: (2.0, 32.0)}
    for pk, (start, end) in lengths.items():
        Segment.objects.filter(pk=pk).update(start=start, end=end)
    q1, q2, q3, a1 = ("moment", first.pk), ("moment", second.pk), ("moment", third.pk), ("qa", asked.pk)
    assert matching("onion") == {q1, a1}  # by stems
    assert matching("cutting") == {q1, q2}
    assert matching('"cutting board"') == {q1}
    assert matching("cutting -onions") == {q2}
    assert matching("dog or paper") == {q2, q3}
    assert matching("onions task:qa") == {a1}
    assert matching("task:moment onions") == {q1}
    assert matching("type:t") == {q3}
    assert matching("type:t task:qa") == matching("the") == matching("nowhere") == set()
    assert matching("seconds:30-") & {q2, q3} == {q3}
    assert matching("seconds:-2.5") & {q2, q3} == {q2}
    assert matching("seconds:2.5-2.5 cutting") == {q2}
    assert matching("") == matching("  ")
    assert len(matching("")) == Query.objects.count() + Question.objects.count()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("length:5", "length:5: expected task:, type:, seconds: or words"),
        ("task:vcmr", "task:vcmr: expected one of moment, qa"),
        ("type:x", "type:x: expected one of v, t, vt"),
        ("seconds:five", "seconds:five: expected a range"),
        ("seconds:-", "seconds:-: expected a range"),
        ("seconds:30-5", "the shorter length first"),
        ("task:qa task:qa", "task stands twice"),
    ],
)
def test_a_query_that_says_nothing_is_refused_by_form_and_command(client, text: str, message: str) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    asked = {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "shared", "set_aside": 20, "only_items": text}
    assert message in client.post("/releases/new/", asked).content.decode()
    with pytest.raises(CommandError, match=re.escape(message)):
        call_command("build_release", "demo", "1.0.0", "--only-items", text)
    assert not Release.objects.exists()


@given(st.text(max_size=60))
def test_no_text_of_a_query_is_an_error_of_ours(text: str) -> None:
    try:
        query = parsed(text)
    except ValidationError:
        return
    assert query.shortest <= query.longest


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
    wanted = {"only_licences": ["CC0-1.0"], "only_batches": [], "only_items": "seconds:0-60"}
    client.post("/releases/new/", asked | wanted)
    release = Release.objects.get()
    assert (release.only_licences, release.only_batches, release.only_tag) == (["CC0-1.0"], [], "")
    frozen_without_matching(release)
    assert (
        "takes videos under CC0-1.0, items that match `seconds:0-60`." in (release.folder / "DATASHEET.md").read_text()
    )


def test_the_command_names_a_batch_that_is_not_there(media) -> None:
    with pytest.raises(CommandError, match="there is no batch 'two'"):
        call_command("build_release", "demo", "1.0.0", "--only-batch", "two")
