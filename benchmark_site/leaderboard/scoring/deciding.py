"""Which submissions the private part is looked up for: written down once, at the reveal, and never anew.

Whatever is scored again, hidden or taken back later, no other submission then steps in, and no further private score is
told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from benchmark_site.leaderboard.models import Score, State, Submission, Track
from evaluation.metrics import disclosure


@dataclass(frozen=True)
class Candidate:
    """A submission that stands on the board in time. `value`: the primary metric as the board shows it, None: has none.

    `people`: keys of those who know its result.
    """

    key: UUID
    team: int
    people: frozenset[int]
    value: float | None
    submitted: datetime
    chosen: bool = False

    @property
    def order(self) -> tuple[bool, bool, float, datetime, str]:
        """Chosen first, then best, then earlier; a missing value after every other."""
        return not self.chosen, self.value is None, -(self.value or 0.0), self.submitted, str(self.key)

    @property
    def holders(self) -> set[tuple[str, int]]:
        """For whom it is one of a few: its team, and every person, whatever their other teams are called."""
        return {("team", self.team), *(("person", person) for person in self.people)}


def deciding(candidates: Iterable[Candidate], most: int) -> list[Candidate]:
    """What the private part is looked up for: of each team what it has chosen, or else its best.

    At most `most` of a team, and of a person over all teams.
    """
    candidates = sorted(candidates, key=lambda one: one.order)
    have_chosen = {one.team for one in candidates if one.chosen}
    kept: list[Candidate] = []
    held: Counter[tuple[str, int]] = Counter()
    for one in candidates:
        stands = one.chosen or one.team not in have_chosen
        if stands and all(held[holder] < most for holder in one.holders):
            kept.append(one)
            held.update(one.holders)
    return kept


def decide(track: Track, at: datetime) -> bool:
    """Whether the private part has decided; who comes first after the reveal writes down by which submissions."""
    if not track.is_revealed(at):
        return False
    if track.decided_at is None:
        with transaction.atomic():
            row = Track.objects.select_for_update(no_key=True).get(pk=track.pk)
            if row.decided_at is None and row.is_revealed(at):
                kept = [one.key for one in deciding(_candidates(row), row.finals)]
                Submission.objects.filter(pk__in=kept).update(decides=True)
                Track.objects.filter(pk=row.pk).update(decided_at=at)
                row.decided_at = at
        track.decided_at = row.decided_at
    return track.decided_at is not None


def is_told(submission: Submission, at: datetime) -> bool:
    """Whether its private scores are shown to those who see it: those of baselines, and of what the part decides by."""
    track = submission.track
    was_decided = track.decided_at is not None
    if not decide(track, at) or submission.hidden_at:
        return False
    if not was_decided:
        submission.refresh_from_db(fields=["decides"])
    return submission.decides or submission.baseline


def sweep(now: datetime) -> None:
    """Write down what decides on every track whose reveal has come."""
    for track in Track.objects.filter(reveals_at__lte=now, decided_at=None):
        decide(track, now)


def _candidates(track: Track) -> list[Candidate]:
    """Public submissions sent in time. One that is still being scored may be its team's only one."""
    scores = Score.objects.filter(
        key=track.primary_metric, evaluation__submission__track=track, evaluation__state=State.DONE
    ).order_by("evaluation_id")
    values = {  # of the latest scoring
        submission: disclosure.rounded(value, n)
        for submission, value, n in scores.values_list("evaluation__submission_id", "value", "n")
    }
    assert track.closes_at is not None
    sent = Submission.objects.filter(
        track=track, public=True, counts=True, baseline=False, began_at__lt=track.closes_at
    ).prefetch_related("people")
    return [
        Candidate(
            one.pk, one.team_id, frozenset(person.pk for person in one.people.all()), values.get(one.pk),
            one.created_at, one.final,
        )
        for one in sent
    ]  # fmt: skip
