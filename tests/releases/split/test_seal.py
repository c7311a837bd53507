"""Sealed releases: what is published, what is kept, and that later versions tell no more."""

from __future__ import annotations

import json
import shutil
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from annotation.crowd.launch import askable_clips, askable_questions, external_question, units
from annotation.models import Batch, Doubt, Hit, Query, Question, Segment, Video
from annotation.models.crowd import Kind
from annotation.review import corrections
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.matching import match_negatives
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.building.publish import audit_leaks, publish
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item, Negative, Release, SealedClip
from benchmark_site.releases.quality.rulings import ask
from benchmark_site.releases.services import create_release, retry_release, waive
from benchmark_site.releases.split.carry_over import carried
from benchmark_site.releases.split.seal import HIDDEN
from evaluation.release import Release as Reader
from tests.releases.conftest import LEAKS, deal_by_hand, frozen_without_matching, make_corpus

pytestmark = pytest.mark.django_db


@pytest.fixture
def videos() -> list[Video]:
    """24 videos, 20 of them in test."""
    made = make_corpus(24)
    deal_by_hand(made, train=2, val=2)
    return made


def collected(version: str = "1.0.0", **how: str) -> Release:
    release = create_release("demo", version, **how)
    take_snapshot(acquire(Release, release.pk))
    release.refresh_from_db()
    return release


def built(version: str = "1.0.0", seed: int = 0) -> Release:
    release = create_release("demo", version, seed=seed)
    build_release(release.pk)
    release.refresh_from_db()
    return release


def rows(folder: Path, path: str) -> list[dict]:
    return [json.loads(line) for line in (folder / path).read_text().splitlines()]


def test_a_hidden_clip_serves_one_task_and_the_other_is_kept(videos):
    release = collected()
    hidden = release.items.filter(split=HIDDEN)
    task_of = dict(SealedClip.objects.values_list("clip__video__public_id", "task"))
    assert len(task_of) == 20
    for item in hidden.select_related("video"):
        assert item.published == (task_of[item.video.public_id] == item.kind)
    assert hidden.filter(published=True).count() == hidden.filter(published=False).count() == 40
    assert not release.items.exclude(split=HIDDEN).filter(published=False).exists()


def test_the_files_of_a_sealed_release_tell_one_task_nothing_of_the_other(videos):
    release = built()
    assert release.state == "frozen", release.reason
    folder = release.folder
    reader = Reader.open(folder)
    assert reader.hidden == "sealed"
    moments, questions = (set(reader.videos("test", task).names) for task in ("moment", "qa"))
    assert moments
    assert questions
    assert not moments & questions
    public = rows(folder, "qa/value/test_public.jsonl")
    assert all(row.keys() == {"qid", "vid_name", "q", "a0", "a1", "a2", "a3"} for row in public)
    assert {row["vid_name"] for row in public} <= questions
    kept = {task: rows(folder, f"held_out/{place}/reserve.jsonl") for task, place in FOLDERS.items()}
    assert len(kept["moment"]) == len(kept["qa"]) == 20
    texts = "".join(
        path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and "held_out" not in path.parts and path.suffix in (".jsonl", ".json", ".md")
    )
    for row in kept["moment"]:
        assert row["desc"] not in texts
    assert not {row["qid"] for row in kept["qa"]} & {row["qid"] for row in public}
    labelled = [row for split in ("train", "val") for row in rows(folder, f"qa/value/{split}.jsonl")]
    assert reader.difficulty().keys() == {row["qid"] for row in [*labelled, *public]}
    assert len(set(reader.difficulty().values())) > 20


FOLDERS = {"moment": "moment/tvr", "qa": "qa/value"}


def test_hidden_questions_take_negatives_from_the_reserve_alone_each_of_it_once(videos):
    release = built()
    hidden = Negative.objects.filter(item__release=release, item__split=HIDDEN).select_related("item", "source")
    assert hidden
    assert not any(negative.source.published for negative in hidden)
    assert len({negative.source_id for negative in hidden}) == len(hidden)
    others = Negative.objects.filter(item__release=release).exclude(item__split=HIDDEN)
    assert all(negative.source.published for negative in others)


