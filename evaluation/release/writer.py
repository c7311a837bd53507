"""Writes a release directory (docs/release_format.md) from plain rows: same rows, same bytes.

Nothing here may depend on a date, a host or the order in which rows became known.
"""

import json
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from evaluation.io.digest import file_sha256
from evaluation.io.jsonl import encode_line
from evaluation.release.features import Vectors, in_shards, save_features
from evaluation.release.manifest import sums
from evaluation.release.names import (
    DIFFICULTY,
    FORMAT,
    HALVES,
    HELD_OUT_MANIFEST,
    LENT,
    MANIFEST,
    SPLITS,
    SUBTITLES,
    SUMS,
    features_index_name,
    features_name,
    features_shard_name,
    index_name,
    is_held_out,
    reserve_name,
    rows_name,
    split_key,
    truth_name,
)
from evaluation.release.schema import (
    Access,
    FeatureIndex,
    Half,
    HalfRow,
    HeldOutManifest,
    Hidden,
    LentRow,
    Manifest,
    ManifestFile,
    SubtitleLine,
    SubtitleRow,
    Task,
)

SECRET_FILE, SECRET_FOLDER = 0o600, 0o700  # the scorer's user alone reads the truth
_FILE, _FOLDER = 0o666, 0o777  # less what the umask takes
LARGEST_SHARD = 1 << 30  # bytes of vectors in a feature file

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Item:
    """What queries and questions share; `split` is one of SPLITS, `start` and `end` are seconds of the clip.

    What is not `published` belongs to the reserve. Where nothing is held out, nothing of test is read that only its
    truth has.
    """

    id: int
    split: str
    published: bool
    clip: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Query(Item):
    """A moment query with its truth; `duration` is that of the clip in seconds, `type` "v", "t", "vt" or not told."""

    duration: float
    type: str | None


