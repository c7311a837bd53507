"""The files of a release (docs/release_format.md), written from its rows alone: same rows, same bytes.

Nothing here may depend on a date, a host, a primary key or the order in which rows were inserted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from annotation.models import Clip
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.card import card
from benchmark_site.releases.models import Item, Release, ReleaseFile, SealedClip, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "hero-bench-release/2"
MANIFEST = "MANIFEST.json"
PROVENANCE = "PROVENANCE.json"
CARD = "README.md"
HELD_OUT = "held_out"
HELD_OUT_MANIFEST = f"{HELD_OUT}/{MANIFEST}"
FOLDERS = {Item.Kind.MOMENT: "moment/tvr", Item.Kind.QA: "qa/value"}
FILE_NAMES = {Split.TRAIN: "train", Split.VAL: "val", Split.TEST: "test_public"}
SECRET_FILE, SECRET_FOLDER = 0o600, 0o700  # the scorer's user alone reads the truth


@dataclass(frozen=True)
class Written:
    """A file that lies in the folder, as the manifest lists it."""

    path: str
    bytes: int
    sha256: str
    rows: int | None
    access: str


def is_held_out(path: str) -> bool:
    """Whether a path of a release holds what is never handed out."""
    return path.startswith(HELD_OUT + "/")


def make_place(folder: Path, path: str) -> Path:
    """An empty file of a release in its folders, from the first moment readable by nobody who should not read it."""
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        (folder / parent).mkdir(SECRET_FOLDER if is_held_out(f"{parent}/") else 0o777, exist_ok=True)
    (folder / path).touch(SECRET_FILE if is_held_out(path) else 0o666, exist_ok=False)
    return folder / path


def write_files(folder: Path, release: Release) -> list[Written]:
    """All but card and manifests, into an empty folder; sorted by path. Raises BuildError on unusable features."""
    items = list(release.items.select_related("video").order_by("kind", "public_id"))
    clips = release_clips(items)
    sealed = release.hidden == Release.Hidden.SEALED
    serves = dict(SealedClip.objects.filter(clip__in=clips).values_list("clip_id", "task")) if sealed else {}
    split_of = {item.video_id: item.split for item in items}
    files = []
    for kind in FOLDERS:
        if any(item.kind == kind and item.published for item in items):
            files += _write_rows_of_task(folder, kind, [item for item in items if item.kind == kind])
            index = _canonical(_video_index(kind, split_of, clips, serves))
            files.append(_write(folder, f"{FOLDERS[kind]}/video2dur_idx.json", index))
    files.append(
        _write_rows(folder, "subtitles.jsonl", ({"vid_name": clip.name, "sub": clip.subtitles()} for clip in clips))
    )
    files += _write_features(folder, clips)
    return sorted(files, key=lambda file: file.path)


def write_card(folder: Path, release: Release) -> Written:
    """README.md. It holds the figures of the leak audit, which is made on the files of `write_files`."""
    items = list(release.items.select_related("video"))
    return _write(folder, CARD, card(release, items, release_clips(items)))


def write_manifests(folder: Path, release: Release, files: Sequence[Written]) -> tuple[Written, str]:
    """Write both manifests; (the held-out one as a file of the release, sha256 of MANIFEST.json: the release hash).

    The public one commits to the truth by the hash of the held-out one, whose nonce keeps it from being tried out.
    """
    secret = [file for file in files if file.access == ReleaseFile.Access.HELD_OUT]
    held_out = _write(
        folder,
        HELD_OUT_MANIFEST,
        _canonical({"nonce": release.seal, "files": [file.__dict__ for file in secret]}),
    )
    listed = [*(file for file in files if file.access == ReleaseFile.Access.PUBLIC), held_out]
    manifest = {
        "format": FORMAT,
        "name": release.slug,
        "version": release.version,
        "seed": release.seed,
        "hidden": release.hidden,
        "files": [file.__dict__ for file in sorted(listed, key=lambda file: file.path)],
    }
    return held_out, _write(folder, MANIFEST, _canonical(manifest)).sha256


def _write_rows_of_task(folder: Path, kind: Item.Kind, items: Sequence[Item]) -> list[Written]:
    """The rows of one task by split, and what is held out of them."""
    full, public = ROWS[kind]
    files = []
    for split in Split:
        path = f"{FOLDERS[kind]}/{FILE_NAMES[split]}.jsonl"
        shown = [item for item in items if item.split == split and item.published]
        files.append(_write_rows(folder, path, map(public if split == Split.TEST else full, shown)))
        if split == Split.TEST:
            files.append(_write_rows(folder, f"{HELD_OUT}/{path}", map(full, shown)))
    reserve = [item for item in items if not item.published]
    if reserve:
        files.append(_write_rows(folder, f"{HELD_OUT}/{FOLDERS[kind]}/reserve.jsonl", map(full, reserve)))
    return files


def release_clips(items: Iterable[Item]) -> list[Clip]:
    """All clips of the videos that hold a published item, in the order of their names. Raises BuildError."""
    videos = {item.video_id for item in items if item.published}
    clips = sorted(Clip.objects.filter(video__in=videos).select_related("video"), key=lambda clip: clip.name)
    for one, other in pairwise(clips):
        if one.name == other.name:
            raise BuildError(f"two clips are called {one.name}: their times differ by less than a name shows")
    return clips


def _video_index(
    kind: Item.Kind, split_of: dict[int, str], clips: Sequence[Clip], serves: dict[int, str]
) -> dict[str, dict[str, list[float | int]]]:
    """The clips of one task; of a hidden clip `serves` says whose it is, where it is one task's alone."""
    index: dict[str, dict[str, list[float | int]]] = {FILE_NAMES[split]: {} for split in Split}
    for number, clip in enumerate(clips):
        if serves.get(clip.pk, kind) == kind:
            index[FILE_NAMES[Split(split_of[clip.video_id])]][clip.name] = [round(clip.duration, 3), number]
    return index


