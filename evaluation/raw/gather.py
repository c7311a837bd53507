"""A raw folder of the field as a release folder: rows, clips, subtitles and frame features, written once."""

import math
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from evaluation.forms.export import problem_text
from evaluation.forms.records import Fault, FormError
from evaluation.io.atomic import atomic_folder
from evaluation.io.digest import file_sha256
from evaluation.raw.annotations import Problem, Row, Source, read_rows
from evaluation.raw.clips import Place, place_clips, read_index
from evaluation.raw.folders import FeatureFolder, open_folder
from evaluation.raw.frames import Frames, read_frames
from evaluation.raw.items import Items, make_items
from evaluation.release import CARD, FOLDERS, SubtitleLine, Task, subtitle_fault, subtitle_rows, writer

Watcher = Callable[[int], Callable[[], None]]


@dataclass(frozen=True)
class RawFolder:
    """What a release is made of; `features` are one folder a model, of which a frame each `interval_s` seconds."""

    annotations: Sequence[Source]
    features: Sequence[Path]
    interval_s: float
    video_index: Path | None = None
    subtitles: Path | None = None


@dataclass(frozen=True)
class Gathered:
    """What a release was made of it: its hash, how many there are by split, and what was wrong."""

    sha256: str
    clips: Counter[str]
    queries: Counter[str]
    questions: Counter[str]
    problems: list[Problem]


def gather(raw: RawFolder, out: Path, watch: Watcher) -> Gathered:
    """Write the release folder `out`, which must not be there; `watch(clips)` gives what is called after each clip.

    The same files give the same release. Nothing is held out: the truth of test is not written, and what a query or
    question of train or val lacks is listed. Raises FormError and ReleaseError, of what nothing can be made of, and
    OSError; then nothing is written.
    """
    if out.exists():
        raise FormError(f"{out}: exists already; give a new folder")
    if not 0 < raw.interval_s < math.inf:
        raise FormError(f"an interval of {raw.interval_s:g} s: expected seconds above 0")
    rows, problems = read_rows(raw.annotations)
    index = read_index(raw.video_index) if raw.video_index else {}
    splits = {source.split for source in raw.annotations}
    places, rows, misplaced = place_clips(rows, index, splits)
    _refuse_nothing(raw, rows, [*problems, *misplaced])
    _refuse_unknown_test(rows, places)
    with ExitStack() as opened:
        folders = [opened.enter_context(open_folder(path)) for path in raw.features]
        folder = opened.enter_context(atomic_folder(out))
        file = opened.enter_context(tempfile.TemporaryFile(dir=folder))
        seconds = {name: place.duration for name, place in places.items()}
        frames = read_frames(folders, seconds, raw.interval_s, file, watch(len(places)))
        items = make_items(rows, frames.durations)
        _refuse_nothing(raw, [*items.queries, *items.questions], [*problems, *misplaced, *items.problems])
        said, unsaid = _subtitles(raw.subtitles, frames.durations)
        clips = _clips(places, frames, said, items)
        files = writer.write_files(
            folder, items.queries, items.questions, clips, [_feature_set(folders, raw, frames)], holds_out=False
        )
        files.append(writer.write_file(folder, CARD, _card(raw).encode()))
        sha256 = writer.write_manifest(folder, files, name=out.name, version="1.0.0", seed=0, hidden="shared")
    return Gathered(
        sha256=sha256,
        clips=Counter(clip.split for clip in clips),
        queries=Counter(query.split for query in items.queries),
        questions=Counter(question.split for question in items.questions),
        problems=[*problems, *misplaced, *items.problems, *frames.problems, *unsaid],
    )


def _refuse_nothing(raw: RawFolder, usable: Sequence[object], problems: Sequence[Problem]) -> None:
    if not usable:
        why = f", the first: {problem_text(*problems[0])}" if problems else ""
        raise FormError(f"{', '.join(str(source.path) for source in raw.annotations)}: no row can be used{why}")


def _refuse_unknown_test(rows: Sequence[Row], places: Mapping[str, Place]) -> None:
    """Queries that tell no video want to know which videos are searched."""
    hidden = next((source for source, record in rows if record.video is None), None)
    if hidden and not any(place.split == "test" for place in places.values()):
        raise FormError(
            f"{hidden.path}: names no videos, so the clips to search are asked for: give --video-index "
            "(video2dur_idx.json with test_public)"
        )


def _subtitles(path: Path | None, clips: Mapping[str, float]) -> tuple[dict[str, list[SubtitleLine]], list[Problem]]:
    """{clip: what is said}; lines whose times can be none are left out and listed."""
    said: dict[str, list[SubtitleLine]] = {}
    problems: list[Problem] = []
    if path is None:
        return said, problems
    for number, row in subtitle_rows(path):
        if row.vid_name in clips:
            faults = [subtitle_fault(line) for line in row.sub]
            said[row.vid_name] = [line for line, fault in zip(row.sub, faults, strict=True) if not fault]
            problems += [Problem(path.name, Fault(number, "subtitle", fault)) for fault in faults if fault]
    return said, problems


def _clips(
    places: Mapping[str, Place], frames: Frames, said: Mapping[str, list[SubtitleLine]], items: Items
) -> list[writer.Clip]:
    """The clips that have features, by name. Those of a video index serve every task, others that which names them."""
    tasks: dict[Task, set[str]] = {
        "moment": {query.clip for query in items.queries},
        "qa": {question.clip for question in items.questions},
    }
    known = [place.number for place in places.values() if place.number is not None]
    free = iter(range(max(known, default=-1) + 1, max(known, default=-1) + 1 + len(places)))
    clips = []
    for name in frames.vectors:
        place = places[name]
        serves = [task for task in FOLDERS if place.number is not None or name in tasks[task]]
        if serves:
            clips.append(
                writer.Clip(
                    name=name,
                    split=place.split,
                    duration=frames.durations[name],
                    tasks=serves,
                    subtitles=said.get(name, []),
                    number=next(free) if place.number is None else place.number,
                )
            )
    return clips


def _feature_set(folders: Sequence[FeatureFolder], raw: RawFolder, frames: Frames) -> writer.FeatureSet:
    name = "+".join(folder.path.name for folder in folders)
    return writer.FeatureSet(name=name, model=name, interval_s=raw.interval_s, vectors=frames.vectors)


def _card(raw: RawFolder) -> str:
    """What it was made of, in the hashed part: the release hash speaks for the annotations as well."""
    lines = [f"{source.split}, {source.form_name}: {_hashed(source.path)}" for source in raw.annotations]
    lines += [_hashed(path) for path in (raw.video_index, raw.subtitles) if path]
    lines += [f"features: {path.name}, a frame each {raw.interval_s:g} s" for path in raw.features]
    made = "\n".join(f"- {line}" for line in lines)
    return f"# A release of a raw folder\n\nMade by `python -m evaluation gather`. Nothing is held out.\n\n{made}\n"


def _hashed(path: Path) -> str:
    return f"{path.name}, sha256 {file_sha256(path)}"
