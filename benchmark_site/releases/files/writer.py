"""The files of a release (docs/release_format.md), written from its rows alone: same rows, same bytes.

Rows of the database become plain ones, in an order that no primary key and no insertion decides; what they look like
in files is `evaluation.release.writer`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise, starmap
from pathlib import Path

import msgspec

from annotation.models import Clip
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.features import feature_sets
from benchmark_site.releases.models import HalvedVideo, Item, Negative, Release, SealedClip
from evaluation.release import FOLDERS, ManifestFile, SubtitleLine, writer
from evaluation.release.schema import Half, LentRow

READ_TOGETHER = 2000  # rows


def write_files(folder: Path, release: Release) -> list[ManifestFile]:
    """All that the leak audit sees, into an empty folder; sorted by path. Raises BuildError on unusable features."""
    queries: list[writer.Query] = []
    questions: list[writer.Question] = []
    split_of: dict[int, str] = {}
    shown: set[int] = set()
    for item in release.items.order_by("kind", "public_id").iterator(READ_TOGETHER):
        if item.kind == Item.Kind.MOMENT:
            queries.append(query_of(item))
        else:
            questions.append(question_of(item))
        split_of[item.video_id] = item.split
        shown |= {item.video_id} if item.published else set()
    clips = _clips_of(shown)
    return writer.write_files(
        folder,
        queries=queries,
        questions=questions,
        clips=list(_written_clips(release, split_of, clips)),
        features=feature_sets(clips, release.feature_sets),
        lent=list(_lent(release)),
        halves=_halves(release, clips),
    )


def write_manifests(folder: Path, release: Release, files: Sequence[ManifestFile]) -> tuple[ManifestFile, str]:
    """Both manifests, with the release's own nonce: (the held-out one as a file of the release, the release hash)."""
    return writer.write_manifests(
        folder,
        files,
        name=release.slug,
        version=release.version,
        seed=release.seed,
        hidden="sealed" if release.hidden == Release.Hidden.SEALED else "shared",
        nonce=release.seal,
    )


def release_clips(items: Iterable[Item]) -> list[Clip]:
    """All clips of the videos that hold a published item, in the order of their names. Raises BuildError."""
    return _clips_of({item.video_id for item in items if item.published})


def _clips_of(videos: Collection[int]) -> list[Clip]:
    clips = sorted(Clip.objects.filter(video__in=videos).prefetch_related("video"), key=lambda clip: clip.name)
    for one, other in pairwise(clips):
        if one.name == other.name:
            raise BuildError(f"two clips are called {one.name}: their times differ by less than a name shows")
    return clips


def query_of(item: Item) -> writer.Query:
    """An item of the kind moment as it is written."""
    return writer.Query(
        id=item.public_id,
        split=item.split,
        published=item.published,
        clip=item.vid_name,
        text=item.text,
        start=item.start,
        end=item.end,
        duration=item.duration,
        type=item.type,
    )


def question_of(item: Item) -> writer.Question:
    """An item of the kind qa as it is written."""
    assert item.answer_index is not None  # a constraint of the table
    return writer.Question(
        id=item.public_id,
        split=item.split,
        published=item.published,
        clip=item.vid_name,
        text=item.text,
        start=item.start,
        end=item.end,
        options=item.options,
        answer=item.answer_index,
        blind_chance=item.blind_chance,
    )


def _lent(release: Release) -> Iterator[LentRow]:
    """What was matched, in the order of the questions."""
    matched = Negative.objects.filter(item__release=release).order_by("item__public_id", "option")
    yield from starmap(
        LentRow,
        matched.values_list("item__public_id", "option", "source__public_id", "replaced", "relevance", "similarity"),
    )


def _halves(release: Release, clips: Sequence[Clip]) -> dict[str, Half]:
    """The half of each hidden clip, by name, where the release has halves."""
    if not release.test_halves:
        return {}
    found = HalvedVideo.objects.filter(video__in={clip.video_id for clip in clips})
    half_of = dict(found.values_list("video_id", "half"))
    public = HalvedVideo.Half.PUBLIC
    return {
        clip.name: "public" if half_of[clip.video_id] == public else "private"
        for clip in clips
        if clip.video_id in half_of
    }


def _written_clips(release: Release, split_of: Mapping[int, str], clips: Sequence[Clip]) -> Iterator[writer.Clip]:
    """Of a sealed release's hidden clip the ledger says which task it serves; every other one serves them all."""
    sealed = release.hidden == Release.Hidden.SEALED
    serves = dict(SealedClip.objects.filter(clip__in=clips).values_list("clip_id", "task")) if sealed else {}
    for clip in clips:
        yield writer.Clip(
            name=clip.name,
            split=split_of[clip.video_id],
            duration=clip.duration,
            tasks=[task for task in FOLDERS if serves.get(clip.pk, task) == task],
            subtitles=msgspec.convert(clip.subtitles(), list[SubtitleLine]),
        )
