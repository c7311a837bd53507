"""The films of a release's clips as WebDataset shards: plain tar files that loaders of the field read as a stream.

A film goes out under its own licence or not at all: the caller names the licences that allow it.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.models import Clip
from benchmark_site.releases.files.export import ExportError
from benchmark_site.releases.models import Release
from evaluation.io.digest import file_sha256
from evaluation.io.jsonl import decode_lines, encode_line
from evaluation.release import LICENCES, SUMS, ReleaseError

LEFT_OUT = "left_out.jsonl"
NONE = "none stated"


@dataclass(frozen=True)
class Shards:
    """What was written: films, tar files, and why the others were left out, each reason with its count."""

    films: int
    files: int
    left_out: Counter[str]


@dataclass(frozen=True)
class _Sample:
    """A clip as it is described in public, and its film."""

    row: dict[str, Any]
    film: Path


def write_clip_shards(
    release: Release,
    folder: Path,
    licences: Collection[str],
    most_bytes: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Shards:
    """The shards of a frozen release, of at most so many bytes each where one film is not larger, in a new folder.

    They are called `clips-000000.tar` and so on. A sample is `00000000.mp4` and `00000000.json`; the latter holds
    `vid_name`, `duration` (seconds), `licence`, `source` and `title`. (A name of a clip may hold dots, which end a
    sample's key.) Beside them lie the names of the clips that were left out, with the reason, and SHA256SUMS. Which
    clips there are is what the release's public `licences.jsonl` says, so nothing here tells of a split or a label. The
    same release gives the same bytes. `progress` is told the clips that are written, and of how many. Raises
    ExportError, and ReleaseError where `licences.jsonl` is damaged; nothing half-written stays.
    """
    if folder.exists():
        raise ExportError(f"{folder} exists already; expected a folder that is new")
    clips = Clip.objects.filter(video__in=release.items.values("video")).select_related("video")
    partial = folder.with_name(folder.name + ".partial")
    try:
        rows = _described(release, licences)
        partial.mkdir(parents=True)
        samples, left_out = _chosen(rows, clips.exclude(file=""), licences)
        names = _write(partial, samples, most_bytes, progress)
        with (partial / LEFT_OUT).open("wb") as out:
            out.writelines(encode_line(line) for line in left_out)
        sums = (f"{file_sha256(partial / name)}  {name}\n" for name in (*names, LEFT_OUT))
        (partial / SUMS).write_text("".join(sums))
        os.replace(partial, folder)
    except OSError as error:
        raise ExportError(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Shards(len(samples), len(names), Counter(line["why"] for line in left_out))


def _described(release: Release, licences: Collection[str]) -> list[dict[str, Any]]:
    """What the release says of each of its clips. Raises ExportError where none has one of the licences, OSError."""
    path = release.folder / LICENCES
    with path.open("rb") as file:
        rows = [row for _, row in decode_lines(file, path, dict[str, Any], ReleaseError)]
    stated = Counter(row["licence"] or NONE for row in rows)
    if unknown := sorted(set(licences) - stated.keys()):
        known = ", ".join(f"“{name}” ({count})" for name, count in sorted(stated.items()))
        raise ExportError(f"no clip has the licence “{unknown[0]}”; the clips' licences: {known}")
    return rows


def _chosen(
    rows: Iterable[dict[str, Any]], with_films: Iterable[Clip], licences: Collection[str]
) -> tuple[list[_Sample], list[dict[str, str]]]:
    """The clips that go out, in the order of their names, and a line for each of the others."""
    found = {clip.name: clip for clip in with_films}
    samples, left_out = [], []
    for row in sorted(rows, key=lambda row: str(row["vid_name"])):
        name = row["vid_name"]
        clip = found.get(name)
        if row["licence"] not in licences:
            left_out.append({"vid_name": name, "why": f"licence: {row['licence'] or NONE}"})
        elif clip is None:
            left_out.append({"vid_name": name, "why": "no film here"})
        else:
            told = {key: row[key] for key in ("licence", "source", "title")}
            described = {"vid_name": name, "duration": round(clip.duration, 3), **told}
            samples.append(_Sample(described, Path(clip.file.path)))
    return samples, left_out


def _write(
    folder: Path, samples: Sequence[_Sample], most_bytes: int, progress: Callable[[int, int], None]
) -> list[str]:
    names = []
    for number, shard in enumerate(_shards(samples, most_bytes)):
        names.append(f"clips-{number:06d}.tar")
        with tarfile.open(folder / names[-1], "w", format=tarfile.USTAR_FORMAT) as archive:
            for place, sample in shard:
                described = encode_line(sample.row)
                archive.addfile(_entry(f"{place:08d}.json", len(described)), io.BytesIO(described))
                with sample.film.open("rb") as film:
                    archive.addfile(_entry(f"{place:08d}{sample.film.suffix}", os.fstat(film.fileno()).st_size), film)
                progress(place + 1, len(samples))
    return names


def _shards(samples: Iterable[_Sample], most_bytes: int) -> Iterator[list[tuple[int, _Sample]]]:
    shard: list[tuple[int, _Sample]] = []
    held = 0
    for place, sample in enumerate(samples):
        size = sample.film.stat().st_size
        if shard and held + size > most_bytes:
            yield shard
            shard, held = [], 0
        shard.append((place, sample))
        held += size
    if shard:
        yield shard


def _entry(name: str, size: int) -> tarfile.TarInfo:
    """Without a date or an owner: the same bytes every time."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o644
    return entry