def test_a_hidden_question_keeps_its_options_in_the_next_version(videos):
    """Were they matched anew, comparing two versions would tell which option was lent."""
    first = built()
    before = {item.public_id: (item.options, item.answer_index) for item in published_questions(first)}
    lent = set(Negative.objects.filter(item__split=HIDDEN).values_list("source__public_id", flat=True))
    make_corpus(6, start=50)
    second = built("1.1.0", seed=5)
    assert second.state == "frozen", second.reason
    after = {item.public_id: (item.options, item.answer_index) for item in published_questions(second)}
    assert {qid: after[qid] for qid in before} == before
    new = Negative.objects.filter(item__release=second, item__split=HIDDEN).exclude(item__public_id__in=before)
    assert not lent & set(new.values_list("source__public_id", flat=True))


def test_a_question_that_was_corrected_after_it_was_published_is_left_out(videos):
    """Published anew, it would have one option with a twin in the other version: the right one."""
    first = frozen_without_matching(create_release("demo", "1.0.0"))
    item = published_questions(first)[0]
    Question.objects.get(public_id=item.public_id).answers.filter(correct=True).update(text="a corrected answer")
    second = collected("1.0.1")
    assert not second.items.filter(public_id=item.public_id, kind="qa").exists()
    assert [row["first"] for row in second.quality if row["id"] == "H2"] == [[f"qa {item.public_id}"]]


def test_a_question_whose_text_was_corrected_after_it_was_published_is_left_out(videos, requester):
    """Another text is another id; matched anew, the options that both versions have in common would tell."""
    first = frozen_without_matching(create_release("demo", "1.0.0"))
    hidden, labelled = published_questions(first)[0], first.items.filter(kind="qa", split="train")[0]
    for item in (hidden, labelled):
        reworded(reworded(item, "What is cut there?", requester), "What is it that is cut there?", requester)
    second = collected("1.0.1")
    assert not second.items.filter(kind="qa", vid_name=hidden.vid_name, text__startswith="What is it that").exists()
    assert second.items.filter(kind="qa", vid_name=labelled.vid_name, text__startswith="What is it that").exists()
    assert [row["n"] for row in second.quality if row["id"] == "H2"] == [1]


def test_a_lent_answer_is_not_lent_again_when_its_question_is_reworded(videos, requester):
    first = create_release("demo", "1.0.0")

    def lend() -> None:
        asked, lender = published_questions(first)[0], first.items.filter(kind="qa", published=False)[0]
        option = (asked.answer_index + 1) % 4
        Negative.objects.create(item=asked, source=lender, option=option, relevance=0, similarity=0)
        Release.objects.filter(pk=first.pk).update(matching={"n": 1})

    frozen_without_matching(first, lend)
    lender = Negative.objects.get().source
    idle = first.items.filter(kind="qa", published=False).exclude(pk=lender.pk)[0]
    was_lent, was_not = (reworded(item, f"What is cut in {item.vid_name}?", requester) for item in (lender, idle))
    second = collected("1.0.1")
    known = carried(second, list(second.items.filter(kind="qa").select_related("video")))
    leaves = {item.public_id: known.leaves(item) for item in second.items.filter(kind="qa", published=False)}
    assert (leaves[was_lent.public_id], leaves[was_not.public_id]) == (False, True)


def reworded(item: Item | Question, text: str, by: User) -> Question:
    """The accepted question with another text, as its page corrects it."""
    question = Question.objects.get(public_id=item.public_id)
    state = corrections.state_of(question) | {"text": text}
    corrected = corrections.correct(question, **state, reason="it reads badly", user=by)
    assert isinstance(corrected, Question)
    return corrected


def published_questions(release: Release) -> list[Item]:
    return list(release.items.filter(kind="qa", split=HIDDEN, published=True))


def test_the_ledger_deals_a_clip_once_and_never_changes(videos):
    collected()
    before = dict(SealedClip.objects.values_list("clip", "task"))
    make_corpus(3, start=60)
    collected("1.1.0")
    assert before.items() <= dict(SealedClip.objects.values_list("clip", "task")).items()
    row = SealedClip.objects.first()
    for change in (lambda: SealedClip.objects.filter(pk=row.pk).update(task="qa"), lambda: row.delete()):
        with pytest.raises(DatabaseError, match=r"append_only|Cannot"), transaction.atomic():
            change()


