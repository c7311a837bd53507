"""Random schedules of faults over launch, work, collect, review, pay, bonus and expiry, on batches of several HITs.

Answers are lost, calls are throttled or fail, our process dies between an answer and its commit, the clock there jumps,
other clients of the account act. In the end everything is reconciled and both databases are read.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import transaction
from hypothesis import settings as profile
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from annotation.crowd import client, decisions, launch, reconcile, steering
from annotation.crowd.client import Crowd, CrowdError
from annotation.crowd.launch import LaunchError
from annotation.crowd.workers import blocks, bonuses, enrolment
from annotation.crowd.workers.bonuses import BonusError
from annotation.models import Assignment, Batch, Bonus, Clip, GroupQualification, Hit, Reconciliation, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import ledger, verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.conftest import GROUPS, Lab
from tests.annotation.crowd.orders import GOOD, make_batch
from tests.marketplace import invariants
from tests.marketplace.site import Page, WorkerBrowser

pytestmark = pytest.mark.django_db
HOUR = 3600.0
QUERY = {"query": "a red ball rolls slowly over the green floor", "based_on": "v"}
OPERATIONS = [
    "CreateHITWithHITType", "GetHIT", "ListHITs", "ListAssignmentsForHIT", "ApproveAssignment", "RejectAssignment",
    "CreateAdditionalAssignmentsForHIT", "SendBonus", "ListBonusPayments", "UpdateExpirationForHIT", "CreateHITType",
]  # fmt: skip
UNDECIDED = [Assignment.State.APPROVING, Assignment.State.REJECTING]
index = st.integers(0, 9)


class Killed(Exception):
    """Our process died after the marketplace had answered and before anything was written."""


class Campaign(RuleBasedStateMachine):
    lab: Lab
    settings: Any
    clip: Clip
    segment: Segment
    die_at: set[str]

    @initialize()
    def begin(self) -> None:
        self.save = transaction.savepoint()
        site = self.lab.site
        site.faults(clear=True, reset_clock=True)
        self.die_at.clear()
        self.settings.MTURK_ACCESS_KEY, self.settings.MTURK_SECRET = site.account("100.00")
        self.opened_with = Decimal("100.00")
        self.held_pages: list[tuple[WorkerBrowser, Page, Kind]] = []
        self.numbers = itertools.count()
        GroupQualification.objects.all().delete()
        crowd = Crowd("local")
        type_id = enrolment.group_qualification(crowd, "local").qualification_type_id
        for worker, group in zip(self.lab.workers, GROUPS, strict=True):
            crowd.client.associate_qualification_with_worker(
                QualificationTypeId=type_id, WorkerId=worker.id, IntegerValue=enrolment.GROUP_NUMBER[Kind(group)]
            )
            Worker.objects.get_or_create(environment="local", worker_id=worker.id, defaults={"group": group})
        Clip.objects.bulk_create(Clip(video=self.clip.video, start=30.0 * n, end=30.0 * (n + 1)) for n in range(1, 4))
        Segment.objects.create(public_id=2, clip=self.clip, start=14.0, end=22.0)
        self.batches = [make_batch(Kind.SEGMENT, "40.00"), make_batch(Kind.QUERY, "40.00")]
        for which in range(2):  # begin in the middle of things, so that short schedules reach the late states too
            self.launch(which=which)
            self.launch(which=which)
            self.work(which=which, who=0, send=True)
        self.collect(everything=False)

    # faults

    @rule(operation=st.sampled_from(OPERATIONS), kind=st.sampled_from(["lost_answer", "throttling", "service_fault"]))
    def fault(self, operation: str, kind: str) -> None:
        self.lab.site.faults(add={"kind": kind, "operation": operation, "remaining": 1})

    @rule(operation=st.sampled_from(OPERATIONS))
    def die(self, operation: str) -> None:
        self.die_at.add(operation)

    @rule(hours=st.sampled_from([1, 26, 8 * 24, 15 * 24]))
    def clock(self, hours: int) -> None:
        self.lab.site.advance(hours * HOUR)

    # what the requester orders

    @rule(which=st.integers(0, 1))
    def launch(self, which: int) -> None:
        batch = self._batch(which)
        with self._survived():
            if batch.state == Batch.State.DRAFT:
                launch.request_launch(batch.pk)
            launch.launch(batch.pk)

    @rule(which=st.integers(0, 1), order=st.sampled_from(["pause", "resume", "extend", "close", "again"]))
    def steer(self, which: int, order: str) -> None:
        batch = self._batch(which)
        with self._survived():
            {
                "pause": steering.request_pause,
                "resume": steering.request_resume,
                "extend": lambda pk: steering.request_extension(pk, 3),
                "close": steering.request_close,
                "again": launch.request_relaunch,
            }[order](batch.pk)
        with self._survived():
            steering.steer(batch.pk)
        with self._survived():
            steering.close(batch.pk)

    # what workers do

    @rule(which=st.integers(0, 1), who=st.integers(0, 1), send=st.booleans())
    def work(self, which: int, who: int, send: bool) -> None:
        batch = self._batch(which)
        worker = self.lab.workers[which + 3 * who]
        if not batch.hit_type_id:
            return
        page = worker.accept(batch.hit_type_id)
        if page.frame is None:
            return
        if send:
            worker.submit(page, answer=json.dumps(GOOD if batch.kind == Kind.SEGMENT else QUERY))
        else:
            self.held_pages.append((worker, page, Kind(batch.kind)))

    @rule(which=index, back=st.booleans())
    def finish_work(self, which: int, back: bool) -> None:
        """Send what was accepted long ago, perhaps past its deadline; or give it back."""
        if self.held_pages:
            worker, page, kind = self.held_pages.pop(which % len(self.held_pages))
            if back:
                worker.press(page, "return")
            else:
                worker.submit(page, answer=json.dumps(GOOD if kind == Kind.SEGMENT else QUERY))

    @rule(who=st.integers(0, 5), block=st.booleans())
    def block(self, who: int, block: bool) -> None:
        worker = Worker.objects.get(worker_id=self.lab.workers[who].id)
        blocks.set_blocked(worker.pk, blocked=block, reason="spam")
        with self._survived():
            blocks.push_block(worker.pk)

    # what the platform does

    @rule(everything=st.booleans())
    def collect(self, everything: bool) -> None:
        with self._survived():
            if everything:
                reconcile.complete(Reconciliation.objects.create(environment="local").pk)
            else:
                reconcile.follow("local")

    @rule(which=index, verdict=st.sampled_from(Verdict), tell=st.booleans())
    def review(self, which: int, verdict: Verdict, tell: bool) -> None:
        answers = list(Assignment.objects.filter(Assignment.unreviewed()).order_by("pk"))
        if not answers:
            return
        answer = answers[which % len(answers)]
        if verdict == Verdict.USE and any("belongs to the group" in line for line in answer.evidence):
            verdict = Verdict.PAY
        with self._survived():
            verdicts.decide(answer.pk, verdict, None, "please mark one moment" if verdict == Verdict.REJECT else "")
        if tell:
            self.tell()

    @rule()
    def tell(self) -> None:
        for pk in Assignment.objects.filter(state__in=UNDECIDED).values_list("pk", flat=True):
            with self._survived():
                decisions.push_decision(pk)

    @rule(which=index, reason=st.sampled_from(["good", "very good"]), pay=st.booleans())
    def bonus(self, which: int, reason: str, pay: bool) -> None:
        answers = list(Assignment.objects.order_by("pk"))
        if not answers:
            return
        with self._survived():
            bonuses.promise(answers[which % len(answers)].pk, Decimal("0.25"), reason)
        if pay:
            self.pay()

    @rule()
    def pay(self) -> None:
        for pk in Bonus.objects.filter(state=Bonus.State.WAITING).values_list("pk", flat=True):
            with self._survived():
                bonuses.push_bonus(pk)

    # what others do with the same account

    @rule(which=index, act=st.sampled_from(["approve", "reject", "override", "bonus", "delete", "expire", "regroup"]))
    def other_client(self, which: int, act: str) -> None:
        answers = list(Assignment.objects.select_related("worker", "hit").order_by("pk"))
        if not answers:
            return
        answer, api = answers[which % len(answers)], Crowd("local").client
        key = {"AssignmentId": answer.assignment_id}
        with self._survived():
            if act == "approve":
                api.approve_assignment(**key)
            elif act == "reject":
                api.reject_assignment(**key, RequesterFeedback="not ours")
            elif act == "override":
                api.approve_assignment(**key, OverrideRejection=True)
            elif act == "bonus":
                bonus = {"BonusAmount": "0.11", "Reason": "thanks", "UniqueRequestToken": f"other-{next(self.numbers)}"}
                api.send_bonus(**key, **bonus, WorkerId=answer.worker.worker_id)
            elif act == "delete":
                api.delete_hit(HITId=answer.hit.hit_id)
            elif act == "expire":
                Crowd("local").expire(answer.hit.hit_id or "")
            else:
                groups = {Kind.SEGMENT: Kind.QUERY, Kind.QUERY: Kind.SEGMENT}
                if not Assignment.objects.filter(worker=answer.worker, used=True).exists():
                    Worker.objects.filter(pk=answer.worker_id).update(group=groups[Kind(answer.hit.batch.kind)])

    def teardown(self) -> None:
        try:
            self._come_to_rest()
            self._check()
        finally:
            transaction.savepoint_rollback(self.save)

    def _come_to_rest(self) -> None:
        """What the sweeper does each minute, until nothing waits; then the nightly pass."""
        self.lab.site.faults(clear=True)
        self.die_at.clear()
        for _ in range(3):
            for batch in self.batches:
                for _ in range(6):
                    launch.launch(batch.pk)
                steering.steer(batch.pk)
                steering.close(batch.pk)
            for pk in Assignment.objects.filter(state__in=UNDECIDED).values_list("pk", flat=True):
                decisions.push_decision(pk)
            for pk in Bonus.objects.filter(state=Bonus.State.WAITING).values_list("pk", flat=True):
                bonuses.push_bonus(pk)
            for pk in blocks.untold().values_list("pk", flat=True):
                blocks.push_block(pk)
            reconcile.complete(Reconciliation.objects.create(environment="local").pk)
        assert not Assignment.objects.filter(state__in=UNDECIDED).exists()
        assert not Bonus.objects.filter(state=Bonus.State.WAITING).exists()

    def _check(self) -> None:
        invariants.assert_hold(self.lab.site.database_url)
        key = self.settings.MTURK_ACCESS_KEY
        with psycopg.connect(self.lab.site.database_url) as theirs:
            mine = "FROM marketplace_requester r JOIN marketplace_hit h ON h.requester_id = r.id"
            hits = theirs.execute(f"SELECT h.public_id, h.annotation {mine} WHERE access_key = %s", [key]).fetchall()
            answers = theirs.execute(
                f"SELECT a.public_id, w.public_id, a.status {mine} JOIN marketplace_assignment a ON a.hit_id = h.id"
                " JOIN marketplace_worker w ON w.id = a.worker_id"
                " WHERE access_key = %s AND a.status IN ('Submitted', 'Approved', 'Rejected')",
                [key],
            ).fetchall()
            money = theirs.execute(
                "SELECT available, on_hold FROM marketplace_requester WHERE access_key = %s", [key]
            ).fetchone()
            paid = theirs.execute(
                f"SELECT a.public_id, b.reason {mine} JOIN marketplace_assignment a ON a.hit_id = h.id"
                " JOIN marketplace_bonuspayment b ON b.assignment_id = a.id WHERE access_key = %s",
                [key],
            ).fetchall()
        # One HIT for each unit and attempt, and the database knows it.
        assert len({annotation for _, annotation in hits}) == len(hits)
        assert {hit for hit, _ in hits} == set(Hit.objects.exclude(hit_id=None).values_list("hit_id", flat=True))
        # Every answer is here, in the state that it has there.
        ours = Assignment.objects.values_list("assignment_id", "worker__worker_id", "state")
        assert sorted((*row[:2], row[2].capitalize()) for row in ours) == sorted(answers)
        # Each is paid at most once, each bonus of ours too.
        own = [row for row in paid if "[b:" in row[1]]
        assert len(set(own)) == len(own) == Bonus.objects.filter(state=Bonus.State.PAID).count()
        # The ledger is what became of the balance, and holds are what the marketplace holds.
        totals = ledger.totals()
        assert money is not None
        waiting = sum((ledger.held(hit) for hit in Hit.objects.filter(hit_id=None)), Decimal(0))
        assert (totals["spent"], totals["held"] - waiting) == (self.opened_with - sum(money), money[1])
        assert all(ledger.held(hit) >= 0 for hit in Hit.objects.all())
        for batch in self.batches:
            assert ledger.totals(batch)["reward"] + ledger.totals(batch)["fee"] <= batch.budget
        # A batch knows how many of its answers are reviewed and rejected.
        for batch in Batch.objects.all():
            answers_of_it = list(Assignment.objects.filter(hit__batch=batch))
            assert (batch.reviewed, batch.rejected) == verdicts.share_of(answers_of_it)
        # Nobody's work is used in the output of another group.
        used = Assignment.objects.filter(used=True).values_list("worker__group", "hit__batch__kind")
        assert all(group == kind for group, kind in used)

    def _batch(self, which: int) -> Batch:
        return Batch.objects.get(pk=self.batches[which].pk)

    @contextmanager
    def _survived(self) -> Iterator[None]:
        """What is refused or fails is tried again later; a death undoes what its transaction has not committed."""
        with contextlib.suppress(LaunchError, ReviewError, BonusError, *CrowdError, Killed):
            yield
        self.die_at.clear()


@pytest.mark.parametrize(
    ("examples", "steps"),
    [(4, 15), pytest.param(60, 40, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)
def test_whatever_fails_no_answer_and_no_cent_is_lost(
    lab: Lab,
    crowd: Any,
    clip: Clip,
    segment: Segment,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    examples: int,
    steps: int,
) -> None:
    monkeypatch.setattr(client, "RETRIES", {"mode": "standard", "total_max_attempts": 1})
    monkeypatch.setattr(launch, "PAGE_OF_UNITS", 2)
    die_at: set[str] = set()
    make = Crowd.__init__

    def mortal(self: Crowd, environment: str) -> None:
        make(self, environment)
        self.client.meta.events.register("after-call", fail, unique_id="mortal")

    def fail(model: Any, **_: Any) -> None:
        if model.name in die_at:
            die_at.discard(model.name)
            raise Killed

    monkeypatch.setattr(Crowd, "__init__", mortal)
    for name, value in (("lab", lab), ("settings", settings), ("clip", clip), ("segment", segment), ("die_at", die_at)):
        monkeypatch.setattr(Campaign, name, value, raising=False)
    run_state_machine_as_test(Campaign, settings=profile(max_examples=examples, stateful_step_count=steps))
