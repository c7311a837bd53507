"""Who is shown a task, whose answer is taken, and what is marked where it was not to come."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from annotation.models import Assignment, Bonus, Clip, Draft, Hit, Receipt, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import arrival
from tests.annotation.pages.task.test_task_page import frame_url, handed_on, parameters, seal, task_token

pytestmark = pytest.mark.django_db
MOMENT = {"start": "2", "end": "9.5"}


@pytest.fixture
def person(db: None) -> Worker:
    """Whom the page's parameters name."""
    return Worker.objects.create(environment="local", worker_id="AW1", group=Kind.SEGMENT)


def further(hit: Hit, **values: Any) -> Hit:
    """Another HIT of the batch, about the same unit unless told otherwise."""
    number = Hit.objects.count()
    same = {"clip": hit.clip, "segment": hit.segment, "attempt": number + 1, **values}
    key = {"request_token": f"more{number}", "hit_id": f"M{number}", "state": Hit.State.OPEN, "wanted": 2}
    return Hit.objects.create(batch=hit.batch, **same, **key)


def answered(hit: Hit, person: Worker, **values: Any) -> Assignment:
    key = {"hit": hit, "worker": person, "assignment_id": f"A{hit.pk}", "answer": "", "payload": {"start": 2, "end": 9}}
    return Assignment.objects.create(**key | {"submitted_at": timezone.now()} | values)


def test_work_that_was_begun_within_the_limit_is_taken(
    client: Client, make_hit: Callable[..., Hit], person: Worker
) -> None:
    """Two tasks open at once under a limit of one: the second is marked when it arrives, not lost."""
    first = make_hit(Kind.SEGMENT)
    first.batch.per_worker = 1
    first.batch.save()
    second = further(first, clip=Clip.objects.create(video=first.shown_clip.video, start=30.0, end=60.0))
    tokens = [task_token(client, hit, assignmentId=f"ASG{hit.pk}") for hit in (first, second)]
    for hit, token in zip((first, second), tokens, strict=True):
        sent = client.post(frame_url(hit), {**MOMENT, "token": token})
        assert (sent.status_code, handed_on(sent.content)) == (200, {"start": 2.0, "end": 9.5})
    refused = client.get(frame_url(second), parameters(assignmentId="ASGX"))
    assert (refused.status_code, b"1 units of this batch" in refused.content) == (403, True)
    answered(first, person)
    marked = arrival.of_arrival(answered(second, person))
    assert [flag.kind for flag in marked] == ["cap"]


def test_who_is_blocked_meanwhile_can_send_nothing(
    client: Client, make_hit: Callable[..., Hit], person: Worker
) -> None:
    hit = make_hit(Kind.SEGMENT)
    token = task_token(client, hit)
    Worker.objects.update(blocked=True)
    assert client.post(frame_url(hit), {**MOMENT, "token": token}).status_code == 403
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("by", ["an answer", "a receipt"])
def test_a_unit_that_is_asked_again_is_for_somebody_else(
    client: Client, make_hit: Callable[..., Hit], person: Worker, by: str
) -> None:
    first = make_hit(Kind.SEGMENT)
    again = further(first)
    if by == "an answer":
        answered(first, person)
    else:
        client.post(frame_url(first), {**MOMENT, "token": task_token(client, first, assignmentId="ASG0")})
    refused = client.get(frame_url(again), parameters())
    assert (refused.status_code, b"answered this one before" in refused.content) == (403, True)
    assert client.get(frame_url(again), parameters(workerId="AW2")).status_code == 200


def test_only_the_same_unit_of_the_same_batch_is_known_before(
    client: Client, make_hit: Callable[..., Hit], segment: Segment, person: Worker
) -> None:
    first = make_hit(Kind.SEGMENT)
    answered(first, person)
    others = [make_hit(Kind.QUERY, segment=segment), further(first, clip=None, segment=segment)]
    assert [client.get(frame_url(hit), parameters()).status_code for hit in others] == [200, 200]
    assert arrival.look_up([first, *others]) == {first.pk, *(hit.pk for hit in others)}


def test_a_second_answer_of_one_person_is_marked_when_it_comes(make_hit: Callable[..., Hit], person: Worker) -> None:
    first = make_hit(Kind.SEGMENT)
    before, after = answered(first, person), answered(further(first), person)
    other = Worker.objects.create(environment="local", worker_id="AW2", group=Kind.SEGMENT)
    Assignment.objects.filter(pk=before.pk).update(submitted_at=timezone.now() - timedelta(minutes=5))
    before.refresh_from_db()
    kinds = [[flag.kind for flag in arrival.of_arrival(row)] for row in (before, after)]
    assert kinds == [[], ["same unit"]]
    assert arrival.look_up([before.hit, after.hit]) == set()
    assert arrival.of_arrival(answered(further(first), other)) == []


@pytest.mark.parametrize(("state", "marked"), [("waiting", True), ("paid", True), ("refused", False)])
def test_lost_work_that_came_after_all_is_marked_where_a_bonus_makes_up_for_it(
    make_hit: Callable[..., Hit], person: Worker, state: str, marked: bool
) -> None:
    hit = make_hit(Kind.SEGMENT)
    came = answered(hit, person)
    key = {"hit": hit, "assignment_id": came.assignment_id, "worker_id": person.worker_id}
    receipt = Receipt.objects.create(**key, payload={}, sha256="0")
    Bonus.objects.create(assignment=came, amount="0.12", reason="lost", tag="t", lost_work=receipt, state=state)
    for _ in range(2):  # of this answer alone, and as read for several at once
        assert ("compensated" in [flag.kind for flag in arrival.of_arrival(came)]) == marked
        arrival.look_up([came.hit])


def test_what_is_sealed_is_not_shown_to_whoever_sends_half_an_answer(
    client: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    token = task_token(client, hit)
    seal(hit)
    half = client.post(frame_url(hit), {"query": "too short", "based_on": "v", "token": token})
    assert half.status_code == 410
    for told in ("5.0–12.0 s", "/media/clip/", "Look at the red ball"):
        assert told not in half.content.decode()
    whole = {"query": "a red ball rolls slowly over the green floor", "based_on": "v"}
    assert handed_on(client.post(frame_url(hit), {**whole, "token": token}).content) == whole


@pytest.mark.parametrize("version", ["-1", "1000000000000", "x", ""])
def test_a_version_that_no_page_was_given_is_no_draft(
    client: Client, make_hit: Callable[..., Hit], version: str
) -> None:
    hit = make_hit(Kind.SEGMENT)
    sent = {"token": task_token(client, hit), "version": version, "fields": json.dumps(MOMENT), "conduct": ""}
    assert client.post(f"{frame_url(hit)}draft/", sent).status_code == 400
    assert not Draft.objects.exists()