def test_too_small_a_hidden_split_is_refused_and_may_be_shared():
    make_corpus(12)
    with pytest.raises(BuildError, match=r"sealed: the hidden split would publish only .*10 of each task are needed"):
        collected()
    assert not SealedClip.objects.exists()
    assert collected("1.0.1", hidden="shared").items.filter(published=False).count() == 0


def test_a_large_hidden_split_may_not_be_shared(videos):
    with pytest.raises(BuildError, match="large enough to be sealed"):
        collected(hidden="shared")


def test_one_task_alone_is_sealed_without_a_reserve_and_may_be_shared(videos):
    Question.objects.all().delete()
    assert collected().items.filter(published=False).count() == 0
    assert collected("1.0.1", hidden="shared").items.count() == 48


def test_what_a_shared_release_told_is_not_sealed_later_and_the_other_way_round(videos):
    """An earlier shared release, as all releases of version 1 were: both tasks of its hidden videos are told."""
    told = collected()
    told.items.filter(video__in=videos[4:8]).update(published=True)
    Release.objects.filter(pk=told.pk).update(
        state="frozen", step="done", sha256="0" * 64, frozen_at="2026-01-01T00:00Z", claimed_by=""
    )
    later = collected("2.0.0")
    assert not later.items.filter(video__in=videos[4:8]).exists()
    assert later.items.filter(split=HIDDEN).count() == 64
    # too few are left to seal another benchmark's; shared, it still may not publish the sealed clips' other task
    Question.objects.filter(segment__clip__video__in=videos[8:20]).delete()
    shared = create_release("other", "1.0.0", hidden="shared")
    take_snapshot(acquire(Release, shared.pk))
    task_of = dict(SealedClip.objects.values_list("clip__video__public_id", "task"))
    for item in shared.items.filter(split=HIDDEN).select_related("video"):
        assert task_of[item.video.public_id] == item.kind


def stopped(release: Release, attack: str = "one place a text") -> Release:
    """Stopped by its audit, as the step leaves it."""
    Release.objects.filter(pk=release.pk).update(
        state="failed",
        step="audit",
        reason=f"leak audit: {attack}",
        claimed_by="",
        leaks={"rows": LEAKS, "proofs": {}, "blocked": [attack], "comparisons": 2},
    )
    release.refresh_from_db()
    return release


def test_somebody_answers_for_a_leak_by_name(videos, requester):
    release = stopped(collected())
    assert release.leaking() == ["one place a text"]
    for attack, reason, message in (
        ("one place a text", "  because ", "at least 3 words"),
        ("row number", "it does not stop anything", "does not stop"),
    ):
        with pytest.raises(ValidationError, match=message):
            waive(release.pk, {attack: reason}, requester)
    assert waive(release.pk, {"one place a text": "only a rehearsal  of ours"}, requester) == []
    release.refresh_from_db()
    assert (release.state, release.step, release.attempt) == ("building", "write", 0)
    assert str(release.waivers.get()) == "one place a text: only a rehearsal of ours (Ada Lovelace)"
    with pytest.raises(ValidationError, match="not stopped by anything"):
        waive(release.pk, {"one place a text": "once more with feeling"}, requester)


def test_a_check_that_blocks_is_answered_for_and_the_build_goes_on_with_it(videos, requester):
    release = collected()
    uneven = {"id": "B5", "severity": "block", "title": "even places", "n": 1, "total": 3, "first": ["train"]}
    Release.objects.filter(pk=release.pk).update(
        state="failed", step="match", reason="quality gate: B5", claimed_by="", quality=[uneven]
    )
    release.refresh_from_db()
    assert release.stopped_by() == ["B5"]
    assert waive(release.pk, {"B5": "few questions and one lazy writer"}, requester) == []
    release.refresh_from_db()
    assert (release.state, release.step, release.stopped_by()) == ("building", "match", [])


def test_an_attack_with_a_long_name_can_be_answered_for(videos, requester):
    """Names of the audit list what an attack puts together; the longest of today has over 200 letters."""
    attack = "public rows: " + ", ".join(f"part {number}" for number in range(60))
    release = stopped(collected(), attack)
    assert waive(release.pk, {attack: "only a rehearsal of ours"}, requester) == []
    assert release.waivers.get().attack == attack