def _moment_row(item: Item) -> dict[str, Any]:
    return {
        "vid_name": item.vid_name,
        "duration": item.duration,
        "ts": [item.start, item.end],
        "desc": item.text,
        "type": item.type,
        "desc_id": item.public_id,
    }


def _public_moment_row(item: Item) -> dict[str, Any]:
    return {"desc_id": item.public_id, "desc": item.text, "type": item.type}


def _question_row(item: Item) -> dict[str, Any]:
    span = f"{_seconds(item.start)}-{_seconds(item.end)}"
    return {**_public_question_row(item), "ts": span, "answer_idx": item.answer_index}


def _public_question_row(item: Item) -> dict[str, Any]:
    """Without times: they would be those of a hidden moment. The question is about the full clip (paper, 4.2)."""
    options = {f"a{place}": text for place, text in enumerate(item.options)}
    return {"qid": item.public_id, "vid_name": item.vid_name, "q": item.text, **options}


ROWS = {
    Item.Kind.MOMENT: (_moment_row, _public_moment_row),
    Item.Kind.QA: (_question_row, _public_question_row),
}
"""Per task: how a row is written in full, and how without what is hidden."""


def _seconds(value: float) -> str:
    """Milliseconds at most and never an exponent: loaders of the field split this text at its dash."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _write_features(folder: Path, clips: Sequence[Clip]) -> list[Written]:
    """`features/<model>.safetensors` for every model that described the clips. Raises BuildError."""
    from evaluation.release.features import save_features

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
        vectors[model][clip.name] = tensor
    files = []
    for model in sorted(vectors):
        lacking = [clip.name for clip in clips if clip.name not in vectors[model]]
        if lacking:
            raise BuildError(f"{len(lacking)} clips have no features of {model}: {', '.join(lacking[:5])}")
        if len({tensor.shape[1] for tensor in vectors[model].values()}) > 1:
            raise BuildError(f"features of {model} are not all of one dimension")
        path = f"features/{re.sub(r'[^A-Za-z0-9._-]+', '-', model)}.safetensors"
        (folder / path).parent.mkdir(exist_ok=True)
        save_features(folder / path, vectors[model], model=model, interval_s=intervals[model])
        files.append(_written(folder, path, rows=len(vectors[model])))
    return files


def _read_features(clip: Clip) -> tuple[str, float, NDArray[np.float32]]:
    """Model, seconds between frames, float32 [frames, dim]. Raises BuildError on a file that was not ingested so."""
    from safetensors import SafetensorError, safe_open

    path = Path(clip.features.path)
    where = f"{clip.name}: its feature file {clip.features.name}"
    if not path.is_file():
        raise BuildError(f"{where} is missing")
    if _sha256(path) != clip.features_sha256:
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


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"


def _write_rows(folder: Path, path: str, rows: Iterable[dict[str, Any]]) -> Written:
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in rows]
    return _write(folder, path, "".join(lines), rows=len(lines))


def _write(folder: Path, path: str, text: str, rows: int | None = None) -> Written:
    target = make_place(folder, path)
    target.write_bytes(text.encode())
    return _written(folder, path, rows)


def _written(folder: Path, path: str, rows: int | None) -> Written:
    target = folder / path
    with target.open("rb") as handle:
        os.fsync(handle.fileno())
    access = ReleaseFile.Access.HELD_OUT if is_held_out(path) else ReleaseFile.Access.PUBLIC
    return Written(path, target.stat().st_size, _sha256(target), rows, str(access))


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
