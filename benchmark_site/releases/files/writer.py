"""The files of a release (docs/release_format.md), written from its rows alone: same rows, same bytes.

Rows of the database become plain ones, in an order that no primary key and no insertion decides; what they look like
in files is `evaluation.release.writer`'s.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from annotation.models import Clip
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.card import card
from benchmark_site.releases.models import Item, Release, SealedClip
from evaluation.io.digest import file_sha256
from evaluation.release import CARD, FOLDERS, ManifestFile, SubtitleLine, writer
from evaluation.release.features import rate_fault

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def write_files(folder: Path, release: Release) -> list[ManifestFile]:
    """All but card and manifests, into an empty folder; sorted by path. Raises BuildError on unusable features."""
    items = list(release.items.select_related("video").order_by("kind", "public_id"))
    clips = release_clips(items)
    return writer.write_files(
        folder,
        queries=[query_of(item) for item in items if item.kind == Item.Kind.MOMENT],
        questions=[question_of(item) for item in items if item.kind == Item.Kind.QA],
        clips=list(_written_clips(release, items, clips)),
        features=_feature_sets(clips),
    )


def write_card(folder: Path, release: Release) -> ManifestFile:
    """README.md. It holds the figures of the leak audit, which is made on the files of `write_files`."""
    items = list(release.items.select_related("video"))
    return writer.write_file(folder, CARD, card(release, items, release_clips(items)).encode())


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
    videos = {item.video_id for item in items if item.published}
    clips = sorted(Clip.objects.filter(video__in=videos).select_related("video"), key=lambda clip: clip.name)
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


def _written_clips(release: Release, items: Iterable[Item], clips: Sequence[Clip]) -> Iterator[writer.Clip]:
    """Of a sealed release's hidden clip the ledger says which task it serves; every other one serves them all."""
    sealed = release.hidden == Release.Hidden.SEALED
    serves = dict(SealedClip.objects.filter(clip__in=clips).values_list("clip_id", "task")) if sealed else {}
    split_of = {item.video_id: item.split for item in items}
    for clip in clips:
        yield writer.Clip(
            name=clip.name,
            split=split_of[clip.video_id],
            duration=clip.duration,
            tasks=[task for task in FOLDERS if serves.get(clip.pk, task) == task],
            subtitles=msgspec.convert(clip.subtitles(), list[SubtitleLine]),
        )


def _feature_sets(clips: Sequence[Clip]) -> Iterator[writer.FeatureSet]:
    """The vectors of every model that described the clips, by its name. Raises BuildError."""
    vectors: dict[str, dict[str, NDArray[np.float32]]] = defaultdict(dict)
    intervals: dict[str, float] = {}
    for clip in clips:
        if not clip.features:
            continue
        model, interval_s, tensor = _read_features(clip)
        if intervals.setdefault(model, interval_s) != interval_s:
            raise BuildError(
                f"{clip.name}: features of {model} every {interval_s:g} s, other clips every {intervals[model]:g} s"
            )
        if fault := rate_fault(len(tensor), interval_s, clip.duration):
            raise BuildError(f"{clip.name}: features of {model}: {fault}")
        vectors[model][clip.name] = tensor
    for model in sorted(vectors):
        lacking = [clip.name for clip in clips if clip.name not in vectors[model]]
        if lacking:
            raise BuildError(f"{len(lacking)} clips have no features of {model}: {', '.join(lacking[:5])}")
        if len({tensor.shape[1] for tensor in vectors[model].values()}) > 1:
            raise BuildError(f"features of {model} are not all of one dimension")
        yield writer.FeatureSet(model=model, interval_s=intervals[model], vectors=vectors[model])


def _read_features(clip: Clip) -> tuple[str, float, NDArray[np.float32]]:
    """Model, seconds between frames, float32 [frames, dim]. Raises BuildError on a file that was not ingested so."""
    from safetensors import SafetensorError, safe_open

    path = Path(clip.features.path)
    where = f"{clip.name}: its feature file {clip.features.name}"
    if not path.is_file():
        raise BuildError(f"{where} is missing")
    if file_sha256(path) != clip.features_sha256:
        raise BuildError(f"{where} is not the one that was ingested: its hash differs")
    try:
        with safe_open(path, framework="numpy") as stored:
            metadata = stored.metadata() or {}
            tensor = stored.get_tensor("features")
            model, interval_s = metadata["model"], float(metadata["interval_s"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise BuildError(f"{where} holds no `features` with metadata model and interval_s: {error}") from error
    if tensor.ndim != 2 or tensor.dtype.name != "float32":
        raise BuildError(f"{where} holds {tensor.dtype.name} {list(tensor.shape)}, expected float32 [frames, dim]")
    return model, interval_s, tensor
