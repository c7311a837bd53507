"""Batches from draft to end: which units, launched page by page, paused, resumed, extended, capped."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from annotation import tasks
from annotation.crowd import decisions, launch, reconcile, steering
from annotation.crowd.client import Crowd
from annotation.models import Assignment, Batch, Clip, Hit, Query, Segment, Video
from annotation.models.crowd import Environment, Kind
from annotation.review import ledger, verdicts
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import GOOD, every_hit, launch_batch, make_batch
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = pytest.mark.django_db


@pytest.fixture
def many(clip: Clip) -> list[Clip]:
    """Sixty clips of twenty films, every fourth film tagged."""
    videos = [
        Video(
            public_id=f"v{n:02}",
            state="ready",
            sha256=f"{n + 1:064}",
            duration=90.0,
            tags=["zoo"] if n % 4 == 0 else [],
        )
        for n in range(20)
    ]
    Video.objects.bulk_create(videos)
    return Clip.objects.bulk_create(
        Clip(video=video, start=30.0 * part, end=30.0 * (part + 1)) for video in videos for part in range(3)
    )


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def requester(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("environment", [Environment.SANDBOX, Environment.LIVE])
def test_without_keys_a_launch_is_refused_on_the_page(
    clip: Clip, requester: Client, no_keys: None, environment: Environment
) -> None:
    batch = make_batch(environment=environment)
    page = requester.post(f"/batches/{batch.pk}/launch/", {"amount": "0.28"}, follow=True).content.decode()
    assert "there are no keys for" in page
    batch.refresh_from_db()
    assert batch.state == Batch.State.DRAFT
    assert not Hit.objects.exists()
    assert ledger.totals()["held"] == 0


def test_a_batch_that_lost_its_keys_says_so_and_can_be_closed(clip: Clip, requester: Client, no_keys: None) -> None:
    batch = make_batch(environment=Environment.SANDBOX)
    Batch.objects.update(state=Batch.State.LAUNCHING)
    with pytest.raises(Exception, match="credentials"):
        tasks.launch_batch.run(batch_id=batch.pk)
    assert "credentials" in requester.get(f"/batches/{batch.pk}/").content.decode()
    assert ledger.totals(batch)["held"] == Decimal("0.28")
    requester.post(f"/batches/{batch.pk}/close/")
    assert steering.close(batch.pk), "nobody has to be asked"
    batch.refresh_from_db()
    assert (batch.state, ledger.totals(batch)["held"]) == (Batch.State.CLOSED, 0)


@pytest.mark.parametrize("typed", ["", "0.27", "yes"])
def test_real_money_is_spent_after_its_amount_was_typed(
    clip: Clip, requester: Client, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    batch = make_batch(environment=Environment.LIVE)
    assert "real money" in requester.get(f"/batches/{batch.pk}/").content.decode()
    page = requester.post(f"/batches/{batch.pk}/launch/", {"amount": typed}, follow=True).content.decode()
    assert "type the amount, 0.28" in page
    assert Batch.objects.get().state == Batch.State.DRAFT
    requester.post(f"/batches/{batch.pk}/launch/", {"amount": "0.28"})
    assert Batch.objects.get().state == Batch.State.LAUNCHING


def test_drafts_make_nobody_call_anybody(clip: Clip) -> None:
    for environment in Environment:
        make_batch(environment=environment)
    assert tasks.worked_in() == []
    Batch.objects.filter(environment="local").update(hit_type_id="T", state=Batch.State.CLOSED)
    assert tasks.worked_in() == ["local"]


def test_a_request_to_launch_1500_units_costs_few_queries(
    clip: Clip, crowd: Site, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    Clip.objects.bulk_create(
        Clip(video=clip.video, start=30.0 + part, end=60.0 + part, imported=False) for part in range(1, 1500)
    )
    batch = make_batch(budget="1000.00")
    with django_assert_max_num_queries(8):
        launch.request_launch(batch.pk)
    with django_assert_max_num_queries(40):
        batch.refresh_from_db()
        launch._make_first_hits(batch)
    assert batch.hits.count() == 1500
    assert ledger.totals(batch)["held"] == 1500 * Decimal("0.28")


def test_units_are_launched_page_by_page_and_each_once(
    many: list[Clip], crowd: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 5)
    batch = make_batch(sample=12, budget="100.00")
    before = {hit["HITId"] for hit in every_hit()}
    launch.request_launch(batch.pk)
    progress = []
    for _ in range(3):
        launch.launch(batch.pk)
        batch.refresh_from_db()
        progress.append((batch.hits.filter(state=Hit.State.OPEN).count(), batch.state))
    assert progress == [(5, "launching"), (10, "launching"), (12, "open")]
    made = {hit["HITId"] for hit in every_hit()} - before
    assert made == set(batch.hits.values_list("hit_id", flat=True))


def test_hits_are_made_in_order_where_one_is_made_at_a_time(many: list[Clip], crowd: Site, settings: Any) -> None:
    """Workers get the oldest first: a demo of one seed must end the same, however long a call takes."""
    settings.LAUNCH_AT_ONCE = 1
    batch = make_batch(sample=8, budget="100.00")
    launch.request_launch(batch.pk)
    crowd.faults(add={"kind": "delay", "operation": "CreateHITWithHITType", "remaining": 1, "seconds": 0.5})
    launch.launch(batch.pk)
    ours = list(batch.hits.order_by("pk").values_list("hit_id", flat=True))
    newest_first = [hit["HITId"] for hit in every_hit() if hit["HITId"] in ours]
    assert newest_first[::-1] == ours


def test_one_launcher_at_a_time_and_nobody_who_died_is_in_the_way(
    many: list[Clip], crowd: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper wakes a launch each minute: it must not begin a second one beside the first."""
    batch = make_batch(sample=12, budget="100.00")
    launch.request_launch(batch.pk)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", [f"launch {batch.pk}"])
    launch.launch(batch.pk)
    assert not batch.hits.exists()
    other.close()  # as a worker that is killed; the server needs a moment to see it
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 5)
    for opened in (5, 10, 12):
        until = time.monotonic() + 10
        while batch.hits.filter(state=Hit.State.OPEN).count() < opened:
            assert time.monotonic() < until
            launch.launch(batch.pk)
        assert batch.hits.filter(state=Hit.State.OPEN).count() == opened
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()")
        assert cursor.fetchone() == (0,)