@dataclass(frozen=True, kw_only=True)
class Question(Item):
    """A question with four options, or five, and the place of the right one among them. Its seconds may be nan.

    `blind_chance`: the chance, 0 to 1, that models without the video give the right one; None: not measured.
    """

    options: Sequence[str]
    answer: int
    blind_chance: float | None = None


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A clip to be searched or asked about in the `tasks` that it serves; `duration` in seconds.

    `number`: by which predictions name it, where that is given; all clips have one, or none and are counted.
    """

    name: str
    split: str
    duration: float
    tasks: Collection[Task]
    subtitles: Sequence[SubtitleLine]
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """What one model saw of every clip: {its name: float32 [frames, dim]}, a frame each `interval_s` seconds.

    `name` is that of its file; a model may stand in several, at different rates.
    """

    name: str
    model: str
    interval_s: float
    vectors: Mapping[str, Vectors]


Kind = TypeVar("Kind", bound=Item)


def make_place(folder: Path, path: str) -> Path:
    """An empty file of a release in its folders, from the first moment readable by nobody who should not read it.

    Raises OSError, also where it is there already.
    """
    for parent in reversed(PurePosixPath(path).parents[:-1]):
        (folder / parent).mkdir(SECRET_FOLDER if is_held_out(f"{parent}/") else _FOLDER, exist_ok=True)
    (folder / path).touch(SECRET_FILE if is_held_out(path) else _FILE, exist_ok=False)
    return folder / path


def write_files(
    folder: Path,
    queries: Sequence[Query],
    questions: Sequence[Question],
    clips: Sequence[Clip],
    features: Iterable[FeatureSet],
    lent: Sequence[LentRow] = (),
    halves: Mapping[str, Half] = MappingProxyType({}),
    *,
    holds_out: bool = True,
) -> list[ManifestFile]:
    """All but card and manifests, into an empty folder; sorted by path. `lent` are the options that were matched,
    `halves` says of clips of test in which half they lie. Without `holds_out` the truth of test is not known here.

    Rows keep their order; the order of the clips, by name, gives their numbers. Raises OSError, and ReleaseError for
    a split that is none.
    """
    files = [
        *_write_task(folder, "moment", queries, (_query_row, _public_query_row), clips, holds_out),
        *_write_task(folder, "qa", questions, (_question_row, _public_question_row), clips, holds_out),
        *_write_difficulty(folder, questions),
        *([_write_rows(folder, LENT, map(msgspec.to_builtins, lent))] if lent else []),
        *_write_halves(folder, halves),
        _write_rows(folder, SUBTITLES, map(_subtitle_row, clips)),
        *(file for found in features for file in _write_features(folder, found)),
    ]
    return sorted(files, key=lambda file: file.path)


def write_file(folder: Path, path: str, content: bytes, rows: int | None = None) -> ManifestFile:
    """A new file of a release; what a manifest lists of it. Raises OSError."""
    make_place(folder, path).write_bytes(content)
    return listed(folder, path, rows)


def write_manifests(
    folder: Path, files: Sequence[ManifestFile], *, name: str, version: str, seed: int, hidden: Hidden, nonce: str
) -> tuple[ManifestFile, str]:
    """Write both manifests and SHA256SUMS; (the held-out one as a file of the release, the release hash).

    The release hash is the sha256 of MANIFEST.json. The public manifest commits to the truth by the hash of the
    held-out one, whose nonce, 64 hexadecimal digits as secret as the truth, keeps it from being tried out. Raises
    OSError.
    """
    secret = [file for file in files if is_held_out(file.path)]
    held_out = write_file(folder, HELD_OUT_MANIFEST, _canonical(HeldOutManifest(nonce=nonce, files=secret)))
    shown = [*(file for file in files if not is_held_out(file.path)), held_out]
    return held_out, write_manifest(folder, shown, name=name, version=version, seed=seed, hidden=hidden)


def write_manifest(
    folder: Path, files: Sequence[ManifestFile], *, name: str, version: str, seed: int, hidden: Hidden
) -> str:
    """Write the public manifest, of `files` alone, and SHA256SUMS; the release hash. Raises OSError."""
    shown = sorted(files, key=lambda file: file.path)
    manifest = Manifest(format=FORMAT, name=name, version=version, seed=seed, files=shown, hidden=hidden)
    sha256 = write_file(folder, MANIFEST, _canonical(manifest)).sha256
    write_file(folder, SUMS, sums(files, sha256).encode())
    return sha256


def _write_task(
    folder: Path,
    task: Task,
    items: Sequence[Kind],
    forms: tuple[Callable[[Kind], Row], Callable[[Kind], Row]],
    clips: Sequence[Clip],
    holds_out: bool,
) -> list[ManifestFile]:
    """The rows of one task by split, what is held out of them, and its index; nothing where nothing is published.

    `forms` say how a row is written in full, and how without what is hidden.
    """
    full, public = forms
    shown = {split: [item for item in items if item.published and item.split == split] for split in SPLITS}
    if not any(shown.values()):
        return []
    files = [
        _write_rows(folder, rows_name(task, split), map(public if split == "test" else full, shown[split]))
        for split in SPLITS
    ]
    if holds_out:
        files.append(_write_rows(folder, truth_name(task), map(full, shown["test"])))
    if reserve := [item for item in items if not item.published]:
        files.append(_write_rows(folder, reserve_name(task), map(full, reserve)))
    return [*files, write_file(folder, index_name(task), _canonical(_video_index(task, clips)))]


def _write_difficulty(folder: Path, questions: Sequence[Question]) -> list[ManifestFile]:
    """Beside the truth: which hidden questions are easy helps whoever guesses."""
    rows = [
        {"qid": question.id, "blind_chance": question.blind_chance}
        for question in questions
        if question.published and question.blind_chance is not None
    ]
    return [_write_rows(folder, DIFFICULTY, rows)] if rows else []


def _write_halves(folder: Path, halves: Mapping[str, Half]) -> list[ManifestFile]:
    rows = [msgspec.to_builtins(HalfRow(name, half)) for name, half in sorted(halves.items())]
    return [_write_rows(folder, HALVES, rows)] if rows else []


def _query_row(query: Query) -> Row:
    return {
        "vid_name": query.clip,
        "duration": query.duration,
        "ts": [query.start, query.end],
        "desc": query.text,
        **_type(query),
        "desc_id": query.id,
    }


def _public_query_row(query: Query) -> Row:
    return {"desc_id": query.id, "desc": query.text, **_type(query)}


def _type(query: Query) -> Row:
    return {} if query.type is None else {"type": query.type}


def _question_row(question: Question) -> Row:
    told = not math.isnan(question.start)
    span = {"ts": f"{seconds_text(question.start)}-{seconds_text(question.end)}"} if told else {}
    return {**_public_question_row(question), **span, "answer_idx": question.answer}


def _public_question_row(question: Question) -> Row:
    """Without times: they would be those of a hidden moment. The question is about the full clip (paper, 4.2)."""
    options = {f"a{place}": text for place, text in enumerate(question.options)}
    return {"qid": question.id, "vid_name": question.clip, "q": question.text, **options}


def _subtitle_row(clip: Clip) -> Row:
    row: Row = msgspec.to_builtins(SubtitleRow(clip.name, list(clip.subtitles)))
    return row


def seconds_text(value: float) -> str:
    """Milliseconds at most and never an exponent: loaders of the field split this text at its dash."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _video_index(task: Task, clips: Sequence[Clip]) -> dict[str, dict[str, tuple[float, int]]]:
    """{split: {clip: (seconds, number)}} of the clips that serve the task; a clip has its number in every index."""
    index: dict[str, dict[str, tuple[float, int]]] = {split_key(split): {} for split in SPLITS}
    for place, clip in enumerate(clips):
        if task in clip.tasks:
            number = place if clip.number is None else clip.number
            index[split_key(clip.split)][clip.name] = round(clip.duration, 3), number
    return index


