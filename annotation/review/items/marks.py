"""Marked moments become segments, or votes for those that are known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from annotation.models import Assignment, Clip, Segment
from annotation.models.items import free_ids

SAME_MOMENT = 0.7  # intersection over union from which two segments are one


@dataclass
class _Known:
    """A segment, and the workers whose marks are counted among its votes."""

    segment: Segment
    workers: set[int]

    def is_at(self, start: float, end: float) -> bool:
        """Whether start to end, in seconds of the clip, is nearly this moment."""
        overlap = min(end, self.segment.end) - max(start, self.segment.start)
        return overlap / (max(end, self.segment.end) - min(start, self.segment.start)) >= SAME_MOMENT


def make_segments(rows: Sequence[Assignment]) -> list[Assignment]:
    """Keep the moments that answers mark; which answers were the first to mark theirs."""
    return [row for row, segment in zip(rows, mark(rows), strict=True) if segment.assignment_id == row.pk]


def mark(rows: Sequence[Assignment]) -> list[Segment]:
    """The segment of each answer: a vote more where somebody else has marked nearly this moment before."""
    # Locked: of two reviewers at once, the second sees the first's segments.
    locked = Clip.objects.select_for_update(of=("self",), no_key=True).filter(pk__in={row.hit.clip_id for row in rows})
    clips = {clip.pk: clip for clip in locked.select_related("video").order_by("pk")}
    known = _known(list(clips))
    made: list[Segment] = []
    voters: list[Assignment] = []
    marked: list[Segment] = []
    for row in rows:
        assert row.payload is not None
        assert row.hit.clip_id is not None
        start, end, clip = row.payload["start"], row.payload["end"], clips[row.hit.clip_id]
        found = next((one for one in known[clip.pk] if one.is_at(start, end)), None)
        if found is None:
            found = _Known(Segment(clip=clip, start=start, end=end, assignment=row), {row.worker_id})
            known[clip.pk].append(found)
            made.append(found.segment)
        elif row.worker_id not in found.workers:
            found.workers.add(row.worker_id)
            found.segment.votes += 1
            row.vote_for = found.segment
            voters.append(row)
        marked.append(found.segment)
    _save(made, voters)
    return marked


def _known(clips: Sequence[int]) -> defaultdict[int, list[_Known]]:
    """The segments of each clip, locked as the clips are: by key, so that no two wait for each other."""
    locked = (
        Segment.objects.select_for_update(of=("self",), no_key=True).filter(clip__in=clips).select_related("assignment")
    )
    segments = {segment.pk: segment for segment in locked.order_by("pk")}
    workers: defaultdict[int | None, set[int]] = defaultdict(set)
    for segment, worker in Assignment.objects.filter(vote_for__in=list(segments)).values_list(
        "vote_for_id", "worker_id"
    ):
        workers[segment].add(worker)
    known: defaultdict[int, list[_Known]] = defaultdict(list)
    for one in sorted(segments.values(), key=lambda segment: segment.public_id):
        first = {one.assignment.worker_id} if one.assignment else set()
        known[one.clip_id].append(_Known(one, workers[one.pk] | first))
    return known


def _save(made: Sequence[Segment], voters: Sequence[Assignment]) -> None:
    voted = {segment.pk: segment for row in voters if (segment := row.vote_for) is not None and segment.pk is not None}
    numbers = free_ids(Segment, [(segment.clip.name, segment.start, segment.end) for segment in made])
    for segment, number in zip(made, numbers, strict=True):
        segment.public_id = number
    Segment.objects.bulk_create(made)
    Segment.objects.bulk_update(voted.values(), ["votes"])
    Assignment.objects.bulk_update(voters, ["vote_for"])
