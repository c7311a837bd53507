"""Who locks several rows locks them in one order: what would wait for each other for ever, does not.

Each test leads its sessions to where each holds what another one wants next, by a row that is held until all wait.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction
from django.db.models import Q

from annotation.crowd import launch
from annotation.crowd.client import Submitted
from annotation.crowd.collect import PLACES, admit
from annotation.crowd.standing import Standing
from annotation.crowd.takeover import Read, take_over
from annotation.crowd.workers import bonuses
from annotation.locks import locked_answers, locked_batches, locked_hits
from annotation.models import Assignment, Batch, Clip, Hit, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import verdicts
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.test_answer_xml import answers
from tests.annotation.pages.test_review_page import NOW

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 20.0
MOMENTS = [(1.0, 8.0), (9.0, 16.0), (17.0, 24.0)]
Units = Callable[..., list[Hit]]


class Session:
    """A session of the database beside the test's own, in which one thing is done."""

    def __init__(self, job: Callable[[], object]) -> None:
        self._pid, self._failed = 0, None
        self._thread = threading.Thread(target=self._run, args=(job,))
        self._thread.start()

    def _run(self, job: Callable[[], object]) -> None:
        try:
            connection.ensure_connection()
            self._pid = connection.connection.info.backend_pid
            job()
        except OperationalError as error:
            self._failed = error
        finally:
            connection.close()

    def wait_for_a_lock(self) -> None:
        """Return once it waits for another session."""
        deadline = time.monotonic() + PATIENCE_S
        while not self._is_blocked():
            assert self._thread.is_alive(), f"it is through without waiting: {self._failed}"
            assert time.monotonic() < deadline, "it waits for nobody"
            time.sleep(0.02)

    def settle(self) -> None:
        """Return once it waits for another session, or is through."""
        while self._thread.is_alive() and not self._is_blocked():
            time.sleep(0.02)

    def _is_blocked(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [self._pid])
            return bool(cursor.fetchone()[0])

    def end(self) -> None:
        self._thread.join()
        if self._failed is not None:
            raise self._failed


@pytest.fixture
def units(clip: Clip) -> Units:
    """Open HITs of one more batch of marks, each about a clip of its own."""

    def make(number: int, batch: Batch | None = None) -> list[Hit]:
        name = f"batch {Batch.objects.count()}"
        order = {"kind": Kind.SEGMENT, "reward": Decimal("0.12"), "budget": Decimal("10.00"), "state": Batch.State.OPEN}
        batch = batch or Batch.objects.create(name=name, assignments_per_hit=2, hit_type_id=name, **order)
        made = []
        for _ in range(number):
            place = Clip.objects.count()
            unit = Clip.objects.create(video=clip.video, start=30.0 * place, end=30.0 * place + 30)
            name = f"HIT{place}"
            made.append(
                Hit.objects.create(
                    batch=batch, clip=unit, request_token=name, hit_id=name, wanted=2, state=Hit.State.OPEN
                )
            )
        return made

    return make


@pytest.fixture
def crew(db: None) -> list[Worker]:
    return [Worker.objects.create(environment="local", worker_id=f"AW{n}", group=Kind.SEGMENT) for n in range(3)]


def stored(hit: Hit, worker: Worker, moment: tuple[float, float] | None) -> Assignment:
    payload = None if moment is None else dict(zip(("start", "end"), moment, strict=True))
    return Assignment.objects.create(
        hit=hit, worker=worker, assignment_id=f"A{hit.pk}", answer="", payload=payload, submitted_at=NOW
    )


def sent(hit: Hit, worker: Worker, moment: tuple[float, float], status: str = "Submitted") -> Submitted:
    said = json.dumps(dict(zip(("start", "end"), moment, strict=True)))
    return Submitted(f"A{hit.pk}", worker.worker_id, answers(answer=said), NOW, status)


@transaction.atomic
def take(*reads: tuple[Hit, list[Submitted]]) -> int:
    """A pass over these HITs."""
    hits = locked_hits([hit.pk for hit, _ in reads]).select_related(*PLACES)
    given = {hit.pk: given for hit, given in reads}
    standing = Standing("", "", "", "Reviewable", 2, 0, 0, 0)
    return take_over([(hit, Read(standing, given[hit.pk])) for hit in hits])


def reject(answer: Assignment) -> Session:
    return Session(lambda: verdicts.decide(answer.pk, Verdict.REJECT, None, "hardly watched"))


def test_a_rejection_of_what_a_pass_has_touched_by_two_answers(units: Units, crew: list[Worker]) -> None:
    """What a replay ended in: a row that is written twice is looked at in the end, with the HIT that it names."""
    old, *new = units(3)
    answer = stored(old, crew[0], MOMENTS[0])
    with transaction.atomic():
        take(*((hit, [sent(hit, crew[0], MOMENTS[0])]) for hit in new))
        rejection = reject(answer)
        rejection.wait_for_a_lock()
    rejection.end()
    answer.refresh_from_db()
    assert answer.state == Assignment.State.REJECTING
    assert answer.evidence == ["the same start and end as 2 other answers of this worker"]


