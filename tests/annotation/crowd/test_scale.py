"""What a pass costs with 30,000 open HITs: calls and queries are counted, since seconds tell of the machine."""

from __future__ import annotations

import json
import time
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.crowd import reconcile
from annotation.crowd.client import Crowd
from annotation.models import Assignment, Clip, Hit
from tests.annotation.crowd.orders import GOOD, insert, launch_batch, make_batch
from tests.marketplace.site import Site, WorkerBrowser

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(1200)]
HITS = 30_000
SAME = "question, annotation, created_at, expires_at, dispose_at, expiry_done, max_assignments, pending, submitted,"
SAME += "approved, rejected, freed_ids, held, reviewing, hit_policy_done, hit_type_id, requester_id"


def test_30000_open_hits_are_followed_at_the_cost_of_what_changed(
    clip: Clip, crowd: Site, annotators: list[WorkerBrowser], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = launch_batch(make_batch())
    first = batch.hits.get()
    reconcile.follow("local")
    with psycopg.connect(crowd.database_url) as theirs:
        theirs.execute(
            f"INSERT INTO marketplace_hit (public_id, {SAME})"
            f" SELECT 'SCALE' || n, {SAME} FROM marketplace_hit, generate_series(2, %s) n WHERE public_id = %s",
            [HITS, first.hit_id],
        )
    numbers = "generate_series(2, %s) n"
    insert(Clip, numbers, [clip.video_id, HITS], video_id="%s", start="100 * n", end="100 * n + 30")
    insert(
        Hit,
        "annotation_clip WHERE id <> %s",
        [batch.pk, batch.hits.get().counts, clip.pk],
        batch_id="%s", clip_id="id", request_token="'scale' || id", hit_id="'SCALE' || (start / 100)::int",
        wanted="2", state="'open'", counts="%s",
    )  # fmt: skip
    assert batch.hits.count() == HITS
    calls: list[str] = []
    make = Crowd.__init__

    def counting(self: Crowd, environment: str) -> None:
        make(self, environment)
        self.client.meta.events.register(
            "before-call", lambda model, **_: calls.append(model.name), unique_id="counting"
        )

    monkeypatch.setattr(Crowd, "__init__", counting)
    annotators[0].do(batch.hit_type_id, answer=json.dumps(GOOD))

    def run() -> dict[str, Any]:
        calls.clear()
        began, cpu = time.monotonic(), time.process_time()
        with CaptureQueriesContext(connection) as queries:
            changed = reconcile.follow("local", seconds=600)
        counts = {name: calls.count(name) for name in set(calls)}
        print(f"{time.monotonic() - began:.1f} s, {time.process_time() - cpu:.1f} s of CPU here", counts, len(queries))
        return {**counts, "changed": changed, "queries": len(queries)}

    busy, quiet = run(), run()
    pages = HITS // 100
    assert pages <= quiet["ListHITs"] <= pages + 20
    assert (busy["changed"], busy["ListAssignmentsForHIT"]) == (1, 1)
    assert "GetHIT" not in {*busy, *quiet}, "the list says how they stand"
    assert quiet["queries"] <= 4 * pages
    assert Assignment.objects.count() == 1
