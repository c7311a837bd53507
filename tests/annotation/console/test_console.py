"""What a requester sees of a batch under way: figures, forecast, workers, files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import fromstring

import pyarrow.parquet as pq
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from annotation import campaigns
from annotation.console import export, figures
from annotation.console.forecast import forecast
from annotation.console.tally import tally
from annotation.models import Assignment, Doubt, Hit, Receipt, Segment, Validation, Video, Worker
from annotation.models.crowd import Kind
from annotation.review import corrections, ledger, verdicts
from annotation.review.answer_forms import ValidationForm
from tests.annotation.review.test_human_accuracy import ask
from tests.annotation.review.test_quality_flags import store

pytestmark = pytest.mark.django_db
QUESTION = {
    "question": "What  rolls here?",
    "correct": "a red ball",
    "wrong_1": "a cube",
    "wrong_2": "it",
    "wrong_3": "no",
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def requester(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def worker(number: int, **values: Any) -> Worker:
    return Worker.objects.create(environment="local", worker_id=f"AW{number}", **values)


def bars(client: Client, hit: Hit, name: str) -> list[str]:
    answer = client.get(f"/batches/{hit.batch_id}/figures/{name}.svg")
    assert answer["Content-Type"] == "image/svg+xml"
    return [title.text or "" for title in fromstring(answer.content).iterfind(f"{SVG}rect/{SVG}title")]


def test_figures_of_questions_count_words(requester: Client, make_hit: Callable[..., Hit], segment: Segment) -> None:
    hit = make_hit(Kind.QA, segment=segment)
    for n in range(3):
        store(hit, worker(n), QUESTION if n else {**QUESTION, "question": "Who is there?", "wrong_3": "<b> & more"})
    store(hit, worker(4), {"broken": "does not play"})
    assert bars(requester, hit, "question-words") == ["3: 3 of 3"]
    assert bars(requester, hit, "right-words") == ["3: 3 of 3"]
    assert bars(requester, hit, "wrong-words") == [
        "1: 5 of 9",
        "2: 4 of 9",
    ]  # words as the page counts them: “&” is none
    assert bars(requester, hit, "leading-words") == ["what: 2 of 3", "who: 1 of 3"]
    page = requester.get(f"/batches/{hit.batch_id}/").content.decode()
    for name, title in figures.names(hit.batch):
        assert f"/batches/{hit.batch_id}/figures/{name}.svg" in page
        assert title in page
    assert requester.get(f"/batches/{hit.batch_id}/figures/lengths.svg").status_code == 404
    assert requester.get(f"/batches/{hit.batch_id}/figures/nothing.svg").status_code == 404


def test_figures_of_segments_count_lengths_agreement_and_time(requester: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT)
    assert bars(requester, hit, "lengths") == []
    for n, end in enumerate((9.9, 10.2, 25.0)):
        row = store(hit, worker(n), {"start": 5.0, "end": end})
        conduct = {"played": [], "seconds": 14.0 + n, "pasted": 0}
        key = {"assignment_id": row.assignment_id, "worker_id": row.worker.worker_id, "sha256": str(n)}
        Receipt.objects.create(hit=hit, payload={}, conduct=conduct if n else None, **key)
    Hit.objects.update(agreement=0.37)
    assert bars(requester, hit, "lengths") == ["4: 1 of 3", "6: 1 of 3", "20: 1 of 3"]
    assert bars(requester, hit, "agreement") == ["0.3: 1 of 1"]
    made_up = {"assignment_id": row.assignment_id, "worker_id": "AMADEUP", "sha256": "9"}
    Receipt.objects.create(hit=hit, payload={}, conduct={"played": [], "seconds": 500.0, "pasted": 0}, **made_up)
    assert bars(requester, hit, "time") == ["15: 2 of 2"], "of answers that arrived"


def test_many_bars_end_in_one_of_the_rest() -> None:
    words = [(f"w{n:02}", 100 - n) for n in range(40)]
    short = figures._shorten(words[::-1])
    assert len(short) == figures.MOST_BARS
    assert short[0] == ("w00", 100)
    assert short[-1] == ("more", sum(count for _, count in words[23:]))
    assert figures._shorten([(n, 1) for n in range(30)])[-1] == ("more", 7)


def test_a_forecast_from_the_rate_of_the_last_day(requester: Client, make_hit: Callable[..., Hit]) -> None:
    hit = make_hit(Kind.SEGMENT, assignments=5)
    Hit.objects.update(wanted=5)
    assert forecast(hit.batch, ledger.totals(hit.batch), tally(hit.batch)).rate is None
    for n, hours in enumerate((30.0, 2.0, 1.0)):
        row = store(hit, worker(n), {"start": 5.0, "end": 12.0})
        Assignment.objects.filter(pk=row.pk).update(submitted_at=timezone.now() - timedelta(hours=hours))
        key = {"assignment_id": row.assignment_id, "worker_id": row.worker.worker_id, "sha256": str(n)}
        conduct = {"played": [], "seconds": (20, 43.2, 400)[n], "pasted": 0}
        Receipt.objects.create(hit=hit, payload={}, conduct=conduct, **key)
    Assignment.objects.filter(worker__worker_id="AW0").update(state=Assignment.State.REJECTED)
    Assignment.objects.filter(worker__worker_id="AW1").update(state=Assignment.State.APPROVED)
    ledger.pay(Assignment.objects.get(worker__worker_id="AW1"))
    told = forecast(hit.batch, ledger.totals(hit.batch), tally(hit.batch))
    assert (told.answers, told.missing) == (3, 2)
    assert told.rate == pytest.approx(1.0, rel=0.01)
    assert told.ends_at is not None
    assert told.ends_at - timezone.now() == pytest.approx(timedelta(hours=2), abs=timedelta(minutes=2))
    assert told.cost == Decimal("0.14") * 4  # one is paid, one waits, two come
    assert (told.seconds, round(told.wage or 0, 2)) == (43.2, 10.00)
    page = requester.get(f"/batches/{hit.batch_id}/").content.decode()
    assert "$0.56" in page
    assert "$10.00" in page


def test_a_tally_counts_what_each_number_of_a_page_means(make_hit: Callable[..., Hit]) -> None:
    hit, states = make_hit(Kind.SEGMENT), Assignment.State
    over = Hit.objects.create(
        batch=hit.batch, clip=hit.clip, attempt=2, request_token="over", hit_id="OVER", wanted=2, state=Hit.State.DONE
    )
    rows = [(states.SUBMITTED, False, None), (states.APPROVED, True, timezone.now()), (states.APPROVED, False, None)]
    rows += [(states.APPROVING, True, timezone.now()), (states.REJECTED, False, timezone.now())]
    for n, (state, used, reviewed) in enumerate(rows):
        row = store(over if state == states.APPROVED else hit, worker(n), {"start": 5.0, "end": 12.0})
        Assignment.objects.filter(pk=row.pk).update(state=state, used=used, reviewed_at=reviewed)
    counts = tally(hit.batch)
    assert (counts.of(), counts.of([states.APPROVED]), counts.of(used=True)) == (5, 2, 2)
    assert (counts.of(hit=Hit.State.OPEN), counts.unpaid) == (3, 2)
    assert counts.waiting == Assignment.objects.filter(Assignment.unreviewed()).count() == 2


def collected(make_hit: Callable[..., Hit], segment: Segment) -> list[Assignment]:
    hit = make_hit(Kind.QUERY, segment=segment, hidden=True)
    texts = ["=HYPERLINK(1) “ball”, rolls\nfast", "a red ball"]
    return [store(hit, worker(n), {"query": text, "based_on": "v"}) for n, text in enumerate(texts)]


def body(client: Client, row: Assignment, form: str) -> bytes:
    answer = client.get(f"/batches/{row.hit.batch_id}/answers.{form}")
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def test_three_files_say_the_same_and_name_nobody(
    requester: Client, make_hit: Callable[..., Hit], segment: Segment, settings: Any
) -> None:
    rows = collected(make_hit, segment)
    lines = [json.loads(line) for line in body(requester, rows[0], "jsonl").splitlines()]
    table = list(csv.DictReader(io.StringIO(body(requester, rows[0], "csv").decode(), newline="")))
    parquet = pq.read_table(io.BytesIO(body(requester, rows[0], "parquet"))).to_pylist()
    assert [row["answer"] for row in lines] == [row.payload for row in rows]
    assert [json.loads(row["answer"]) for row in table] == [row.payload for row in rows]
    assert [json.loads(row["answer"]) for row in parquet] == [row.payload for row in rows]
    for found in (lines, table, parquet):
        assert list(found[0]) == list(export.FIELDS)
        assert found[0]["worker"] != found[1]["worker"]
        assert [row["worker"] for row in found] == [row["worker"] for row in lines]
        assert "AW0" not in str(found)
    assert (lines[0]["segment_start"], lines[0]["narration_hidden"], lines[0]["used"]) == (5.0, True, False)
    before = export.pseudonym(rows[0].worker)
    settings.PSEUDONYM_KEY = "another"
    assert export.pseudonym(rows[0].worker) != before
    assert requester.get(f"/batches/{rows[0].hit.batch_id}/answers.xlsx").status_code == 404


def test_what_people_chose_is_exported_in_words(
    requester: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit, question = make_hit(Kind.VALIDATE), ask(segment)
    doubt = Doubt.objects.create(question=question, text="a globe")
    for order, doubted in ((3, None), (4, doubt)):
        place = {"clip": None, "segment": segment, "question": question, "order_seed": order, "doubt": doubted}
        Hit.objects.filter(pk=hit.pk).update(**place)
        hit = Hit.objects.select_related("question", "doubt", "batch").get(pk=hit.pk)
        shown = ValidationForm(hit=hit).fields["choice"].choices  # type: ignore[attr-defined]
        letters = {said: name for name, said in shown} | {"": "none"}
        for choice, also in (("a cat", "a ball"), ("a globe" if doubted else "a cube", ""), ("", "")):
            store(hit, worker(Worker.objects.count()), {"choice": letters[choice], "also": letters[also]})
        store(hit, worker(Worker.objects.count()), {"broken": "does not play"})
        said = [("choice_place", "choice_text"), ("also_place", "also_text")]
        other = (4, "a globe") if doubted else (1, "a cube")
        expected = [(2, "a cat", 0, "a ball"), (*other, -1, ""), (-1, "", -1, ""), (None,) * 4]
        row = Assignment.objects.latest("pk")
        lines = [json.loads(line) for line in body(requester, row, "jsonl").splitlines()]
        parquet = pq.read_table(io.BytesIO(body(requester, row, "parquet"))).to_pylist()
        for found in (lines, parquet, list(campaigns.results(hit.batch))):
            assert [tuple(one[name] for pair in said for name in pair) for one in found] == expected
        assert {one["question"] for one in campaigns.results(hit.batch)} == {question.public_id}
        Assignment.objects.all().delete()


def test_what_was_chosen_follows_the_options_where_they_were_corrected(
    requester: Client, make_hit: Callable[..., Hit], segment: Segment
) -> None:
    hit, question = make_hit(Kind.VALIDATE), ask(segment)
    Hit.objects.filter(pk=hit.pk).update(clip=None, segment=segment, question=question, order_seed=3)
    row = store(Hit.objects.get(pk=hit.pk), worker(1), {"choice": "a", "also": "none"})
    verdicts.decide(row.pk, verdicts.Verdict.USE, None)
    chosen, before = Validation.objects.get().choice, ["a ball", "a cube", "a cat", "a car"]
    Hit.objects.update(state=Hit.State.DONE, hit_id="done")
    after = before[::-1]
    how = {"text": question.text, "start": segment.start, "end": segment.end, "reason": "the other way round"}
    corrections.correct(question, options=after, user=User.objects.get(), **how)  # type: ignore[arg-type]
    (line,) = (json.loads(line) for line in body(requester, row, "jsonl").splitlines())
    assert (line["choice_place"], line["choice_text"]) == (3 - chosen, before[chosen])


def test_a_table_program_runs_no_formula(requester: Client, make_hit: Callable[..., Hit], segment: Segment) -> None:
    row = collected(make_hit, segment)[0]
    Assignment.objects.update(feedback="=1+1")
    (first, _) = csv.DictReader(io.StringIO(body(requester, row, "csv").decode(), newline=""))
    assert first["feedback"] == "'=1+1"


def test_an_empty_batch_exports_no_rows(requester: Client, make_hit: Callable[..., Hit], segment: Segment) -> None:
    hit = make_hit(Kind.QUERY, segment=segment)
    row = Assignment(hit=hit)
    assert body(requester, row, "jsonl") == b""
    assert body(requester, row, "csv").decode().strip() == ",".join(export.FIELDS)
    assert pq.read_table(io.BytesIO(body(requester, row, "parquet"))).num_rows == 0


def test_workers_are_listed_found_and_ordered(requester: Client, make_hit: Callable[..., Hit]) -> None:
    assert "Nobody yet" in requester.get("/workers/").content.decode()
    bad = worker(1, gold_answers=8, gold_right=1, reliability=0.9, compared=2)
    good, new = worker(2, gold_answers=8, gold_right=8, reliability=0.2, compared=3), worker(3)
    row = store(make_hit(Kind.SEGMENT), good, {"start": 5.0, "end": 12.0})
    Assignment.objects.filter(pk=row.pk).update(used=True, evidence=["odd"])

    def shown(**query: str) -> list[Worker]:
        return [entry["worker"] for entry in requester.get("/workers/", query).context["rows"]]

    assert shown() == [bad, good, new]
    assert shown(order="reliability") == [good, bad, new]
    assert shown(order="gold") == [bad, good, new]
    assert shown(q="w3") == [new]
    page = " ".join(requester.get("/workers/").content.decode().split())
    assert "1 of 8" in page
    assert page.count("▲ doubted") == 1
    (entry,) = (one for one in requester.get("/workers/").context["rows"] if one["worker"] == good)
    assert (entry["answers"], entry["used"], entry["flagged"]) == (1, 1, 1)


def test_no_formula_no_way_back_and_the_same_clip_in_every_export(
    requester: Client, make_hit: Callable[..., Hit]
) -> None:
    Video.objects.update(public_id="-dQw4w9WgXc")
    row = store(make_hit(Kind.SEGMENT), worker(1), {"start": 2.0, "end": 9.0})
    Assignment.objects.filter(pk=row.pk).update(feedback="\t=HYPERLINK(1)")
    exported = {form: b"".join(export.write(row.hit.batch, form)).decode() for form in ("csv", "jsonl")}
    (line,) = csv.DictReader(io.StringIO(exported["csv"], newline=""))
    assert line["feedback"] == "'\t=HYPERLINK(1)"
    assert line["clip"] == json.loads(exported["jsonl"])["clip"] == "-dQw4w9WgXc_0_30"
    assert not any(row.assignment_id in text for text in exported.values())


@pytest.mark.parametrize("seconds", [1e12, 1e300])
def test_a_browser_that_tells_nonsense_breaks_no_figure(
    requester: Client, make_hit: Callable[..., Hit], seconds: float
) -> None:
    hit = make_hit(Kind.SEGMENT)
    conduct = {"played": [], "seconds": seconds, "pasted": 0}
    key = {"assignment_id": store(hit, worker(1), {"start": 2.0, "end": 9.0}).assignment_id, "worker_id": "AW1"}
    Receipt.objects.create(hit=hit, **key, sha256="x", payload={}, conduct=conduct)
    assert bars(requester, hit, "time") == ["86400: 1 of 1"]
