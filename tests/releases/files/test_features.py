"""Feature sets reach a release where they describe every clip of it, and only there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from safetensors import safe_open

from annotation.models import Clip, ClipFeatures, FeatureSet
from benchmark_site.leaderboard.models import TrainingRun
from benchmark_site.leaderboard.training.systems import train_command
from benchmark_site.releases.building.pipeline import build_release
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.features import feature_sets, lacking_clips
from evaluation.release.features import save_features
from tests.releases.conftest import frozen_without_matching, small_release

pytestmark = pytest.mark.django_db


def described(name: str, clips: Sequence[Clip], interval_s: float = 3.0, frames: int = 10) -> FeatureSet:
    """A set that says so many frames of each of these clips."""
    feature_set = FeatureSet.objects.create(name=name, encoder="big/net", interval_s=interval_s)
    for clip in clips:
        path = Path(default_storage.path(f"features/{name}-{clip.pk}.safetensors"))
        path.parent.mkdir(parents=True, exist_ok=True)
        vectors = np.full((frames, 4), clip.pk, np.float32)
        save_features(path, {"features": vectors}, model="big/net", interval_s=interval_s)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        ClipFeatures.objects.create(feature_set=feature_set, clip=clip, file=f"features/{path.name}", sha256=digest)
    return feature_set


def test_a_complete_set_is_a_file_of_the_release_and_another_is_left_out_and_named(corpus) -> None:
    corpus(6, questions=False)
    clips = list(Clip.objects.all())
    described("big-net-slow", clips)
    lacking = described("half", clips[1:])
    ClipFeatures.objects.create(feature_set=lacking, clip=clips[0], error="damaged")
    release = small_release("demo", "1.0.0", 0)
    build_release(release.pk)
    release.refresh_from_db()
    assert (release.state, release.reason) == ("frozen", "")
    files = {path for path in release.files.values_list("path", flat=True) if path.startswith("features/")}
    assert files == {"features/tiny-net.safetensors", "features/big-net-slow.safetensors"}
    with safe_open(release.folder / "features/big-net-slow.safetensors", "np") as stored:
        assert stored.metadata() == {"model": "big/net", "interval_s": "3", "dim": "4"}
        assert set(stored.keys()) == {clip.name for clip in clips}
        assert (stored.get_tensor(clips[2].name) == clips[2].pk).all()
    (row,) = [row for row in release.quality if row["id"] == "F1"]
    assert (row["severity"], row["n"], row["total"], row["first"]) == ("warn", 1, 2, ["half lacks 1 of 6 clips"])
    # the platform's own trainer says which one it sees
    command = train_command(TrainingRun(release=release, pk=1))
    assert command[command.index("--features") + 1] == "big-net-slow"


def test_the_trainer_sees_what_every_ingest_makes() -> None:
    release = small_release("demo", "1.0.0", 0)
    run = TrainingRun(release=release, pk=1)
    for name in ("efficientnet-lite0", "a-net"):
        assert "--features" not in train_command(run)
        release.files.create(path=f"features/{name}.safetensors", bytes=1, sha256="0" * 64, access="public")
    command = train_command(run)
    assert command[command.index("--features") + 1] == "efficientnet-lite0"


def test_a_set_that_changes_under_a_build_stops_it(corpus) -> None:
    corpus(3)
    clips = list(Clip.objects.all())
    feature_set = described("net", clips)
    assert lacking_clips(clips) == {"net": 0}
    rows = feature_set.rows
    rows.filter(clip=clips[0]).update(sha256="0" * 64)
    with pytest.raises(BuildError, match="its hash differs"):
        list(feature_sets(clips, ["net"]))
    rows.filter(clip=clips[0]).delete()
    assert lacking_clips(clips) == {"net": 1}
    with pytest.raises(BuildError, match=f"1 clips have no features of net: {clips[0].name}"):
        list(feature_sets(clips, ["net"]))


def test_a_set_at_half_the_rate_that_it_says_is_refused(corpus) -> None:
    corpus(3)
    described("net", Clip.objects.all(), frames=5)
    with pytest.raises(BuildError, match="features of net: 5 frames, one each 3 s, make 15 s, but it lasts 30 s"):
        list(feature_sets(list(Clip.objects.all()), ["net"]))


@pytest.mark.django_db
def test_imported_clips_without_a_film_keep_the_ingests_features_out_and_stop_nothing(corpus, tmp_path):
    corpus(6, questions=False)
    (tmp_path / "r.csv").write_text("abcdefghijk,[0:60],[1:5],A man opens the door\n")
    call_command("import_annotations", "how2r", str(tmp_path / "r.csv"))
    release = frozen_without_matching(small_release("demo", "1.0.0"))
    assert not release.files.filter(path__startswith="features/").exists()
    (row,) = [row for row in release.quality if row["id"] == "F1"]
    assert row["first"] == ["the ingest lacks 1 of 7 clips"]
