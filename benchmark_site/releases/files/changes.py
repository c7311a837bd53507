"""What changed since the version before: CHANGES.md, and the same on the release's page.

Of hidden items counts alone are told: which of them were corrected would help to guess.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from annotation.models import Correction
from benchmark_site.releases.models import Item, Release
from benchmark_site.releases.split.seal import HIDDEN

Key = tuple[str, int]
Content = tuple[object, ...]
CACHED = 32  # releases


@dataclass
class Changes:
    """{(word, kind, split): items}, and of labelled items that were corrected or withdrawn a line each."""

    parent: Release
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)


def parent_of(release: Release) -> Release | None:
    """The version of this benchmark that was frozen before it."""
    frozen = Release.objects.filter(slug=release.slug, state=Release.State.FROZEN).exclude(pk=release.pk)
    if release.frozen_at:
        frozen = frozen.filter(frozen_at__lt=release.frozen_at)
    return frozen.order_by("-frozen_at").first()


def changes_of(release: Release) -> Changes | None:
    """What is published otherwise than in the parent; None where there is none. Options that were lent anew are not."""
    parent = parent_of(release)
    if parent is None:
        return None
    found = Changes(parent)
    before, now = _published(parent), _published(release)
    reasons = {(row.kind, row.public_id): row.reason for row in Correction.objects.order_by("id")}
    for key in sorted(before.keys() | now.keys()):
        word = _word(before.get(key), now.get(key))
        if word is None:
            continue
        split = (now.get(key) or before[key])[0]
        found.counts[word, key[0], split] += 1
        if split != HIDDEN and word in {"corrected", "withdrawn"}:
            reason = reasons.get(key)
            found.lines.append(f"{key[0]} {key[1]} {word}" + (f": {reason}" if reason else ""))
    return found


@lru_cache(maxsize=CACHED)
def frozen_changes(pk: int) -> Changes | None:
    """What a frozen release changed; it never changes itself, so this is counted once a process."""
    return changes_of(Release.objects.get(pk=pk))


def changes(release: Release) -> str:
    """CHANGES.md."""
    found = changes_of(release)
    head = f"# Changes of {release.slug} {release.version}\n\n"
    if found is None:
        return f"{head}The first version.\n"
    told = [f"- {n} {kind} {split} {word}" for (word, kind, split), n in sorted(found.counts.items())]
    lines = [f"Since {found.parent.version} (`{found.parent.sha256}`):", "", *(told or ["- nothing"])]
    if found.lines:
        lines += ["", "Of train and val:", "", *(f"- {line}" for line in found.lines)]
    return head + "\n".join(lines) + "\n"


def _word(before: tuple[str, Content] | None, now: tuple[str, Content] | None) -> str | None:
    if before is None:
        return "added"
    if now is None:
        return "withdrawn"
    if before[1] != now[1]:
        return "corrected"
    return "moved" if before[0] != now[0] else None


def _published(release: Release) -> dict[Key, tuple[str, Content]]:
    """{(kind, id): (split, what it says)}: text, clip, times, type, right answer."""
    found: dict[Key, tuple[str, Content]] = {}
    for item in Item.objects.filter(release=release, published=True).iterator():
        right = None if item.answer_index is None else item.options[item.answer_index]
        content = (item.text, item.vid_name, item.start, item.end, item.type, right)
        found[item.kind, item.public_id] = (item.split, content)
    return found
