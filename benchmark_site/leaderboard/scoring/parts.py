"""Which items of a hidden split are in its public part: by a keyed hash of their ids, so nobody can work it out."""

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
    ids = folder.moments(track.split).desc_ids if track.task == Task.MOMENT else folder.questions(track.split).qids
    return deal(ids.tolist(), track.part_secret, track.public_percent)


def deal(ids: Iterable[int], secret: str, percent: int) -> tuple[list[int], list[int]]:
    """(public, private). An id alone decides, whatever else the split holds: later versions deal it the same way."""
    public: list[int] = []
    private: list[int] = []
    for one in ids:
        drawn = hmac.digest(secret.encode(), str(one).encode(), hashlib.sha256)
        (public if int.from_bytes(drawn[:8]) % 100 < percent else private).append(one)
    return public, private