def test_building_anew_forgets_who_answered_for_the_old_build(videos, requester):
    release = stopped(collected())
    waive(release.pk, {"one place a text": "only a rehearsal of ours"}, requester)
    Release.objects.filter(pk=release.pk).update(state="failed", reason="something else")
    retry_release(release.pk)
    assert not release.waivers.exists()


def test_the_page_of_a_stopped_release_takes_a_reason(videos, requester, client):
    release = stopped(collected())
    client.force_login(requester)
    page = client.get(release.get_absolute_url()).content.decode()
    assert "Answer for what stops it" in page
    assert "71.4" in page  # exact for those who collect
    answer = client.post(f"{release.get_absolute_url()}waive/", {"reason one place a text": "no"}, follow=True)
    assert "at least 3 words" in answer.content.decode()
    answer = client.post(
        f"{release.get_absolute_url()}waive/", {"reason one place a text": "we will publish the next one"}, follow=True
    )
    assert "is waived: we will publish the next one (Ada Lovelace)" in answer.content.decode()


@pytest.fixture
def requester(django_user_model):
    return django_user_model.objects.create_user(
        "ada", is_staff=True, first_name="Ada", last_name="Lovelace", password="x"
    )


def test_a_hidden_item_that_stands_in_train_is_left_out(videos):
    """Labelled video 0 gets a copy of a hidden query with its times, and of a hidden question with its options."""
    query = Query.objects.filter(segment__clip__video=videos[10]).first()
    question = Question.objects.filter(segment__clip__video=videos[11]).first()
    clip = videos[0].clips.get()
    place = query.segment
    segment = Segment.objects.create(public_id=1, clip=clip, start=place.start + 0.04, end=place.end)
    Query.objects.create(public_id=2, segment=segment, text=query.text.upper(), type="v")
    copy = Question.objects.create(public_id=3, segment=segment, text=question.text)
    for answer in question.answers.all():
        copy.answers.create(position=3 - answer.position, text=answer.text, correct=answer.correct)
    # the same words at other times, or with other options, are another item
    far = Segment.objects.create(public_id=4, clip=clip, start=1, end=9)
    for other in Query.objects.filter(segment__clip__video=videos[12]):
        Query.objects.create(public_id=other.public_id // 2, segment=far, text=other.text, type="v")
    release = collected()
    left_out = [row["first"] for row in release.quality if row["id"] == "H1"]
    assert left_out == [[f"moment {query.public_id}", f"qa {question.public_id}"]]
    assert not release.items.filter(public_id__in=[query.public_id, question.public_id]).exists()
    assert release.items.filter(split=HIDDEN).count() == 78


@pytest.mark.slow
def test_a_hidden_question_is_kept_back_when_its_matched_options_stand_in_train(videos):
    """What people wrote differs, so the snapshot sees no copy; what is published would be one."""
    Question.objects.filter(segment__clip__video=videos[0]).delete()
    built()
    Question.objects.filter(segment__clip__video=videos[1]).delete()
    item = Negative.objects.filter(item__split=HIDDEN).first().item
    told = Segment.objects.filter(clip__video=videos[0]).first()
    copy = Question.objects.create(public_id=1, segment=told, text=item.text)  # nobody in train can lend it an option
    for place, text in enumerate(item.options):
        copy.answers.create(position=place, text=text, correct=place == item.answer_index)
    second = built("1.1.0")
    assert second.state == "frozen", second.reason
    assert set(second.items.get(public_id=1).options) == set(item.options)
    assert not second.items.get(public_id=item.public_id, kind="qa").published
    assert str(item.public_id) not in (second.folder / "qa/value/test_public.jsonl").read_text()


def test_what_is_kept_on_a_clip_without_anything_published_can_be_read_back(videos):
    """Questions on clips that no query needs are kept as well, to lend; such a clip is in no index."""
    Query.objects.filter(segment__clip__video__in=videos[4:10]).delete()
    reader = Reader.open(frozen_without_matching(create_release("demo", "1.0.0")).folder)
    kept = {row.vid_name for row in reader.reserve("qa")}
    assert kept - set(reader.videos("test").names)


@pytest.mark.slow
def test_a_lent_option_stays_when_its_lender_is_withdrawn(videos):
    """Taken out, it would be known for the one that was lent."""
    first = built()
    before = {item.public_id: item.options for item in published_questions(first)}
    lenders = Negative.objects.filter(item__split=HIDDEN).values_list("source__public_id", flat=True)
    gone = list(lenders)[:5]
    assert gone
    Question.objects.filter(public_id__in=gone).delete()
    second = built("1.1.0", seed=3)
    assert second.state == "frozen", second.reason
    after = {item.public_id: item.options for item in published_questions(second)}
    assert {qid: after[qid] for qid in before} == before


@pytest.mark.slow
def test_questions_alone_are_sealed_without_lending_in_their_hidden_split(videos):
    Query.objects.all().delete()
    release = built()
    assert release.state == "frozen", release.reason
    assert not Negative.objects.filter(item__release=release, item__split=HIDDEN).exists()
    assert Negative.objects.filter(item__release=release).exists()


@pytest.mark.slow
def test_a_release_that_another_overtook_takes_its_snapshot_anew(videos):
    """Two builds that know nothing of each other would publish the same questions with other options."""
    slow = create_release("demo", "1.0.0", seed=1)
    lease = acquire(Release, slow.pk)
    assert lease is not None
    take_snapshot(lease)
    match_negatives(lease)
    audit_leaks(lease)
    fast = create_release("demo", "1.0.1", seed=2)
    build_release(fast.pk)
    publish(lease)
    slow.refresh_from_db()
    assert (slow.state, slow.step, slow.leaks) == ("building", "collect", {})
    assert not slow.folder.exists()
    Release.objects.filter(pk=slow.pk).update(claimed_by="")
    build_release(slow.pk)
    slow.refresh_from_db()
    assert slow.state == "frozen", slow.reason
    options = [{item.public_id: item.options for item in published_questions(row)} for row in (slow, fast)]
    assert options[0] == options[1]


@pytest.mark.slow
def test_the_order_of_hidden_options_does_not_follow_from_what_is_public(videos):
    """With another nonce, and all else the same, the right answers stand elsewhere."""
    places = []
    for nonce in ("5e" * 32, "a7" * 32):
        with transaction.atomic():
            release = create_release("demo", "1.0.0", seal=nonce)
            build_release(release.pk)
            assert Release.objects.get(pk=release.pk).state == "frozen"
            places.append({item.public_id: item.answer_index for item in published_questions(release)})
            transaction.set_rollback(True)
        shutil.rmtree(release.folder)
    assert places[0].keys() == places[1].keys()
    assert places[0] != places[1]


@pytest.mark.parametrize("hidden", ["sealed", "shared"])
def test_the_hidden_split_is_not_shown_to_workers_any_more(client, hidden: str):
    videos = make_corpus(24)
    if hidden == "shared":
        Query.objects.all().delete()  # a release of one task may be shared
    batch = Batch.objects.create(
        name="late", kind=Kind.QA, reward=Decimal("0.1"), budget=Decimal("100"), state=Batch.State.OPEN
    )
    segment = Segment.objects.filter(clip__video=videos[10]).first()
    hit = Hit.objects.create(
        batch=batch, segment=segment, request_token="t", hit_id="H", wanted=1, state=Hit.State.OPEN
    )
    url = urlsplit(fromstring(external_question(hit)).findtext("{*}ExternalURL") or "").path
    assert client.get(url).status_code == 200
    assert len(units(batch)) == 48
    question = Question.objects.filter(segment=segment).first()
    assert question in askable_questions()
    deal_by_hand(videos, train=2, val=2)
    release = frozen_without_matching(create_release("demo", "1.0.0", hidden=hidden))
    assert client.get(url).status_code == 410
    assert len(units(batch)) == 8
    assert set(askable_clips().values_list("video", flat=True)) == {video.pk for video in videos[:4]}
    assert {one.segment.clip.video for one in askable_questions()} == {*videos[:4]}
    item = release.items.get(kind="qa", public_id=question.public_id)
    with pytest.raises(ValidationError, match="of the hidden split"):
        ask(item, (item.answer_index + 1) % 4)
    assert not Doubt.objects.exists()
