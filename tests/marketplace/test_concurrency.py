"""Many at once on PostgreSQL: nothing is handed out twice, nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.marketplace import invariants
from tests.marketplace.lab import Lab, unique
from tests.marketplace.site import Page, Site, WorkerBrowser


@pytest.fixture(scope="module")
def lab(site: Site) -> Iterator[Lab]:
    yield Lab(site)
    invariants.assert_hold(site.database_url)


@pytest.mark.slow
def test_twenty_workers_take_100_hits_of_3_assignments(lab: Lab) -> None:
    title = unique("Rush")
    with ThreadPoolExecutor(4) as pool:
        hits = list(pool.map(lambda _: lab.hit(Title=title, MaxAssignments=3, Reward="0.01"), range(100)))
    workers = lab.site.crowd(20)
    type_id = hits[0]["HITTypeId"]
    assert {hit["HITTypeId"] for hit in hits} == {type_id}
    start = threading.Barrier(20)

    def work(worker: WorkerBrowser) -> list[tuple[str, str, str]]:
        token = worker.get("/").forms[0]["fields"]["csrfmiddlewaretoken"]
        taken: list[tuple[str, str, str]] = []
        start.wait()
        while True:
            page = worker.post(f"/groups/{type_id}/accept/", {"csrfmiddlewaretoken": token})
            if page.frame is None:
                assert "Nothing is left for you in this group" in page.text
                return taken
            assert worker.submit(page).status == 200
            taken.append((page.parameter("hitId"), page.parameter("assignmentId"), worker.id))

    with ThreadPoolExecutor(20) as pool:
        taken = [row for rows in pool.map(work, workers) for row in rows]
    assert len(taken) == 300
    assert len({assignment for _, assignment, _ in taken}) == 300
    assert len({(hit, worker) for hit, _, worker in taken}) == 300
    assert {hit for hit, _, _ in taken} == {hit["HITId"] for hit in hits}
    assert all(lab.get(hit)["HITStatus"] == "Reviewable" for hit in hits[::10])


def test_the_last_slot_goes_to_one_of_many(lab: Lab) -> None:
    hit = lab.hit()
    workers = lab.site.crowd(8)
    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda worker: worker.accept(hit["HITTypeId"]), workers))
    assert sum(page.frame is not None for page in pages) == 1


def test_two_clicks_of_one_worker_take_one_assignment_of_a_hit(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=5)
    worker = lab.worker
    with ThreadPoolExecutor(4) as pool:
        pages: list[Page] = list(pool.map(lambda _: worker.accept(hit["HITTypeId"]), range(4)))
    assert sum(page.frame is not None for page in pages) == 1
    assert lab.get(hit)["NumberOfAssignmentsPending"] == 1


def test_submit_and_return_at_once_end_in_one_of_both(lab: Lab) -> None:
    hit = lab.hit(MaxAssignments=3)
    for worker in lab.site.crowd(3):
        page = worker.accept(hit["HITTypeId"])
        with ThreadPoolExecutor(2) as pool:
            submitted = pool.submit(worker.submit, page)
            returned = pool.submit(worker.press, page, "return")
        assert (submitted.result().status == 200) != ("You have returned" in returned.result().text)


def test_one_token_makes_one_hit_among_parallel_calls(lab: Lab) -> None:
    token, title = unique("token"), unique("Token")

    def make(_: int) -> str:
        try:
            return str(lab.hit(UniqueRequestToken=token, Title=title)["HITId"])
        except ClientError as error:
            _expect(error, "HitAlreadyExists")
            return str(error.response["Message"]).split("HITId=")[1].split()[0]

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(make, range(16)))
    assert len(ids) == 1


def test_parallel_approvals_pay_once_and_parallel_spending_never_overdraws(lab: Lab) -> None:
    _, assignment_id = lab.submitted()

    def approve(_: int) -> bool:
        try:
            lab.api.approve_assignment(AssignmentId=assignment_id)
        except ClientError as error:
            _expect(error, "InvalidAssignmentState")
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(approve, range(6))) == 1

    poor = lab.site.requester(balance="1.00")

    def spend(_: int) -> bool:
        try:
            poor.create_hit(
                Title=unique("Spend"), Description="d", Reward="0.25", Question=lab.get(lab.hit())["Question"],
                AssignmentDurationInSeconds=60, LifetimeInSeconds=600,
            )  # fmt: skip
        except ClientError as error:
            _expect(error, "InsufficientFunds")
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(spend, range(6))) == 3
    assert poor.get_account_balance()["AvailableBalance"] == "0.10"


def test_connections_that_the_database_has_cut_are_replaced(lab: Lab) -> None:
    """As a restart of PostgreSQL leaves them."""
    for _ in range(3):
        with psycopg.connect(lab.site.database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # waits until each has ended
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        for _ in range(10):
            assert "AvailableBalance" in lab.api.get_account_balance()
            assert lab.worker.get("/").status == 200


def _expect(error: ClientError, code: str) -> None:
    assert error.response["TurkErrorCode"] == f"AWS.MechanicalTurk.{code}"
