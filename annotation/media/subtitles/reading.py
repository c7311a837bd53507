"""A subtitle file of any known form, found out by what it holds: its name says nothing for sure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from annotation.media.subtitles.cues import Cue, Draft, SubtitleError, Track
from annotation.media.subtitles.encoding import decode
from annotation.media.subtitles.forms import ass, cue_blocks, json_forms, tables, ttml
from annotation.media.subtitles.rolling import join_rolling
from annotation.review.text.text_rules import normalise

MAX_BYTES = 64 << 20
KNOWN = "SRT, WebVTT, ASS, TTML, JSON, JSONL or CSV"
_FRAMES = re.compile(r"\s*\{\d+\}\{\d*\}")


def read_subtitles(path: Path, *, video: str = "", encoding: str = "") -> Track:
    """The sentences of one film. `video` picks it where the file holds several; `encoding` is guessed where not given.

    Raises SubtitleError where nothing can be read; single cues that cannot are listed in the track.
    """
    tracks = dict(read_collection(path, encoding=encoding))
    if video in tracks:
        return _with_sentences(path, tracks[video])
    if len(tracks) > 1 or (video and "" not in tracks):
        names = ", ".join(repr(name) for name in list(tracks)[:3])
        raise SubtitleError(f"{path.name}: holds subtitles of {len(tracks)} videos ({names} …), none of {video!r}")
    return _with_sentences(path, next(iter(tracks.values())))


def read_collection(path: Path, *, encoding: str = "") -> Iterator[tuple[str, Track]]:
    """(name of a video, its sentences) of a file of a set; (empty name, …) of a file that holds one film alone.

    Raises SubtitleError.
    """
    try:
        text, found_encoding = decode(_read(path), encoding)
        form, drafts = _parse(text)
    except SubtitleError as error:
        raise SubtitleError(f"{path.name}: {error}") from error
    for name, draft in drafts.items():
        yield name, _track(draft, form, found_encoding)


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise SubtitleError("is no plain file")  # from a pipe nothing might ever come
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SubtitleError(error.strerror or "cannot be read") from error
    if len(raw) > MAX_BYTES:
        raise SubtitleError(f"larger than {MAX_BYTES >> 20} MiB")
    return raw


def _parse(text: str) -> tuple[str, dict[str, Draft]]:
    head = text[:4096].lstrip()
    if not head:
        raise SubtitleError("is empty")
    if head.startswith("WEBVTT"):
        return "vtt", _one(cue_blocks.parse_vtt, text)
    if re.search(r"^\[(script info|events)\]", head, re.IGNORECASE | re.MULTILINE):
        return "ass", _one(ass.parse, text)
    if _FRAMES.match(head):
        raise SubtitleError("MicroDVD counts frames instead of seconds: convert it to SRT at the film's rate")
    if head[0] in "{[":
        return "json", json_forms.parse(text)
    if head.startswith("<"):
        return "ttml", _one(ttml.parse, text)
    if "-->" in text:
        return "srt", _one(cue_blocks.parse_srt, text)
    if tables.is_table(head):
        return "csv", _one(tables.parse, text)
    raise SubtitleError(f"is no subtitle file: expected {KNOWN}")


def _one(parse: Callable[[str, Draft], None], text: str) -> dict[str, Draft]:
    draft = Draft()
    parse(text, draft)
    return {"": draft}


def _track(draft: Draft, form: str, encoding: str) -> Track:
    shown = sorted(draft.shown, key=lambda one: (one.start, one.end))
    cues = (
        Cue(round(one.start, 3), round(one.end, 3), normalise(" ".join(one.lines)), one.where)
        for one in join_rolling(shown)
    )
    once = dict.fromkeys(cue for cue in cues if cue.text)  # ASS draws a sentence twice for its shadow
    automatic = draft.automatic or any(one.timed for one in shown)
    return Track(tuple(once), tuple(draft.problems), form, encoding, automatic)


def _with_sentences(path: Path, track: Track) -> Track:
    if not track.cues:
        why = f"; {track.problems[0]}" if track.problems else ""
        raise SubtitleError(f"{path.name}: holds no sentence with a time{why}")
    return track
