"""Which items of a hidden split are in its public part, which nobody can work out.

By the halves of the release where it has some and the parts are halves, else by a keyed hash of the ids.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from benchmark_site.leaderboard.models import Task, Track
from evaluation.release import Release as ReleaseFolder

# Of fewer, a shown value would say nothing, or the truth of single items.
SMALLEST_PART = 10


def parts(track: Track) -> tuple[list[int], list[int]]:
    """Ids of the public and of the private part, in the order of the release.

    Raises evaluation.release.ReleaseError where the release's folder cannot be read.
    """
    folder = ReleaseFolder.open(track.release.folder)
    halves = folder.halves() if track.parts_by_video and folder.has_held_out else {}
    ids, clips = _items(folder, track)
    if not halves:
        return deal(ids, track.part_secret, track.public_percent)
    public, private = (
        [one for one, clip in zip(ids, clips, strict=True) if halves[clip] == half] for half in ("public", "private")
    )
    return public, private


def _items(folder: ReleaseFolder, track: Track) -> tuple[list[int], list[str]]:
    """Ids of the track's items and the clip of each."""
    if track.task == Task.MOMENT:
        queries = folder.moments(track.split)
        return queries.desc_ids.tolist(), [queries.videos.names[place] for place in queries.video]
    questions = folder.questions(track.split)
    return questions.qids.tolist(), questions.video


def deal(ids: Iterable[int], secret: str, percent: int) -> tuple[list[int], list[int]]:
    """(public, private). An id alone decides, whatever else the split holds: later versions deal it the same way."""
    public: list[int] = []
    private: list[int] = []
    for one in ids:
        drawn = hmac.digest(secret.encode(), str(one).encode(), hashlib.sha256)
        (public if int.from_bytes(drawn[:8]) % 100 < percent else private).append(one)
    return public, private
