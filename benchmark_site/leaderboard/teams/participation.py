"""Taking part in a track where an organiser lets people in: asking, deciding, and who is not in yet."""

from __future__ import annotations

from django.contrib.auth.models import User

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.models import Participant, Team, Track


def ask(track: Track, user: User, about: str) -> Participant:
    """Ask to take part; asking again changes nothing of what was said."""
    return Participant.objects.get_or_create(track=track, user=user, defaults={"about": about})[0]


def decide(participant: Participant, let_in: bool, organiser: User) -> None:
    """Let somebody in, or refuse; a decision can be taken anew."""
    state = Participant.State.IN if let_in else Participant.State.REFUSED
    Participant.objects.filter(pk=participant.pk).update(state=state, decided_by=organiser)


def check_let_in(team: Team, track: Track) -> None:
    """Raise ApiError where somebody in the team has not been let in: a result is learnt by everybody in it."""
    if not track.needs_approval or team.baseline:
        return
    let_in = Participant.objects.filter(track=track, state=Participant.State.IN).values("user")
    waiting = team.members.exclude(pk__in=let_in).order_by("username").values_list("username", flat=True)
    if waiting:
        names = ", ".join(waiting)
        message = f"an organiser lets people in here, and has not yet let in {names}: ask on the board's page"
        raise ApiError("track", "not_let_in", message, status=403)
