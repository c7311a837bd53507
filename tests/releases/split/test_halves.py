"""Test in two halves by video: even, for ever, and told by nothing that is public."""

from __future__ import annotations

from collections import Counter

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from annotation.models import Query, Video
from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.leaderboard.scoring.parts import parts
from benchmark_site.releases.models import HalvedVideo, Release, SplitVideo
from benchmark_site.releases.services import create_release
from benchmark_site.releases.split.halves import deal_halves
from evaluation.release import Release as Reader
from tests.releases.conftest import deal_by_hand, frozen_without_matching, make_corpus

KEY = "5e" * 32
loads = st.dictionaries(
    st.text("abcdef0123456789-_", min_size=1, max_size=6), st.tuples(*[st.integers(0, 9)] * 2), max_size=40
)


@given(loads, st.randoms())
def test_the_order_of_the_rows_does_not_matter(counts, random) -> None:
    shuffled = list(counts.items())
    random.shuffle(shuffled)
    assert deal_halves(dict(shuffled), {}, KEY) == deal_halves(counts, {}, KEY)


@given(loads, loads)
def test_growing_moves_no_video(first, more) -> None:
    before = deal_halves(first, {}, KEY)
    assert before.keys() == first.keys()
    after = deal_halves(more | first, before, "another release's secret")
    assert after.keys() == (more | first).keys() - first.keys()


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=200, max_size=300), st.integers(0, 200))
def test_shares_are_within_a_point_also_when_videos_come_later(counts, first) -> None:
    """Of videos, queries and questions."""
    named = {f"v{number}": pair for number, pair in enumerate(counts)}
    early = dict(list(named.items())[:first])
    ledger = deal_halves(early, {}, KEY)
    halves = ledger | deal_halves(named, ledger, KEY)
    for measure in ([1] * len(counts), *zip(*counts, strict=True)):
        of = dict(zip(named, measure, strict=True))
        public = sum(of[name] for name, half in halves.items() if half == "public") / sum(measure)
        assert abs(public - 0.5) <= 0.01, measure


def test_another_secret_is_another_division() -> None:
    counts = {f"v{number}": (1, 1) for number in range(60)}
    divisions = [deal_halves(counts, {}, f"secret {number}") for number in range(8)]
    assert len({tuple(sorted(found.items())) for found in divisions}) == 8
    agreed = [sum(found[video] == divisions[0][video] for video in counts) for found in divisions[1:]]
    assert all(10 < n < 50 for n in agreed)  # 30 by chance


def built(version: str, **how: str | bool) -> Release:
    return frozen_without_matching(create_release("demo", version, test_halves=True, **how))


@pytest.mark.django_db
def test_a_board_keeps_a_half_of_the_videos_to_itself(media) -> None:
    deal_by_hand(make_corpus(64), train=2, val=2)  # 60 in test, sealed
    release = built("1.0.0")
    ledger = dict(HalvedVideo.objects.values_list("video__public_id", "half"))
    assert Counter(ledger.values()) == {"public": 30, "private": 30}
    folder = Reader.open(release.folder)
    halves = folder.halves()
    assert {name.rsplit("_", 2)[0]: half for name, half in halves.items()} == ledger
    assert halves.keys() == set(folder.videos("test").names)
    for track in create_tracks(release):
        track.public_percent = 50
        if track.split != "test":
            continue
        public, private = parts(track)
        clips = {item.public_id: item.video.public_id for item in release.items.filter(kind=track.task)}
        assert {ledger[clips[one]] for one in public} == {"public"}
        assert {ledger[clips[one]] for one in private} == {"private"}
        assert len(public) == len(private) == 30
        track.public_percent = 30  # no half: drawn by items
        assert {ledger[clips[one]] for one in parts(track)[0]} == {"public", "private"}
    assert "Test is in two halves by video" in (release.folder / "DATASHEET.md").read_text()
    assert not [row for row in release.quality if row["id"] == "W15" and row["n"]]


@pytest.mark.django_db
def test_no_public_file_tells_the_halves(media) -> None:
    deal_by_hand(make_corpus(24), train=2, val=2)
    release = built("1.0.0")
    assert (release.folder / "held_out/halves.jsonl").stat().st_mode & 0o077 == 0
    told = [path for path in release.files.filter(access="public").values_list("path", flat=True) if "halves" in path]
    assert told == []
    assert not [
        path
        for path in release.folder.rglob("*")
        if path.is_file() and "held_out" not in path.parts and b'"half"' in path.read_bytes()
    ]


@pytest.mark.django_db
def test_the_next_version_keeps_the_halves_and_adds_to_them(media) -> None:
    made = make_corpus(24)
    deal_by_hand(made, train=2, val=2)
    first = built("1.0.0")
    before = dict(HalvedVideo.objects.values_list("video__public_id", "half"))
    Query.objects.filter(segment__clip__video=made[-1]).delete()
    more = make_corpus(10, start=40)
    SplitVideo.objects.bulk_create(SplitVideo(video=video, split="test", release=first) for video in more)
    second = built("1.1.0")
    after = dict(HalvedVideo.objects.values_list("video__public_id", "half"))
    assert before.items() <= after.items()
    assert Counter(after[video.public_id] for video in more) == {"public": 5, "private": 5}
    assert set(Reader.open(second.folder).halves()) == set(Reader.open(second.folder).videos("test").names)
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        HalvedVideo.objects.update(half="public")
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        HalvedVideo.objects.all().delete()


@pytest.mark.django_db
def test_too_small_a_half_is_told_and_who_does_not_ask_gets_none(media) -> None:
    videos: list[Video] = make_corpus(6)
    release = built("1.0.0", hidden=Release.Hidden.SHARED)
    (row,) = [row for row in release.quality if row["id"] == "W15"]
    assert row["n"] == 4
    assert row["first"][0].startswith("public moment: ")
    plain = frozen_without_matching(create_release("demo", "1.0.1", hidden=Release.Hidden.SHARED))
    assert not [row for row in plain.quality if row["id"] == "W15"]
    assert Reader.open(plain.folder).halves() == {}
    assert HalvedVideo.objects.count() <= len(videos)


@pytest.mark.django_db
def test_the_form_asks(client) -> None:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    assert 'name="test_halves"' in client.get("/releases/new/").content.decode()
    asked = {"slug": "demo", "version": "1.0.0", "seed": 0, "hidden": "sealed", "test_halves": "on"}
    client.post("/releases/new/", asked)
    assert Release.objects.get().test_halves
