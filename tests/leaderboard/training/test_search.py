"""The model that was trained on a release is asked on its page, and answers from a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import redis
import torch
from celery import current_app
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from benchmark_site.jobs import asking
from benchmark_site.leaderboard.models import State, TrainingRun
from benchmark_site.leaderboard.task_names import SEARCH
from benchmark_site.leaderboard.training import search
from benchmark_site.leaderboard.training.systems import model_folder
from benchmark_site.releases.models import Item, Release
from hero_model.checkpoints.model_folder import MODEL_CLASSES, save_model
from hero_model.checkpoints.text_encoder import from_text_encoder, minilm_folder
from tests.browsing import assert_fit, visits
from tests.releases.conftest import frozen_without_matching, make_corpus, small_release

pytestmark = pytest.mark.django_db

ADDRESS = "/releases/demo/1.0.0/search/"
SIZE = 8  # of the corpus' features


@pytest.fixture
def media(settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return settings.MEDIA_ROOT


@pytest.fixture
def release(media: Path) -> Release:
    make_corpus(6)
    return frozen_without_matching(small_release("demo", "1.0.0"))


@pytest.fixture
def run(release: Release, settings) -> Iterator[TrainingRun]:
    """A run that has ended, with models that have learned nothing."""
    run = TrainingRun.objects.create(release=release, state=State.DONE, finished_at=timezone.now())
    for task in ("moment", "qa"):
        torch.manual_seed(0)
        sizes = {"feature_size": SIZE, "num_temporal_layers": 1, "min_span_frames": 2}
        model, tokenizer = from_text_encoder(MODEL_CLASSES[task], minilm_folder(), [0], dialect="paper", **sizes)
        save_model(model, tokenizer, model_folder(run) / task)
    search._searcher.cache_clear()
    redis.Redis.from_url(settings.CELERY_BROKER_URL).delete("search")
    yield run
    search._searcher.cache_clear()


def waiting_tasks(settings) -> int:
    return redis.Redis.from_url(settings.CELERY_BROKER_URL).llen("search")


def test_a_sentence_is_asked_once_and_its_moments_shown(run: TrainingRun, client: Client, settings) -> None:
    address = f"{ADDRESS}?q=The red circle turns around {run.pk}"
    for _ in range(2):  # the page asks again while it waits
        page = client.get(address)
        assert 'aria-busy="true"' in page.text
        assert 'hx-trigger="every 1s"' in page.text
    assert waiting_tasks(settings) == 1
    search.answer(run.pk, f"The red circle turns around {run.pk}", [])
    part = client.get(address, headers={"HX-Request": "true"})
    assert "Moments, best first" in part.text
    assert "<html" not in part.text
    assert "hx-get" not in part.text
    hidden = set(Item.objects.filter(release=run.release, split="test").values_list("vid_name", flat=True))
    shown = set(Item.objects.filter(release=run.release).exclude(split="test").values_list("vid_name", flat=True))
    assert any(name in part.text for name in shown)
    assert not any(name in part.text for name in hidden)
    assert waiting_tasks(settings) == 1


def test_a_question_is_answered_with_chances(run: TrainingRun, client: Client) -> None:
    options = ["it grows", "it jumps", "it fades away"]
    search.answer(run.pk, f"What does it do {run.pk}?", options)
    page = client.get(ADDRESS, {"q": f"What does it do {run.pk}?", "options": "\r\n".join(options)})
    assert all(f'aria-label="{option}"' in page.text for option in options)
    assert "Where it looked" in page.text


def test_what_the_model_cannot_be_asked_is_told(run: TrainingRun, client: Client) -> None:
    (model_folder(run) / "qa").rename(model_folder(run) / "gone")
    search.answer(run.pk, f"What {run.pk}?", ["it grows", "it jumps"])
    page = client.get(ADDRESS, {"q": f"What {run.pk}?", "options": "it grows\nit jumps"})
    assert "answering needs a QA model" in page.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"q": ""}, "This field is required"),
        ({"q": "x" * 201}, "at most 200 characters"),
        ({"q": "what?", "options": "one"}, "Two to 6 answers are expected, 1 are given"),
        ({"q": "what?", "options": "1\n2\n3\n4\n5\n6\n7"}, "Two to 6 answers are expected, 7 are given"),
        ({"q": "what?", "options": "it  grows\nit grows"}, "stands there twice"),
    ],
)
def test_what_is_asked_wrongly_is_named_and_no_worker_asked(
    run: TrainingRun, client: Client, settings, asked: dict[str, str], told: str
) -> None:
    assert told in client.get(ADDRESS, asked).text
    assert waiting_tasks(settings) == 0


def test_without_a_model_or_a_broker_the_page_says_so(release: Release, client: Client, settings) -> None:
    assert "No model has been trained on this release yet" in client.get(ADDRESS, {"q": "a red ball"}).text
    TrainingRun.objects.create(release=release, state=State.DONE, finished_at=timezone.now())
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:9/0"
    assert "The queue cannot be reached" in client.get(ADDRESS, {"q": "a red ball"}).text


def test_a_crowd_of_strangers_fills_the_queue_no_further(run: TrainingRun, client: Client, settings) -> None:
    for number in range(asking.MOST_WAITING + 10):
        assert 'aria-busy="true"' in client.get(ADDRESS, {"q": f"question {number} to {run.pk}"}).text
    assert waiting_tasks(settings) == asking.MOST_WAITING


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_the_page_is_fit_for_a_phone_and_for_everybody(run: TrainingRun, browser: Browser, live_server) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    sentence, options = f"somebody turns around {run.pk}", ["it grows", "it jumps"]
    search.answer(run.pk, sentence, [])
    search.answer(run.pk, sentence, options)
    asked = [{}, {"q": sentence}, {"q": sentence, "options": "\n".join(options)}]
    with visits(browser, live_server.url, client) as visit:
        for query in asked:
            for size, scheme in (("phone", "light"), ("phone", "dark"), ("desk", "light")):
                assert_fit(visit(f"{ADDRESS}?{urlencode(query)}" if query else ADDRESS, size, scheme))
        page = visit(f"{ADDRESS}?q=a+new+sentence+{run.pk}", "desk", "light")
        assert page.get_by_text("A worker asks the model").is_visible()
        search.answer(run.pk, f"a new sentence {run.pk}", [])
        page.get_by_text("Moments, best first").wait_for(timeout=10_000)


def test_the_task_is_routed_to_a_queue_of_its_own() -> None:
    assert current_app.conf.task_routes[SEARCH] == {"queue": "search"}
