"""The audit of a release knows who wrote which question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from adversarial.audit.report import blind_report
from adversarial.data.schema import Item
from annotation.models import Assignment, Batch, Hit, Question, Worker
from annotation.models.crowd import Kind
from benchmark_site.releases.building import matching
from benchmark_site.releases.building.pipeline import build_release
from tests.releases.conftest import make_corpus, small_release


def written_by_workers(questions: list[Question], people: int) -> dict[int, int]:
    """{public id: worker}: questions in turn by so many workers."""
    batch = Batch.objects.create(name="written", kind=Kind.QA, reward="0.10", budget="90.00")
    workers = [Worker.objects.create(environment="local", worker_id=f"AW{n}", group=Kind.QA) for n in range(people)]
    found = {}
    for number, question in enumerate(questions):
        hit = Hit.objects.create(batch=batch, segment=question.segment, request_token=f"t{number}", wanted=1)
        worker = workers[number % people]
        question.assignment = Assignment.objects.create(
            hit=hit, worker=worker, assignment_id=f"A{number}", answer="", submitted_at=datetime(2026, 1, 1, tzinfo=UTC)
        )
        question.save()
        found[question.public_id] = worker.pk
    return found


@pytest.mark.django_db
def test_who_wrote_a_question_reaches_the_audit(media: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    make_corpus(12)
    *written, nobodys = Question.objects.order_by("public_id")
    workers = written_by_workers(written, 5)
    audited: list[Sequence[Item]] = []

    def watched(items: Sequence[Item], **how: Any) -> dict[str, Any]:
        audited.append(items)
        return blind_report(items, **how)

    monkeypatch.setattr(matching, "blind_report", watched)
    build_release(small_release("demo", "1.0.0").pk)
    (items,) = audited
    assert {item.qid: item.annotator for item in items}.items() <= {**workers, nobodys.public_id: None}.items()
    assert len({item.annotator for item in items}) > 2
