"""A release matched fold by fold: the same rows whoever matched which fold, and nothing done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adversarial import match_items
from benchmark_site.releases import folds
from benchmark_site.releases.build import build_release
from benchmark_site.releases.models import Release
from tests.adversarial.conftest import make_rows
from tests.releases.conftest import small_release

Rows = list[dict[str, Any]]


@pytest.fixture
def rows() -> Rows:
    return [row | {"fold": "train" if row["qid"] < 60 else "val"} for row in make_rows(100)]


@pytest.fixture
def release(db: None) -> Release:
    return small_release("demo", "1.0.0", seed=4)


def done(media: Path) -> dict[str, int]:
    """The finished folds and when each was finished."""
    return {path.name: path.stat().st_mtime_ns for path in media.glob("matching/*/*/folds/fold-00*.json")}


def stop_at(monkeypatch: pytest.MonkeyPatch, fold: int, release: Release, rows: Rows) -> None:
    """A build that ends, as a killed one does, when it comes to this fold."""
    real = folds.run_shard

    def run(work: Path, at: int) -> dict[str, Any]:
        if at == fold:
            raise MemoryError
        return real(work, at)

    monkeypatch.setattr(folds, "run_shard", run)
    with pytest.raises(MemoryError):
        folds.match_in_folds(release, rows, 1)
    monkeypatch.setattr(folds, "run_shard", real)


def test_folds_give_what_one_call_gives(release: Release, rows: Rows) -> None:
    matched, report = folds.match_in_folds(release, rows, 1)
    expected, numbers = match_items(rows, replace=1, seed=4)
    assert matched == expected
    assert report["per_round"] == numbers["per_round"]


def test_a_killed_build_goes_on_with_the_fold_at_which_it_stood(
    release: Release, rows: Rows, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 1, release, rows)
    before = done(media)
    assert list(before) == ["fold-00000.json"]
    matched, _ = folds.match_in_folds(release, rows, 1)
    assert done(media)["fold-00000.json"] == before["fold-00000.json"]
    assert matched == match_items(rows, replace=1, seed=4)[0]


def test_a_fold_that_another_worker_matched_is_taken_as_it_is(
    release: Release, rows: Rows, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 0, release, rows)
    folds.match_one(release.pk, 1)
    before = done(media)
    assert list(before) == ["fold-00001.json"]
    folds.match_one(release.pk, 1)
    matched, _ = folds.match_in_folds(release, rows, 1)
    assert done(media)["fold-00001.json"] == before["fold-00001.json"]
    assert matched == match_items(rows, replace=1, seed=4)[0]


def test_tasks_are_queued_for_all_folds_but_the_builders_first(
    release: Release, rows: Rows, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    queued: list[dict[str, int]] = []
    monkeypatch.setattr(folds.tasks.match_fold, "delay", lambda **ids: queued.append(ids))
    thirds = [row | {"fold": row["qid"] % 3} for row in make_rows(90)]
    with django_capture_on_commit_callbacks(execute=True):
        folds.match_in_folds(release, thirds, 1)
    assert [ids["fold"] for ids in queued] == [2, 1]
    assert {ids["release_id"] for ids in queued} == {release.pk}
    with django_capture_on_commit_callbacks() as callbacks:
        folds.match_in_folds(release, make_rows(40), 1)
    assert not callbacks  # one fold: the builder does it


def test_other_questions_begin_anew(release: Release, rows: Rows, media: Path) -> None:
    folds.match_in_folds(release, rows, 1)
    fewer = rows[:80]
    assert folds.match_in_folds(release, fewer, 1)[0] == match_items(fewer, replace=1, seed=4)[0]
    assert len(list(media.glob("matching/*/*"))) == 1


def test_a_task_that_comes_late_does_nothing(release: Release, rows: Rows, media: Path) -> None:
    folds.match_one(release.pk, 0)
    folds.match_in_folds(release, rows, 1)
    folds.forget(release.pk)
    folds.match_one(release.pk, 0)
    assert not done(media)


@pytest.mark.django_db
def test_a_finished_build_leaves_no_folds(corpus: Any, media: Path) -> None:
    corpus(6)
    release = small_release("demo", "2.0.0")
    build_release(release.pk)
    release.refresh_from_db()
    assert release.state == "frozen", release.reason
    assert not list(media.glob("matching/*"))