def _write_features(folder: Path, features: FeatureSet) -> list[ManifestFile]:
    """One file, or where that were too large several and an index that says which holds a clip."""
    shards = list(in_shards(features.vectors, LARGEST_SHARD))
    if len(shards) == 1:
        return [_write_vectors(folder, features_name(features.name), features, shards[0])]
    paths = [features_shard_name(features.name, number, len(shards)) for number in range(1, len(shards) + 1)]
    files = [_write_vectors(folder, path, features, shard) for path, shard in zip(paths, shards, strict=True)]
    index = FeatureIndex(
        metadata={"total_size": sum(vectors.nbytes for vectors in features.vectors.values())},
        weight_map={
            name: PurePosixPath(path).name for path, shard in zip(paths, shards, strict=True) for name in shard
        },
    )
    return [*files, write_file(folder, features_index_name(features.name), _canonical(index))]


def _write_vectors(folder: Path, path: str, features: FeatureSet, vectors: Mapping[str, Vectors]) -> ManifestFile:
    (folder / path).parent.mkdir(exist_ok=True)
    save_features(folder / path, vectors, model=features.model, interval_s=features.interval_s)
    return listed(folder, path, len(vectors))


def _write_rows(folder: Path, path: str, rows: Iterable[Row]) -> ManifestFile:
    lines = [encode_line(row) for row in rows]
    return write_file(folder, path, b"".join(lines), len(lines))


def _canonical(value: object) -> bytes:
    plain = msgspec.to_builtins(value)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return f"{text}\n".encode()


def listed(folder: Path, path: str, rows: int | None) -> ManifestFile:
    """A written file as a manifest lists it, once it is on the disk."""
    target = folder / path
    with target.open("rb") as written:
        os.fsync(written.fileno())
    access: Access = "held_out" if is_held_out(path) else "public"
    return ManifestFile(path, target.stat().st_size, file_sha256(target), rows, access)
