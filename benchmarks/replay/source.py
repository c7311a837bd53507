"""Rows of How2R and How2QA as annotators' knowledge, and the films that they are about."""

from __future__ import annotations

import csv
import hashlib
import random
import re
import sys
from dataclasses import dataclass
from pathlib import Path

CLIP_S = 60.0


@dataclass(frozen=True)
class Row:
    """One row of a source: a moment, in seconds of the film and of its clip, and what was written about it."""

    kind: str
    video: str
    first: float
    start: float
    end: float
    written: tuple[tuple[str, str], ...]

    @property
    def clip(self) -> str:
        return f"{self.video} {self.first:g}"

    @property
    def moment(self) -> dict[str, float]:
        return {"start": round(self.start - self.first, 3), "end": round(self.end - self.first, 3)}


def read(folder: Path, rows_wanted: int, seed: int) -> list[Row]:
    """Rows that the forms take, one for a clip and half of each source. Exits where the source has too few."""
    from adversarial.text.normalise import canonical
    from annotation.review.text.text_rules import MIN_SEGMENT_S, QUERY_WORDS, normalise, words

    def span(text: str) -> tuple[float, float]:
        start, end = re.fullmatch(r"\[([\d.]+):([\d.]+)\]", text).groups()  # type: ignore[union-attr]
        return float(start), float(end)

    found: dict[str, dict[str, Row]] = {"query": {}, "qa": {}}
    with (folder / "how2R_val_release.csv").open(encoding="utf-8", newline="") as lines:
        for video, window, moment, query in csv.reader(lines):
            text = normalise(query)
            if QUERY_WORDS[0] <= len(words(text)) <= QUERY_WORDS[1]:
                written = (("query", text), ("based_on", "v"))
                row = Row("query", f"r-{_public(video)}", span(window)[0], *span(moment), written)
                found["query"].setdefault(row.clip, row)
    with (folder / "how2QA_val_release.csv").open(encoding="utf-8", newline="") as lines:
        for video, moment, *wrong, question, right in csv.reader(lines):
            options = [normalise(option) for option in (right, *wrong)]
            text, (start, end) = normalise(question), span(moment)
            names = ("correct", "wrong_1", "wrong_2", "wrong_3")
            if text.endswith("?") and len({canonical(option) for option in options if words(option)}) == 4:
                written = (("question", text), *zip(names, options, strict=True))
                first = CLIP_S * ((start + end) / 2 // CLIP_S)
                row = Row("qa", f"q-{_public(video)}", first, start, end, written)
                found["qa"].setdefault(row.clip, row)
    chosen = []
    for rows in found.values():
        fit = [
            row for row in rows.values()
            if row.first <= row.start and row.end <= row.first + CLIP_S and row.end - row.start >= MIN_SEGMENT_S
        ]  # fmt: skip
        random.Random(seed).shuffle(fit)
        chosen += fit[: rows_wanted // 2]
    if len(chosen) < rows_wanted:
        sys.exit(f"{folder} has {2 * len(chosen)} annotations that the forms take, {2 * rows_wanted} are wanted")
    return chosen


def _public(video: str) -> str:
    return re.sub(r"[^\w-]", "-", video)


def insert(rows: list[Row]) -> None:
    """Films without pictures: nobody looks at them here."""
    from annotation.models import Clip, Video

    names = sorted({row.video for row in rows})
    Video.objects.bulk_create(
        Video(
            public_id=name,
            state=Video.State.READY,
            sha256=hashlib.sha256(name.encode()).hexdigest(),
            duration=1e5,
            tags=["how2r" if name.startswith("r-") else "how2qa"],
        )
        for name in names
    )
    films = {video.public_id: video for video in Video.objects.all()}
    Clip.objects.bulk_create(
        Clip(video=films[row.video], start=row.first, end=row.first + CLIP_S, file="none.mp4") for row in rows
    )
