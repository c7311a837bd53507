"""Forms of captions: texts that each describe a whole clip, asked for by video retrieval."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluation.forms.records import Fault, Id, Moment, Record, RowFault
from evaluation.forms.sources import Row, converted, field, json_members, json_rows, read_each

_VATEX = re.compile(r".+_(\d{6})_(\d{6})", re.ASCII)


def read_msrvtt(path: Path) -> Iterator[Record | Fault]:
    """MSR-VTT: {"videos": [{"video_id", "start time", "end time"}], "sentences": [{"sen_id", "video_id", "caption"}]}.

    The published clips are those stretches, cut out; a video is named as its clip.
    """
    members = dict(member for _, member in json_members(path))
    try:
        sentences, videos = (field(members, name, list[Any]) for name in ("sentences", "videos"))
        durations = dict(_msrvtt_duration(number, row) for number, row in enumerate(videos, 1))
    except RowFault as fault:
        yield Fault(1, fault.what, fault.why)
        return
    for entry, row in enumerate(sentences, 1):
        try:
            said = converted(row, "sentences", dict[str, Any])
            video = field(said, "video_id", str)
            yield Moment(
                line=entry,
                id=field(said, "sen_id", Id),  # type: ignore[arg-type]
                text=field(said, "caption", str),
                video=video,
                duration=durations.get(video),
            )
        except RowFault as fault:
            yield Fault(entry, fault.what, fault.why)


def _msrvtt_duration(number: int, row: object) -> tuple[str, float]:
    clip = converted(row, f"videos, number {number}", dict[str, Any])
    video, start, end = field(clip, "video_id", str), field(clip, "start time", float), field(clip, "end time", float)
    if not 0 <= start < end < float("inf"):
        raise RowFault(f"videos, {video}", f"is [{start:g}, {end:g}], expected 0 <= start < end in seconds")
    return video, round(end - start, 3)


def read_vatex(path: Path) -> Iterator[Record | Fault]:
    """VATEX: [{"videoID": film_start_end, "enCap": [text, …]}]; English captions, called by clip and place."""

    def captions(line: int, row: Row) -> Iterator[Moment]:
        video = field(row, "videoID", str)
        window = _VATEX.fullmatch(video)
        seconds = int(window[2]) - int(window[1]) if window else 0
        for number, text in enumerate(field(row, "enCap", list[str]), 1):
            duration = float(seconds) if seconds > 0 else None
            yield Moment(line=line, id=f"{video}_{number}", text=text, video=video, duration=duration)

    return read_each(json_rows(path), captions)
