"""One walk for each operation of the service model: what it does, seen by a later read."""

from __future__ import annotations

from collections.abc import Callable

from tests.marketplace.lab import Lab

WALKS: dict[str, Callable[[Lab], None]] = {}


def walk(function: Callable[[Lab], None]) -> Callable[[Lab], None]:
    """Register a walk under the name of its operation."""
    WALKS[function.__name__] = function
    return function


def cents(amount: str) -> int:
    return round(float(amount) * 100)
