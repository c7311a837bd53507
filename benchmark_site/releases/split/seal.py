"""Sealing the hidden split of a release: which of its items are published, by the ledger of sealed clips."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection

from annotation.models import Clip
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item, Release, SealedClip, Split
from benchmark_site.releases.split.deal import FLOOR, QA, TASKS, deal_videos, too_few

HIDDEN = Split.TEST


def seal(release: Release, items: Sequence[Item]) -> list[Item]:
    """Deal new hidden videos and mark the reserve of a sealed release; the items that stay in it. Raises BuildError.

    What was told cannot be hidden again, and what is hidden must not be told: a sealed release leaves out the videos
    that a shared one has shown questions about (their answers were lent in its own file, and told of its moments), a
    shared one the other task's items on videos that are sealed.
    """
    with connection.cursor() as cursor:
        # Two releases that meet the same new clip must not deal it twice: one waits, then sees the ledger.
        cursor.execute("LOCK TABLE releases_sealedclip IN SHARE ROW EXCLUSIVE MODE")
    shown = _shown()
    spent = {video for video, kinds in shown.items() if len(kinds) > 1}
    hidden = [item for item in items if item.split == HIDDEN and item.video.public_id not in spent]
    loads = _loads(hidden)
    ledger = dict(SealedClip.objects.values_list("clip__video__public_id", "task"))
    tasks = {video: next(iter(kinds)) for video, kinds in shown.items() if len(kinds) == 1} | ledger
    tasks |= deal_videos(loads, tasks)
    short = too_few(loads, tasks)
    if release.hidden == Release.Hidden.SHARED:
        if all(sum(load[task] for load in loads.values()) for task in TASKS) and not short:
            raise BuildError(
                f"shared: the hidden split is large enough to be sealed ({FLOOR} published items of each task or more)"
            )
        return [item for item in items if ledger.get(item.video.public_id, item.kind) == item.kind]
    if short:
        counts = ", ".join(f"{n} {task}" for task, n in short.items())
        raise BuildError(
            f"sealed: the hidden split would publish only {counts} items, {FLOOR} of each task are needed: collect "
            "more, or build it as shared"
        )
    _enter(release, hidden, tasks)
    for item in hidden:
        item.published = tasks[item.video.public_id] == item.kind
    return [item for item in items if item.split != HIDDEN or item.video.public_id not in spent]


def _loads(hidden: Iterable[Item]) -> dict[str, Counter[str]]:
    loads: dict[str, Counter[str]] = defaultdict(Counter)
    for item in hidden:
        loads[item.video.public_id][item.kind] += 1
    return loads


def _shown() -> dict[str, set[str]]:
    """{video: tasks} about which frozen releases have told something of the hidden split."""
    shown: dict[str, set[str]] = defaultdict(set)
    frozen = Item.objects.filter(release__state=Release.State.FROZEN, split=HIDDEN, published=True)
    for video, kind, hidden in frozen.values_list("video__public_id", "kind", "release__hidden").distinct().order_by():
        told_both = kind == QA and hidden == Release.Hidden.SHARED
        shown[video] |= set(TASKS) if told_both else {kind}
    return shown


def _enter(release: Release, hidden: Iterable[Item], tasks: dict[str, str]) -> None:
    """Put the clips of the hidden videos into the ledger, those without an item as well."""
    videos = {item.video_id: tasks[item.video.public_id] for item in hidden}
    new = Clip.objects.filter(video__in=videos, sealed__isnull=True).order_by("video__public_id", "start")
    SealedClip.objects.bulk_create(SealedClip(clip=clip, task=videos[clip.video_id], release=release) for clip in new)
