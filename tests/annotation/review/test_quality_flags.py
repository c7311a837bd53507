"""What a reviewer is told of an answer, by kind of task."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from annotation.models import Assignment, Hit, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review import evidence
from annotation.review.answer_forms import ANSWER_FORMS
from annotation.review.quality_flags import whole_text
from annotation.review.text.sketch import sketch

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SENTENCE = "a red ball rolls slowly over the green floor"
OTHERS = {"correct": "red", "wrong_1": "blue", "wrong_2": "green", "wrong_3": "black"}


def store(hit: Hit, worker: Worker, payload: dict[str, Any]) -> Assignment:
    """An answer as collection leaves it, without evidence."""
    return Assignment.objects.create(
        hit=hit,
        worker=worker,
        assignment_id=f"A{Assignment.objects.count()}",
        answer="",
        payload=payload,
        sketch=sketch(text) if (text := whole_text(payload)) else None,
        submitted_at=NOW,
    )


def flags(hit: Hit, worker: Worker, payload: dict[str, Any]) -> list[str]:
    return ANSWER_FORMS[hit.batch.kind].find_flags(store(hit, worker, payload), payload)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (5.0, 12.0, []),
        (1.0, 29.0, ["marks 93% of the clip"]),
        (5.0, 6.5, ["lasts 1.5 s (usual: 2 to 30 s)"]),
    ],
)
def test_a_moment_is_flagged_by_its_length(
    make_hit: Callable[..., Hit], worker: Worker, start: float, end: float, expected: list[str]
) -> None:
    assert flags(make_hit(Kind.SEGMENT), worker, {"start": start, "end": end}) == expected


def test_the_same_moment_twice_is_flagged(make_hit: Callable[..., Hit], segment: Segment, worker: Worker) -> None:
    moment = {"start": 5.0, "end": 12.0}
    store(make_hit(Kind.SEGMENT, segment=segment), worker, moment)
    assert flags(make_hit(Kind.SEGMENT), worker, moment) == ["the same start and end as 1 other answers of this worker"]


def test_a_moment_with_its_sentence_is_flagged_by_both(make_hit: Callable[..., Hit], worker: Worker) -> None:
    payload = {"start": 1.0, "end": 29.0, "query": "ball ball ball ball red red red red", "based_on": "v"}
    found = flags(make_hit(Kind.COMBINED), worker, payload)
    assert found == ["marks 93% of the clip", "the text says few different words"]


def test_a_sentence_written_for_a_segment_is_known_where_another_marks_and_writes(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker
) -> None:
    store(make_hit(Kind.QUERY, segment=segment), worker, {"query": SENTENCE, "based_on": "v"})
    found = flags(make_hit(Kind.COMBINED), worker, {"start": 5.0, "end": 12.0, "query": SENTENCE, "based_on": "v"})
    assert found == ["the same text as 1 other answers of this worker", "the same text for 1 other segments"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SENTENCE, []),
        ("Look at the red ball as it rolls by", []),
        ("so he says now it rolls away from us", []),
        ("Look at the red ball! Now it rolls away", ["the text repeats what is said in the clip"]),
        ("ball ball ball ball red red red red", ["the text says few different words"]),
    ],
)
def test_a_query_is_flagged_by_its_words(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker, text: str, expected: list[str]
) -> None:
    assert flags(make_hit(Kind.QUERY, segment=segment), worker, {"query": text, "based_on": "v"}) == expected


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.QUERY, {"query": SENTENCE, "based_on": "v"}),
        (Kind.QA, {"question": "Which colour has the rolling ball?", **OTHERS}),
    ],
)
def test_the_same_text_twice_is_flagged_however_it_is_spelled(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker, kind: Kind, payload: dict[str, str]
) -> None:
    field = next(iter(payload))
    first = make_hit(kind, segment=segment)
    store(first, worker, payload | {field: payload[field].upper() + "!"})
    store(first, Worker.objects.create(environment="local", worker_id="AWORKER2", group=kind), payload)
    other = Segment.objects.create(public_id=2, clip=segment.clip, start=14.0, end=20.0)
    found = flags(make_hit(kind, segment=other), worker, payload)
    assert found == [
        "the same text as 1 other answers of this worker",
        "nearly the same text as 1 earlier answers of other workers",
        "the same text for 1 other segments",
    ]


def test_texts_nearly_equal_are_told_of_both_own_and_the_later_of_two_workers(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker
) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    worker.group = Kind.QUERY
    worker.save()
    other = Worker.objects.create(environment="local", worker_id="AWORKER2", group=Kind.QUERY)
    second = make_hit(Kind.QUERY, segment=Segment.objects.create(public_id=2, clip=segment.clip, start=14, end=20))
    rows = [
        store(hit, worker, {"query": SENTENCE, "based_on": "v"}),
        store(hit, other, {"query": SENTENCE + " now", "based_on": "v"}),
        store(second, worker, {"query": SENTENCE.replace("red", "blue") + " 2", "based_on": "v"}),
    ]
    for row in rows:
        evidence.look_at(row)
        row.refresh_from_db()
    first, foreign, own = (row.evidence for row in rows)
    assert first == own == ["nearly the same text as 1 other answers of this worker"]
    assert foreign == ["nearly the same text as 1 earlier answers of other workers"]


def test_what_a_reviewer_has_decided_on_keeps_its_evidence(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker
) -> None:
    worker.group = Kind.QUERY
    worker.save()
    places = [segment, *(Segment.objects.create(public_id=n, clip=segment.clip, start=n, end=n + 5) for n in (15, 22))]
    payload = {"query": SENTENCE, "based_on": "v"}
    decided, waiting, last = (store(make_hit(Kind.QUERY, segment=place), worker, payload) for place in places)
    Assignment.objects.filter(pk=decided.pk).update(state=Assignment.State.APPROVED, reviewed_at=NOW)
    evidence.look_at(last)
    told = dict(Assignment.objects.values_list("pk", "evidence"))
    assert told[decided.pk] == []
    assert "the same text as 2 other answers of this worker" in told[waiting.pk]


def test_the_answer_of_a_worker_who_is_blocked_says_so(make_hit: Callable[..., Hit], worker: Worker) -> None:
    answer = store(make_hit(Kind.SEGMENT), worker, {"start": 5.0, "end": 12.0})
    evidence.look_at(answer)
    assert answer.evidence == []
    answer.worker.blocked, answer.worker.blocked_at = True, NOW
    answer.worker.save()
    evidence.look_at(answer)
    assert answer.evidence == ["the worker is blocked: it cannot be used"]