def test_a_rejection_in_a_unit_of_which_a_pass_touches_two_answers(units: Units, crew: list[Worker]) -> None:
    old, other, *new = units(5)
    rejected, waiting = (stored(old, worker, moment) for worker, moment in zip(crew[:2], MOMENTS, strict=False))
    held = stored(other, crew[2], MOMENTS[2])
    whose = [1, 2, 0]  # the second of the unit, then what is held here, then the first
    reads = [(hit, [sent(hit, crew[n], MOMENTS[n])]) for hit, n in zip(new, whose, strict=True)]
    with transaction.atomic():
        list(locked_answers(Q(pk=held.pk)))
        collected = Session(lambda: take(*reads))
        collected.wait_for_a_lock()
        rejection = reject(rejected)
        rejection.wait_for_a_lock()
    collected.end()
    rejection.end()
    waiting.refresh_from_db()
    assert waiting.evidence == ["the same start and end as 1 other answers of this worker"]


def test_what_is_taken_back_while_a_pass_goes_over_it(units: Units, crew: list[Worker]) -> None:
    hits, person = units(3), User.objects.create_user("ada")
    rows = [stored(hit, crew[0], moment) for hit, moment in zip(hits, [MOMENTS[0], None, MOMENTS[1]], strict=True)]
    assert verdicts.use_clean(hits[0].batch_id, rows[-1].pk, person) == 2
    with transaction.atomic():
        list(locked_answers(Q(pk=rows[1].pk)))
        collected = Session(lambda: take(*((hit, []) for hit in hits)))
        collected.wait_for_a_lock()
        undo = Session(lambda: verdicts.undo(hits[0].batch_id, person))
        undo.wait_for_a_lock()
    collected.end()
    undo.end()
    assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.SUBMITTED}
    assert not Segment.objects.exists()


def test_two_passes_with_rejections_in_several_batches(units: Units, crew: list[Worker]) -> None:
    early, late, held = (units(1)[0].batch for _ in range(3))
    one = [units(1, batch)[0] for batch in (late, held, early)]
    other = [units(1, batch)[0] for batch in (early, late)]
    for hit in (*one, *other):
        stored(hit, crew[0], MOMENTS[0])
    passes = [[(hit, [sent(hit, crew[0], MOMENTS[0], "Rejected")]) for hit in hits] for hits in (one, other)]
    with transaction.atomic():
        list(locked_batches([held.pk]))
        sessions = []
        for reads in passes:
            sessions.append(Session(lambda reads=reads: take(*reads)))  # type: ignore[misc]
            sessions[-1].wait_for_a_lock()
    for session in sessions:
        session.end()
    counted = Batch.objects.order_by("pk").values_list("reviewed", "rejected")
    assert list(counted) == [(2, 2), (2, 2), (1, 1)]


def test_an_answer_is_used_while_its_clip_is_asked_about_again(units: Units, crew: list[Worker]) -> None:
    (hit,) = units(1)
    answer = stored(hit, crew[0], MOMENTS[0])
    Hit.objects.update(state=Hit.State.EXPIRED)
    with transaction.atomic():
        assert launch.request_relaunch(hit.batch_id) == 1
        used = Session(lambda: verdicts.decide(answer.pk, Verdict.USE, None))
        used.wait_for_a_lock()
    used.end()
    assert Segment.objects.get().assignment == answer


def test_a_bonus_is_promised_while_a_pass_goes_over_its_unit(units: Units, crew: list[Worker]) -> None:
    (hit,) = units(1)
    answer = stored(hit, crew[0], MOMENTS[0])
    with transaction.atomic():
        list(locked_hits([hit.pk]))
        list(locked_answers(Q(pk=answer.pk)))
        promised = Session(lambda: bonuses.promise(answer.pk, Decimal("0.10"), "well seen"))
        promised.settle()
        list(locked_batches([hit.batch_id]))
    promised.end()
    assert answer.bonuses.get().amount == Decimal("0.10")


def test_two_passes_that_meet_new_workers_in_two_orders(units: Units) -> None:
    """Workers get their rows before anything is locked."""
    (hit,) = units(1)
    names = [Worker(environment="local", worker_id=f"AW{n}") for n in range(3)]
    one, other = ([sent(hit, names[n], MOMENTS[0]) for n in order] for order in ((2, 1, 0), (0, 2)))
    with transaction.atomic():
        names[1].save()
        sessions = []
        for given in (one, other):
            sessions.append(Session(lambda given=given: admit("local", given)))  # type: ignore[misc]
            sessions[-1].wait_for_a_lock()
    for session in sessions:
        session.end()
    assert sorted(Worker.objects.values_list("worker_id", flat=True)) == ["AW0", "AW1", "AW2"]
