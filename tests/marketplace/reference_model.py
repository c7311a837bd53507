"""What the marketplace should be, in a hundred lines: states and money as functions of what has happened.

The server keeps counters, holds and a ledger; this model keeps none of them and computes everything anew.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

OPEN = ("Accepted", "Submitted", "Approved", "Rejected")
DISPOSAL = dt.timedelta(days=120)


@dataclass
class Turn:
    """One worker's assignment of a HIT."""

    id: str
    worker: int
    status: str
    deadline: dt.datetime
    submitted_at: dt.datetime | None = None
    bonuses: list[Decimal] = field(default_factory=list)


@dataclass
class ModelHit:
    id: str
    type_id: str
    reward: Decimal
    auto_approval: dt.timedelta
    slots: int
    expires: dt.datetime
    dispose_at: dt.datetime
    turns: list[Turn] = field(default_factory=list)
    reviewing: bool = False
    disposed: bool = False

    def count(self, *statuses: str) -> int:
        return sum(turn.status in statuses for turn in self.turns)

    @property
    def free(self) -> int:
        return self.slots - self.count(*OPEN)

    @property
    def cost(self) -> Decimal:
        """Reward and fee of one assignment."""
        rate = Decimal("0.40") if self.slots >= 10 else Decimal("0.20")
        return self.reward + max(Decimal("0.01"), (self.reward * rate).quantize(Decimal("0.01"), ROUND_HALF_UP))

    def status(self, now: dt.datetime) -> str:
        if self.disposed:
            return "Disposed"
        if self.free > 0 and self.expires > now:
            return "Assignable"
        if self.count("Accepted"):
            return "Unassignable"
        return "Reviewing" if self.reviewing else "Reviewable"

    def held(self, now: dt.datetime) -> Decimal:
        waiting = self.free if not self.disposed and self.expires > now else 0
        return (waiting + self.count("Accepted", "Submitted")) * self.cost

    def paid(self) -> Decimal:
        bonuses = [bonus for turn in self.turns for bonus in turn.bonuses]
        fees = [max(Decimal("0.01"), (b / 5).quantize(Decimal("0.01"), ROUND_HALF_UP)) for b in bonuses]
        return self.count("Approved") * self.cost + sum(bonuses, Decimal(0)) + sum(fees, Decimal(0))

    def may_take(self, worker: int, now: dt.datetime) -> bool:
        taken = any(turn.worker == worker and turn.status in OPEN for turn in self.turns)
        return self.status(now) == "Assignable" and not taken

    def pass_time(self, now: dt.datetime) -> None:
        for turn in self.turns:
            if turn.status == "Accepted" and turn.deadline <= now:
                turn.status = "Abandoned"
            if turn.status == "Submitted" and turn.submitted_at and turn.submitted_at + self.auto_approval <= now:
                turn.status = "Approved"
        if self.dispose_at <= now and not self.count("Accepted", "Submitted"):
            self.disposed = True

    def boundaries(self) -> list[dt.datetime]:
        """Moments at which something happens by itself."""
        due = [turn.deadline for turn in self.turns if turn.status == "Accepted"]
        due += [
            turn.submitted_at + self.auto_approval
            for turn in self.turns
            if turn.status == "Submitted" and turn.submitted_at
        ]
        due += [turn.submitted_at + dt.timedelta(days=30) for turn in self.turns if turn.submitted_at]
        return [*due, self.expires, self.dispose_at]


@dataclass
class Account:
    deposit: Decimal
    hits: list[ModelHit] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def on_hold(self, now: dt.datetime) -> Decimal:
        return sum((hit.held(now) for hit in self.hits), Decimal(0))

    def available(self, now: dt.datetime) -> Decimal:
        return self.deposit - self.on_hold(now) - sum((hit.paid() for hit in self.hits), Decimal(0))

    def oldest_for(self, worker: int, type_id: str, now: dt.datetime) -> ModelHit | None:
        """The HIT an accept must give: the oldest this worker never had, else the oldest it gave back."""
        open_hits = [hit for hit in self.hits if hit.type_id == type_id and hit.may_take(worker, now)]
        fresh = [hit for hit in open_hits if all(turn.worker != worker for turn in hit.turns)]
        return next(iter(fresh or open_hits), None)
