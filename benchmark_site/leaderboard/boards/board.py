"""A board as plain data, for the page and for its exports.

Everybody is ranked from a few plain values; what a row shows is read for the rows of one page alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from django.db.models import Prefetch, QuerySet
from django.utils import timezone

from benchmark_site.leaderboard.boards.columns import Column, card_cells, card_titles, columns_of
from benchmark_site.leaderboard.boards.ranking import Entry, Ranked, Step, best_over_time, best_per_team, ranked
from benchmark_site.leaderboard.models import (
    Comparison,
    Evaluation,
    PrivateScore,
    Score,
    State,
    Submission,
    Track,
)
from benchmark_site.leaderboard.models.submissions import ScoreTable
from benchmark_site.leaderboard.scoring.deciding import decide
from benchmark_site.leaderboard.scoring.disclosed import (
    FIELDS,
    DisclosedScore,
    digits,
    disclose,
    disclosed_score,
    part_of,
)

PAGE_ROWS = 50
NEWEST, BY_NAME = "submitted", "method"


@dataclass(frozen=True)
class Wanted:
    """Which rows, in which order, and from where on.

    `sort`: a metric's key, NEWEST or BY_NAME, empty for ranks. `after` and `before`: the submission beside the page, as
    the id of its row. `rows`: at most so many, None for all.
    """

    every: bool = False
    sort: str = ""
    text: str = ""
    baselines: str = ""  # "only" or "none"; empty: with the others
    external: str = ""  # the same of what was trained on more than the release
    year: str = ""
    after: str = ""
    before: str = ""
    late: bool = False
    rows: int | None = PAGE_ROWS


@dataclass(frozen=True)
class Row:
    """One submission on a board. `scores` stand in the order of the columns, None where there is none; `card` are the
    cells of the method card.

    Rows of one `group` cannot be told apart from the first of it, whose evaluation is `leader`: by the paired test
    where it was made, or else by their intervals.
    """

    rank: int | None
    group: int
    leader: int
    submission: Submission
    evaluation: Evaluation
    scores: list[DisclosedScore | None]
    primary: DisclosedScore | None
    card: list[str]


@dataclass(frozen=True)
class Board:
    """`count`: rows of all pages; `previous` and `next`: ids for Wanted's `before` and `after`, empty at the ends.

    `part`: what of the split the scores are made of, "all", "public" or "private". `history`: how the best has risen.
    `tested`: pairs of evaluations that the paired test was made for.
    """

    track: Track
    columns: list[Column]
    rows: list[Row]
    digits: int
    count: int = 0
    previous: str = ""
    next: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    part: str = "all"
    history: list[Step] = field(default_factory=list)
    tested: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def blind(self) -> float | None:
        """What the best blind baseline reaches by the primary metric."""
        return max((row.primary.blind for row in self.rows if row.primary and row.primary.blind), default=None)

    @property
    def card_titles(self) -> list[str]:
        """Of the columns of the method card."""
        return card_titles(self.track)

    @property
    def width(self) -> int:
        """Columns of the page: rank, method, metrics, method card, date."""
        return 2 + len(self.columns) + len(self.card_titles) + 1

    @property
    def beaten_by_blind(self) -> bool:
        return any(row.primary and row.primary.beats_blind is False for row in self.rows)


@dataclass(frozen=True)
class _Found:
    """What ranking, sorting and filtering look at."""

    evaluation: int
    entry: Entry
    method: str
    team: str
    primary: DisclosedScore | None
    sorted_by: float | None
    late: bool = False
    external: bool = False
    decides: bool = False

    def holds(self, text: str) -> bool:
        return text.casefold() in f"{self.method}\n{self.team}".casefold()


def read_board(track: Track, wanted: Wanted) -> Board:
    """Rank the public submissions of a track: the best of each team, or every one; baselines always.

    Ranked, and chosen as a team's best, by what is shown: where the truth is hidden, the order of two exact values
    would be one more thing that is said about it. After the reveal of a private part that part decides, by the
    submissions that were written down then; late entries have a board of their own, always of the public part.
    """
    columns = columns_of(track)
    sort = wanted.sort if any(column.key == wanted.sort for column in columns) else ""
    now = timezone.now()
    kind, found = _standing(track, sort, wanted.late, now)
    entries = [one.entry for one in found.values()]
    places = ranked(entries if wanted.every else best_per_team(entries))
    tested = _tested(track) if track.tells_groups(now) else {}
    evaluations = [found[place.entry.key].evaluation for place in places]
    groups = told_apart(
        [found[place.entry.key].primary for place in places],
        lambda leader, row: tested.get(_pair(evaluations[leader], evaluations[row])),
    )
    leaders = dict(reversed(list(zip(groups, evaluations, strict=True))))
    standing = dict(zip((place.entry.key for place in places), zip(places, groups, strict=True), strict=True))
    kept = [found[key] for key in standing if _is_wanted(found[key], wanted)]
    order = _in_order(kept, wanted)
    page, first = _page([one.entry.key for one in order], wanted)
    last = first + len(page)
    return Board(
        track,
        columns,
        _rows(track, kind, columns, [(found[key], *standing[key]) for key in page], leaders),
        digits(track),
        len(order),
        page[0] if page and first else "",
        page[-1] if page and last < len(order) else "",
        wanted,
        part_of(track, kind),
        best_over_time(one.entry for one in found.values()),
        tested,
    )


@dataclass(frozen=True)
class Leader:
    """Who leads a board by its primary metric. `submission` is the id."""

    submission: str
    method: str
    team: str
    baseline: bool
    primary: DisclosedScore


def leading(track: Track, at: datetime) -> list[Leader]:
    """Who stands first, and where that is no baseline the best of the baselines behind; nobody without a value.

    Ranked as `read_board` ranks, so by what is shown.
    """
    _, found = _standing(track, "", False, at)
    order = [found[place.entry.key] for place in ranked(one.entry for one in found.values()) if place.rank]
    best_baseline = next((one for one in order if one.entry.baseline), None)
    first = order[:1]
    if best_baseline and best_baseline not in first:
        first.append(best_baseline)
    return [
        Leader(one.entry.key, one.method, one.team, one.entry.baseline, one.primary)
        for one in first
        if one.primary is not None
    ]


def untested(board: Board) -> list[tuple[int, int]]:
    """Pairs of evaluations, a group's first and a row of it or the next one's first, that no paired test was made for.

    Rows whose intervals do not touch are apart without a test.
    """
    rows = [row for row in board.rows if row.primary is not None]
    wanted = []
    for above, row in pairwise(rows):
        pair = _pair(above.leader, row.evaluation.pk)
        if row.group == above.group and pair not in board.tested:
            wanted.append(pair)
    return wanted


def told_apart(
    scores: list[DisclosedScore | None], tested: Callable[[int, int], bool | None] = lambda leader, row: None
) -> list[int]:
    """The number of the group of each score, best first.

    A group ends where the paired test (`tested`, by places; None: not made) tells a row from the group's first; without
    a test where an interval lies wholly below that of the first. What has no interval stands alone.
    """
    groups: list[int] = []
    leader = 0
    for place, score in enumerate(scores):
        apart = not groups or not _overlap(scores[leader], score)
        if not apart and tested(leader, place):
            apart = True
        if apart:
            leader = place
        groups.append((groups[-1] if groups else 0) + apart)
    return groups


def _overlap(first: DisclosedScore | None, score: DisclosedScore | None) -> bool:
    if first is None or score is None or first.low is None or score.high is None:
        return False
    return score.high >= first.low


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)


def _tested(track: Track) -> dict[tuple[int, int], bool]:
    """What the paired tests of a board have said; one that failed says nothing, and is not asked for again."""
    made = Comparison.objects.filter(first__submission__track=track)
    return {(one.first_id, one.second_id): one.told_apart for one in made.only("first", "second", "p", "state")}


def _latest(track: Track) -> QuerySet[Evaluation]:
    """The newest finished evaluation of every public submission."""
    return (
        Evaluation.objects.filter(submission__track=track, submission__public=True, state=State.DONE)
        .order_by("submission_id", "-id")
        .distinct("submission_id")
    )


def _standing(track: Track, sort: str, late: bool, at: datetime) -> tuple[ScoreTable, dict[str, _Found]]:
    """The table that decides now, and who stands on the board by it."""
    if late or not decide(track, at):
        return Score, {key: one for key, one in _found(track, sort, Score).items() if one.late == late}
    private = _found(track, sort, PrivateScore)
    return PrivateScore, {key: one for key, one in private.items() if one.decides or one.entry.baseline}


def _found(track: Track, sort: str, kind: ScoreTable) -> dict[str, _Found]:
    shown: dict[int, dict[str, DisclosedScore]] = {}
    keys = {track.primary_metric, sort}
    scores = kind._default_manager.filter(evaluation__in=_latest(track).values("pk"), key__in=keys)
    for score in scores.values("evaluation_id", *FIELDS):
        evaluation = score.pop("evaluation_id")
        shown.setdefault(evaluation, {})[score["key"]] = disclose(score, track, part_of(track, kind))
    facts = _latest(track).values_list(
        "pk", "submission_id", "submission__team_id", "submission__created_at", "submission__baseline",
        "submission__method", "submission__team__name", "submission__began_at", "submission__external_data",
        "submission__decides",
    )  # fmt: skip
    found = {}
    for pk, submission, team_id, created_at, baseline, method, team, began_at, external, decides in facts:
        primary = shown.get(pk, {}).get(track.primary_metric)
        by = shown.get(pk, {}).get(sort)
        entry = Entry(str(submission), team_id, primary.value if primary else None, created_at, baseline)
        late = track.closes_at is not None and began_at >= track.closes_at and not baseline
        found[entry.key] = _Found(pk, entry, method, team, primary, by.value if by else None, late, external, decides)
    return found


def _is_wanted(one: _Found, wanted: Wanted) -> bool:
    if wanted.baselines and one.entry.baseline != (wanted.baselines == "only"):
        return False
    if wanted.external and one.external != (wanted.external == "only"):
        return False
    if wanted.year and str(one.entry.submitted.year) != wanted.year:
        return False
    return not wanted.text or one.holds(wanted.text)


def _in_order(found: list[_Found], wanted: Wanted) -> list[_Found]:
    """By rank as they came, or else; Python's sort keeps the ranks' order among equals."""
    if wanted.sort == NEWEST:
        return sorted(found, key=lambda one: one.entry.submitted, reverse=True)
    if wanted.sort == BY_NAME:
        return sorted(found, key=lambda one: one.method.casefold())
    if wanted.sort:
        return sorted(found, key=lambda one: (one.sorted_by is None, -(one.sorted_by or 0.0)))
    return found


def _page(keys: list[str], wanted: Wanted) -> tuple[list[str], int]:
    """The keys of one page, and the place of its first among all; a key that is gone begins anew."""
    if wanted.rows is None:
        return keys, 0
    if wanted.before in keys:
        end = keys.index(wanted.before)
        first = max(0, end - wanted.rows)
        return keys[first:end], first
    first = keys.index(wanted.after) + 1 if wanted.after in keys else 0
    return keys[first : first + wanted.rows], first


def _rows(
    track: Track,
    kind: ScoreTable,
    columns: list[Column],
    places: list[tuple[_Found, Ranked, int]],
    leaders: dict[int, int],
) -> list[Row]:
    keys = [column.key for column in columns]
    scores_of = "private_scores" if kind is PrivateScore else "scores"
    evaluations = (
        Evaluation.objects.select_related("submission__team")
        .prefetch_related(Prefetch(scores_of, kind._default_manager.filter(key__in=keys)))
        .defer("report", "log", "problems")
        .in_bulk([found.evaluation for found, _, _ in places])
    )
    rows = []
    for found, place, group in places:
        evaluation = evaluations[found.evaluation]
        evaluation.submission.track = track
        shown = {score.key: disclosed_score(score, track) for score in getattr(evaluation, scores_of).all()}
        scores = [shown.get(key) for key in keys]
        submission = evaluation.submission
        card = card_cells(track, submission)
        rows.append(Row(place.rank, group, leaders[group], submission, evaluation, scores, found.primary, card))
    return rows
