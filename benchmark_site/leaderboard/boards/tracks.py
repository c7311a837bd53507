"""The boards of a release: one track for each task and split that has rows, with limits that its size supports."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from benchmark_site.leaderboard.models import Reveal, Split, Task, Track
from benchmark_site.leaderboard.models.tracks import METRICS
from benchmark_site.releases.models import Release
from evaluation.metrics import disclosure
from evaluation.release import FOLDERS, rows_name
from evaluation.release import Release as ReleaseFolder

PRIMARY_METRIC = {Task.MOMENT: "VCMR.R@1.tiou0.7.nms0.5", Task.QA: "QA.accuracy"}
# On val, whose truth is public, limits only keep the queue short.
_VAL_PER_DAY, _VAL_TOTAL = 20, 500
# The few tries on a hidden split should not be gone in an afternoon.
_HIDDEN_PER_DAY = 2


def open_boards(release_id: int) -> list[Track]:
    """Open every track of a frozen release; tracks that are there stay as they are. Raises ValueError if not frozen."""
    return create_tracks(Release.objects.get(pk=release_id))


@transaction.atomic
def create_tracks(release: Release) -> list[Track]:
    """The tracks of a release, in the order moment val, moment test, QA val, QA test.

    Raises ValueError where it is not frozen, or where boards of the same hidden items keep different parts of them;
    evaluation.release.ReleaseError where its folder cannot be read.
    """
    if release.state != Release.State.FROZEN:
        raise ValueError(f"{release} is {release.get_state_display()}: boards open when a release is frozen")
    try:
        return [_create_track(release, task, split, n) for (task, split), n in published_rows(release).items()]
    except ValidationError as error:
        raise ValueError(" ".join(error.messages)) from error


def published_rows(release: Release) -> dict[tuple[Task, Split], int]:
    """Queries that participants are given, of each task and split that has some: what is scored is those.

    Raises evaluation.release.ReleaseError where the folder cannot be read.
    """
    rows = {entry.path: entry.rows for entry in ReleaseFolder.open(release.folder).files()}
    found = {(Task(task), split): rows.get(rows_name(task, split)) or 0 for task in FOLDERS for split in Split}
    return {place: n for place, n in found.items() if n}


def warning(track: Track) -> str:
    """What an organiser should know who lets a hidden track say more than its size supports; empty where it does not.

    Raises evaluation.release.ReleaseError where the release's folder cannot be read.
    """
    if not track.hides_truth:
        return ""
    n = published_rows(track.release).get((Task(track.task), Split(track.split)))
    if n is None:
        return "the release has no rows for it: nothing can be scored"
    n = n * track.public_percent // 100
    values = 1 if track.reveal == Reveal.PRIMARY else len(METRICS[Task(track.task)])
    if track.total <= disclosure.tries(n) and values == 1:
        return ""
    told = track.total * values * disclosure.bits(n)
    truth = disclosure.truth_bits(n, track.release.option_count)
    more = " and, by groups and curves, more" if track.reveal == Reveal.REPORT else ""
    return (
        f"{track.total} submissions of a person, each with {values} rounded values of {n} items, let out up to "
        f"{told:.0f} bits{more}; {n} answers of {track.release.get_option_count_display()} options hold {truth:.0f}. "
        f"{disclosure.tries(n)} submissions with the primary metric alone let out at most a quarter of them"
    )


def _create_track(release: Release, task: Task, split: Split, n: int) -> Track:
    defaults = {"primary_metric": PRIMARY_METRIC[task], **_limits(split, n)}
    return Track.objects.get_or_create(release=release, task=task, split=split, defaults=defaults)[0]


def _limits(split: Split, n: int) -> dict[str, int]:
    if split == Split.VAL:
        return {"per_day": _VAL_PER_DAY, "total": _VAL_TOTAL}
    total = disclosure.tries(n)
    return {"per_day": min(_HIDDEN_PER_DAY, total), "total": total}