def test_a_launch_that_is_stopped_half_way_ends(many: list[Clip], crowd: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 5)
    batch = make_batch(sample=12, budget="100.00")
    launch.request_launch(batch.pk)
    launch.launch(batch.pk)
    lost = batch.hits.filter(state=Hit.State.OPEN).first()
    assert lost is not None
    batch.hits.filter(pk=lost.pk).update(hit_id=None, state=Hit.State.WAITING)  # its answer was never stored
    steering.request_close(batch.pk)
    assert steering.close(batch.pk)
    assert ledger.totals(batch)["held"] == 0
    mine = [hit for hit in every_hit() if hit["HITTypeId"] == Batch.objects.get(pk=batch.pk).hit_type_id]
    assert [hit["HITStatus"] for hit in mine] == ["Reviewable"] * 5


def test_a_sample_depends_on_the_seed_alone(many: list[Clip]) -> None:
    drawn = {seed: [clip.name for clip in launch.units(make_batch(sample=20, seed=seed))] for seed in (1, 2, 1)}
    assert [len(set(names)) for names in drawn.values()] == [20, 20]
    assert drawn[1] != drawn[2]
    Clip.objects.filter(video__public_id="v19").delete()
    left = [clip.name for clip in launch.units(make_batch(sample=20, seed=1))]
    assert [name for name in drawn[1] if not name.startswith("v19")] == left[: len(drawn[1]) - _of(drawn[1], "v19")]


def _of(names: list[str], video: str) -> int:
    return sum(name.startswith(video) for name in names)


def test_units_are_chosen_by_tag_and_by_what_has_no_query(many: list[Clip]) -> None:
    tagged = list(launch.units(make_batch(tag="zoo")))
    assert {clip.video.public_id for clip in tagged} == {"v00", "v04", "v08", "v12", "v16"}
    segments = [
        Segment.objects.create(public_id=n, clip=clip, start=1.0, end=9.0) for n, clip in enumerate(many[:4], 1)
    ]
    for number in range(2):
        Query.objects.create(public_id=number, segment=segments[0], text=f"text {number}", type="v")
    assert list(launch.units(make_batch(Kind.QUERY))) == segments
    assert list(launch.units(make_batch(Kind.QUERY, without_query=True))) == segments[1:]
    assert list(launch.units(make_batch(Kind.QUERY, without_query=True, tag="zoo"))) == segments[1:3]


