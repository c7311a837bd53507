"""How an answer came about: what a page may say of it, and what the reviewer is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from annotation.models import Hit, Receipt, Segment, Worker
from annotation.models.crowd import Kind
from annotation.review.conduct import conduct_flags, played_share, read_conduct
from tests.annotation.review.test_quality_flags import SENTENCE, flags

WELL = {"played": [[0.0, 30.0]], "seconds": 60.0, "pasted": 0}


@pytest.mark.parametrize(
    ("played", "share"),
    [
        ([], 0.0),
        ([[10, 20]], 1.0),
        ([[0, 30]], 1.0),
        ([[12, 14], [13, 15]], 0.3),
        ([[14, 18], [11, 12]], 0.5),
        ([[0, 10], [20, 30]], 0.0),
        ([[11, 19], [12, 13]], 0.8),
    ],
)
def test_what_was_played_twice_counts_once(played: list[list[float]], share: float) -> None:
    assert played_share({"played": played}, 10.0, 20.0) == pytest.approx(share)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, []),
        ({"played": [[0, 14.9]]}, ["played 50% of the 30 s to watch"]),
        ({"played": [[0, 15]]}, []),
        ({"seconds": 14}, ["answered in 14 s, for 30 s of film"]),
        ({"seconds": 15}, []),
        ({"pasted": 49}, []),
        ({"pasted": 50}, ["50% of the text was pasted"]),
        ({"pasted": 400}, ["100% of the text was pasted"]),
    ],
)
def test_the_reviewer_is_told_what_is_odd(change: dict[str, Any], told: list[str]) -> None:
    assert conduct_flags({**WELL, **change}, 0.0, 30.0, 100) == told
    assert conduct_flags({**WELL, "pasted": 10}, 0.0, 30.0, 0) == []


@pytest.mark.parametrize(
    "raw",
    [
        "", "[]", "null", "{}",
        '{"played": [], "seconds": "x", "pasted": 0}', '{"played": 3, "seconds": 1, "pasted": 0}',
        '{"played": [[1]], "seconds": 1, "pasted": 0}', '{"played": [], "seconds": -1, "pasted": 0}',
        '{"played": [[0, Infinity]], "seconds": 1, "pasted": 0}', '{"played": [], "seconds": NaN, "pasted": 0}',
    ],
)  # fmt: skip
def test_what_is_no_conduct_is_nothing(raw: str) -> None:
    assert read_conduct(raw) is None


def test_conduct_is_kept_bounded_and_forwards() -> None:
    raw = json.dumps({"played": [[5, 1], [1, 5.123]] + [[0, 1]] * 9999, "seconds": 3, "pasted": 2, "more": 1})
    kept = read_conduct(raw)
    assert kept is not None
    assert kept.keys() == WELL.keys()
    assert kept["played"][0] == [1.0, 5.12]
    assert len(kept["played"]) < 600


@pytest.mark.django_db
def test_evidence_comes_from_the_first_receipt_and_counts_the_others(
    make_hit: Callable[..., Hit], segment: Segment, worker: Worker
) -> None:
    hit, payload = make_hit(Kind.QUERY, segment=segment), {"query": SENTENCE, "based_on": "v"}
    key = {"hit": hit, "assignment_id": "A0", "worker_id": worker.worker_id, "payload": payload}
    Receipt.objects.create(**key, sha256="1", conduct={"played": [[5, 8]], "seconds": 60, "pasted": 0})
    Receipt.objects.create(**key, sha256="2", conduct=WELL)
    Receipt.objects.create(**{**key, "worker_id": "ANOTHER"}, sha256="3", conduct=WELL)
    assert flags(hit, worker, payload) == [
        "played 43% of the 7 s to watch",
        "sent 2 different answers: this is the first",
    ]


@pytest.mark.django_db
def test_a_broken_clip_is_told_and_makes_nothing(make_hit: Callable[..., Hit], worker: Worker) -> None:
    hit, payload = make_hit(Kind.SEGMENT), {"broken": "does not play"}
    assert flags(hit, worker, payload) == ["says that the clip is broken: does not play"]
