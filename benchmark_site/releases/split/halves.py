"""The hidden split in two halves by video (80/10/5/5): one for a board's public part, one for its private part.

A ledger keeps a video's half for ever, over all releases. The halves are drawn with the seal of the release that places
a video: which half it is in follows from nothing that is public.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Mapping, Sequence

from django.db import connection

from benchmark_site.releases.models import HalvedVideo, Item, Release
from benchmark_site.releases.split.deal import FLOOR
from benchmark_site.releases.split.seal import HIDDEN
from benchmark_site.releases.split.video_split import Shares

TARGETS = dict.fromkeys(HalvedVideo.Half.values, 0.5)


def halve(release: Release, items: Sequence[Item]) -> list[str]:
    """Enter the half of each new hidden video in the ledger; the halves of a task that are too small for a board."""
    with connection.cursor() as cursor:
        # Two releases that meet the same new video must not place it twice: one waits, then sees the ledger.
        cursor.execute("LOCK TABLE releases_halvedvideo IN SHARE ROW EXCLUSIVE MODE")
    hidden = [item for item in items if item.split == HIDDEN and item.published]
    videos = {item.video.public_id: item.video for item in hidden}
    counts = Counter((item.video.public_id, item.kind) for item in hidden)
    loads = {name: [counts[name, kind] for kind in Item.Kind.values] for name in videos}
    ledger = dict(HalvedVideo.objects.filter(video__in=videos.values()).values_list("video__public_id", "half"))
    dealt = deal_halves(loads, ledger, release.seal)
    HalvedVideo.objects.bulk_create(
        HalvedVideo(video=videos[name], half=half, release=release) for name, half in dealt.items()
    )
    half_of = ledger | dealt
    sizes = Counter((half_of[item.video.public_id], item.kind) for item in hidden)
    kinds = sorted({item.kind for item in hidden})
    all_sizes = {f"{half} {kind}": sizes[half, kind] for half in TARGETS for kind in kinds}
    return [f"{place}: {size}" for place, size in all_sizes.items() if size < FLOOR]


def deal_halves(loads: Mapping[str, Sequence[int]], ledger: Mapping[str, str], key: str) -> dict[str, str]:
    """The halves of the videos of `loads` that the ledger does not hold, in the order in which it should take them.

    Each goes where the shares of videos, queries and questions end closest to one half. `key` is a secret.
    """
    filled = Shares(loads, ledger, TARGETS)
    dealt: dict[str, str] = {}
    for video in sorted(loads.keys() - ledger.keys(), key=lambda video: _draw(key, video)):
        counts = filled.counts_of[video]
        first = sorted(TARGETS, key=lambda half: _draw(key, f"{half} {video}"))  # where both are as good
        dealt[video] = min(first, key=lambda half: filled.cost_with(counts, half))
        filled.add(counts, dealt[video])
    return dealt


def _draw(key: str, text: str) -> bytes:
    return hmac.digest(key.encode(), f"halves\n{text}".encode(), hashlib.sha256)