def test_pausing_lets_nobody_start_and_resuming_does(clip: Clip, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    batch = launch_batch(make_batch(assignments_per_hit=3))
    working = annotators[0].accept(batch.hit_type_id)
    steering.request_pause(batch.pk)
    steering.steer(batch.pk)
    assert "Nothing is left" in annotators[3].accept(batch.hit_type_id).text
    assert ledger.totals(batch)["held"] == Decimal("0.14"), "for the one at work, as at the marketplace"
    assert annotators[0].submit(working, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    verdicts.decide(Assignment.objects.get().pk, Verdict.USE, None)
    decisions.push_decision(Assignment.objects.get().pk)
    reconcile.follow("local")
    assert Hit.objects.get().state == Hit.State.OPEN, "a paused unit is not over"
    steering.request_resume(batch.pk)
    steering.steer(batch.pk)
    assert not steering.untold(Batch.objects.get()).exists()
    assert ledger.totals(batch)["held"] == Decimal("0.28")
    assert annotators[3].accept(batch.hit_type_id).frame is not None


def test_a_pause_that_is_interrupted_is_told_to_the_rest(
    many: list[Clip], crowd: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = launch_batch(make_batch(sample=4, budget="100.00"))
    monkeypatch.setattr(steering, "AT_ONCE", 3)
    steering.request_pause(batch.pk)
    batch.refresh_from_db()
    steering.steer(batch.pk)
    assert steering.untold(batch).count() == 1
    steering.steer(batch.pk)
    assert not steering.untold(batch).exists()
    mine = [hit for hit in every_hit() if hit["HITTypeId"] == batch.hit_type_id]
    assert {hit["HITStatus"] for hit in mine} == {"Reviewable"}


def test_more_time_is_told_to_the_marketplace(clip: Clip, crowd: Site) -> None:
    batch = launch_batch(make_batch())
    hit_id = batch.hits.get().hit_id
    before = Crowd("local").client.get_hit(HITId=hit_id)["HIT"]["Expiration"]
    steering.request_extension(batch.pk, 7)
    steering.steer(batch.pk)
    after = Crowd("local").client.get_hit(HITId=hit_id)["HIT"]["Expiration"]
    assert round((after - before).total_seconds() / 86_400) == 7
    with pytest.raises(launch.LaunchError, match="1 to 90"):
        steering.request_extension(batch.pk, 91)


def test_one_worker_does_as_many_units_as_a_batch_allows(
    many: list[Clip], crowd: Site, client: Client, annotators: list[WorkerBrowser]
) -> None:
    batch = launch_batch(make_batch(sample=3, per_worker=2, budget="100.00"))
    for _ in range(2):
        annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))
    reconcile.follow("local")
    page = annotators[0].accept(batch.hit_type_id)
    assert page.frame is not None
    refused = client.get(page.frame.replace("http://localhost:8000", ""))
    assert refused.status_code == 403
    assert "as many as one person may" in refused.content.decode()
    assert annotators[0].submit(page, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    evidence = Assignment.objects.order_by("pk").values_list("evidence", flat=True)
    assert ["more than 2 units" in " ".join(lines) for lines in evidence] == [False, False, True]


def test_a_draft_is_edited_copied_and_deleted_and_a_launched_batch_is_not(clip: Clip, requester: Client) -> None:
    batch = make_batch(tag="", sample=5)
    form = requester.get(f"/batches/{batch.pk}/edit/").context["form"]
    values = {
        name: form.initial[name] for name in form.fields if form.initial[name] is not None and name != "without_query"
    }
    requester.post(f"/batches/{batch.pk}/edit/", {**values, "reward": "0.20", "budget": "-5"})
    assert Batch.objects.get().reward == Decimal("0.12"), "a budget is positive"
    requester.post(f"/batches/{batch.pk}/edit/", {**values, "reward": "0.20"})
    assert Batch.objects.get().reward == Decimal("0.20")
    copy = requester.get(f"/batches/new/?like={batch.pk}").context["form"].initial
    assert (copy["name"], copy["sample"], copy["reward"]) == (f"{batch.name} (2)", 5, Decimal("0.20"))
    Batch.objects.update(state=Batch.State.OPEN)
    for door in ("edit", "delete"):
        assert requester.post(f"/batches/{batch.pk}/{door}/", values).status_code == 404
    Batch.objects.update(state=Batch.State.DRAFT)
    requester.post(f"/batches/{batch.pk}/delete/")
    assert not Batch.objects.exists()
