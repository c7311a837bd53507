"""Feature sets: every clip described once, whatever happens to workers, and a damaged clip costs only itself."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.test import Client
from safetensors import safe_open

from annotation import tasks
from annotation.media import describe
from annotation.media.describe import describe_next
from annotation.media.feature_sets import open_set, try_again
from annotation.models import Clip, ClipFeatures, FeatureSet, Video
from hero_model.features.frame_encoder import encode_video, load_encoder
from tests.hero_model.tiny_models import write_vit
from tests.releases.conftest import ROOT, database_url

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoders")
    write_vit(folder / "tiny-vit")
    return folder


@pytest.fixture(autouse=True)
def _own_encoders(encoders: Path, settings: Any) -> Iterator[None]:
    settings.ENCODERS = str(encoders)
    yield
    describe._encoder.cache_clear()


@pytest.fixture
def make_clip(make_video_file: Callable[..., Path], settings: Any) -> Callable[..., Clip]:
    """A clip of 6 s with its file; `seconds` is what its row says."""

    def make(name: str, seconds: float = 6.0) -> Clip:
        folder = Path(settings.MEDIA_ROOT) / "clips"
        folder.mkdir(parents=True, exist_ok=True)
        make_video_file(f"{name}.mp4", fps=10 + Clip.objects.count()).rename(folder / f"{name}.mp4")
        video = Video.objects.create(public_id=name, state="ready", sha256=name, duration=seconds)
        return Clip.objects.create(video=video, start=0.0, end=seconds, file=f"clips/{name}.mp4")

    return make


def opened(name: str = "vit", encoder: str = "tiny-vit", interval_s: float = 0.5) -> FeatureSet:
    feature_set = FeatureSet(name=name, encoder=encoder, interval_s=interval_s)
    open_set(feature_set)
    return feature_set


def describe_all(feature_set: FeatureSet) -> None:
    while describe_next(feature_set.pk):
        pass


def test_a_set_holds_what_its_encoder_sees_of_every_clip(make_clip: Callable[..., Clip], encoders: Path) -> None:
    clips = [make_clip("a"), make_clip("b")]
    Clip.objects.create(video=clips[0].video, start=0.0, end=3.0)  # imported without a file
    sets = opened(), opened("lite-fast", "efficientnet-lite0", 0.75)
    for feature_set in sets:
        describe_all(feature_set)
    encoder = load_encoder(str(encoders / "tiny-vit"))
    for row in sets[0].rows.all():
        assert (row.error, row.claimed_by, row.sha256) == ("", "", Path(row.file.name).stem)
        with safe_open(row.file.path, "np") as file:
            assert file.metadata() == {"model": "tiny-vit", "interval_s": "0.5", "dim": "24"}
            wanted = encode_video(Path(row.clip.file.path), encoder, 0.5)
            assert np.array_equal(file.get_tensor("features"), wanted)
    assert {row.clip for row in sets[0].rows.all()} == set(clips)
    row = sets[1].rows.get(clip=clips[0])
    with safe_open(row.file.path, "np") as file:
        assert file.get_tensor("features").shape == (8, 1280)


def test_a_damaged_clip_costs_only_itself_is_listed_and_tried_again(
    make_clip: Callable[..., Clip], client: Client
) -> None:
    clips = [make_clip(name) for name in "abc"]
    whole = Path(clips[1].file.path).read_bytes()
    Path(clips[1].file.path).write_bytes(b"not a film")
    short = make_clip("d", seconds=9.0)
    feature_set = opened()
    describe_all(feature_set)
    errors = dict(feature_set.rows.exclude(error="").values_list("clip", "error"))
    assert errors.keys() == {clips[1].pk, short.pk}
    assert "cannot be decoded as video" in errors[clips[1].pk]
    assert errors[short.pk] == "12 frames, one each 0.5 s, make 6 s, but it lasts 9 s"
    assert feature_set.rows.exclude(file="").count() == 2
    page = shown(client)
    assert "2 of 4 clips, 2 cannot be" in page
    assert "but it lasts 9 s" in page
    assert f"/clips/{short.pk}/" in page
    Path(clips[1].file.path).write_bytes(whole)
    assert "tried again" in client.post(f"/features/{feature_set.pk}/retry/", follow=True).content.decode()
    describe_all(feature_set)
    assert set(feature_set.rows.exclude(error="").values_list("clip", flat=True)) == {short.pk}


def test_what_another_worker_has_is_left_to_it_until_its_heart_stops(make_clip: Callable[..., Clip]) -> None:
    make_clip("a")
    feature_set = opened()
    feature_set.rows.update(claimed_by="another", heartbeat=Now(), attempt=1)
    assert not describe_next(feature_set.pk)
    feature_set.rows.update(heartbeat="2001-01-01T00:00Z")
    assert describe_next(feature_set.pk)
    assert feature_set.rows.get().file


def test_a_clip_that_three_workers_died_of_is_given_up_and_the_next_is_described(
    make_clip: Callable[..., Clip],
) -> None:
    deadly, other = make_clip("a"), make_clip("b")
    feature_set = opened()
    feature_set.rows.filter(clip=deadly).update(claimed_by="dead", heartbeat="2001-01-01T00:00Z", attempt=3)
    describe_all(feature_set)
    assert feature_set.rows.get(clip=deadly).error == "its worker died 3 times, the last one without a word"
    assert feature_set.rows.get(clip=other).file


def test_a_worker_that_lost_its_clip_saves_nothing(
    make_clip: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_clip("a")
    feature_set = opened()
    make = describe._make

    def slow(row: ClipFeatures, of: FeatureSet) -> str:
        name = make(row, of)
        ClipFeatures.objects.update(claimed_by="another", heartbeat=Now())
        return name

    monkeypatch.setattr(describe, "_make", slow)
    assert describe_next(feature_set.pk)
    row = feature_set.rows.get()
    assert (row.file.name, row.error, row.claimed_by) == ("", "", "another")


def test_whatever_an_encoder_does_is_a_reason(
    make_clip: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_clip("a")
    feature_set = opened()
    monkeypatch.setattr(describe, "encode_video", lambda *_: 1 / 0)
    describe_all(feature_set)
    assert feature_set.rows.get().error == "division by zero"
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text


def test_an_encoder_that_cannot_be_loaded_is_the_sets_error_not_the_clips(
    make_clip: Callable[..., Clip], encoders: Path, client: Client
) -> None:
    make_clip("a")
    feature_set = opened("late", "late-vit")
    describe_all(feature_set)
    feature_set.refresh_from_db()
    row = feature_set.rows.get()
    assert "late-vit: no image model" in feature_set.error
    assert (row.error, row.claimed_by, row.attempt) == ("", "", 0)
    assert "late-vit: no image model" in shown(client)
    tasks.sweep()
    write_vit(encoders / "late-vit")
    assert not describe_next(feature_set.pk)  # until somebody asks for it
    try_again(feature_set.pk)
    describe_all(feature_set)
    assert feature_set.rows.get().file


def test_clips_that_come_later_belong_to_the_set(
    make_clip: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(tasks.describe_clips, "delay", lambda feature_set_id: woken.append(feature_set_id))
    make_clip("a")
    feature_set = opened()
    describe_all(feature_set)
    tasks.sweep()
    assert woken == []
    later = make_clip("b"), make_clip("c")
    tasks.sweep()
    assert woken == [feature_set.pk]
    assert {row.clip for row in feature_set.rows.filter(file="")} == set(later)


def test_a_worker_gives_films_their_turn(make_clip: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, int]] = []
    monkeypatch.setattr(describe, "SLICE_S", 0.0)
    monkeypatch.setattr(describe, "enqueue", lambda task, **ids: sent.append(ids))
    make_clip("a"), make_clip("b")
    feature_set = opened()
    tasks.describe_clips(feature_set_id=feature_set.pk)
    assert feature_set.rows.exclude(file="").count() == 1
    assert sent == [{"feature_set_id": feature_set.pk}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Big Net"),
        ("name", "../x"),
        ("name", "efficientnet-lite0"),
        ("encoder", "/etc"),
        ("encoder", "../../etc"),
        ("encoder", "a/../../b"),
        ("encoder", "a/b/c"),
        ("interval_s", 0.0),
        ("interval_s", float("nan")),
        ("interval_s", 31.0),
    ],
)
def test_what_is_no_set_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        open_set(FeatureSet(**{"name": "x", "encoder": "google/vit-base", "interval_s": 1.0, field: value}))
    assert not FeatureSet.objects.exists()


def test_the_database_refuses_a_file_without_its_hash(make_clip: Callable[..., Clip]) -> None:
    make_clip("a")
    feature_set = opened()
    with pytest.raises(IntegrityError), transaction.atomic():
        feature_set.rows.update(file="features/x")
    with pytest.raises(IntegrityError), transaction.atomic():
        feature_set.rows.update(file="features/x", sha256="0", error="and a reason")


def test_a_requester_opens_a_set_by_the_page(make_clip: Callable[..., Clip], client: Client) -> None:
    make_clip("a")
    assert "No set beside" in shown(client)
    told = {"name": "vit", "encoder": "tiny-vit", "interval_s": "0.5"}
    page = client.post("/features/", told, follow=True).content.decode()
    assert "0 of 1 clips" in page
    assert FeatureSet.objects.get().created_by == User.objects.get()
    assert "already exists" in client.post("/features/", told).content.decode()
    again = client.post("/features/", {**told, "name": "other", "interval_s": "0"})
    assert "greater than or equal" in again.content.decode()
    part = client.get("/features/", headers={"HX-Request": "true"}).content.decode()
    assert "<table" in part
    assert "<html" not in part


def test_the_command_describes_and_says_what_it_could_not(
    make_clip: Callable[..., Clip], capsys: pytest.CaptureFixture[str]
) -> None:
    make_clip("a")
    call_command("describe_clips", "vit", encoder="tiny-vit", interval=0.5)
    assert capsys.readouterr().out == "1 described, 0 not described\n"
    damaged = make_clip("b")
    Path(damaged.file.path).write_bytes(b"no film")
    with pytest.raises(CommandError, match="1 clips cannot be described") as stopped:
        call_command("describe_clips", "vit", encoder="tiny-vit", interval=0.5)
    assert stopped.value.returncode == 1
    assert re.search(r"not described  b_0_6  .*\n1 described, 1 not", capsys.readouterr().out)
    for given, problem in (
        ({"name": "vit", "interval": 1.5}, "is another one: tiny-vit, a frame each 0.5 s"),
        ({"name": "V"}, "small letters"),
        ({"name": "late", "encoder": "nowhere"}, "nowhere: no image model"),
    ):
        with pytest.raises(CommandError, match=problem) as stopped:
            call_command("describe_clips", given.pop("name"), **given)
        assert stopped.value.returncode == 2


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_goes_on_where_it_was(make_clip: Callable[..., Clip], settings: Any) -> None:
    for number in range(40):
        make_clip(f"clip-{number:02d}")
    feature_set = opened(interval_s=0.05)
    environment = {
        **os.environ,
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "DATABASE_URL": database_url(),
        "ENCODERS": settings.ENCODERS,
    }
    command = [sys.executable, "-m", "celery", "-A", "benchmark_site.celery", "worker", "-Q", "features", "-c", "1"]
    done = feature_set.rows.exclude(file="")

    def work_until(count: int) -> None:
        tasks.sweep()
        worker = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 90
            while done.count() < count:
                assert time.monotonic() < deadline, list(feature_set.rows.values_list("claimed_by", "error"))
                time.sleep(0.02)
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()

    work_until(3)
    before = dict(done.values_list("clip", "heartbeat"))
    assert len(before) < 40
    feature_set.rows.exclude(claimed_by="").update(heartbeat="2001-01-01T00:00Z")
    work_until(40)
    assert {clip: beat for clip, beat in done.values_list("clip", "heartbeat") if clip in before} == before
    assert not feature_set.rows.exclude(error="").exists()


def shown(client: Client) -> str:
    user, _ = User.objects.get_or_create(username="ann")
    user.groups.add(Group.objects.get(name="Requesters"))
    client.force_login(user)
    return client.get("/features/").content.decode()
