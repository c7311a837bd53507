"""How many answers of a batch stand where: counted in one pass, however many numbers a page shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from annotation.models import Assignment, Batch

State = Assignment.State


@dataclass(frozen=True)
class Tally:
    """Counts of answers by (state, used, state of the HIT, reviewed)."""

    counts: dict[tuple[str, bool, str, bool], int]

    def of(self, states: Iterable[str] = State.values, *, used: bool | None = None, hit: str | None = None) -> int:
        """How many are in one of these states, and used, and of HITs in that state, where asked."""
        wanted = set(states)
        return sum(
            count
            for (state, is_used, hit_state, _), count in self.counts.items()
            if state in wanted and used in {None, is_used} and hit in {None, hit_state}
        )

    @property
    def waiting(self) -> int:
        """What a reviewer should look at, as `Assignment.unreviewed`."""
        return sum(
            count
            for (state, _, _, reviewed), count in self.counts.items()
            if state == State.SUBMITTED or (state == State.APPROVED and not reviewed)
        )

    @property
    def unpaid(self) -> int:
        """What may still be paid."""
        return self.of([State.SUBMITTED, State.APPROVING])


def tally(batch: Batch) -> Tally:
    """Count the batch's answers."""
    reviewed = ExpressionWrapper(Q(reviewed_at__isnull=False), output_field=BooleanField())
    rows = Assignment.objects.filter(batch=batch).annotate(reviewed=reviewed).order_by()
    counted = rows.values_list("state", "used", "hit__state", "reviewed").annotate(n=Count("pk"))
    return Tally({(state, used, hit, seen): n for state, used, hit, seen, n in counted})
