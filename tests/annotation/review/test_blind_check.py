"""Blind in the loop: what the model says of a question, how the page hears of it, and what it changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Page

from adversarial.audit.live_guess import LONGEST, NO_FIT, BlindGuesser
from adversarial.audit.report import blind_report
from adversarial.data.schema import Item
from annotation.models import Answer, Clip, Hit, Question, Segment, Video
from annotation.models.crowd import Kind
from annotation.review import blind_check
from annotation.review.text.text_hints import OPTIONS
from benchmark_site.releases.models import Release, SplitVideo
from tests.annotation.pages.task.test_task_page import frame_url, task_token
from tests.annotation.review.habits import WHAT, WHERE, WHO, Habit, answers, make_units

EASY = {
    "question": "What does the cook lift?",
    "correct": "a heavy iron pot full of soup",
    "wrong_1": "a cup",
    "wrong_2": "a hat",
    "wrong_3": "a box",
}
FAIR = {**EASY, "correct": "a pot", "wrong_1": "a pan", "wrong_2": "a spoon"}
CROWD: list[Habit] = ["honest"] * 4 + ["longest", "longest", "template"]


def item(number: int, payload: dict[str, Any], rng: Random) -> Item:
    """A written question, its answers in a drawn order."""
    texts = [payload[name] for name in OPTIONS]
    order = rng.sample(range(4), 4)
    return Item(number, f"v{number}", payload["question"], tuple(texts[i] for i in order), order.index(0), "")


def written(seed: int, count: int) -> list[dict[str, Any]]:
    return [sent.payload for sent in answers("qa", make_units(count, seed), CROWD, 1, seed)]


@pytest.fixture(scope="module")
def guesser() -> BlindGuesser:
    return BlindGuesser([item(n, payload, Random(n)) for n, payload in enumerate(written(5, 200))])


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (EASY, LONGEST),
        (FAIR, ""),
        ({**FAIR, "question": "How many cups are there?", "correct": "two", "wrong_1": "red", "wrong_2": "so"}, NO_FIT),
        ({**FAIR, "question": "Is the cook there?", "correct": "yes", "wrong_1": "a red hat"}, NO_FIT),
    ],
)
def test_with_few_questions_two_rules_are_known(texts: dict[str, str], why: str) -> None:
    guess = BlindGuesser([]).guess(texts["question"], [texts[name] for name in OPTIONS], 0)
    assert (guess.chance, guess.why) == (0.25, why)


def test_what_collected_questions_give_away_is_learnt(guesser: BlindGuesser) -> None:
    chances: dict[bool, list[float]] = {True: [], False: []}
    for n, payload in enumerate(written(8, 60)):
        one = item(n, payload, Random(n))
        guess = guesser.guess(one.question, one.answers, one.answer_idx)
        assert guess.why == "" or guess.chance >= 0.5
        given_away = "which one sees" in payload["correct"]
        assert not (given_away and guess.chance >= 0.5) or guess.why == LONGEST
        chances[given_away].append(guess.chance)
    assert np.mean(chances[True]) > 0.6 > 0.45 > np.mean(chances[False])
    began = time.perf_counter()
    for _ in range(5):
        guesser.guess(FAIR["question"], [FAIR[name] for name in OPTIONS], 0)
    assert (time.perf_counter() - began) / 5 < 1.0


@pytest.fixture
def on(settings: Any) -> Iterator[redis.Redis]:
    settings.BLIND_IN_THE_LOOP = True
    blind_check._guesser.cache_clear()
    with redis.Redis.from_url(django_settings.CELERY_BROKER_URL) as broker:
        yield broker
        broker.delete("blind", *broker.keys("asked:*"), *broker.keys("asker:*"))
    blind_check._guesser.cache_clear()


@pytest.mark.django_db
def test_a_question_is_put_into_the_queue_once_and_its_verdict_found(
    client: Client, segment: Segment, make_hit: Callable[..., Hit], on: redis.Redis
) -> None:
    hit = make_hit(Kind.QA, segment=segment)
    address, token = frame_url(hit) + "blind/", task_token(client, hit)
    assert [client.post(address, {**EASY, "token": token}).status_code for _ in range(2)] == [202, 202]
    (message,) = (json.loads(raw) for raw in on.lrange("blind", 0, -1))
    assert message["headers"]["task"] == "annotation.tasks.check_blind"
    assert message["headers"]["expires"]
    blind_check.check(EASY)
    assert client.post(address, {**EASY, "token": token}).json() == {"chance": 0.25, "why": LONGEST}
    assert client.post(address, {**EASY, "correct": "a pot", "token": token}).status_code == 202
    assert on.llen("blind") == 2


@pytest.mark.django_db
def test_of_a_unit_one_question_waits_at_a_time(
    client: Client, segment: Segment, make_hit: Callable[..., Hit], on: redis.Redis
) -> None:
    one = make_hit(Kind.QA, segment=segment)
    again = {"attempt": 2, "request_token": "again", "hit_id": "again", "state": Hit.State.OPEN, "wanted": 1}
    other = Hit.objects.create(batch=one.batch, segment=segment, **again)
    for hit in (one, other):
        token = task_token(client, hit)
        for n in range(20):
            text = f"an iron pot {n} of {hit.pk}"
            assert client.post(frame_url(hit) + "blind/", {**EASY, "correct": text, "token": token}).status_code == 202
    assert on.llen("blind") == 2
    blind_check.check({**EASY, "correct": f"an iron pot 0 of {one.pk}"})
    client.post(frame_url(one) + "blind/", {**EASY, "correct": "a pot", "token": task_token(client, one)})
    assert on.llen("blind") == 3, "the first is answered"


@pytest.mark.django_db
def test_who_may_not_ask(client: Client, segment: Segment, make_hit: Callable[..., Hit], settings: Any) -> None:
    hit, other = make_hit(Kind.QA, segment=segment), make_hit(Kind.QUERY, segment=segment)
    token = task_token(client, hit)
    page = client.get(frame_url(hit)).content.decode()
    assert "blind" not in page
    assert client.post(frame_url(hit) + "blind/", {**EASY, "token": token}).status_code == 404
    settings.BLIND_IN_THE_LOOP = True
    assert client.post(frame_url(hit) + "blind/", {**EASY, "token": "x"}).status_code == 403
    assert client.post(frame_url(hit) + "blind/", {**EASY, "wrong_3": " ", "token": token}).status_code == 400
    own = task_token(client, other)
    assert client.post(frame_url(other) + "blind/", {**EASY, "token": own}).status_code == 404
    assert client.post("/task/nonsense/blind/", {}).status_code == 404
    assert client.get(frame_url(hit) + "blind/").status_code == 405


@pytest.mark.django_db
def test_without_a_broker_nothing_is_said(
    client: Client, segment: Segment, make_hit: Callable[..., Hit], on: redis.Redis, settings: Any
) -> None:
    hit = make_hit(Kind.QA, segment=segment)
    token = task_token(client, hit)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    answer = client.post(frame_url(hit) + "blind/", {**EASY, "token": token})
    assert (answer.status_code, answer.json()) == (202, {})


@pytest.mark.django_db
def test_the_model_is_fitted_on_what_was_accepted(segment: Segment, on: redis.Redis) -> None:
    for number, payload in enumerate(written(6, 60)):
        question = Question.objects.create(public_id=number, segment=segment, text=f"{payload['question']} {number}")
        Answer.objects.bulk_create(
            Answer(question=question, position=place, text=f"{payload[name]} {place}", correct=place == 0)
            for place, name in enumerate(OPTIONS)
        )
    blind_check.check(EASY)
    verdict = blind_check.look(EASY, 1)
    assert verdict is not None
    assert verdict["chance"] != 0.25
    assert verdict["why"] in {LONGEST, ""}


@pytest.mark.django_db
def test_the_model_is_not_fitted_on_what_is_hidden(
    segment: Segment, on: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks about a published question would be told which of its options the model has seen as right."""
    film = Video.objects.create(public_id="hidden-film", state=Video.State.READY)
    elsewhere = Segment.objects.create(
        public_id=9, clip=Clip.objects.create(video=film, start=0, end=30), start=2, end=9
    )
    for number, place in enumerate((segment, elsewhere)):
        question = Question.objects.create(public_id=number, segment=place, text=f"What is lifted, {number}?")
        Answer.objects.bulk_create(
            Answer(question=question, position=n, text=f"{EASY[name]} {n}", correct=n == 0)
            for n, name in enumerate(OPTIONS)
        )
    fitted: list[list[int]] = []
    fit = BlindGuesser.__init__

    def seen(self: BlindGuesser, items: list[Item], seed: int = 0) -> None:
        fitted.append(sorted(one.qid for one in items))
        fit(self, items, seed)

    monkeypatch.setattr(BlindGuesser, "__init__", seen)
    blind_check.check(EASY)
    release = Release.objects.create(slug="demo", version="1.0.0")
    SplitVideo.objects.create(video=film, split="test", release=release)
    blind_check.check(FAIR)
    blind_check.check(EASY)
    assert fitted == [[0, 1], [0]], "fitted anew as soon as something is hidden, and once"


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_the_page_says_it_within_a_second_or_nothing(on: redis.Redis, open_task: Callable[..., Page]) -> None:
    page = open_task(Kind.QA)
    blind_check.check(EASY)
    for name, text in EASY.items():
        page.fill(f"[name={name}]", text)
    page.get_by_text(f"Can be guessed without watching: {LONGEST}.").wait_for(timeout=3000)
    page.locator("[name=wrong_3]").blur()
    assert page.locator("[data-role=blind]").text_content() != "", "nothing was written"
    page.fill("[name=wrong_3]", "an even heavier iron pot of soup")
    assert page.locator("[data-role=blind]").text_content() == ""
    page.wait_for_timeout(2500)
    assert page.locator("[data-role=blind]").text_content() == "", "nobody has answered"
    blind_check.check({**EASY, "wrong_3": "an even heavier iron pot of soup"})
    page.wait_for_timeout(500)
    assert page.locator("[data-role=blind]").text_content() == "", "too late"


