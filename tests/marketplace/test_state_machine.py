"""Random schedules of two requesters, ten workers, clock moves and faults, against the small model.

After every step each HIT's status and counters and both balances must be the model's; at the end of every schedule
the database's own invariants are asked.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.marketplace import invariants
from tests.marketplace.lab import unique
from tests.marketplace.reference_model import DISPOSAL, OPEN, Account, ModelHit, Turn
from tests.marketplace.site import Site, external

HOUR = dt.timedelta(hours=1)
MARGIN = dt.timedelta(minutes=3)
DEPOSIT = Decimal("25.00")
FAULTS = [None, None, "lost_answer", "throttling", "service_fault"]
index = st.integers(0, 99)


class Marketplace(RuleBasedStateMachine):
    site: Site

    @initialize()
    def begin(self) -> None:
        self.site.faults(clear=True)
        self.workers = self.site.crowd(10)
        self.accounts = [Account(DEPOSIT), Account(DEPOSIT)]
        self.clients = [self.site.requester(balance=str(DEPOSIT)) for _ in range(2)]
        self.titles = [unique("Dear"), unique("Cheap")]
        self._tick()
        for who in range(2):  # begin in the middle of things, so that short schedules reach the late states too
            self.create_hit(who=who, dear=who == 0, slots=3, hours=30, fault=None)
            for worker in range(3):
                self.accept(which=who, worker=worker)
            for _ in range(2):
                self.submit(which=3 * who, stolen=False)

    # what requesters do

    @rule(
        who=st.integers(0, 1), dear=st.booleans(), slots=st.sampled_from([1, 2, 3, 9, 10]),
        hours=st.sampled_from([2, 30]), fault=st.sampled_from(FAULTS),
    )  # fmt: skip
    def create_hit(self, who: int, dear: bool, slots: int, hours: int, fault: str | None) -> None:
        account, client = self.accounts[who], self.clients[who]
        reward, auto = (Decimal("1.17"), 4) if dear else (Decimal("0.07"), 720)
        token = unique("token").replace(" ", "-")
        members = {
            "Title": self.titles[not dear], "Description": "d", "Reward": str(reward), "Question": external(),
            "AssignmentDurationInSeconds": 3600 if dear else 10_800, "AutoApprovalDelayInSeconds": auto * 3600,
            "LifetimeInSeconds": hours * 3600, "MaxAssignments": slots, "UniqueRequestToken": token,
        }  # fmt: skip
        expires = self.now + hours * HOUR
        hit = ModelHit("", "", reward, auto * HOUR, slots, expires, expires + DISPOSAL)
        if hit.cost * slots > account.available(self.now):
            self._refused("InsufficientFunds", lambda: client.create_hit(**members))
            return
        if fault:
            self.site.faults(add={"kind": fault, "operation": "CreateHIT"})
        if fault == "lost_answer":
            # The work was done, the client tried again by itself: the token turns a second HIT into an error.
            message = self._refused("HitAlreadyExists", lambda: client.create_hit(**members))
            hit.id = message.split("HITId=")[1].split()[0]
            made = client.get_hit(HITId=hit.id)["HIT"]
        else:
            made = client.create_hit(**members)["HIT"]
        hit.id, hit.type_id, hit.expires = made["HITId"], made["HITTypeId"], made["Expiration"]
        hit.dispose_at = hit.expires + DISPOSAL
        account.hits.append(hit)
        account.tokens[token] = hit.id
        assert hit.id in self._refused("HitAlreadyExists", lambda: client.create_hit(**members))

    @precondition(lambda self: self._hits())
    @rule(which=index, more=st.sampled_from([1, 4]))
    def extend(self, which: int, more: int) -> None:
        account, client, hit = self._hit(which)
        call = lambda: client.create_additional_assignments_for_hit(  # noqa: E731
            HITId=hit.id, NumberOfAdditionalAssignments=more
        )
        if hit.disposed:
            self._refused("InvalidHITState", call)
        elif hit.slots < 10 <= hit.slots + more:
            self._refused("InvalidMaximumAssignmentsIncrease", call)
        elif hit.expires > self.now and more * hit.cost > account.available(self.now):
            self._refused("InsufficientFunds", call)
        else:
            call()
            hit.slots += more
            hit.reviewing = False

    @precondition(lambda self: self._hits())
    @rule(which=index, hours=st.sampled_from([-100_000, -1, 5, 40]))
    def move_expiration(self, which: int, hours: int) -> None:
        account, client, hit = self._hit(which)
        moment = max(self.now + hours * HOUR, dt.datetime(2015, 1, 1, tzinfo=dt.UTC)).replace(microsecond=0)
        call = lambda: client.update_expiration_for_hit(HITId=hit.id, ExpireAt=moment)  # noqa: E731
        revived = hit.free * hit.cost if moment > self.now >= hit.expires else Decimal(0)
        if hit.disposed:
            self._refused("InvalidHITState", call)
        elif revived > account.available(self.now):
            self._refused("InsufficientFunds", call)
        else:
            call()
            hit.expires = moment
            hit.dispose_at = max(moment, self.now) + DISPOSAL
            if moment > self.now and hit.free:
                hit.reviewing = False

    @precondition(lambda self: self._hits())
    @rule(which=index, revert=st.booleans())
    def review(self, which: int, revert: bool) -> None:
        _, client, hit = self._hit(which)
        call = lambda: client.update_hit_review_status(HITId=hit.id, Revert=revert)  # noqa: E731
        if hit.status(self.now) != ("Reviewing" if revert else "Reviewable"):
            self._refused("InvalidHITState", call)
        else:
            call()
            hit.reviewing = not revert

    @precondition(lambda self: self._hits())
    @rule(which=index)
    def delete(self, which: int) -> None:
        _, client, hit = self._hit(which)
        call = lambda: client.delete_hit(HITId=hit.id)  # noqa: E731
        if hit.status(self.now) not in ("Reviewable", "Reviewing") or hit.count("Submitted"):
            self._refused("InvalidHITState", call)
        else:
            call()
            hit.disposed = True

    @precondition(lambda self: self._turns(OPEN))
    @rule(which=index, override=st.booleans(), fault=st.sampled_from([None, None, "throttling", "service_fault"]))
    def approve(self, which: int, override: bool, fault: str | None) -> None:
        account, client, hit, turn = self._turn(which, OPEN)
        if fault:
            self.site.faults(add={"kind": fault, "operation": "ApproveAssignment"})
        call = lambda: client.approve_assignment(AssignmentId=turn.id, OverrideRejection=override)  # noqa: E731
        if turn.status == "Rejected" and override:
            assert turn.submitted_at is not None
            if hit.disposed:
                self._refused("InvalidHITState", call)
            elif turn.submitted_at + dt.timedelta(days=30) < self.now:
                self._refused("RejectionOverrideTooLate", call)
            elif hit.cost > account.available(self.now):
                self._refused("InsufficientFunds", call)
            else:
                call()
                turn.status = "Approved"
        elif turn.status == "Submitted":
            call()
            turn.status = "Approved"
        else:
            self._refused("InvalidAssignmentState", call)

    @precondition(lambda self: self._turns(OPEN))
    @rule(which=index)
    def reject(self, which: int) -> None:
        _, client, _, turn = self._turn(which, OPEN)
        call = lambda: client.reject_assignment(AssignmentId=turn.id, RequesterFeedback="No")  # noqa: E731
        if turn.status == "Submitted":
            call()
            turn.status = "Rejected"
        else:
            self._refused("InvalidAssignmentState", call)

    @precondition(lambda self: self._turns(("Submitted", "Approved", "Rejected")))
    @rule(which=index, lost=st.booleans())
    def bonus(self, which: int, lost: bool) -> None:
        account, client, _, turn = self._turn(which, ("Submitted", "Approved", "Rejected"))
        call = lambda: client.send_bonus(  # noqa: E731
            WorkerId=self.workers[turn.worker].id, AssignmentId=turn.id, BonusAmount="0.33", Reason="Good",
            UniqueRequestToken=unique("bonus") if not lost else token,
        )  # fmt: skip
        token = unique("bonus")
        if account.available(self.now) < Decimal("0.40"):
            self._refused("InsufficientFunds", call)
            return
        if lost:
            self.site.faults(add={"kind": "lost_answer", "operation": "SendBonus"})
            self._refused("DuplicateRequest", call)
        else:
            call()
        turn.bonuses.append(Decimal("0.33"))

    @precondition(lambda self: self._turns(OPEN))
    @rule(which=index)
    def look_at_the_other_requesters_work(self, which: int) -> None:
        _, client, hit, turn = self._turn(which, OPEN)
        other = self.clients[1 - self.clients.index(client)]
        self._refused("HITDoesNotExist", lambda: other.get_hit(HITId=hit.id))
        self._refused("AssignmentDoesNotExist", lambda: other.approve_assignment(AssignmentId=turn.id))

    # what workers do

    @precondition(lambda self: self._hits())
    @rule(which=index, worker=st.integers(0, 9))
    def accept(self, which: int, worker: int) -> None:
        account, _, seen = self._hit(which)
        expected = account.oldest_for(worker, seen.type_id, self.now)
        page = self.workers[worker].accept(seen.type_id)
        if expected is None:
            assert page.frame is None
            return
        assert page.frame is not None, page.text
        assert page.parameter("hitId") == expected.id
        assignment_id = page.parameter("assignmentId")
        taken = [turn.id for hit in self._hits() for turn in hit.turns if turn.status in OPEN]
        assert assignment_id not in taken
        hours = 1 if expected.reward > 1 else 3
        expected.turns.append(Turn(assignment_id, worker, "Accepted", self.now + hours * HOUR))

    @precondition(lambda self: self._turns(("Accepted", "Returned", "Abandoned")))
    @rule(which=index, stolen=st.booleans())
    def submit(self, which: int, stolen: bool) -> None:
        _, _, _, turn = self._turn(which, ("Accepted", "Returned", "Abandoned"))
        sender = (turn.worker + stolen) % 10
        turns = [other for other in self._turns(OPEN) if other.id == turn.id and other.worker == sender]
        holder = turns[0] if turns else None
        answer = self.workers[sender].frame.post(
            f"{self.site.url}/mturk/externalSubmit",
            data={"assignmentId": turn.id, "workerId": self.workers[sender].id, "x": "1"},
        )
        if holder is None:
            assert answer.status_code in (403, 409), answer.text
            return
        assert answer.status_code == 200
        if holder.status == "Accepted":
            holder.status, holder.submitted_at = "Submitted", self.now
            owner = next(hit for hit in self._hits() if holder in hit.turns)
            owner.dispose_at = max(owner.dispose_at, self.now + DISPOSAL)

    @precondition(lambda self: self._turns(("Accepted",)))
    @rule(which=index)
    def give_back(self, which: int) -> None:
        _, _, _, turn = self._turn(which, ("Accepted",))
        worker = self.workers[turn.worker]
        page = worker.get(f"/assignments/{turn.id}/")
        assert "You have returned" in worker.press(page, "return").text
        turn.status = "Returned"

    # what time does

    @rule(minutes=st.sampled_from([20, 75, 200, 300, 1500, 43_300, 173_000]))
    def advance(self, minutes: int) -> None:
        self.site.advance(minutes * 60)
        self._tick()
        while any(abs(moment - self.now) < MARGIN for hit in self._hits() for moment in hit.boundaries()):
            # Too near to a boundary for two clocks that run apart by some seconds.
            self.site.advance(2 * MARGIN.total_seconds())
            self._tick()
        for hit in self._hits():
            hit.pass_time(self.now)

    # what must hold

    @invariant()
    def the_server_agrees(self) -> None:
        if not hasattr(self, "clients"):
            return
        self._tick()
        for account, client in zip(self.accounts, self.clients, strict=True):
            balance = client.get_account_balance()
            expected = (account.available(self.now), account.on_hold(self.now))
            assert (Decimal(balance["AvailableBalance"]), Decimal(balance["OnHoldBalance"])) == expected
            listed = {
                hit["HITId"]: hit
                for page in client.get_paginator("list_hits").paginate(PaginationConfig={"PageSize": 100})
                for hit in page["HITs"]
            }
            assert set(listed) == {hit.id for hit in account.hits if not hit.disposed}
            for hit in account.hits:
                if not hit.disposed:
                    self._compare(hit, listed[hit.id])

    def teardown(self) -> None:
        if hasattr(self, "clients"):
            for hit in self._hits():
                for turn in hit.turns:
                    if turn.status == "Accepted":
                        worker = self.workers[turn.worker]
                        worker.press(worker.get(f"/assignments/{turn.id}/"), "return")
            invariants.assert_hold(self.site.database_url)

    def _compare(self, hit: ModelHit, listed: dict[str, Any]) -> None:
        assert listed["HITStatus"] == hit.status(self.now)
        assert listed["NumberOfAssignmentsPending"] == hit.count("Accepted")
        assert listed["NumberOfAssignmentsAvailable"] == hit.free
        assert listed["NumberOfAssignmentsCompleted"] == hit.count("Approved", "Rejected")

    def _tick(self) -> None:
        self.now = dt.datetime.fromisoformat(self.site.faults()["now"])

    def _hits(self) -> list[ModelHit]:
        return [hit for account in self.accounts for hit in account.hits]

    def _hit(self, which: int) -> tuple[Account, Any, ModelHit]:
        hits = [(a, c, hit) for a, c in zip(self.accounts, self.clients, strict=True) for hit in a.hits]
        return hits[which % len(hits)]

    def _turns(self, statuses: tuple[str, ...]) -> list[Turn]:
        return [turn for hit in self._hits() for turn in hit.turns if turn.status in statuses]

    def _turn(self, which: int, statuses: tuple[str, ...]) -> tuple[Account, Any, ModelHit, Turn]:
        turns = [
            (account, client, hit, turn)
            for account, client in zip(self.accounts, self.clients, strict=True)
            for hit in account.hits
            for turn in hit.turns
            if turn.status in statuses
        ]
        return turns[which % len(turns)]

    def _refused(self, code: str, call: Any) -> str:
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response.get("TurkErrorCode") == f"AWS.MechanicalTurk.{code}", caught.value
        return str(caught.value.response["Message"])


def _run(site: Site, examples: int, steps: int) -> None:
    Marketplace.site = site
    run_state_machine_as_test(
        Marketplace,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_random_schedules_agree_with_the_model(site: Site) -> None:
    _run(site, examples=3, steps=25)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_long_random_schedules_agree_with_the_model(site: Site) -> None:
    _run(site, examples=40, steps=50)
