"""The feature files of a release: what every ingest made, and the sets that were complete at its snapshot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotation.models import Clip, ClipFeatures, FeatureSet
from annotation.models.features import INGESTED
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Release
from evaluation.io.digest import file_sha256
from evaluation.release import writer
from evaluation.release.features import rate_fault
from evaluation.release.names import feature_set_files

if TYPE_CHECKING:
    import numpy as np
    from django.db.models.fields.files import FieldFile
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Described:
    """One clip as a model saw it: float32 [frames, dim], a frame each `interval_s` seconds."""

    clip: Clip
    model: str
    interval_s: float
    vectors: NDArray[np.float32]


def lacking_clips(clips: Sequence[Clip]) -> dict[str, int]:
    """Of every set there is, by name: how many of these clips it has not described."""
    wanted = {clip.pk for clip in clips}
    described: dict[str, set[int]] = {name: set() for name in FeatureSet.objects.values_list("name", flat=True)}
    for name, clip in ClipFeatures.objects.exclude(file="").values_list("feature_set__name", "clip"):
        described[name].add(clip)
    return {name: len(wanted - found) for name, found in described.items()}


def unseen(clips: Sequence[Clip]) -> int:
    """How many clips no ingest has seen, since they came with other people's annotations."""
    return sum(clip.imported and not clip.features for clip in clips)


def feature_sets(clips: Sequence[Clip], names: Sequence[str]) -> Iterator[writer.FeatureSet]:
    """The vectors of the ingests, by model, then those of the named sets. Raises BuildError.

    Those of the ingests are left out where imported clips, whose films are not here, have none.
    """
    by_model: dict[str, list[Described]] = defaultdict(list)
    for clip in clips if not unseen(clips) else ():
        if clip.features:
            found = _read(clip, clip.features, clip.features_sha256)
            by_model[found.model].append(found)
    for model in sorted(by_model):
        yield _joined(model, clips, by_model[model])
    for name in names:
        rows = {row.clip_id: row for row in ClipFeatures.objects.filter(feature_set__name=name).exclude(file="")}
        read = [_read(clip, rows[clip.pk].file, rows[clip.pk].sha256) for clip in clips if clip.pk in rows]
        yield _joined(name, clips, read)


def _joined(name: str, clips: Sequence[Clip], described: Sequence[Described]) -> writer.FeatureSet:
    """Raises BuildError where a clip is not described, or not as the others are."""
    vectors = {found.clip.name: found.vectors for found in described}
    if lacking := [clip.name for clip in clips if clip.name not in vectors]:
        raise BuildError(f"{len(lacking)} clips have no features of {name}: {', '.join(lacking[:5])}")
    first = described[0]
    for found in described:
        if found.interval_s != first.interval_s:
            rates = f"every {found.interval_s:g} s, other clips every {first.interval_s:g} s"
            raise BuildError(f"{found.clip.name}: features of {name} {rates}")
        if fault := rate_fault(len(found.vectors), found.interval_s, found.clip.duration):
            raise BuildError(f"{found.clip.name}: features of {name}: {fault}")
    if len({(found.model, found.vectors.shape[1]) for found in described}) > 1:
        raise BuildError(f"features of {name} are not all of one model and dimension")
    return writer.FeatureSet(name=name, model=first.model, interval_s=first.interval_s, vectors=vectors)


def _read(clip: Clip, stored: FieldFile, sha256: str) -> Described:
    """Raises BuildError on a file that was not stored so."""
    from safetensors import SafetensorError, safe_open

    path = Path(stored.path)
    where = f"{clip.name}: its feature file {stored.name}"
    if not path.is_file():
        raise BuildError(f"{where} is missing")
    if file_sha256(path) != sha256:
        raise BuildError(f"{where} is not the one that was stored: its hash differs")
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            tensor = opened.get_tensor("features")
            model, interval_s = metadata["model"], float(metadata["interval_s"])
    except (SafetensorError, KeyError, ValueError) as error:
        raise BuildError(f"{where} holds no `features` with metadata model and interval_s: {error}") from error
    if tensor.ndim != 2 or tensor.dtype.name != "float32":
        raise BuildError(f"{where} holds {tensor.dtype.name} {list(tensor.shape)}, expected float32 [frames, dim]")
    return Described(clip, model, interval_s, tensor)


def feature_set(release: Release) -> str | None:
    """Which feature set of a release HERO sees: the one of every ingest, where it is there; None where one is there."""
    names = list(feature_set_files(release.files.values_list("path", flat=True)))
    if len(names) < 2:
        return None
    return INGESTED if INGESTED in names else names[0]
