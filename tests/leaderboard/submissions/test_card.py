"""What is said beside a file, when it is sent and later; the place in the queue; tries given back."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client

from benchmark_site.leaderboard.models import Submission, Track
from benchmark_site.leaderboard.submissions.submit import cancel
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db
CARD = {
    "description": "attends to all", "paper_url": "https://example.org/p", "code_url": "https://example.org/c",
    "parameters": 160_000_000, "training_data": "HowTo100M", "external_data": True, "hardware": "8 V100",
    "run_time_s": 81.5,
}  # fmt: skip


def test_the_card_comes_with_the_file_and_stands_on_page_and_api(
    api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    status, sent = api_client.post(track, small_file(tmp_path), public="true", **{k: str(v) for k, v in CARD.items()})
    assert status == 201, sent
    assert {name: sent[name] for name in CARD} == CARD
    add_scores(Submission.objects.get(), {track.primary_metric: 30.0})
    page = Client().get(f"/submissions/{sent['id']}/").content.decode()
    for shown in ("160000000", "HowTo100M", "8 V100", "81.5 s", "https://example.org/c", "External data"):
        assert shown in page


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("parameters", "-1"),
        ("parameters", "many"),
        ("run_time_s", "-2"),
        ("run_time_s", "nan"),
        ("hardware", "x" * 121),
    ],
)
def test_a_card_that_cannot_be_is_refused(
    api_client: ApiClient, track: Track, tmp_path: Path, field: str, value: str
) -> None:
    status, refused = api_client.post(track, small_file(tmp_path), **{field: value})
    assert (status, refused["errors"][0]["field"]) == (400, field)
    assert not Submission.objects.exists()


def test_the_words_can_be_changed_and_the_file_cannot(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = Submission.objects.get(pk=api_client.post(track, small_file(tmp_path))[1]["id"])
    path = f"/submissions/{sent.pk}/card/"
    words = {"method": "better name", "paper_url": "example.org/paper", "sha256": "0" * 64, "public": "on"}
    member.post(path, words)
    now = Submission.objects.get()
    assert (now.method, now.paper_url, now.public, now.sha256) == (
        "better name", "https://example.org/paper", False, sent.sha256
    )  # fmt: skip
    assert "method: " in member.post(path, {"method": ""}, follow=True).content.decode()
    assert "mixes Cyrillic and Latin" in member.post(path, {"method": "НERO"}, follow=True).content.decode()
    assert Submission.objects.get().method == "better name"
    stranger = Client()
    stranger.force_login(User.objects.create_user("eve"))
    assert stranger.post(path, {"method": "stolen"}).status_code == 404


def test_boards_are_filtered_by_external_data_and_year(api_client: ApiClient, track: Track, tmp_path: Path) -> None:
    for n, external in enumerate(("", "on")):
        _, sent = api_client.post(
            track, small_file(tmp_path, text=str(n)), method=f"m{n}", public="on", external_data=external
        )
        add_scores(Submission.objects.get(pk=sent["id"]), {track.primary_metric: 30.0 + n})
    year = Submission.objects.earliest("created_at").created_at.year

    def shown(query: str) -> list[bool]:
        page = Client().get(f"{track.get_absolute_url()}?every=yes&{query}").content.decode()
        return [f">m{n}</a>" in page for n in (0, 1)]

    assert shown("external=none") == [True, False]
    assert shown("external=only") == [False, True]
    assert shown(f"year={year}") == shown("year=all") == [True, True]
    assert shown(f"year={year - 1}") == [False, False]


def test_who_waits_sees_the_place_and_who_was_cancelled_the_try(
    member: Client, api_client: ApiClient, track: Track, tmp_path: Path
) -> None:
    sent = [api_client.post(track, small_file(tmp_path, text=str(n)))[1] for n in range(3)]
    assert [api_client.get(f"submissions/{one['id']}")[1]["queue_place"] for one in sent] == [1, 2, 3]
    cancel(Submission.objects.get(pk=sent[0]["id"]))
    assert [api_client.get(f"submissions/{one['id']}")[1]["queue_place"] for one in sent] == [None, 1, 2]
    assert "number 2 in the queue" in member.get(f"/submissions/{sent[2]['id']}/").content.decode()
    page = member.get("/submissions/").content.decode()
    assert (page.count("<td>used</td>"), page.count("<td>given back</td>")) == (2, 1)
