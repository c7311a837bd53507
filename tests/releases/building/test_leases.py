"""One worker a release: leases, heartbeats, attempts, workers that die or are slow to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
import redis
from django.conf import settings as django_settings
from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from benchmark_site.jobs import leases
from benchmark_site.jobs.leases import LeaseLost, acquire, available, locked
from benchmark_site.releases import tasks
from benchmark_site.releases.building import matching, publish
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.models import Item, Negative, Release, SplitVideo
from benchmark_site.releases.services import start_release
from tests.releases.conftest import small_release


def age(release: Release, seconds: float = leases.STALE_S + 1) -> None:
    """Make the last heartbeat look this old."""
    Release.objects.filter(pk=release.pk).update(heartbeat=timezone.now() - timedelta(seconds=seconds))


@pytest.mark.django_db
def test_a_second_delivery_finds_a_live_lease_and_returns():
    release = small_release("demo", "1.0.0")
    lease = acquire(Release, release.pk)
    assert lease
    assert acquire(Release, release.pk) is None
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.claimed_by, release.attempt, release.step) == (lease.claimed_by, 1, "collect")


@pytest.mark.django_db
def test_a_stale_lease_is_taken_over_and_the_old_worker_commits_nothing():
    release = small_release("demo", "1.0.0")
    old = acquire(Release, release.pk)
    age(release)
    new = acquire(Release, release.pk)
    assert new is not None
    assert new.claimed_by != old.claimed_by
    with pytest.raises(LeaseLost), locked(old):
        pytest.fail("entered")
    with locked(new) as row:
        assert row.attempt == 2


@pytest.mark.django_db
def test_a_worker_that_lost_its_lease_between_two_steps_stops(corpus):
    corpus(6)
    release = small_release("demo", "1.0.0")

    def steal(step: Release.Step) -> None:
        if step == Release.Step.MATCH:
            Release.objects.filter(pk=release.pk).update(claimed_by="another")

    build_release(release.pk, steal)
    release.refresh_from_db()
    assert (release.state, release.claimed_by, release.step) == ("building", "another", "match")
    assert not Negative.objects.exists()


@pytest.mark.django_db
def test_three_attempts_then_failed_with_the_last_error(corpus, monkeypatch):
    corpus(6)
    release = small_release("demo", "1.0.0")

    def out_of_memory(*args: object, **kwargs: object) -> None:
        raise MemoryError("no room for the matching")

    monkeypatch.setattr(matching, "match_in_shards", out_of_memory)
    for attempt in (1, 2, 3):
        assert list(available(Release)) == [release]
        with pytest.raises(MemoryError):
            build_release(release.pk)
        release.refresh_from_db()
        assert release.attempt == attempt
        assert release.claimed_by == ""
        assert release.reason == "MemoryError: no room for the matching"
        assert release.state == ("failed" if attempt == 3 else "building")
    assert not available(Release).exists()
    assert release.items.count() == 24  # the step before had committed


@pytest.mark.django_db
def test_a_worker_killed_three_times_fails_the_release_too():
    release = small_release("demo", "1.0.0")
    for _ in range(3):
        assert acquire(Release, release.pk)
        age(release)
    assert acquire(Release, release.pk) is None
    release.refresh_from_db()
    assert release.state == "failed"
    assert "killed" in release.reason


@pytest.mark.django_db
def test_what_a_kill_between_rename_and_commit_left_is_replaced(corpus):
    corpus(6, questions=False)
    release = small_release("demo", "1.0.0")
    release.folder.mkdir(parents=True)
    (release.folder / "half-written").touch()
    (release.folder.parent / ".demo-1.0.0.deadbeef.partial").mkdir()
    build_release(release.pk)
    release.refresh_from_db()
    assert release.state == "frozen", release.reason
    assert not (release.folder / "half-written").exists()
    assert [path.name for path in release.folder.parent.iterdir()] == ["demo-1.0.0"]


@pytest.mark.django_db
def test_an_error_while_freezing_leaves_no_folder_and_no_files(corpus, monkeypatch):
    corpus(6, questions=False)
    release = small_release("demo", "1.0.0")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publish.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        build_release(release.pk)
    assert not list(release.folder.parent.iterdir())
    assert not release.files.exists()
    monkeypatch.undo()
    build_release(release.pk)
    release.refresh_from_db()
    assert release.state == "frozen", release.reason


@pytest.mark.django_db
def test_a_started_release_is_queued_once_its_row_is_committed(django_capture_on_commit_callbacks):
    with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
        broker.delete("match")
        with django_capture_on_commit_callbacks(execute=True):
            release = start_release("demo", "1.0.0", hidden="shared")
            assert broker.llen("match") == 0
        messages = [json.loads(raw) for raw in broker.lrange("match", 0, -1)]
        assert [message["headers"]["task"] for message in messages] == ["benchmark_site.releases.tasks.build"]
        assert json.loads(messages[0]["headers"]["kwargsrepr"].replace("'", '"')) == {"release_id": release.pk}
        broker.delete("match")


@pytest.mark.django_db
def test_the_sweep_wakes_what_waits_and_only_that(django_capture_on_commit_callbacks):
    waits, works, died = (small_release("demo", f"1.0.{n}") for n in range(3))
    acquire(Release, works.pk)
    acquire(Release, died.pk)
    age(died)
    small_release("demo", "2.0.0")
    Release.objects.filter(version="2.0.0").update(state="failed", reason="x")
    with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
        broker.delete("match")
        with django_capture_on_commit_callbacks(execute=True):
            tasks.sweep()
        woken = {json.loads(raw)["headers"]["kwargsrepr"] for raw in broker.lrange("match", 0, -1)}
        broker.delete("match")
    assert woken == {f"{{'release_id': {row.pk}}}" for row in (waits, died)}


def in_threads(*jobs: Callable[[], object]) -> None:
    """Run the jobs side by side, each on its own connection; errors come out here."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        try:
            barrier.wait()
            job()
        except BaseException as error:  # noqa: BLE001 (handed to the test)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_release_build_it_once(corpus):
    corpus(6, questions=False)
    release = small_release("demo", "1.0.0")
    in_threads(*[lambda: build_release(release.pk)] * 2)
    release.refresh_from_db()
    assert (release.state, release.attempt) == ("frozen", 1)
    assert release.items.count() == 12


