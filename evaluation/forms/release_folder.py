"""A release of this format, a folder or the zip that a site hands out, as the queries and questions that it tells."""

import itertools
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from evaluation.forms.records import Fault, FormError, Moment, Question, Record, Window
from evaluation.io.errors import opening
from evaluation.predictions.file import check_zip_directory
from evaluation.release import (
    FOLDERS,
    HELD_OUT_MANIFEST,
    MANIFEST,
    SPLITS,
    MomentQueries,
    Questions,
    Release,
    rows_name,
    truth_name,
)
from evaluation.release.names import index_name

MOST_BYTES = 1 << 30  # of rows and indexes in a zip


def read_release(path: Path) -> Iterator[Record | Fault]:
    """Items whose truth this copy holds, counted over all its files; those of its reserve are told by nobody.

    Raises FormError and ReleaseError: a release is the one that its manifest names, or none.
    """
    if path.is_dir():
        yield from _records(Release.open(path))
        return
    with tempfile.TemporaryDirectory() as place:
        _unpack(path, Path(place))
        yield from _records(Release.open(place))


def _records(release: Release) -> Iterator[Record]:
    lines = itertools.count(1)
    for task in release.tasks:
        for split in SPLITS:
            if task == "moment":
                yield from _moments(release.moments(split), lines)
            else:
                yield from _questions(release.questions(split), lines)


def _moments(queries: MomentQueries, lines: Iterator[int]) -> Iterator[Moment]:
    for place in range(len(queries) if queries.has_truth else 0):
        video = int(queries.video[place])
        yield Moment(
            line=next(lines),
            id=int(queries.desc_ids[place]),
            text=queries.desc[place],
            video=queries.videos.names[video],
            windows=(Window(float(queries.start[place]), float(queries.end[place])),),
            duration=float(queries.videos.durations[video]),
            type=str(queries.types[place]) or None,
        )


def _questions(questions: Questions, lines: Iterator[int]) -> Iterator[Question]:
    for place in range(len(questions) if questions.has_truth else 0):
        start, end = (float(second) for second in questions.span[place])
        yield Question(
            line=next(lines),
            id=int(questions.qids[place]),
            text=questions.q[place],
            video=questions.video[place],
            options=questions.options[place],
            answer=int(questions.answer[place]),
            windows=(Window(start, end),) if start < end else (),
        )


def _unpack(path: Path, place: Path) -> None:
    """The manifests, rows and indexes of a zip, as a folder. Raises FormError."""
    try:
        with opening(path, FormError), path.open("rb") as file:
            check_zip_directory(file)
            with zipfile.ZipFile(file) as archive:
                for name, member in _wanted(path, archive).items():
                    (place / name).parent.mkdir(parents=True, exist_ok=True)
                    (place / name).write_bytes(archive.read(member))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError) as error:
        raise FormError(f"{path}: neither a release folder nor the zip of one: {error}") from error


def _wanted(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """{path in the release: member}; the release may lie in a folder of the zip. Raises FormError."""
    members = {member.filename.replace("\\", "/"): member for member in archive.infolist()}
    manifests = [name for name in members if name.split("/")[-1] == MANIFEST]
    if not manifests:
        raise FormError(f"{path}: a zip without {MANIFEST}, expected that of a release")
    above = min(manifests, key=len).removesuffix(MANIFEST)
    names = [MANIFEST, HELD_OUT_MANIFEST]
    for task in FOLDERS:
        names += [index_name(task), truth_name(task), *(rows_name(task, split) for split in SPLITS)]
    found = {name: members[above + name] for name in names if above + name in members}
    if sum(member.file_size for member in found.values()) > MOST_BYTES:
        raise FormError(f"{path}: holds more than {MOST_BYTES} bytes of rows")
    return found
