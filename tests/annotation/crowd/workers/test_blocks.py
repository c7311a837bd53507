"""A blocked worker is kept out at once on our own pages, and at the marketplace as soon as it can be reached."""

from __future__ import annotations

import json

import httpx
import pytest
from botocore.exceptions import ClientError
from django.contrib.auth.models import User
from django.test import Client

from annotation.crowd import reconcile
from annotation.crowd.client import Crowd
from annotation.crowd.workers import blocks
from annotation.models import Assignment, Batch, Clip, Receipt, Segment, Worker
from annotation.review import verdicts
from annotation.review.verdicts import ReviewError, Verdict
from tests.annotation.crowd.orders import GOOD, launch_batch, make_batch
from tests.marketplace.site import Page, Site, WorkerBrowser

pytestmark = pytest.mark.django_db


@pytest.fixture
def batch(clip: Clip, annotators: list[WorkerBrowser]) -> Batch:
    return launch_batch(make_batch())


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def row_of(browser: WorkerBrowser) -> Worker:
    return Worker.objects.get(worker_id=browser.id)


def in_frame(client: Client, page: Page) -> int:
    """The status with which our task answers in this assignment's frame."""
    assert page.frame is not None
    return client.get(page.frame.replace("http://localhost:8000", "")).status_code


@pytest.mark.parametrize("door", ["admin", "page"])
def test_a_block_keeps_a_worker_out_at_once(
    batch: Batch, staff: Client, annotators: list[WorkerBrowser], door: str
) -> None:
    worker = row_of(annotators[0])
    page = annotators[0].accept(batch.hit_type_id)
    assert in_frame(staff, page) == 200
    if door == "admin":
        change = f"/admin/annotation/worker/{worker.pk}/change/"
        assert staff.post(change, {"blocked": "on", "block_reason": "spam"}).status_code == 302
    else:
        staff.post(f"/workers/{worker.pk}/block/", {"blocked": "yes", "reason": "spam"})
    assert in_frame(staff, page) == 403, "before the marketplace has heard of it"
    assert row_of(annotators[0]).blocked_there is False
    assert list(blocks.untold()) == [worker]
    # What he sends past our page is paid or rejected, never used.
    assert annotators[0].submit(page, answer=json.dumps(GOOD)).status == 200
    reconcile.follow("local")
    answer = Assignment.objects.get()
    assert any("blocked" in line for line in answer.evidence)
    with pytest.raises(ReviewError, match="blocked when it came"):
        verdicts.decide(answer.pk, Verdict.USE, None)
    assert not Segment.objects.exists()
    blocks.push_block(worker.pk)
    assert Crowd("local").blocks()[annotators[0].id] == "spam"
    assert "cannot work on this requester" in annotators[0].accept(batch.hit_type_id).text
    staff.post(f"/workers/{worker.pk}/block/", {})
    blocks.push_block(worker.pk)
    assert annotators[0].id not in Crowd("local").blocks()


def test_a_form_that_was_open_when_the_block_came_is_not_taken(
    batch: Batch, client: Client, annotators: list[WorkerBrowser]
) -> None:
    page = annotators[0].accept(batch.hit_type_id)
    assert page.frame is not None
    address = page.frame.replace("http://localhost:8000", "")
    token = Page(_as_httpx(client.get(address).content.decode())).forms[0]["fields"]["token"]
    blocks.set_blocked(row_of(annotators[0]).pk, blocked=True)
    answer = client.post(address.partition("?")[0], {"token": token, "start": "5", "end": "12"})
    assert answer.status_code == 403
    assert not Receipt.objects.exists()
    blocks.set_blocked(row_of(annotators[0]).pk, blocked=False)
    assert client.post(address.partition("?")[0], {"token": token, "start": "5", "end": "12"}).status_code == 200


def _as_httpx(text: str) -> httpx.Response:

    return httpx.Response(200, text=text)


def test_a_block_that_fails_half_way_is_sent_again(batch: Batch, crowd: Site, annotators: list[WorkerBrowser]) -> None:
    worker = row_of(annotators[0])
    crowd.faults(add={"kind": "service_fault", "operation": "CreateWorkerBlock", "remaining": 8})
    blocks.set_blocked(worker.pk, blocked=True)
    with pytest.raises(ClientError):
        blocks.push_block(worker.pk)
    assert list(blocks.untold()) == [worker]
    crowd.faults(clear=True)
    crowd.faults(add={"kind": "lost_answer", "operation": "CreateWorkerBlock", "remaining": 1})
    blocks.push_block(worker.pk)
    assert not blocks.untold().exists()
    assert annotators[0].id in Crowd("local").blocks()
    crowd.faults(add={"kind": "lost_answer", "operation": "DeleteWorkerBlock", "remaining": 1})
    blocks.set_blocked(worker.pk, blocked=False)
    blocks.push_block(worker.pk)
    assert annotators[0].id not in Crowd("local").blocks()


def test_a_block_that_another_client_took_back_is_made_again(batch: Batch, annotators: list[WorkerBrowser]) -> None:
    worker = row_of(annotators[0])
    blocks.set_blocked(worker.pk, blocked=True)
    blocks.push_block(worker.pk)
    Crowd("local").unblock(annotators[0].id)
    blocks.compare_blocks(Crowd("local"), "local")
    assert list(blocks.untold()) == [worker]
    blocks.push_block(worker.pk)
    assert annotators[0].id in Crowd("local").blocks()
    Crowd("local").unblock(annotators[0].id)
