"""The boards of a release: one track for each task and split that it has truth for."""

from __future__ import annotations

from django.db import transaction

from benchmark_site.leaderboard.models import Split, Task, Track
from benchmark_site.releases.models import Release
from evaluation.release import Release as ReleaseFolder

PRIMARY_METRIC = {Task.MOMENT: "VCMR.R@1.tiou0.7.nms0.5", Task.QA: "QA.accuracy"}
# Tries on the hidden split are few, so that nobody climbs by trying; on val they only keep the queue short.
_LIMITS = {Split.VAL: {"per_day": 20, "total": 500}, Split.TEST: {"per_day": 10, "total": 100}}
_FOLDER = {Task.MOMENT: "moment/tvr", Task.QA: "qa/value"}
_TRUTH = {Split.VAL: "{folder}/val.jsonl", Split.TEST: "held_out/{folder}/test_public.jsonl"}


def open_boards(release_id: int) -> list[Track]:
    """Open every track of a frozen release; tracks that are there stay as they are. Raises ValueError if not frozen."""
    return create_tracks(Release.objects.get(pk=release_id))


@transaction.atomic
def create_tracks(release: Release) -> list[Track]:
    """The tracks of a release, in the order moment val, moment test, QA val, QA test.

    Raises ValueError where it is not frozen, evaluation.release.ReleaseError where its folder cannot be read.
    """
    if release.state != Release.State.FROZEN:
        raise ValueError(f"{release} is {release.get_state_display()}: boards open when a release is frozen")
    rows = {entry.path: entry.rows for entry in ReleaseFolder.open(release.folder).entries()}
    return [
        Track.objects.get_or_create(
            release=release,
            task=task,
            split=split,
            defaults={"primary_metric": PRIMARY_METRIC[task], **_LIMITS[split]},
        )[0]
        for task in Task
        for split in Split
        if rows.get(_TRUTH[split].format(folder=_FOLDER[task]))
    ]
