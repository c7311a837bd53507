"""From accepted rows to a frozen directory: what is written, that it repeats, and what stops it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import socket
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import transaction
from django.db.models import F, Model
from safetensors import safe_open

from annotation.models import Answer, Clip, Query, Question, Segment, Worker
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.files.writer import write_manifests
from benchmark_site.releases.models import Negative, Release, SplitVideo
from benchmark_site.releases.services import reset_release
from evaluation.release import Release as Reader
from evaluation.release import ReleaseError
from tests.releases.conftest import attach_features, frozen_without_matching, make_corpus, small_release


def build(version: str = "1.0.0", seed: int = 0) -> Release:
    release = small_release("demo", version, seed)
    build_release(release.pk)
    release.refresh_from_db()
    return release


def lines(folder: Path, path: str) -> list[dict]:
    return [json.loads(line) for line in (folder / path).read_text().splitlines()]


@pytest.mark.django_db
def test_a_release_is_built_from_end_to_end(corpus):
    corpus(12)
    release = build()
    assert (release.state, release.reason) == ("frozen", "")
    folder = release.folder
    manifest = (folder / "MANIFEST.json").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == release.sha256

    reader = Reader.open(folder)
    reader.verify()
    assert reader.has_held_out
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert on_disk == set(release.files.values_list("path", flat=True)) | {
        "MANIFEST.json",
        "PROVENANCE.json",
        "SHA256SUMS",
    }
    assert {file.path for file in reader.manifest.files if file.access == "held_out"} == {"held_out/MANIFEST.json"}
    for path in folder.rglob("*"):
        secret = "held_out" in path.relative_to(folder).parts
        readable_by_others = path.stat().st_mode & 0o077 != 0
        assert readable_by_others != secret, path

    # every accepted item is in exactly one split, next to all items of its video
    queries = {split: reader.moments(split) for split in ("train", "val", "test")}
    questions = {split: reader.questions(split) for split in ("train", "val", "test")}
    assert sorted(i for q in queries.values() for i in q.desc_ids) == sorted(
        Query.objects.values_list("public_id", flat=True)
    )
    assert sum(len(q) for q in questions.values()) == Question.objects.count() == 24
    videos = {split: {name.rsplit("_", 2)[0] for name in reader.videos(split).names} for split in queries}
    assert sum(len(names) for names in videos.values()) == len(set.union(*videos.values())) == 12
    for split, found in questions.items():
        assert {name.rsplit("_", 2)[0] for name in found.video} == videos[split]

    # the truth of test is in held_out/ only
    assert not reader.moments("test", truth=False).has_truth
    assert not reader.questions("test", truth=False).has_truth
    assert reader.moments("test").has_truth
    public = lines(folder, "moment/tvr/test_public.jsonl")
    assert {frozenset(row) for row in public} == {frozenset({"desc_id", "desc", "type"})}

    # features lie beside it, by clip, as ingested
    with safe_open(folder / "features/tiny-net.safetensors", framework="numpy") as stored:
        assert stored.metadata() == {"model": "tiny-net", "interval_s": "1.5", "dim": "8"}
        clip = Clip.objects.first()
        with safe_open(clip.features.path, framework="numpy") as single:
            assert (stored.get_tensor(clip.name) == single.get_tensor("features")).all()
        assert sorted(stored.keys()) == sorted(name for s in queries for name in reader.videos(s).names)
    provenance = json.loads((folder / "PROVENANCE.json").read_text())
    assert {"built_at", "platform", "packages"} <= provenance.keys()
    assert socket.gethostname() not in str(provenance)


@pytest.mark.django_db
def test_negatives_stay_in_their_split_and_the_right_answer_is_spread(corpus):
    corpus(12)
    release = build()
    written = {q.public_id: {a.text: a.correct for a in q.answers.all()} for q in Question.objects.all()}
    negatives = Negative.objects.select_related("item", "source").filter(item__release=release)
    assert len(negatives) >= 16  # in train at least, where other videos lend
    lent = Counter(n.source_id for n in negatives)
    assert max(lent.values()) <= 3  # in balance: as many places as there are wrong options
    for n in negatives:
        assert n.item.split == n.source.split
        assert n.item.video_id != n.source.video_id
        assert n.item.options[n.option] == n.source.options[n.source.answer_index]
        assert written[n.item.public_id][n.replaced] is False
    matched = defaultdict(set)
    for n in negatives:
        matched[n.item_id].add(n.option)
    places = defaultdict(Counter)
    for item in release.items.filter(kind="qa"):
        places[item.split][item.answer_index] += 1
        assert written[item.public_id][item.options[item.answer_index]] is True
        for place, option in enumerate(item.options):
            if place != item.answer_index and place not in matched[item.pk]:
                assert written[item.public_id][option] is False
    for split, counts in places.items():
        assert max(counts.values()) - min(counts[n] for n in range(4)) <= 1, split
    for when in ("before", "after"):
        for row in release.blind[when]["panel"].values():
            assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1


@pytest.mark.django_db
@pytest.mark.slow
def test_the_same_rows_give_the_same_hash_whatever_their_order_and_keys():
    """Nothing of sequences, dates or attempts enters the hashed files; another seed changes the negatives only."""

    def scratch(order: list[int], seed: int = 0) -> tuple[str, dict[str, str]]:
        with transaction.atomic():
            for number in order:
                make_corpus(1, start=number)
            release = build(seed=seed)
            assert release.state == "frozen", release.reason
            result = release.sha256, dict(release.files.values_list("path", "sha256"))
            transaction.set_rollback(True)
        shutil.rmtree(release.folder)
        return result

    first, files = scratch(list(range(9)))
    again, _ = scratch([4, 8, 0, 2, 6, 1, 3, 7, 5])
    assert first == again
    other, other_files = scratch(list(range(9)), seed=1)
    assert other != first
    changed = {path for path in files if files[path] != other_files[path]}
    assert changed
    # the card, the description and the held-out manifest tell of the others
    told = {"README.md", "croissant.json", "held_out/MANIFEST.json"}
    assert all(re.search("qa/value|how2QA|parquet/qa", path) for path in changed - told)


@pytest.mark.django_db
def test_a_second_version_keeps_every_split_and_adds_the_new_videos(corpus):
    corpus(8, questions=False)
    first = build()
    before = dict(first.items.values_list("public_id", "split"))
    untouched = {path: (first.folder / path).read_bytes() for path in first.files.values_list("path", flat=True)}
    corpus(6, start=20, questions=False)
    second = build("1.1.0")
    assert second.state == "frozen", second.reason
    after = dict(second.items.values_list("public_id", "split"))
    assert len(after) == len(before) + 12
    assert {public_id: after[public_id] for public_id in before} == before
    assert SplitVideo.objects.filter(release=first).count() == 8
    assert SplitVideo.objects.filter(release=second).count() == 6
    assert untouched == {path: (first.folder / path).read_bytes() for path in untouched}


@pytest.mark.django_db
def test_later_edits_of_the_rows_leave_a_release_alone(corpus):
    corpus(6, questions=False)
    release = build()
    Query.objects.update(text="something else entirely")
    assert not release.items.filter(text="something else entirely").exists()


@pytest.mark.django_db
def test_a_release_of_queries_alone_has_no_questions(corpus):
    corpus(6, questions=False)
    release = build()
    assert release.state == "frozen", release.reason
    assert Reader.open(release.folder).tasks == ["moment"]
    assert release.blind == {}


SPOILT = (
    ("three options", lambda: Answer.objects.filter(pk=first_pk(Answer)).delete(), "B4", 1),
    ("no right answer", lambda: Answer.objects.filter(pk=first_pk(Answer)).update(correct=False), "B4", 1),
    ("the right answer twice", lambda: repeat_answer(), "B4", 1),
    ("outside the clip", lambda: Segment.objects.filter(pk=first_pk(Segment)).update(end=30.2), "B2", 2),
    ("a blank option", lambda: Answer.objects.filter(pk=first_pk(Answer)).update(text=" \u202e "), "B4 B8", 1),
    ("a blank text", lambda: Query.objects.filter(pk=first_pk(Query)).update(text=" \u202e "), "B8", 1),
    ("one text on two halves", lambda: copy_query(), "B6", 1),
    ("a worker's id", lambda: tell_worker_id(), "B9", 1),
)
FEATURES = (
    ("no features", {"features": ""}, "1 clips have no features of tiny-net"),
    ("other features", {"features_sha256": "0" * 64}, "its hash differs"),
    ("lost features", {"features": "features/gone"}, "is missing"),
)


@pytest.mark.django_db
@pytest.mark.parametrize(("spoil", "check", "n"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
def test_the_quality_gate_leaves_an_item_out_and_lists_it(corpus, spoil, check, n):
    """The release goes on without it, and the next version takes it once it is corrected."""
    corpus(6)
    spoil()
    release = small_release("demo", "1.0.0")
    take_snapshot(acquire(Release, release.pk))
    release.refresh_from_db()
    assert release.step == "match", release.reason
    found = [(row["id"], row["n"]) for row in release.quality if row["severity"] == "exclude" and row["n"]]
    assert found == [(name, n) for name in check.split()]
    left_out = set(release.exclusions.values_list("kind", "public_id", "check_id"))
    assert len(left_out) == n
    assert {found for _, _, found in left_out} == {check.split()[0]}
    kept = set(release.items.values_list("kind", "public_id"))
    assert not kept & {(kind, public_id) for kind, public_id, _ in left_out}
    assert len(kept) + n == Query.objects.count() + Question.objects.count()


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "reason"), [row[1:] for row in FEATURES], ids=[row[0] for row in FEATURES])
def test_features_that_are_not_what_was_ingested_are_refused(corpus, change, reason):
    corpus(6, questions=False)
    Clip.objects.filter(pk=first_pk(Clip)).update(**change)
    refused(build(), reason)


@pytest.mark.django_db
def test_features_at_half_the_rate_that_they_say_are_refused(corpus):
    corpus(6, questions=False)
    clip = Clip.objects.first()
    attach_features(clip, np.zeros((round(clip.duration / 3), 8), np.float32), interval_s=1.5)
    refused(build(), f"{clip.name}: features of .* but it lasts {clip.duration:g} s")


@pytest.mark.django_db
def test_features_of_two_rates_are_refused(corpus):
    corpus(6, questions=False)
    attach_features(Clip.objects.first(), np.zeros((60, 8), np.float32), interval_s=0.5)
    refused(build(), "every 0.5 s, other clips every 1.5 s|every 1.5 s, other clips every 0.5 s")


@pytest.mark.django_db
def test_nothing_accepted_is_refused():
    refused(build(), "nothing has been accepted")


def refused(release: Release, reason: str) -> None:
    assert release.state == "failed"
    assert re.search(reason, release.reason), release.reason
    assert not release.folder.exists()
    assert not list(release.folder.parent.glob("*"))
    assert not release.files.exists()


@pytest.mark.django_db
def test_marks_and_blanks_that_nobody_sees_are_taken_out_of_texts(corpus):
    corpus(6, questions=False)
    Query.objects.filter(pk=first_pk(Query)).update(text=" a\u200b  cafe\u0301\u202e\n opens ")
    assert build().items.filter(text="a caf\u00e9 opens").count() == 1


def first_pk(model: type[Model]) -> int:
    return model._default_manager.order_by("pk").values_list("pk", flat=True)[0]


def repeat_answer() -> None:
    right = Answer.objects.filter(correct=True).first()
    Answer.objects.filter(question=right.question, position=2).update(text=right.text.upper() + "!")


def copy_query() -> None:
    """The same text, in other capitals, on the abutting half of a moment that was cut in two."""
    query = Query.objects.order_by("pk").first()
    segment = query.segment
    half = Segment.objects.create(
        public_id=7, clip=segment.clip, start=segment.end, end=2 * segment.end - segment.start
    )
    Query.objects.create(public_id=8, segment=half, text=query.text.upper(), type="v")


def tell_worker_id() -> None:
    Worker.objects.create(environment="local", worker_id="A1B2C3D4E5F6G7")
    Query.objects.filter(pk=first_pk(Query)).update(text="done by A1B2C3D4E5F6G7 thanks")


@pytest.mark.django_db
def test_a_small_overrun_is_clamped_to_the_clip(corpus):
    corpus(6, questions=False)
    Segment.objects.filter(start__gt=10).update(end=30.04)
    release = build()
    assert release.state == "frozen", release.reason
    assert release.items.filter(end=30.0).count() == 6


@pytest.mark.django_db
def test_an_id_never_stands_for_two_texts(corpus):
    corpus(6, questions=False)
    build()
    Query.objects.filter(pk=first_pk(Query)).update(text="another text under the old number")
    second = build("1.0.1")
    assert second.state == "frozen", second.reason
    assert [row.check_id for row in second.exclusions.all()] == ["B1"]
    assert second.items.count() == 11


@pytest.mark.django_db
def test_options_are_mixed_when_they_are_collected(frozen):
    """Nothing is matched here: the form's order, the right answer first, would be the order of the release."""
    places = set()
    for item in frozen.items.filter(kind="qa"):
        right = Answer.objects.get(question__public_id=item.public_id, correct=True)
        assert item.options[item.answer_index] == right.text
        places.add(item.answer_index)
    assert places == {0, 1, 2, 3}