@pytest.mark.django_db(transaction=True)
def test_two_releases_that_meet_the_same_new_videos_agree_on_their_splits(corpus):
    corpus(10)
    releases = [small_release("demo", "1.0.0"), small_release("other", "1.0.0")]
    held = [acquire(Release, release.pk) for release in releases]
    in_threads(*[lambda n=n: take_snapshot(held[n]) for n in range(2)])
    ledger = dict(SplitVideo.objects.values_list("video_id", "split"))
    assert len(ledger) == 10
    for video_id, split in Item.objects.values_list("video_id", "split"):
        assert ledger[video_id] == split
    assert Item.objects.count() == 80


@pytest.mark.django_db(transaction=True)
def test_the_heart_beats_while_a_step_computes_and_survives_a_lost_connection(monkeypatch):
    monkeypatch.setattr(leases, "HEARTBEAT_S", 0.05)
    release = small_release("demo", "1.0.0")
    lease = acquire(Release, release.pk)
    with leases.heartbeats(lease):
        for _ in range(2):
            age(release)
            wait_until(lambda: not available(Release).exists())
            with connection.cursor() as cursor:  # as when the server restarts
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.mark.django_db(transaction=True)
def test_a_build_that_loses_its_connection_is_given_back_and_goes_on(corpus, monkeypatch):
    corpus(6, questions=False)
    release = small_release("demo", "1.0.0")

    def lose(step: Release.Step) -> None:
        if step == Release.Step.WRITE:
            with pytest.raises(OperationalError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises((OperationalError, InterfaceError)):
        build_release(release.pk, lose)
    release.refresh_from_db()
    assert (release.state, release.step, release.claimed_by) == ("building", "write", "")
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.attempt, release.reason) == ("frozen", 2, "")


def wait_until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)
