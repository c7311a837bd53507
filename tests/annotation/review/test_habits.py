"""The simulated crowd is told apart: precision and recall of each kind of evidence, with floors.

    .venv/bin/python -m pytest -s tests/annotation/review/test_habits.py

prints the table that docs/reviewers.md shows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from annotation.models import Assignment, Batch, Clip, Hit, Receipt, Segment, Subtitle, Video, Worker
from annotation.models.crowd import Kind
from annotation.review import agreement, evidence, quality_flags
from annotation.review.reliability import measure_workers
from tests.annotation.review.habits import Habit, Sent, Unit, answers, make_units

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(900)]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOLD = 26
# Crowds that draw for themselves: who works, how many on each unit, on how many units. A habit that joins later is one
# crowd more: nobody else's answers are others by it.
CROWDS: list[tuple[str, list[Habit], int, int]] = [
    ("segment", ["honest"] * 11 + ["fast", "whole clip", "no playing", "rambling"] * 2, 4, 80),
    ("query", ["honest"] * 8 + ["captions", "template", "paster", "instructions", "filler"] * 2, 4, 60),
    ("qa", ["honest"] * 8 + ["longest", "template", "captions", "rambling", "options alike"] * 2, 4, 60),
    ("query", ["where"] * 2, 1, 24),
]
SPANS, TEXTS, ALL = {"segment"}, {"query", "qa"}, {"segment", "query", "qa"}
# kind of evidence: tasks in which it is found, the habits it is meant for, least precision, least recall
FLOORS: dict[str, tuple[set[str], set[Habit], float, float]] = {
    "little played": (ALL, {"no playing", "fast"}, 0.70, 0.80),
    "fast": (ALL, {"fast"}, 0.90, 0.70),
    "pasted": (TEXTS, {"paster", "template"}, 0.85, 0.95),
    "whole clip": (SPANS, {"whole clip"}, 0.95, 0.95),
    "same times": (SPANS, {"fast"}, 0.90, 0.70),
    "alone": (SPANS, {"fast", "no playing"}, 0.80, 0.10),
    "gold": (SPANS, {"fast", "no playing", "whole clip"}, 0.80, 0.60),
    "seconds": (SPANS, {"rambling"}, 0.80, 0.80),
    "said": (TEXTS, {"captions"}, 0.95, 0.70),
    "own text": (TEXTS, {"template"}, 0.80, 0.40),
    "near own text": ({"query"}, {"template"}, 0.80, 0.80),  # the template of a question is the same, word for word
    "others' text": (TEXTS, {"template"}, 0.70, 0.10),
    "several segments": (TEXTS, {"template"}, 0.80, 0.40),
    "instructions": ({"query"}, {"instructions"}, 0.95, 0.90),
    "repeats": ({"query"}, {"filler"}, 0.95, 0.90),
    "halves": ({"query"}, {"filler"}, 0.95, 0.30),
    "place": ({"query"}, {"where"}, 0.85, 0.70),
    "longest": ({"qa"}, {"longest"}, 0.60, 0.90),
    "alike": ({"qa"}, {"options alike"}, 0.90, 0.90),
    "length": ({"qa"}, {"rambling"}, 0.80, 0.90),
}


@pytest.fixture
def collected(db: None) -> list[tuple[Sent, Assignment]]:
    """Everything that the crowds send, stored and looked at in the order in which it came: unit by unit of a kind."""
    rows, hits = [], {}
    for kind in ("segment", "query", "qa"):
        came = [(place, sent) for place, crowd in enumerate(CROWDS) if crowd[0] == kind for sent in _sent(place)]
        for place, sent in sorted(came, key=lambda row: row[1].unit.number):
            unit = kind, sent.unit.number
            hits[unit] = hits.get(unit) or _hit(kind, sent.unit)
            rows.append((sent, _collect(hits[unit], _worker(kind, place, sent.worker), sent)))
    measure_workers()
    return rows


def _sent(place: int) -> list[Sent]:
    kind, crowd, each, count = CROWDS[place]
    joined_later = place >= len(ALL)
    return answers(kind, make_units(count, seed=1), crowd, each, seed=f"1/{place}" if joined_later else 1)


def _worker(kind: str, place: int, number: int) -> Worker:
    name = f"{kind}{place}-{number}"
    return Worker.objects.get_or_create(environment="local", worker_id=name, defaults={"group": kind})[0]


def _hit(kind: str, unit: Unit) -> Hit:
    video, made = Video.objects.get_or_create(
        public_id=f"v{unit.number}", defaults={"state": "ready", "sha256": f"{unit.number:064}", "duration": 60.0}
    )
    clip, _ = Clip.objects.get_or_create(video=video, start=0.0, end=60.0)
    for n, text in enumerate(unit.said if made else ()):
        Subtitle.objects.create(video=video, start=10.0 * n, end=10.0 * n + 8, text=text)
    batch, _ = Batch.objects.get_or_create(name=kind, defaults={"kind": kind, "reward": 1, "budget": 999})
    gold = kind == Kind.SEGMENT and unit.number < GOLD
    segment = None
    if gold or kind != Kind.SEGMENT:
        for n, (start, end) in enumerate(unit.events):
            key = {"clip": clip, "start": start, "end": end}
            found, _ = Segment.objects.get_or_create(**key, defaults={"public_id": 10 * unit.number + n, "gold": gold})
            segment = segment or found
    return Hit.objects.create(
        batch=batch, clip=clip if kind == Kind.SEGMENT else None, segment=None if kind == Kind.SEGMENT else segment,
        gold=gold, wanted=9, state=Hit.State.OPEN, hit_id=(name := f"{kind}-{unit.number}"), request_token=name,
    )  # fmt: skip


def _collect(hit: Hit, worker: Worker, sent: Sent) -> Assignment:
    name = f"{hit.hit_id}-{worker.worker_id}"
    Receipt.objects.create(
        hit=hit, assignment_id=name, worker_id=worker.worker_id, payload=sent.payload, sha256=name, conduct=sent.conduct
    )
    hit = Hit.objects.select_related("batch").get(pk=hit.pk)  # as each pass reads it, with the receipts of that time
    row = Assignment.objects.create(
        hit=hit, worker=worker, assignment_id=name, answer="", payload=sent.payload, submitted_at=NOW
    )
    agreement.measure(row)
    evidence.look_at(row)
    return row


def test_each_kind_of_evidence_finds_the_habits_it_is_meant_for(collected: list[tuple[Sent, Assignment]]) -> None:
    rows = {row.pk: row for row in Assignment.objects.select_related(*evidence.PLACES)}
    flagged: dict[str, list[tuple[str, Habit]]] = defaultdict(list)
    found: dict[Habit, list[bool]] = defaultdict(list)
    shown: Counter[tuple[str, Habit]] = Counter()
    gold_shown: Counter[tuple[str, Habit]] = Counter()
    for sent, row in collected:
        fresh = rows[row.pk]
        flags = evidence.find(fresh)
        assert sorted(flags) == sorted(fresh.evidence), "later answers have renewed it"
        kinds = {flag.kind for flag in flags}
        task = fresh.hit.batch.kind
        shown[task, sent.habit] += 1
        gold_shown[task, sent.habit] += fresh.hit.gold
        found[sent.habit].append(bool(kinds))
        for kind in kinds:
            flagged[kind].append((task, sent.habit))
    print("\n| evidence | meant for | flagged | precision | recall |\n|---|---|---|---|---|")
    too_low = []
    for kind, (tasks, habits, least_precision, least_recall) in FLOORS.items():
        met = flagged[kind]
        meant = [(task, habit) for task in tasks for habit in habits]
        there = gold_shown if kind == "gold" else shown
        precision = sum(habit != "honest" for _, habit in met) / max(len(met), 1)
        recall = sum(one in meant for one in met) / max(sum(there[one] for one in meant), 1)
        print(f"| {kind} | {', '.join(sorted(habits))} | {len(met)} | {precision:.2f} | {recall:.2f} |")
        if precision < least_precision or recall < least_recall:
            too_low.append((kind, precision, recall))
    assert set(Assignment.objects.values_list("state", flat=True)) == {Assignment.State.SUBMITTED}, "nothing rejects"
    print("\n| habit | answers | with any evidence |\n|---|---|---|")
    for habit, seen in found.items():
        print(f"| {habit} | {len(seen)} | {sum(seen) / len(seen):.2f} |")
    assert flagged.keys() <= FLOORS.keys(), "a kind of evidence that is not measured"
    assert too_low == []
    assert sum(found["honest"]) / len(found["honest"]) <= 0.25
    assert all(sum(seen) / len(seen) >= 0.8 for habit, seen in found.items() if habit != "honest")
    _tell_workers()


def _tell_workers() -> None:
    """Gold and reliability speak of workers, not of answers."""
    kind, crowd, _, _ = CROWDS[0]
    doubted = [{flag.kind for flag in quality_flags.of_worker(_worker(kind, 0, n))} for n in range(len(crowd))]
    print("\n| evidence of a worker | flagged | precision | recall |\n|---|---|---|---|")
    for what, least in (("worker's gold", 0.6), ("reliability", 0.6)):
        met = [habit for habit, kinds in zip(crowd, doubted, strict=True) if what in kinds]
        bad = sum(habit != "honest" for habit in met)
        precision, recall = bad / max(len(met), 1), bad / sum(habit != "honest" for habit in crowd)
        print(f"| {what} | {len(met)} of {len(crowd)} | {precision:.2f} | {recall:.2f} |")
        assert precision == 1.0
        assert recall >= least