@pytest.mark.django_db
def test_a_written_release_is_read_back_before_it_is_frozen(corpus, monkeypatch):
    def write_and_damage(folder: Path, *args: Any) -> Any:
        written = write_manifests(folder, *args)
        (folder / "subtitles.jsonl").write_text("")
        return written

    corpus(6)
    monkeypatch.setattr("benchmark_site.releases.building.publish.write_manifests", write_and_damage)
    with pytest.raises(ReleaseError, match=r"subtitles\.jsonl: .* bytes"):
        frozen_without_matching(small_release("demo", "1.0.0"))
    assert not Release.objects.get().sha256
    assert not Release.objects.get().folder.exists()


@pytest.mark.django_db
def test_a_failed_release_is_built_anew_from_what_is_accepted_then(corpus):
    corpus(6, questions=False)
    Segment.objects.update(end=30.2)
    release = build()
    assert "every item has a fault" in release.reason
    assert [row["id"] for row in release.quality if row["n"]] == ["B2"]
    assert release.exclusions.count() == 12
    Segment.objects.update(end=F("start") + 5)
    assert reset_release(release.pk)
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("frozen", "")
    assert not reset_release(release.pk)


@pytest.mark.django_db
def test_two_videos_are_too_few(corpus):
    corpus(2)
    assert "at least 3 videos" in build().reason
    assert not SplitVideo.objects.exists()
