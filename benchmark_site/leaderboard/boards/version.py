"""What a board's page follows from, in one short text: as long as it is the same, so is the page."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from benchmark_site.leaderboard.models import Track

# Sums of hashes need no order. Scores come and go with the state of their evaluation.
_SQL = """
WITH shown AS (
    SELECT s.id, hashtextextended(s::text || t.name, 0) AS said
    FROM leaderboard_submission s JOIN leaderboard_team t ON t.id = s.team_id
    WHERE s.track_id = %(track)s AND s.public
), scored AS (
    SELECT e.id, hashtextextended(e.id || e.state, 0) AS said
    FROM leaderboard_evaluation e JOIN shown ON shown.id = e.submission_id
), compared AS (
    SELECT hashtextextended(c.id || c.state || coalesce(c.p::text, ''), 0) AS said
    FROM leaderboard_comparison c JOIN scored ON scored.id = c.first_id
)
SELECT md5(concat_ws(
    ',',
    (SELECT hashtextextended(k::text, 0) FROM leaderboard_track k WHERE k.id = %(track)s),
    (SELECT sum(said) FROM shown),
    (SELECT sum(said) FROM scored),
    (SELECT sum(said) FROM compared)
))
"""


def version(track: Track, at: datetime) -> str:
    """Hash of everything that the rows of a board are made of, dates that have passed included."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"track": track.pk})
        (digest,) = cursor.fetchone()
    return f"{digest}-{track.is_revealed(at)}-{track.tells_groups(at)}"
