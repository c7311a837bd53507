"""A release leaves out the questions that models guess without the video, and says which."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.services import create_release
from evaluation.release import Release as Reader
from tests.releases.conftest import deal_by_hand, make_corpus


def built(set_aside: int) -> Release:
    version = f"1.0.{set_aside}"
    release = create_release("demo", version, hidden=Release.Hidden.SHARED, set_aside=set_aside)
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("frozen", "")
    return release


@pytest.mark.django_db
@pytest.mark.slow
def test_the_surest_stay_out_and_are_listed_with_their_chance(media) -> None:
    deal_by_hand(make_corpus(24), train=16, val=2)  # 12 questions in test
    whole, harder = built(0), built(25)
    questions = Counter(whole.items.filter(kind=Item.Kind.QA).values_list("split", flat=True))
    left = Counter(harder.items.filter(kind=Item.Kind.QA).values_list("split", flat=True))
    assert left["train"] == questions["train"] - round(0.25 * questions["train"])
    assert left["test"] == questions["test"] == 12  # not new: the release before has published them
    listed = harder.exclusions.filter(check_id="P1")
    assert listed.count() == questions.total() - left.total() > 0
    assert all("a chance of 0." in one.reason or "a chance of 1." in one.reason for one in listed)
    ids = set(listed.values_list("public_id", flat=True))
    reader = Reader.open(harder.folder)
    assert not ids & {int(qid) for split in ("train", "val", "test") for qid in reader.questions(split).qids}
    (row,) = [row for row in harder.quality if row["id"] == "P1"]
    assert (row["n"], row["severity"]) == (len(ids), "exclude")
    assert not [row for row in whole.quality if row["id"] == "P1"]


@pytest.mark.django_db
def test_a_hidden_split_keeps_ten(media) -> None:
    deal_by_hand(make_corpus(24), train=16, val=2)
    release = built(25)
    left = Counter(release.items.filter(kind=Item.Kind.QA).values_list("split", flat=True))
    assert left == {"train": 24, "val": 3, "test": 10}


@pytest.mark.django_db
def test_too_few_to_be_tried_are_all_kept(media) -> None:
    make_corpus(4)
    release = built(50)
    assert release.items.filter(kind=Item.Kind.QA).count() == 8
    assert not release.exclusions.exists()
    assert "an audit needs 10 questions" in release.blind["after"]["refused"]
