"""Releases: what was snapshotted, how it was split, which answers were matched, which files were written.

A frozen release never changes. Triggers of the database see to that, for its items, negatives and files as well.
"""

from benchmark_site.releases.models.files import ReleaseFile, Waiver
from benchmark_site.releases.models.items import Exclusion, Item, Negative
from benchmark_site.releases.models.release import MOST_SET_ASIDE, USUAL_SET_ASIDE, VERSION, Release, draw_seal
from benchmark_site.releases.models.splits import HalvedVideo, SealedClip, Split, SplitVideo
from benchmark_site.releases.models.suspects import Ruling, Suspect

__all__ = [
    "MOST_SET_ASIDE",
    "USUAL_SET_ASIDE",
    "VERSION",
    "Exclusion",
    "HalvedVideo",
    "Item",
    "Negative",
    "Release",
    "ReleaseFile",
    "Ruling",
    "SealedClip",
    "Split",
    "SplitVideo",
    "Suspect",
    "Waiver",
    "draw_seal",
]
