"""How a HIT stands at the marketplace, and the counters by which a pass knows whether there is anything new to read."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """A HIT as the marketplace counts it. Ids and counters are the protocol's; `status` is its HITStatus."""

    hit_id: str
    hit_type_id: str
    annotation: str
    status: str
    wanted: int
    pending: int
    available: int
    decided: int

    @property
    def submitted(self) -> int:
        """Answers that wait for a verdict there."""
        return max(self.wanted - self.pending - self.available - self.decided, 0)

    @property
    def open(self) -> int:
        """Assignments that may still cost something: worked on, waiting, and free while somebody may accept them."""
        if self.status == "Disposed":
            return 0
        return self.pending + self.submitted + (self.available if self.status == "Assignable" else 0)

    @property
    def counts(self) -> str:
        """Changes whenever there is something new to read, and not when somebody only accepts or returns."""
        return _counts(self.submitted, self.decided, self.wanted, over=not self.open)


def counts_of_new(wanted: int) -> str:
    """`Standing.counts` of a HIT to which nobody has answered: there is nothing to read."""
    return _counts(0, 0, wanted, over=False)


def counts_after_verdict(counts: str) -> str:
    """`Standing.counts` once one answer that waited is decided and nothing else has happened: there is nothing to read.

    Whatever else happens to a HIT changes how many answers it ever had, or how many are decided. Unchanged where no
    answer was known to wait.
    """
    found = re.fullmatch(r"(\d+) (\d+) of (\d+)", counts)
    if not found or not int(found[1]):
        return counts
    submitted, decided, wanted = (int(number) for number in found.groups())
    return _counts(submitted - 1, decided + 1, wanted, over=decided + 1 == wanted)


def wanted_in(counts: str) -> int:
    """`Standing.wanted` when these counts were read; 0 where nothing was read."""
    found = re.search(r"of (\d+)", counts)
    return int(found[1]) if found else 0


def _counts(submitted: int, decided: int, wanted: int, *, over: bool) -> str:
    return f"{submitted} {decided} of {wanted}{' over' if over else ''}"
