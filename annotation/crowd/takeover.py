"""What was read of HITs at the marketplace is written down: answers, what became of them, money, the end.

The caller has locked the HITs; what is locked after that goes in the order of `annotation.locks`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Q

from annotation.crowd.client import Bonus, Submitted
from annotation.crowd.collect import store
from annotation.crowd.decisions import believe, finish, save_counts
from annotation.crowd.standing import Standing
from annotation.crowd.workers import bonuses
from annotation.locks import locked_answers
from annotation.models import Assignment, Batch, Finding, Hit
from annotation.review import ledger
from annotation.review.verdicts import shares_kept

WAITING = {Assignment.State.SUBMITTED, Assignment.State.APPROVING, Assignment.State.REJECTING}
Rows = dict[tuple[str, str], Assignment]  # by ids of assignment and worker


@dataclass(frozen=True)
class Read:
    """What the marketplace says of one HIT, read call by call and not all at one moment."""

    standing: Standing | None
    answers: list[Submitted] = field(default_factory=list)
    bonuses: list[Bonus] = field(default_factory=list)

    @property
    def open(self) -> int:
        return 0 if self.standing is None else self.standing.open

    @property
    def counts(self) -> str:
        return "gone" if self.standing is None else self.standing.counts


def take_over(reads: Sequence[tuple[Hit, Read]]) -> int:
    """Write what was read, and return of how many HITs something changed."""
    hits = [hit for hit, _ in reads]
    changed = _store(reads)
    rows = _rows(hits)
    with shares_kept([row for of_hit in rows.values() for row in of_hit.values()], {hit.batch_id for hit in hits}):
        for hit, read in reads:
            if any([*_record(read, rows[hit.pk]), *_book_bonuses(hit, read.bonuses, rows[hit.pk])]):
                changed.add(hit.pk)
        changed |= ledger.hold_for_each({hit: read.open for hit, read in reads})
    changed |= _end(reads, rows)
    for hit, read in reads:
        hit.counts = read.counts
    save_counts(hits)
    return len(changed)


def _store(reads: Sequence[tuple[Hit, Read]]) -> set[int]:
    """Keep the answers that are not known yet; keys of HITs that had some."""
    given = [(hit, answer) for hit, read in reads for answer in read.answers]
    return {row.hit_id for row in store(given, beside={hit.pk for hit, _ in reads})} if given else set()


def _rows(hits: Iterable[Hit]) -> defaultdict[int, Rows]:
    """The answers to each HIT, locked."""
    by_key = {hit.pk: hit for hit in hits}
    rows: defaultdict[int, Rows] = defaultdict(dict)
    for row in locked_answers(Q(hit__in=by_key)).select_related("worker"):
        row.hit = by_key[row.hit_id]
        rows[row.hit_id][row.assignment_id, row.worker.worker_id] = row
    return rows


def _record(read: Read, rows: Rows) -> list[bool]:
    """Take over what became of answers."""
    changes = []
    for answer in read.answers:
        row = rows[answer.assignment_id, answer.worker_id]
        rejected = row.state == Assignment.State.REJECTING and answer.status == "Rejected"
        if rejected or (row.again and row.state == Assignment.State.APPROVING and answer.status == "Approved"):
            continue  # whoever tells our verdict ends it: after it one more is asked for
        changes.append(believe(row, answer.status, answer.feedback))
    return changes


def _book_bonuses(hit: Hit, paid: list[Bonus], rows: Rows) -> list[bool]:
    """Book what was paid: ours by their tag, those of another client by number, since the protocol gives no ids."""
    seen: Counter[str] = Counter()
    changes = []
    for bonus in paid:
        assignment = rows.get((bonus.assignment_id, bonus.worker_id))
        if assignment is None:
            continue  # the answer came after we had read the list: the next pass sees both
        own = bonuses.is_own(assignment, bonus)
        what = own or f"{bonus.assignment_id}|{bonus.amount}|{bonus.reason}|{bonus.granted_at.timestamp()}"
        seen[what] += 1
        if own and seen[what] == 1:
            changes.append(bonuses.book(assignment, bonus.amount, own, bonuses.reason_of(bonus)))
            continue
        key = hashlib.sha256(f"{what}|{seen[what]}".encode()).hexdigest()[:50]
        if ledger.book_bonus(assignment, bonus.amount, key):
            whose = "this bonus of ours is paid again, of" if own else "another client paid a bonus of"
            find(
                hit.batch.environment,
                hit.batch_id,
                bonus.assignment_id,
                f"{whose} ${bonus.amount}: {bonus.reason}"[:500],
            )
            changes.append(True)
    return changes


def _end(reads: Sequence[tuple[Hit, Read]], rows: defaultdict[int, Rows]) -> set[int]:
    """End HITs of which nothing can come any more, except paused ones; keys of those that ended."""
    states = {hit.pk: {row.state for row in rows[hit.pk].values()} for hit, _ in reads}
    running = [hit for hit, _ in reads if hit.state == Hit.State.OPEN]
    over = [hit for hit, read in reads if hit in running and not read.open and hit.batch.state != Batch.State.PAUSED]
    spent = [hit.pk for hit in over if not states[hit.pk] & WAITING]
    Hit.objects.filter(pk__in=spent).update(state=Hit.State.EXPIRED)
    # Where every answer waits for a verdict and more may come, nothing can have ended.
    going_on = [hit for hit in running if hit not in over and states[hit.pk] <= {Assignment.State.SUBMITTED}]
    before = {hit.pk: hit.state for hit, _ in reads if hit not in going_on}
    finish(*(hit for hit, _ in reads if hit.pk in before))
    now = dict(Hit.objects.filter(pk__in=before).order_by().values_list("pk", "state"))
    return {pk for pk, state in now.items() if state != before[pk]}


def find(environment: str, batch_id: int, subject: str, text: str) -> None:
    """Leave a finding on the page of a batch, once."""
    Finding.objects.get_or_create(environment=environment, subject=subject, text=text, defaults={"batch_id": batch_id})
