"""The people at the requester's side of the demo: who orders the batches and who reviews the answers.

The reviewer watches the clip (here: knows its script) and reads the evidence, as the review page shows it.
"""

from __future__ import annotations

from decimal import Decimal

from django.contrib.auth.models import User

from annotation.models import Assignment, Batch, Worker
from annotation.models.crowd import Kind
from annotation.review.evidence import find
from annotation.review.verdicts import Verdict, decide
from benchmark_site.demo.world.script import Event, Script, overlap

HIDDEN_SHARE = 0.3
SEES_A_MOMENT = 0.3
REJECTED = {"whole clip", "seconds", "same times", "said", "repeats", "own text", "broken", "group", "blocked", "cap"}
ORDERS = {
    # kind: reward in dollars, workers a unit where there are enough of them
    Kind.SEGMENT: (Decimal("0.12"), 4),
    Kind.QUERY: (Decimal("0.10"), 2),
    Kind.QA: (Decimal("0.20"), 1),
}


def requester() -> User:
    """The demo's staff account; it has no password until somebody sets one."""
    user, created = User.objects.get_or_create(username="demo", defaults={"is_staff": True, "is_superuser": True})
    if created:
        user.set_unusable_password()
        user.save()
    return user


def second_person() -> User:
    """Who looks at rejections where there are many."""
    return User.objects.get_or_create(username="demo-reviewer", defaults={"is_active": False})[0]


def order(kind: Kind, seed: int) -> Batch:
    """The demo's batch of this kind, made once; somebody of the group is left over to replace a rejected answer."""
    reward, workers = ORDERS[kind]
    workers = max(1, min(workers, Worker.objects.filter(group=kind).count() - 1))
    return Batch.objects.get_or_create(
        name=f"demo {kind}",
        defaults={
            "kind": kind,
            "reward": reward,
            "assignments_per_hit": workers,
            "hidden_share": HIDDEN_SHARE,
            "seed": seed,
            "budget": Decimal("1000.00"),
            "created_by": requester(),
        },
    )[0]


def review_batch(batch: Batch, scripts: list[Script]) -> int:
    """Decide everything that waits, in the order of units and submission; return how many were rejected."""
    events = {clip.sha256: clip.events for script in scripts for clip in script.clips}
    waiting = (
        Assignment.objects.filter(hit__batch=batch, state=Assignment.State.SUBMITTED)
        .select_related("hit__batch", "hit__clip__video", "hit__segment__clip__video")
        .order_by("hit_id", "submitted_at", "assignment_id")
    )
    rejected = 0
    for assignment in waiting:
        problem = _problem(assignment, events)
        verdict = Verdict.REJECT if problem else Verdict.USE
        if decide(assignment.pk, verdict, requester(), problem).state == Assignment.State.SUBMITTED:
            decide(assignment.pk, verdict, second_person(), problem)  # much is rejected: somebody else agrees
        rejected += verdict == Verdict.REJECT
    return rejected


def _problem(assignment: Assignment, events: dict[str, tuple[Event, ...]]) -> str:
    """Why this answer cannot be used, or nothing."""
    if assignment.payload is None:
        return "; ".join(assignment.evidence) or "not a valid answer"
    against = [flag for flag in find(assignment) if flag.kind in REJECTED]
    if against:
        return "; ".join(against)
    if assignment.hit.batch.kind != Kind.SEGMENT:
        return ""
    start, end = assignment.payload["start"], assignment.payload["end"]
    video = assignment.hit.shown_clip.video
    best = max((overlap(start, end, event.start, event.end) for event in events[video.sha256 or ""]), default=0.0)
    return "" if best >= SEES_A_MOMENT else "nothing in particular happens between these two times"
