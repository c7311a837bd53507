"""Reads prediction files into `Lists`."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from evaluation.lists import RETRIEVAL_TASKS, Lists
from evaluation.problems import Findings, Problem, Refused
from evaluation.release import VideoIndex


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    desc_id: int
    predictions: list[tuple[int, float, float, float]]
    desc: str = ""


class _Submission(msgspec.Struct, forbid_unknown_fields=True):
    video2idx: dict[str, int] | None = None
    VCMR: list[_Entry] | None = None
    SVMR: list[_Entry] | None = None
    VR: list[_Entry] | None = None


def read_moments(path: Path, videos: VideoIndex, findings: Findings) -> Iterator[Lists]:
    try:
        submission = msgspec.json.decode(path.read_bytes(), type=_Submission)
    except (msgspec.DecodeError, RecursionError, OSError) as error:
        raise Refused([Problem(path.name, None, None, None, None, str(error))]) from error
    if submission.video2idx is not None:
        ours = dict(zip(videos.names, videos.ids.tolist(), strict=True))
        for name, idx in submission.video2idx.items():
            if ours.get(name, idx) != idx:
                findings.refuse(f"video2idx gives {name!r} the idx {idx}: the release says {ours[name]}")
    for task in RETRIEVAL_TASKS:
        entries: list[_Entry] | None = getattr(submission, task)
        if entries is None:
            continue
        rows = [row for entry in entries for row in entry.predictions]
        columns = np.array(rows, np.float64).reshape(-1, 4)
        lengths = [len(entry.predictions) for entry in entries]
        yield Lists(
            task=task,
            desc_ids=np.array([entry.desc_id for entry in entries], np.int64),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            video=np.array([row[0] for row in rows], np.int64),
            start=np.ascontiguousarray(columns[:, 1]),
            end=np.ascontiguousarray(columns[:, 2]),
            score=np.ascontiguousarray(columns[:, 3]),
        )


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
