"""From accepted rows to a frozen directory: what is written, that it repeats, and what stops it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from safetensors import safe_open

from annotation.models import Clip, Query, Question
from benchmark_site.releases.build import build_release
from benchmark_site.releases.models import Negative, Release
from benchmark_site.releases.services import create_release
from evaluation.release import Release as Reader


def build(version: str = "1.0.0", seed: int = 0) -> Release:
    release = create_release("demo", version, seed)
    build_release(release.pk)
    release.refresh_from_db()
    return release


def lines(folder: Path, path: str) -> list[dict]:
    return [json.loads(line) for line in (folder / path).read_text().splitlines()]


@pytest.fixture(scope="module")
def _module_media(tmp_path_factory):
    return tmp_path_factory.mktemp("media")


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
    assert on_disk == {file.path for file in reader.manifest.files} | {"MANIFEST.json", "PROVENANCE.json"}

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
    assert {"built_at", "host", "packages"} <= json.loads((folder / "PROVENANCE.json").read_text()).keys()


@pytest.mark.django_db
def test_negatives_stay_in_their_split_and_the_right_answer_is_spread(corpus):
    corpus(12)
    release = build()
    written = {q.public_id: {a.text: a.correct for a in q.answers.all()} for q in Question.objects.all()}
    negatives = Negative.objects.select_related("item", "source").filter(item__release=release)
    assert len(negatives) >= 16  # in train at least, where other videos lend
    lent = Counter(n.source_id for n in negatives)
    assert max(lent.values()) == 1
    for n in negatives:
        assert n.item.split == n.source.split
        assert n.item.video_id != n.source.video_id
        assert n.item.options[n.option] == n.source.options[n.source.answer_index]
        assert written[n.item.public_id][n.replaced] is False
    borrowed = defaultdict(set)
    for n in negatives:
        borrowed[n.item_id].add(n.option)
    places = defaultdict(Counter)
    for item in release.items.filter(kind="qa"):
        places[item.split][item.answer_index] += 1
        assert written[item.public_id][item.options[item.answer_index]] is True
        for place, option in enumerate(item.options):
            if place != item.answer_index and place not in borrowed[item.pk]:
                assert written[item.public_id][option] is False
    for split, counts in places.items():
        assert max(counts.values()) - min(counts[n] for n in range(4)) <= 1, split
    for when in ("before", "after"):
        for row in release.blind[when]["panel"].values():
            assert 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1
