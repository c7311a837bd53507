"""Read subtitle files (WebVTT, SubRip, ASS: whatever FFmpeg knows)."""

from __future__ import annotations

import html
import re
from pathlib import Path

import av
from av.error import FFmpegError

from annotation.review.text_rules import normalise

_TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")


class SubtitleError(ValueError):
    """The file is no subtitle file; the message names it and the reason."""


def read_subtitles(path: Path) -> list[tuple[float, float, str]]:
    """Sentences as (start, end, text), seconds, in order of time; tags and empty lines dropped."""
    rows = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.subtitles:
                raise SubtitleError(f"{path}: no subtitles in it")
            for packet in container.demux(subtitles=0):
                if packet.pts is None or not packet.duration or packet.time_base is None:
                    continue
                start = float(packet.pts * packet.time_base)
                text = normalise(html.unescape(_TAG.sub(" ", bytes(packet).decode("utf-8"))))
                if text:
                    rows.append((start, start + float(packet.duration * packet.time_base), text))
    except FFmpegError as error:
        raise SubtitleError(f"{path}: cannot be read as subtitles: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SubtitleError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from error
    if not rows:
        raise SubtitleError(f"{path}: holds no sentence with a time")
    return sorted(rows)
