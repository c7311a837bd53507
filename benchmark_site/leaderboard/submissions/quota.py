"""What may still be submitted. Results are learnt by people, whatever their teams are called: people are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Submission, Team, Track

DAY = timedelta(hours=24)


@dataclass(frozen=True)
class Quota:
    """What a team may still submit to a track: as much as the member (`person`) who has the least left.

    `teams` are those whose submissions used it; `next_slot` is None where the total is used up. `person` is empty where
    the team's own limit is the scarcest.
    """

    per_day: int
    total: int
    used_day: int
    used_total: int
    next_slot: datetime | None
    person: str = ""
    teams: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        return max(0, min(self.per_day - self.used_day, self.total - self.used_total))


@dataclass(frozen=True)
class _Sent:
    """A submission that counts: to which track (its key), when, for which team."""

    track: int
    at: datetime
    team: str


def quota(team: Team, track: Track, now: datetime) -> Quota:
    """What a team may still submit to one track, as `quotas` has it."""
    return quotas(team, [track], now)[0]


def quotas(team: Team, tracks: Sequence[Track], now: datetime) -> list[Quota]:
    """Count what counts, over any 24 hours and in all, also on tracks with the same hidden items; one for each track.

    A submission needs a free try of every member, since all of them learn its result. A limit of the team counts what
    any of its members knows: a second team of one of them would else be a second set of tries. A baselines' team
    has no limit: it holds the full copy of the release, so no score tells it anything.
    """
    people: list[User] = [] if team.baseline else list(team.members.order_by("pk"))  # type: ignore[arg-type]
    kin = [_kin(track) for track in tracks]
    counted = Track.objects.filter(pk__in=set[int]().union(*kin))
    sent = {person.get_username(): _counted(person, counted) for person in people}
    return [_scarcest(track, its_kin, sent, now) for track, its_kin in zip(tracks, kin, strict=True)]


def tries_left(teams: Sequence[Team], tracks: Sequence[Track], now: datetime) -> list[tuple[Track, Team, Quota]]:
    """What each team may still submit to each track, by track; a team costs few queries, however many tracks."""
    of_teams = [(team, quotas(team, tracks, now)) for team in teams]
    return [(track, team, left[n]) for n, track in enumerate(tracks) for team, left in of_teams]


def check_quota(team: Team, track: Track, now: datetime) -> None:
    """Raise ApiError where somebody in the team has no try left: whose, which teams used them, when the next opens."""
    found = quota(team, track, now)
    if found.left:
        return
    where = f"of {found.person or 'the team'}, sent for {', '.join(found.teams)},"
    facts = {"person": found.person, "teams": list(found.teams)}
    if found.next_slot is None:
        message = f"all {found.total} submissions {where} are used"
        raise ApiError("track", "quota_total", message, status=429, **facts)
    message = (
        f"{found.used_day} of {found.per_day} submissions {where} in 24 hours are used; "
        f"the next slot opens at {found.next_slot:%Y-%m-%d %H:%M:%S} UTC"
    )
    raise ApiError("track", "quota_day", message, status=429, next_slot=found.next_slot.isoformat(), **facts)


def sent_by(people: Iterable[User], tracks: QuerySet[Track]) -> QuerySet[Submission]:
    """What these people know the results of: sent by a team that one of them is in now, or was in then."""
    people = list(people)
    theirs = Submission.objects.filter(Q(people__in=people) | Q(team__members__in=people))
    return Submission.objects.filter(pk__in=theirs.values("pk"), track__in=tracks, baseline=False)


def lock_people(team: Team) -> Sequence[User]:
    """The members of a team, locked with it until the transaction ends.

    The race: posts from two teams of one person would both count that person's tries before either inserts; the second
    waits here for the first. The team comes first, and its full lock keeps memberships (their foreign key) from coming
    in meanwhile; then the people by key, so that two posts that share several never wait for each other in a circle.
    """
    Team.objects.select_for_update().get(pk=team.pk)
    members = User.objects.filter(memberships__team=team).order_by("pk")
    return list(members.select_for_update(no_key=True, of=("self",)))


def _kin(track: Track) -> set[int]:
    """Keys of the tracks whose submissions count; only a hidden split's are looked for."""
    return {track.pk} if not track.hides_truth else set(track.kin().values_list("pk", flat=True))


def _counted(person: User, tracks: QuerySet[Track]) -> dict[UUID, _Sent]:
    sent = sent_by([person], tracks).filter(counts=True)
    facts = sent.values_list("pk", "track", "created_at", "team__name")
    return {pk: _Sent(track, at, team) for pk, track, at, team in facts}


def _scarcest(track: Track, kin: set[int], sent: Mapping[str, Mapping[UUID, _Sent]], now: datetime) -> Quota:
    here = {name: {pk: one for pk, one in theirs.items() if one.track in kin} for name, theirs in sent.items()}
    found = [_used(theirs.values(), track.per_day, track.total, now, name) for name, theirs in here.items()]
    if found and (track.team_per_day or track.team_total):
        # A limit that the team has not is as much as its people may together.
        per_day, total = (one * len(here) for one in (track.per_day, track.total))
        together = {pk: one for theirs in here.values() for pk, one in theirs.items()}
        found.append(_used(together.values(), track.team_per_day or per_day, track.team_total or total, now, ""))
    return max(found, key=_scarcity, default=Quota(track.per_day, track.total, 0, 0, now))


def _used(counted: Iterable[_Sent], per_day: int, total: int, now: datetime, person: str) -> Quota:
    sent = list(counted)
    times = sorted((one.at for one in sent), reverse=True)
    recent = [at for at in times if at > now - DAY]
    next_slot: datetime | None = now
    if len(times) >= total:
        next_slot = None
    elif len(recent) >= per_day:
        # With the window full, the slot opens when the per_day-th newest leaves it (a limit may have been lowered).
        next_slot = recent[per_day - 1] + DAY
    teams = tuple(sorted({one.team for one in sent}))
    return Quota(per_day, total, len(recent), len(times), next_slot, person, teams)


def _scarcity(quota: Quota) -> tuple[bool, float, int]:
    """The larger, the less is left."""
    return quota.next_slot is None, quota.next_slot.timestamp() if quota.next_slot else 0.0, -quota.left
