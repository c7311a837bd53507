"""Which clips each split of a raw folder has, how long they are, and which rows belong to another split than theirs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluation.forms.records import Fault, Question
from evaluation.raw.annotations import Problem, Row
from evaluation.release import SPLITS, VideoIndex, read_video_index, split_key
from evaluation.release.video_index import check_agreement


@dataclass(frozen=True)
class Place:
    """The split of a clip, its seconds where a file says so, and the number that the field's index gives it."""

    split: str
    duration: float | None
    number: int | None = None


def read_index(path: Path) -> dict[str, VideoIndex]:
    """{split: its clips} of the field's video2dur_idx.json; splits of other names are passed over.

    Raises ReleaseError, also for a clip of two splits.
    """
    index = read_video_index(path)
    check_agreement({path: index})
    return {split: index[split_key(split)] for split in SPLITS if split_key(split) in index}


def place_clips(
    rows: Sequence[Row], index: Mapping[str, VideoIndex], splits: Collection[str]
) -> tuple[dict[str, Place], list[Row], list[Problem]]:
    """The clips of the `splits` by name, the rows that lie on a clip of their own split, and what is wrong with others.

    A split that the index has, has its clips; else those that its rows name. A clip that rows of two splits name is
    of the later one, so that nothing that is tested was trained on.
    """
    places = {
        name: Place(split, duration, number)
        for split, videos in index.items()
        for name, duration, number in zip(videos.names, videos.durations.tolist(), videos.ids.tolist(), strict=True)
    }
    indexed = frozenset(places)
    for source, record in rows:
        name = record.video
        if name is None or name in indexed or source.split in index:
            continue
        known = places.setdefault(name, Place(source.split, record.duration))
        split = max(known.split, source.split, key=SPLITS.index)
        places[name] = replace(known, split=split, duration=known.duration or record.duration)
    faults = [(row, _misplaced(row, places)) for row in rows]
    return (
        {name: place for name, place in sorted(places.items()) if place.split in splits},
        [row for row, fault in faults if fault is None],
        [Problem(row.source.path.name, fault) for row, fault in faults if fault is not None],
    )


def _misplaced(row: Row, places: Mapping[str, Place]) -> Fault | None:
    source, record = row
    if record.video is None:
        if source.split == "test" and not isinstance(record, Question):
            return None  # what is asked for on a hidden split
        return Fault(record.line, "vid_name", "is missing")
    place = places.get(record.video)
    if place is None:
        return Fault(record.line, "vid_name", f"is {record.video!r}, which the video index does not have")
    if place.split != source.split:
        return Fault(record.line, "vid_name", f"is {record.video!r}, a clip of {place.split}, not of {source.split}")
    return None
