"""What a build doubts stands on a page; what somebody decides there the next version obeys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from annotation.crowd import launch
from annotation.models import Assignment, Batch, Correction, Doubt, Hit, Question, Validation, Worker
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.models import Item, Release, Ruling, Suspect
from benchmark_site.releases.quality.rulings import read_rulings, rule
from benchmark_site.releases.services import create_release
from tests.releases.conftest import deal_by_hand, frozen_without_matching, make_corpus, small_release

pytestmark = pytest.mark.django_db
PAGE = "/releases/demo/1.0.0/suspects/"


@pytest.fixture
def requester(client: Client) -> Client:
    client.force_login(User.objects.create_user("ann", is_staff=True))
    return client


@pytest.fixture
def doubtful() -> Iterator[Release]:
    """A frozen release with a suspect option in each split."""
    make_corpus(6)

    def doubt() -> None:
        for item in Item.objects.filter(kind="qa"):
            Suspect.objects.create(item=item, option=_wrong(item), reason="shares most words", score=0.7)
            Item.objects.filter(pk=item.pk).update(blind_chance=0.75 if item.split == "train" else 0.25)

    return frozen_without_matching(small_release("demo", "1.0.0"), doubt)


def _wrong(item: Item) -> int:
    return (item.answer_index + 1) % 4


def built(version: str, **how: int) -> Release:
    release = create_release("demo", version, hidden=Release.Hidden.SHARED, seal="5e" * 32, **how)
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("frozen", "")
    return release


def test_each_list_shows_its_lines_and_a_decision_is_remembered(requester, doubtful) -> None:
    train = doubtful.items.filter(kind="qa", split="train").first()
    doubted = train.options[_wrong(train)]
    page = requester.get(PAGE).content.decode()
    assert f"<mark>{doubted}</mark>" in page
    assert "May be right (12)" in page
    n_easy = doubtful.items.filter(kind="qa", split="train").count()
    easy = requester.get(f"{PAGE}?list=easy").content.decode()
    assert f"Easy without the film ({n_easy})" in easy
    assert "guessed with a chance of 0.75" in easy.lower()
    said = requester.post(PAGE, {"item": train.pk, "option": _wrong(train), "verdict": "replace"}, follow=True)
    assert f"“{doubted}” is replaced from now on" in said.content.decode()
    said = requester.post(f"{PAGE}?list=easy", {"item": train.pk, "option": "", "verdict": "accept"}, follow=True)
    assert "<strong>stays</strong>, says ann" in said.content.decode()
    found = set(Ruling.objects.values_list("public_id", "option", "verdict"))
    assert found == {(train.public_id, doubted, "replace"), (train.public_id, "", "accept")}
    requester.post(PAGE, {"item": train.pk, "option": _wrong(train), "verdict": "accept"})
    assert Ruling.objects.get(option=doubted).verdict == "accept"  # the later word counts
    assert doubtful.items.get(pk=train.pk).options == train.options  # frozen: it stays as it is


def test_what_cannot_be_decided_is_refused_in_words(requester, doubtful) -> None:
    train, hidden = (doubtful.items.filter(kind="qa", split=split).first() for split in ("train", "test"))
    query = doubtful.items.filter(kind="moment").first()
    cases = [
        ({"item": train.pk, "option": train.answer_index, "verdict": "replace"}, "this is the right answer"),
        ({"item": train.pk, "option": "9", "verdict": "accept"}, "there is no such answer"),
        ({"item": train.pk, "option": "", "verdict": "replace"}, "rewrite that"),
        ({"item": train.pk, "option": "1", "verdict": "burn"}, "expected one of accept, replace"),
        ({"item": query.pk, "option": "", "verdict": "accept"}, "there is no such answer"),
        ({"item": hidden.pk, "option": _wrong(hidden), "verdict": "replace"}, "a hidden question keeps its options"),
    ]
    for asked, word in cases:
        assert word in requester.post(PAGE, asked, follow=True).content.decode(), asked
    for item in ("", "x", "9" * 40, 10**12):
        assert requester.post(PAGE, {"item": item, "verdict": "accept"}).status_code == 404
    assert not Ruling.objects.exists()
    for wrong in ({"option": "", "verdict": "replace"}, {"option": "a", "verdict": "burn"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Ruling.objects.create(public_id=1, user=User.objects.get(), **wrong)


def _find_right(doubt: Doubt, people: int, of: int) -> None:
    batch = Batch.objects.create(name="doubts", kind="validate", reward=1, budget=99, doubted=True)
    where = {"segment": doubt.question.segment, "question": doubt.question, "doubt": doubt}
    hit = Hit.objects.create(batch=batch, **where, wanted=of, request_token="doubts")
    for n in range(of):
        worker = Worker.objects.create(environment="local", worker_id=f"looks {n}", group="segment")
        row = Assignment.objects.create(hit=hit, worker=worker, assignment_id=f"d{n}", submitted_at=timezone.now())
        also = Validation.DOUBTED if n < people else Validation.NONE
        Validation.objects.create(question=doubt.question, assignment=row, choice=0, also=also)


@pytest.mark.parametrize("people", [1, 2])
def test_what_two_people_find_right_is_replaced_unless_somebody_decides(requester, doubtful, people: int) -> None:
    train = doubtful.items.filter(kind="qa", split="train").first()
    option = _wrong(train)
    said = requester.post(PAGE, {"item": train.pk, "option": option, "verdict": "ask"}, follow=True).content.decode()
    assert "is asked about in the next batch about answers that a release doubts" in said
    assert "people are to be asked" in said
    requester.post(PAGE, {"item": train.pk, "option": option, "verdict": "ask"})
    doubt = Doubt.objects.get()
    assert (doubt.question.public_id, doubt.text) == (train.public_id, train.options[option])
    assert list(launch.units(Batch(kind="validate", doubted=True))) == [doubt]
    _find_right(doubt, people, of=3)
    assert f"{people} of 3 people find it right" in requester.get(PAGE).content.decode()
    assert read_rulings().unwanted(train) == ([doubt.text] if people == 2 else [])
    rule(train, option, "accept", User.objects.get())
    assert read_rulings().unwanted(train) == []


def test_what_people_cannot_be_asked_about_is_refused_in_words(requester, doubtful) -> None:
    train = doubtful.items.filter(kind="qa", split="train").first()
    hidden = doubtful.items.filter(kind="qa", split="test").first()
    Question.objects.filter(public_id=hidden.public_id).update(
        withdrawn_by=Correction.objects.create(
            kind="qa", public_id=hidden.public_id, what="withdrawn", before={}, after={}, reason="it is wrong",
            user=User.objects.get(),
        )
    )  # fmt: skip
    for item, option, word in (
        (train, "", "about an answer, not about a question"),
        (train, train.answer_index, "this is the right answer"),
        (hidden, _wrong(hidden), "workers may not see this question"),
    ):
        asked = {"item": item.pk, "option": option, "verdict": "ask"}
        assert word in requester.post(PAGE, asked, follow=True).content.decode()
    assert not Doubt.objects.exists()


@pytest.mark.slow
def test_the_next_version_obeys(media) -> None:
    deal_by_hand(make_corpus(24), train=16, val=2)
    user = User.objects.create_user("ann")
    first = built("1.0.0")
    train = first.items.filter(kind="qa", split="train", suspects__isnull=False).distinct().order_by("public_id")
    kept, gone = train[0], train[1]
    lent = first.items.filter(kind="qa", split="train", negatives__isnull=False).exclude(pk=gone.pk).first()
    negative = lent.negatives.first()
    for item, option, verdict in (
        *((kept, kept.options[suspect.option], "accept") for suspect in kept.suspects.all()),
        (gone, gone.options[gone.suspects.first().option], "replace"),
        (lent, lent.options[negative.option], "replace"),
    ):
        Ruling.objects.create(public_id=item.public_id, option=option, verdict=verdict, user=user)
    second = built("1.1.0")
    for item, option in ((gone, gone.suspects.first().option), (lent, negative.option)):
        assert item.options[option] not in second.items.get(kind="qa", public_id=item.public_id).options
    accepted = {kept.options[suspect.option] for suspect in kept.suspects.all()}
    again = second.items.get(kind="qa", public_id=kept.public_id)
    assert not accepted & {again.options[suspect.option] for suspect in again.suspects.all()}
    named = {row["id"]: row for row in second.quality}["W8"]
    assert named["n"] == second.items.filter(suspects__isnull=False).distinct().count()
    assert named["n"] < first.items.filter(suspects__isnull=False).distinct().count()


@pytest.mark.slow
def test_an_easy_question_that_somebody_accepted_is_not_set_aside(media) -> None:
    deal_by_hand(make_corpus(24), train=16, val=2)
    user = User.objects.create_user("ann")
    first = built("1.0.0", set_aside=25)
    surest = first.exclusions.filter(check_id="P1", kind="qa").first()
    Ruling.objects.create(public_id=surest.public_id, verdict="accept", user=user)
    second = built("1.1.0", set_aside=25)
    assert second.items.filter(kind="qa", public_id=surest.public_id).exists()
    assert second.exclusions.filter(check_id="P1").exists()
