"""What answers to one unit say of each other, and what units of known answer say of workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation.crowd import decisions, launch
from annotation.models import Assignment, Clip, Hit, Receipt, Segment, Worker
from annotation.models.crowd import MARKING, Kind
from annotation.review import agreement, evidence, quality_flags, verdicts
from annotation.review.agreement import mean_agreement, medoid, stands_alone
from annotation.review.reliability import labels, measure_workers, reliability
from annotation.review.verdicts import Verdict
from tests.annotation.crowd.orders import make_batch
from tests.annotation.review.test_quality_flags import SENTENCE, store

A, NEAR_A, B = (0.0, 10.0), (1.0, 11.0), (20.0, 30.0)


@pytest.mark.parametrize(
    ("spans", "expected"), [([], None), ([A], None), ([A, A], 1.0), ([A, B], 0.0), ([A, (5.0, 10.0), B], 0.5 / 3)]
)
def test_agreement_is_the_mean_of_all_pairs(spans: list[tuple[float, float]], expected: float | None) -> None:
    assert mean_agreement(spans) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(("spans", "place"), [([A], 0), ([B, A, NEAR_A], 1), ([NEAR_A, B, A, NEAR_A], 0)])
def test_the_medoid_is_most_like_all_others(spans: list[tuple[float, float]], place: int) -> None:
    assert medoid(spans) == place


@pytest.mark.parametrize(
    ("others", "alone"),
    [
        ([A, NEAR_A], True),
        ([A], False),
        ([A, B], False),
        ([], False),
        ([B, B], False),
        ([(10.0, 21.0)] * 2, True),
        ([(11.7, 21.7)] * 2, True),
        ([(12.0, 22.0)] * 2, False),  # a ninth of both together
        ([(9.5, 19.5), (14.5, 24.5), (14.5, 24.5)], False),  # it overlaps with what most of them mark, not the first
    ],
)
def test_who_differs_stands_alone_only_where_two_others_agree(
    others: Sequence[tuple[float, float]], alone: bool
) -> None:
    assert stands_alone((20.0, 30.0), others) == alone


def collect(hit: Hit, worker: Worker, start: float, end: float) -> Assignment:
    """An answer, measured as collection does it."""
    row = store(hit, worker, {"start": start, "end": end})
    agreement.measure(row)
    evidence.look_at(row)
    return row


@pytest.fixture
def workers(db: None) -> list[Worker]:
    return [Worker.objects.create(environment="local", worker_id=f"AW{n}", group=Kind.SEGMENT) for n in range(4)]


@pytest.mark.django_db
def test_evidence_is_found_anew_when_later_answers_agree(make_hit: Callable[..., Hit], workers: list[Worker]) -> None:
    hit = make_hit(Kind.SEGMENT)
    first = collect(hit, workers[0], 20.0, 28.0)
    reviewed = collect(hit, workers[1], 21.0, 28.0)
    verdicts.decide(reviewed.pk, Verdict.PAY, None)
    for worker in workers[2:]:
        collect(hit, worker, 1.0, 9.0)
    first.refresh_from_db()
    assert first.evidence == []
    Assignment.objects.filter(pk=reviewed.pk).update(payload={"start": 1.0, "end": 9.0})
    collect(hit, Worker.objects.create(environment="local", worker_id="AW9", group=Kind.SEGMENT), 1.0, 9.0)
    first.refresh_from_db()
    reviewed.refresh_from_db()
    assert first.evidence == ["the 4 other answers agree on another moment"]
    assert reviewed.evidence == [], "what is reviewed stays as it was seen"
    hit.refresh_from_db()
    assert hit.agreement == pytest.approx(0.6)


@pytest.mark.django_db
def test_a_rejected_answer_says_nothing_of_the_others(make_hit: Callable[..., Hit], workers: list[Worker]) -> None:
    hit = make_hit(Kind.SEGMENT, assignments=3)
    rejected = collect(hit, workers[0], *B)
    Assignment.objects.filter(pk=rejected.pk).update(state=Assignment.State.REJECTED)
    for worker in workers[1:3]:
        collect(hit, worker, *A)
    hit.refresh_from_db()
    assert hit.agreement == 1.0


@pytest.mark.django_db
def test_both_of_two_answers_with_the_same_times_say_so(
    make_hit: Callable[..., Hit], segment: Segment, workers: list[Worker]
) -> None:
    first = collect(make_hit(Kind.SEGMENT), workers[0], 5.0, 12.0)
    second = collect(make_hit(Kind.SEGMENT, segment=segment), workers[0], 5.0, 12.0)
    for row in (first, second):
        row.refresh_from_db()
        assert row.evidence == ["the same start and end as 1 other answers of this worker"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("payload", "right"),
    [
        ({"start": 5.0, "end": 12.0}, True),
        ({"start": 8.5, "end": 12.0}, True),
        ({"start": 8.6, "end": 12.0}, False),
        ({"start": 20.0, "end": 27.0}, True),
        ({"broken": "does not play"}, False),
    ],
)
def test_a_gold_unit_measures_its_worker_and_makes_no_item(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker, payload: dict[str, float], right: bool
) -> None:
    Segment.objects.update(gold=True)
    Segment.objects.create(public_id=2, clip=segment.clip, start=20.0, end=27.0, gold=True)
    Segment.objects.create(public_id=3, clip=segment.clip, start=8.6, end=12.0)
    hit = make_hit(Kind.SEGMENT)
    Hit.objects.update(gold=True)
    row = store(Hit.objects.get(pk=hit.pk), worker, payload)
    agreement.measure(row)
    worker.refresh_from_db()
    assert (row.gold_right, worker.gold_answers, worker.gold_right) == (right, 1, int(right))
    flags = [flag.kind for flag in evidence.find(row)]
    assert ("gold" in flags) != right
    verdicts.decide(row.pk, Verdict.USE, None)
    assert Segment.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.parametrize(("answers", "right", "doubted"), [(3, 0, False), (4, 1, True), (4, 2, False), (9, 4, True)])
def test_who_misses_half_of_the_known_answers_is_doubted_and_left_out_of_bulk(
    make_hit: Callable[..., Hit], worker: Worker, answers: int, right: int, doubted: bool
) -> None:
    row = store(make_hit(Kind.SEGMENT), worker, {"start": 5.0, "end": 12.0})
    Worker.objects.update(gold_answers=answers, gold_right=right)
    worker.refresh_from_db()
    assert [flag.kind for flag in quality_flags.of_worker(worker)] == ["worker's gold"] * doubted
    assert verdicts.clean(row.hit.batch_id).exists() != doubted


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("compared", "reliability", "doubted"), [(8, 0.39, True), (8, 0.4, False), (7, 0.0, False), (9, None, False)]
)
def test_whom_others_rarely_agree_with_is_doubted_and_left_out_of_bulk(
    make_hit: Callable[..., Hit], worker: Worker, compared: int, reliability: float | None, doubted: bool
) -> None:
    row = store(make_hit(Kind.SEGMENT), worker, {"start": 5.0, "end": 12.0})
    Worker.objects.update(compared=compared, reliability=reliability)
    worker.refresh_from_db()
    assert [flag.kind for flag in quality_flags.of_worker(worker)] == ["reliability"] * doubted
    assert verdicts.clean(row.hit.batch_id).exists() != doubted


@pytest.mark.parametrize(
    ("spans", "expected"), [([], []), ([A, NEAR_A, B, A], [0, 0, 1, 0]), ([B, A, (15.0, 30.0)], [0, 1, 0])]
)
def test_moments_that_overlap_by_half_share_a_label(spans: list[tuple[float, float]], expected: list[int]) -> None:
    assert labels(spans) == expected


def test_reliability_tells_who_answers_at_random_from_who_agrees() -> None:
    rows = [(unit, worker, 0 if worker < 3 else unit % 4) for unit in range(40) for worker in range(4)]
    found = reliability(rows)
    assert min(found[worker] for worker in range(3)) > 0.9
    assert found[3] < 0.4
    assert reliability([]) == {}


@pytest.mark.django_db
def test_workers_are_measured_by_units_that_several_answered(
    clip: Clip, make_hit: Callable[..., Hit], workers: list[Worker]
) -> None:
    batch = make_hit(Kind.SEGMENT).batch
    for n in range(10):
        own = Clip.objects.create(video=clip.video, start=40.0 * n + 40, end=40.0 * n + 70)
        token = {"request_token": f"t{n}", "hit_id": f"H{n}", "state": Hit.State.OPEN, "wanted": 4}
        hit = Hit.objects.create(batch=batch, clip=own, **token)
        for worker in workers[:2]:
            store(hit, worker, {"start": 5.0, "end": 12.0})
        store(hit, workers[2], {"start": 14.0 + n, "end": 25.0})
    store(batch.hits.first(), workers[3], {"start": 5.0, "end": 12.0})  # type: ignore[arg-type]  (alone on its unit)
    assert measure_workers() == 3
    good, _, bad, alone = (Worker.objects.get(pk=worker.pk) for worker in workers)
    assert (good.compared, bad.compared, alone.compared) == (10, 10, 0)
    assert good.reliability is not None
    assert bad.reliability is not None
    assert good.reliability > 0.9 > 0.4 > bad.reliability
    assert alone.reliability is None
    assert [flag.kind for flag in quality_flags.of_worker(bad)] == ["reliability"]


@pytest.mark.django_db
def test_a_rejected_answer_takes_its_word_about_the_others_back_and_undo_gives_it_again(
    make_hit: Callable[..., Hit], workers: list[Worker]
) -> None:
    hit, user = make_hit(Kind.SEGMENT, assignments=3), User.objects.create_user("ada")
    honest = collect(hit, workers[0], 20.0, 28.0)
    clickers = [collect(hit, worker, 0.0, 10.0) for worker in workers[1:3]]
    stands = ["the 2 other answers agree on another moment"]
    honest.refresh_from_db()
    assert honest.evidence == stands
    later = timezone.now() + timedelta(minutes=10)
    for row in clickers:
        verdicts.decide(row.pk, Verdict.REJECT, user, "nothing was watched", tell_at=later)
    honest.refresh_from_db()
    hit.refresh_from_db()
    assert (honest.evidence, hit.agreement) == ([], None)
    for _ in clickers:
        verdicts.undo(hit.batch_id, user)
    honest.refresh_from_db()
    assert honest.evidence == stands


@pytest.mark.django_db
def test_what_another_client_rejects_or_pays_after_all_changes_what_it_says_of_the_others(
    make_hit: Callable[..., Hit], workers: list[Worker]
) -> None:
    hit = make_hit(Kind.SEGMENT, assignments=3)
    honest = collect(hit, workers[0], 20.0, 28.0)
    clicker, _ = (collect(hit, worker, 0.0, 10.0) for worker in workers[1:3])
    stands = ["the 2 other answers agree on another moment"]
    for now, expected in (("Submitted", stands), ("Rejected", []), ("Approved", stands)):
        row = Assignment.objects.select_related("hit__batch", "worker").get(pk=clicker.pk)
        decisions.record(row, now)
        honest.refresh_from_db()
        assert honest.evidence == expected, now


@pytest.mark.django_db
def test_where_a_moment_is_no_longer_gold_nobody_misses_it(
    make_hit: Callable[..., Hit], segment: Segment, workers: list[Worker]
) -> None:
    hit, worker = make_hit(Kind.SEGMENT), workers[0]
    Hit.objects.update(gold=True)
    hit.refresh_from_db()
    evidence.set_gold(segment, gold=True)
    row = collect(hit, worker, segment.end + 2, segment.end + 8)
    worker.refresh_from_db()
    assert (len(row.evidence), worker.gold_answers) == (1, 1)
    evidence.set_gold(segment, gold=False)
    row.refresh_from_db()
    worker.refresh_from_db()
    assert (row.evidence, row.gold_right, worker.gold_answers) == ([], None, 0)
    assert collect(hit, workers[1], 1.0, 5.0).gold_right is None


@pytest.mark.django_db
def test_a_unit_that_is_asked_again_stays_what_it_was(clip: Clip, segment: Segment) -> None:
    batch = make_batch(gold_share=0.2)
    launch._make_hits(batch, [(launch.Unit(clip=clip.pk), False, 1)])
    Segment.objects.update(gold=True)  # accepted meanwhile and found good
    launch._make_hits(batch, [(launch.Unit(clip=clip.pk), False, 2)])
    assert not batch.hits.filter(gold=True).exists()


@pytest.mark.django_db
def test_a_block_speaks_of_what_came_after_it(make_hit: Callable[..., Hit], workers: list[Worker]) -> None:
    hit = make_hit(Kind.SEGMENT, assignments=3)
    before = collect(hit, workers[0], 5.0, 12.0)
    Worker.objects.filter(pk=workers[0].pk).update(blocked=True, blocked_at=timezone.now())
    collect(hit, workers[1], 5.0, 12.5)
    before.refresh_from_db()
    assert before.evidence == []


@pytest.mark.django_db
def test_an_answer_that_is_not_what_our_page_received_says_so(
    make_hit: Callable[..., Hit], workers: list[Worker]
) -> None:
    hit = make_hit(Kind.SEGMENT)
    row = store(hit, workers[0], {"start": 20.0, "end": 28.0})
    key = {"hit": hit, "assignment_id": row.assignment_id, "worker_id": workers[0].worker_id, "sha256": "x"}
    receipt = Receipt.objects.create(**key, payload={"start": 2.5, "end": 9.5})
    assert "changed" in [flag.kind for flag in quality_flags.of_conduct(row, 0)]
    Receipt.objects.filter(pk=receipt.pk).update(payload=row.payload)
    assert quality_flags.of_conduct(row, 0) == []


@pytest.mark.django_db
@pytest.mark.parametrize("kind", [Kind.SEGMENT, Kind.COMBINED, Kind.QUERY])
def test_a_rejection_asks_the_database_the_same_however_many_answers_its_unit_has(
    kind: Kind, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit = make_hit(kind, segment=segment if kind == Kind.QUERY else None)

    def send(start: float, end: float) -> Assignment:
        worker = Worker.objects.create(environment="local", worker_id=f"AW{Worker.objects.count()}")
        marked = {"start": start, "end": end} if kind in MARKING else {}
        row = store(hit, worker, marked | ({"query": SENTENCE} if kind != Kind.SEGMENT else {}))
        evidence.look_at(row)
        return row

    asked = []
    for agreeing, alone in ((3, 1), (6, 2)):
        rows = [send(*A) for _ in range(agreeing)] + [send(*B) for _ in range(alone)]
        with CaptureQueriesContext(connection) as queries:
            verdicts.decide(rows[0].pk, Verdict.REJECT, None, "nothing was watched")
        asked.append(len(queries))
        for row in Assignment.objects.filter(Assignment.unreviewed()).select_related("hit__batch", "worker"):
            assert row.evidence == evidence.find(row), "as if all of it had been found anew"
    assert asked[0] == asked[1] <= 12
