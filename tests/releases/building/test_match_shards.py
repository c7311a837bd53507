"""A release matched shard by shard: the same rows whoever matched which shard, and nothing done twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings

from adversarial import match_items
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item, parse_rows, row_of
from adversarial.relevance import likeness
from adversarial.relevance.sentence_encoder import encode
from benchmark_site.releases.building import match_shards
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.models import Release
from benchmark_site.releases.task_names import MATCH_SHARD
from tests.adversarial.conftest import make_rows
from tests.releases.conftest import small_release

Rows = list[dict[str, Any]]


@pytest.fixture
def rows() -> Rows:
    return [row | {"fold": "train" if row["qid"] < 60 else "val"} for row in make_rows(100)]


@pytest.fixture
def release(db: None) -> Release:
    return small_release("demo", "1.0.0", seed=4)


def match(release: Release, rows: Rows) -> Rows:
    return as_rows(match_shards.match_in_shards(release, parse_rows(rows), 1)[0])


def as_rows(items: list[Item]) -> Rows:
    return [row_of(item) for item in items]


def done(media: Path) -> dict[str, int]:
    """The finished shards and when each was finished."""
    return {path.name: path.stat().st_mtime_ns for path in media.glob("matching/*/*/fold-00*.json")}


def stop_at(monkeypatch: pytest.MonkeyPatch, shard: int, release: Release, rows: Rows) -> None:
    """A build that ends, as a killed one does, when it comes to this shard."""
    real = match_shards.run_shard

    def run(work: Path, at: int) -> dict[str, Any]:
        if at == shard:
            raise MemoryError
        return real(work, at)

    monkeypatch.setattr(match_shards, "run_shard", run)
    with pytest.raises(MemoryError):
        match(release, rows)
    monkeypatch.setattr(match_shards, "run_shard", real)


def test_folds_give_what_one_call_gives(release: Release, rows: Rows) -> None:
    matched, report = match_shards.match_in_shards(release, parse_rows(rows), 1)
    expected, numbers = match_items(rows, replace=1, seed=4, order_key=match_shards._order_key(release))
    assert as_rows(matched) == expected
    assert report["per_round"] == numbers["per_round"]


def test_texts_are_encoded_once_for_all_shards_and_all_attempts(
    release: Release, rows: Rows, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = match_items(rows, replace=1, seed=4, order_key=match_shards._order_key(release))
    encoded: list[str] = []

    def counting(texts: Sequence[str], *how: Any) -> Any:
        encoded.extend(texts)
        return encode(texts, *how)

    monkeypatch.setattr(likeness, "encode", counting)
    read = match_shards.read_texts(release.pk, parse_rows(rows))
    assert (
        sorted(encoded)
        == list(read.read)
        == sorted({text for row in rows for text in (row["question"], *row["answers"])})
    )
    (path,) = media.glob("matching/*/texts.npz")
    assert path.parent.stat().st_mode & 0o077 == 0  # the right answers of test lie in it
    again = match_shards.read_texts(release.pk, parse_rows(rows))
    matched = match(release, rows)
    assert len(encoded) == len(read.read)
    said = list(read.read)
    assert (again.vectors(said) == read.vectors(said)).all()
    assert [row["answers"] for row in matched] == [row["answers"] for row in expected]
    match_shards.forget_shards(release.pk)
    assert list(media.glob("matching/*/*")) == [path]
    match_shards.read_texts(release.pk, parse_rows(rows[:50]))  # other questions
    assert len(encoded) > len(read.read)


def test_a_file_of_texts_that_is_broken_is_named(release: Release, rows: Rows, media: Path) -> None:
    match_shards.read_texts(release.pk, parse_rows(rows))
    (path,) = media.glob("matching/*/texts.npz")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ItemError, match=r"texts.npz: broken, delete it"):
        match(release, rows)


def test_a_killed_build_goes_on_with_the_fold_at_which_it_stood(
    release: Release, rows: Rows, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 1, release, rows)
    before = done(media)
    assert list(before) == ["fold-00000.json"]
    matched = match(release, rows)
    assert done(media)["fold-00000.json"] == before["fold-00000.json"]
    assert matched == match_items(rows, replace=1, seed=4, order_key=match_shards._order_key(release))[0]


def test_a_fold_that_another_worker_matched_is_taken_as_it_is(
    release: Release, rows: Rows, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 0, release, rows)
    match_shards.match_one(release.pk, 1)
    before = done(media)
    assert list(before) == ["fold-00001.json"]
    match_shards.match_one(release.pk, 1)
    matched = match(release, rows)
    assert done(media)["fold-00001.json"] == before["fold-00001.json"]
    assert matched == match_items(rows, replace=1, seed=4, order_key=match_shards._order_key(release))[0]


def test_tasks_are_queued_for_all_folds_but_the_builders_first(
    release: Release, rows: Rows, django_capture_on_commit_callbacks: Any
) -> None:
    thirds = [row | {"fold": row["qid"] % 3} for row in make_rows(90)]
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as broker:
        broker.delete("match")
        with django_capture_on_commit_callbacks(execute=True):
            match(release, thirds)
        headers = [json.loads(raw)["headers"] for raw in broker.lrange("match", 0, -1)]
        broker.delete("match")
    assert {header["task"] for header in headers} == {MATCH_SHARD}
    queued = [json.loads(header["kwargsrepr"].replace("'", '"')) for header in reversed(headers)]  # the oldest is last
    assert queued == [{"release_id": release.pk, "fold": shard} for shard in (2, 1)]
    with django_capture_on_commit_callbacks() as callbacks:
        match(release, make_rows(40))
    assert not callbacks  # one shard: the builder does it


def test_other_questions_begin_anew(release: Release, rows: Rows, media: Path) -> None:
    match(release, rows)
    fewer = rows[:80]
    assert match(release, fewer) == match_items(fewer, replace=1, seed=4, order_key=match_shards._order_key(release))[0]
    assert len(list(media.glob("matching/*/*"))) == 1


def test_a_task_that_comes_late_does_nothing(release: Release, rows: Rows, media: Path) -> None:
    match_shards.match_one(release.pk, 0)
    match(release, rows)
    match_shards.forget(release.pk)
    match_shards.match_one(release.pk, 0)
    assert not done(media)


@pytest.mark.django_db
def test_a_finished_build_leaves_no_folds(corpus: Any, media: Path) -> None:
    corpus(6)
    release = small_release("demo", "2.0.0")
    build_release(release.pk)
    release.refresh_from_db()
    assert release.state == "frozen", release.reason
    assert not list(media.glob("matching/*"))
