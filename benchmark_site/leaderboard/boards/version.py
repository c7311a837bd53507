"""What a board's page follows from, in one short text: as long as it is the same, so is the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL

from benchmark_site.leaderboard.models import Track

# Sums of hashes need no order. A row is known by who wrote it and where it lies, which every change changes: to write
# out what it holds costs many times as much. A server that was set back to an older state has another start. Scores
# come and go with the state of their evaluation, whose row is written at each heartbeat.
_DIGEST = """
WITH shown AS (
    SELECT s.id, hashtextextended(concat_ws(' ', s.id, s.xmin, s.ctid, t.xmin, t.ctid), 0) AS said
    FROM leaderboard_submission s JOIN leaderboard_team t ON t.id = s.team_id
    WHERE s.track_id = leaderboard_track.id AND s.public
), scored AS (
    SELECT e.id, hashtextextended(e.id || e.state, 0) AS said
    FROM leaderboard_evaluation e JOIN shown ON shown.id = e.submission_id
), compared AS (
    SELECT hashtextextended(c.id || c.state || coalesce(c.p::text, ''), 0) AS said
    FROM leaderboard_comparison c JOIN scored ON scored.id = c.first_id
), announced AS (
    SELECT hashtextextended(concat_ws(' ', a.id, a.xmin, a.ctid), 0) AS said
    FROM leaderboard_announcement a WHERE a.track_id = leaderboard_track.id
)
SELECT md5(concat_ws(
    ',', pg_postmaster_start_time(), leaderboard_track.id, leaderboard_track.xmin, leaderboard_track.ctid,
    (SELECT sum(said) FROM shown),
    (SELECT sum(said) FROM scored),
    (SELECT sum(said) FROM compared),
    (SELECT sum(said) FROM announced)
))
"""


@dataclass(frozen=True)
class Standing:
    """A track, and the hash of everything that its board is made of as the track was read, by one query.

    Dates that have passed are in it, and the announcements.
    """

    track: Track
    version: str


def standings(tracks: QuerySet[Track], at: datetime) -> list[Standing]:
    """These tracks with their releases and the versions of their boards."""
    digest = RawSQL(_DIGEST, [], TextField())  # noqa: S611  a constant
    found = tracks.select_related("release").annotate(digest=digest)
    return [Standing(one, f"{one.digest}-{one.is_revealed(at)}-{one.tells_groups(at)}") for one in found]


def version(track: Track, at: datetime) -> str:
    """Of the board of a track as it is now."""
    (standing,) = standings(Track.objects.filter(pk=track.pk), at)
    return standing.version
