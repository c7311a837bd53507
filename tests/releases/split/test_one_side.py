"""What is linked lies in one split: copies of a film, and where asked all that an annotator wrote."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from annotation.models import Assignment, Batch, Clip, Hit, Query, Video, Worker
from annotation.models.crowd import Kind
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.datasheet import datasheet
from benchmark_site.releases.models import Release, SplitVideo
from benchmark_site.releases.services import create_release
from benchmark_site.releases.split.one_side import by_looks, place_groups
from benchmark_site.releases.split.video_split import SplitError, place_videos
from tests.releases.conftest import deal_by_hand, make_corpus

names = st.integers(0, 39).map(lambda number: f"v{number}")
loads_of = st.dictionaries(names, st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=12)
LOOKS = [0x1122334455667788, -0x0102030405060708, 0x7A5C3E1F0B2D4F68, -0x55AA55AA33CC33CC]


@given(loads_of, st.data())
def test_what_is_linked_lies_in_one_split(loads: dict[str, Any], data: st.DataObject) -> None:
    videos = st.sampled_from(sorted(loads))
    links = data.draw(st.lists(st.tuples(videos, videos), max_size=6))
    placed = place_groups(loads, {}, links)
    assert placed.keys() == loads.keys()
    assert all(placed[one] == placed[other] for one, other in links)


@given(loads_of)
def test_without_links_all_is_as_ever(loads: dict[str, Any]) -> None:
    assert list(place_groups(loads, {}, []).items()) == list(place_videos(loads, {}).items())


@given(loads_of, st.sampled_from(["train", "val", "test"]), st.data())
def test_a_copy_of_what_is_placed_goes_where_that_is(loads: dict[str, Any], split: str, data: st.DataObject) -> None:
    old = data.draw(st.sampled_from(sorted(loads)))
    copies = ["copy", "copy of the copy"]
    links = [(old, copies[0]), (copies[0], copies[1])]
    ledger = {**place_videos(loads, {}), old: split}
    if set(ledger.values()) != {"train", "val", "test"}:
        return
    placed = place_groups({**loads, **dict.fromkeys(copies, (1, 1))}, ledger, links)
    assert placed == dict.fromkeys(copies, split)
    gone = {name: load for name, load in loads.items() if name != old}  # withdrawn since: its copies stay with it
    if {ledger[name] for name in gone} == {"train", "val", "test"}:
        assert place_groups({**gone, **dict.fromkeys(copies, (1, 1))}, ledger, links) == dict.fromkeys(copies, split)


def test_a_copy_of_two_that_lie_apart_goes_where_most_are() -> None:
    ledger = {"a": "train", "b": "test", "c": "test", "d": "val", "e": "train"}
    loads = dict.fromkeys([*ledger, "new"], (1,))
    assert place_groups(loads, ledger, [("a", "new"), ("b", "new"), ("c", "new")]) == {"new": "test"}
    assert place_groups(loads, ledger, [("a", "new"), ("b", "new"), ("e", "new")]) == {"new": "train"}


def test_one_group_of_nearly_all_cannot_be_split() -> None:
    loads = dict.fromkeys("abcd", (1,))
    with pytest.raises(SplitError, match=r"without one: .*; 3 are kept on one side together"):
        place_groups(loads, {}, [("a", "b"), ("b", "c")])


def looking(copies: list[Video]) -> None:
    """These films look the same, and each other one like none."""
    for clip in Clip.objects.select_related("video"):
        own = Random(clip.video.public_id)
        clip.looks = LOOKS if clip.video in copies else [own.getrandbits(64) - 2**63 for _ in LOOKS]
        clip.save()


def built(version: str, **how: Any) -> Release:
    release = create_release("demo", version, hidden=Release.Hidden.SHARED, **how)
    take_snapshot(acquire(Release, release.pk))
    release.refresh_from_db()
    return release


def splits(videos: list[Video]) -> set[str]:
    return set(SplitVideo.objects.filter(video__in=videos).values_list("split", flat=True))


def row(release: Release, check: str) -> dict[str, Any]:
    return next(row for row in release.quality if row["id"] == check)


@pytest.mark.django_db
def test_what_no_clip_shows_is_left_open(media) -> None:
    """Of the copy the second minute was lost: its two clips lie as far apart as those of the film."""
    film, copy = make_corpus(2)
    Clip.objects.update(end=60.0)
    for video in (film, copy):
        Clip.objects.filter(video=video).update(looks=LOOKS[:2] * 10)
        Clip.objects.create(video=video, start=120.0, end=180.0, looks=LOOKS[2:] * 10)
    Clip.objects.create(video=film, start=60.0, end=120.0, looks=[7 << 40] * 20)
    assert by_looks([film.public_id, copy.public_id]) == [(film.public_id, copy.public_id)]
    Clip.objects.filter(video=copy, start=120.0).update(start=240.0, end=300.0)
    assert by_looks([film.public_id, copy.public_id]) == []


@pytest.mark.django_db
def test_a_build_keeps_copies_in_one_split_and_says_how_many(media) -> None:
    videos = make_corpus(24)
    copies = videos[::6]
    looking(copies)
    release = built("1.0.0")
    assert len(splits(copies)) == 1
    assert "show the same were kept in one split" in datasheet(release, [], [])
    assert (row(release, "W13")["n"], row(release, "W13")["total"]) == (0, 6)


@pytest.mark.django_db
def test_copies_placed_before_anybody_knew_are_told(media) -> None:
    videos = make_corpus(12)
    deal_by_hand([videos[0], *videos[2:], videos[1]], train=4, val=4)
    looking(videos[:2])
    told = row(built("1.0.0"), "W13")
    assert told["first"] == [f"{videos[0].public_id} (train) and {videos[1].public_id} (test)"]


@pytest.mark.django_db
def test_a_copy_goes_where_a_film_lies_that_the_release_leaves_out(media) -> None:
    *placed, copy = make_corpus(13)
    deal_by_hand(placed, train=4, val=4)
    looking([placed[-1], copy])
    Video.objects.exclude(pk=placed[-1].pk).update(tags=["kept"])
    built("1.0.0", only_tag="kept")
    assert splits([copy]) == splits([placed[-1]]) == {"test"}


@pytest.mark.django_db
def test_copies_may_lie_apart_where_that_is_asked(media) -> None:
    videos = make_corpus(12)
    looking(videos[:11])
    with pytest.raises(BuildError, match="11 are kept on one side together"):
        built("1.0.0")
    release = built("1.0.1", copies_on_one_side=False)
    assert splits(videos[:11]) == {"train", "val", "test"}
    assert "one split, as far as" not in datasheet(release, [], [])
    assert row(release, "W13")["n"] > 0


@pytest.mark.django_db
def test_what_an_annotator_wrote_lies_in_one_split_where_that_is_asked(media) -> None:
    videos = make_corpus(24)
    batch = Batch.objects.create(name="one", kind=Kind.QUERY, reward="0.20", budget="9.00")
    workers = [
        Worker.objects.create(environment="local", worker_id=f"AW{number}", group=Kind.QUERY) for number in range(12)
    ]
    of = {video.pk: workers[number % 12] for number, video in enumerate(videos)}
    for number, query in enumerate(Query.objects.select_related("segment__clip__video")):
        hit = Hit.objects.create(
            batch=batch, segment=query.segment, attempt=number + 1, request_token=f"{number}", wanted=1
        )
        query.assignment = Assignment.objects.create(
            hit=hit,
            worker=of[query.segment.clip.video_id],
            assignment_id=f"A{number}",
            payload={},
            submitted_at=timezone.now(),
        )
        query.save()
    Video.objects.filter(pk__in=[video.pk for video in videos[:12]]).update(tags=["early"])
    built("0.9.0", annotators_on_one_side=True, only_tag="early")  # what its workers wrote for others is not in it
    release = built("1.0.0", annotators_on_one_side=True)
    for worker in workers:
        assert len(splits([video for video in videos if of[video.pk] == worker])) == 1
    assert (row(release, "W14")["n"], row(release, "W14")["total"]) == (0, 12)


@pytest.mark.django_db
def test_the_command_says_what_lies_in_one_split(media, monkeypatch) -> None:
    monkeypatch.setattr("benchmark_site.releases.management.commands.build_release.build_release", lambda *_: None)
    for version, given_, wanted in (
        ("1.0.0", [], (True, False)),
        ("1.0.1", ["--copies-apart", "--annotators-together"], (False, True)),
    ):
        with pytest.raises(Exception, match="is being built by another worker"):
            call_command("build_release", "demo", version, *given_)
        release = Release.objects.get(version=version)
        assert (release.copies_on_one_side, release.annotators_on_one_side) == wanted
