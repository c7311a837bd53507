"""README.md of a release: what it holds, in numbers, and how to read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from annotation.models import Clip
from benchmark_site.releases.models import Item, Release, Split


def card(release: Release, items: Sequence[Item], clips: Sequence[Clip]) -> str:
    """The card in Markdown. It is part of what is hashed: no date, no host."""
    split_of = {item.video_id: item.split for item in items}
    videos = Counter(split_of.values())
    windows = Counter(split_of[clip.video_id] for clip in clips)
    counts = Counter((item.kind, item.split) for item in items)
    table = "\n".join(
        f"| {split} | {videos[split]} | {windows[split]} "
        f"| {counts[Item.Kind.MOMENT, split]} | {counts[Item.Kind.QA, split]} |"
        for split in Split.values
    )
    sources = sorted(
        {(clip.video.title or clip.video.public_id, clip.video.source, clip.video.licence) for clip in clips}
    )
    licences = Counter(licence or "not stated" for _, _, licence in sources)
    return f"""# {release.slug} {release.version}

Moment queries and multiple-choice questions about short video clips, in the release format `hero-bench-release/1`.

| split | videos | clips | queries | questions |
|---|---|---|---|---|
{table}

- A video lies in one split, for both tasks and in every release.
- Times are seconds relative to the clip. The truth of the test split is held out.
- One of the three wrong answers of a question may be the right answer of another question of its split
  (adversarial matching); the places of right answers are uniform.
- `MANIFEST.json` lists size and SHA-256 of every file; its own SHA-256 is the hash of the release.

## Licences of the videos

{_licences(licences)}
"""


def _licences(licences: Counter[str]) -> str:
    return "\n".join(f"- {licence}: {n} {'video' if n == 1 else 'videos'}" for licence, n in sorted(licences.items()))
