"""A small accepted corpus: videos with clips, feature files, subtitles, queries and questions."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from django.db import connection

from annotation.models import Answer, Clip, Query, Question, Segment, Subtitle, Video
from annotation.models.items import content_id
from benchmark_site.jobs.leases import acquire
from benchmark_site.releases.building.publish import files_digest, publish
from benchmark_site.releases.building.snapshot import take_snapshot
from benchmark_site.releases.files.writer import write_files
from benchmark_site.releases.models import Release, SplitVideo
from benchmark_site.releases.services import create_release
from evaluation.release.features import save_features

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black", "grey", "pink", "brown", "golden")
SHAPES = ("circle", "square", "triangle", "star", "ring", "arrow", "cross", "heart")
ACTIONS = ("enters from the left", "leaves to the right", "turns around", "grows", "falls down", "jumps", "fades away")
PLACES = ("near the tree", "on the table", "at the top", "behind the wall", "in the corner", "below the lamp")

ROOT = Path(__file__).resolve().parents[2]
Corpus = Callable[..., list[Video]]


@pytest.fixture(autouse=True)
def media(settings, tmp_path: Path) -> Iterator[Path]:
    """An empty MEDIA_ROOT."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture
def corpus() -> Corpus:
    return make_corpus


@pytest.fixture
def frozen(corpus: Corpus) -> Release:
    """A frozen shared release of six videos. What takes long, matching and leak audit, is passed over."""
    corpus(6)
    return frozen_without_matching(small_release("demo", "1.0.0"))


@pytest.fixture
def sealed(corpus: Corpus) -> Release:
    """The same of 24 videos, 20 of them in test, sealed."""
    deal_by_hand(corpus(24), train=2, val=2)
    return frozen_without_matching(create_release("demo", "1.0.0"))


def frozen_without_matching(release: Release, before_publishing: Callable[[], None] = lambda: None) -> Release:
    lease = acquire(Release, release.pk)
    take_snapshot(lease)
    before_publishing()
    panel = {"answer_only": {"accuracy": 0.512, "low": 0.4, "high": 0.62}}
    blind = {"before": {"panel": panel}, "after": {"panel": {"answer_only": {**panel["answer_only"], "accuracy": 0.3}}}}
    leaks = {"rows": LEAKS, "proofs": {}, "blocked": [], "comparisons": 2, "files_sha256": audited_digest(release)}
    Release.objects.filter(pk=release.pk).update(step=Release.Step.WRITE, blind=blind, leaks=leaks)
    publish(lease)
    release.refresh_from_db()
    return release


LEAKS = [
    {
        "attack": attack, "kind": "file level", "task": "qa", "metric": "QA.accuracy", "n": n, "value": 71.4,
        "low": 60.2, "high": 80.3, "without": 36.1, "without_by": "trees", "difference": 35.3, "difference_low": low,
        "difference_high": 50.0, "blocks": low > 0, "note": "",
    }
    for attack, n, low in (("one place a text", 400, 12.0), ("row number", 3, -20.0))
]  # fmt: skip


def audited_digest(release: Release) -> str:
    """What the audit would have seen."""
    with tempfile.TemporaryDirectory() as folder:
        return files_digest(write_files(Path(folder), release))


def deal_by_hand(videos: list[Video], train: int = 1, val: int = 1) -> None:
    """Put the first videos into train and val and all others into test, so that a small corpus can be sealed."""
    earlier = create_release("ledger", "0.0.1")
    Release.objects.filter(pk=earlier.pk).update(state="failed", reason="its rows in the ledger stay")
    splits = ["train"] * train + ["val"] * val + ["test"] * len(videos)
    SplitVideo.objects.bulk_create(
        SplitVideo(video=video, split=split, release=earlier) for video, split in zip(videos, splits, strict=False)
    )


def small_release(slug: str, version: str, seed: int = 0) -> Release:
    """A release that waits for a worker, shared, since a few videos are too few to be sealed.

    Its nonce is the same each time, so that the files of two builds can be compared.
    """
    return create_release(slug, version, seed=seed, hidden=Release.Hidden.SHARED, seal="5e" * 32)


def make_corpus(videos: int = 12, start: int = 0, features: bool = True, questions: bool = True) -> list[Video]:
    """Videos of one 30 s clip, each with two segments; a segment has a query and a question with four answers."""
    made = [_make_video(start + number, features) for number in range(videos)]
    if not questions:
        Question.objects.filter(segment__clip__video__in=made).delete()
    return made


def _make_video(number: int, features: bool) -> Video:
    video = Video.objects.create(
        public_id=f"shapes-{number:03d}", licence="CC0-1.0", duration=30.0, state=Video.State.READY
    )
    clip = Clip.objects.create(video=video, start=0.0, end=30.0)
    if features:
        attach_features(clip, np.random.default_rng(number).standard_normal((20, 8)).astype(np.float32))
    Subtitle.objects.create(video=video, start=2.0, end=5.5, text=f"Here we see number {number}.")
    for place in range(2):
        start = 3.0 + 12.5 * place
        segment = Segment.objects.create(
            public_id=content_id("s", number, place), clip=clip, start=start, end=start + 7.31
        )
        colour, shape = COLOURS[(number + 5 * place) % 12], SHAPES[(3 * number + place) % 8]
        action, where = ACTIONS[(number + 2 * place) % 7], PLACES[(number * 5 + place) % 6]
        Query.objects.create(
            public_id=content_id("q", number, place),
            segment=segment,
            text=f"The {colour} {shape} {action} {where} in scene {number}",
            type="vt" if place else "v",
        )
        question = Question.objects.create(
            public_id=content_id("a", number, place),
            segment=segment,
            text=f"What does the {colour} {shape} do {where}?" if place else f"Which {shape} {action} {where}?",
        )
        wrong = [ACTIONS[(number + 2 * place + n) % 7] for n in (1, 3, 4)]
        options = [f"it {action}", *(f"it {text}" for text in wrong)]
        if not place:
            options = [f"the {COLOURS[(number + n) % 12]} one" for n in (0, 2, 5, 7)]
        Answer.objects.bulk_create(
            Answer(question=question, position=n, text=f"{text} {where}", correct=n == 0)
            for n, text in enumerate(options)
        )
    return video


def attach_features(clip: Clip, vectors: np.ndarray, model: str = "tiny-net", interval_s: float = 1.5) -> None:
    """Store float32 [frames, dim] as the clip's feature file."""
    from django.core.files.storage import default_storage

    name = f"features/{clip.video.public_id}-{clip.pk}.safetensors"
    path = Path(default_storage.path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_features(path, {"features": vectors}, model=model, interval_s=interval_s)
    clip.features.name = name
    clip.features_sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    clip.save()


def database_url() -> str:
    """The test database, for child processes."""
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)
