"""The requester API's operations, by subject. Importing this package fills `registry.HANDLERS`."""

from annotation.marketplace.operations import (
    assignments,
    bonuses,
    hit_lists,
    hits,
    notifications,
    qualification_requests,
    qualification_types,
    qualifications,
    reviews,
    workers,
)
from annotation.marketplace.operations.registry import HANDLERS

__all__ = [
    "HANDLERS", "assignments", "bonuses", "hit_lists", "hits", "notifications", "qualification_requests",
    "qualification_types", "qualifications", "reviews", "workers",
]  # fmt: skip