def rewrite(rng: Random, payload: dict[str, Any], why: str) -> dict[str, Any]:
    """What a writer does who is told why; the habits are assumptions."""
    changed = dict(payload)
    pool = next((pool for pool in (WHAT, WHERE, WHO) if payload["correct"].split(",")[0] in pool), WHAT)
    changed["correct"] = payload["correct"].split(",")[0]
    others = [one for one in pool if one != changed["correct"]]
    as_long = sorted(others, key=lambda one: -len(one))[:6]
    fresh = rng.sample(as_long if why == LONGEST else others, 3)
    for place, text in enumerate(fresh[: 3 if why == NO_FIT else 2], 1):
        changed[f"wrong_{place}"] = text
    taken = {*fresh[:2], changed["correct"]}
    changed["wrong_3"] = next(one for one in [changed["wrong_3"], *others] if one not in taken)
    return changed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_questions_written_with_it_are_harder_to_guess(guesser: BlindGuesser) -> None:
    """Nine in ten heed what they are told, at most twice; the audit's own models try the questions afterwards."""
    without = written(7, 240)
    rng, told, with_it = Random(7), 0, []
    for payload in without:
        for _ in range(2):
            guess = guesser.guess(payload["question"], [payload[name] for name in OPTIONS], 0)
            if not guess.why or rng.random() > 0.9:
                break
            told += 1
            payload = rewrite(rng, payload, guess.why)
        with_it.append(payload)
    print(f"\n{told} hints on {len(without)} questions")
    panel = {}
    for name, payloads in (("without", without), ("with", with_it)):
        report = blind_report([item(n, payload, Random(n)) for n, payload in enumerate(payloads)])["panel"]
        panel[name] = report["average"]
        print(
            name,
            {key: f"{value:.3f}" for key, value in panel[name].items()},
            f"trees {report['trees']['accuracy']:.3f}",
        )
    assert panel["with"]["high"] < panel["without"]["low"]
