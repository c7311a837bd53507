"""An organiser chooses the columns of a board; page and exports follow, and a phone still shows the primary metric."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from benchmark_site.leaderboard.boards.columns import columns_of
from benchmark_site.leaderboard.models import Reveal, Submission, Track
from tests.leaderboard.boards.test_large_board import KEYS, fill
from tests.leaderboard.conftest import ApiClient, add_scores, settings_form, small_file

pytestmark = pytest.mark.django_db

PRIMARY, OTHERS = "VCMR.R@1.tiou0.7.nms0.5", ["VR.R@1", "VCMR.R@5.tiou0.5.raw"]


def choose(organiser: Client, track: Track, *metrics: str, **changes: Any) -> Any:
    """Post the settings' form with these metrics in the order of their places."""
    places = {f"metric_columns_{place}": key for place, key in enumerate(metrics)}
    return organiser.post(f"{track.get_absolute_url()}settings/", settings_form(track, **places, **changes))


@pytest.fixture
def scored(api_client: ApiClient, track: Track, tmp_path: Path) -> Submission:
    card = {"parameters": "1500000", "run_time_s": "12.5", "training_data": "=TVR & others", "hardware": ""}
    sent = api_client.post(track, small_file(tmp_path), method="mine", public="true", **card)[1]
    submission = Submission.objects.get(pk=sent["id"])
    add_scores(submission, {PRIMARY: 30.0, OTHERS[0]: 20.0, OTHERS[1]: 10.0, "VCMR.R@10.tiou0.7.nms0.5": 40.0})
    return submission


def head(page: str) -> list[str]:
    cells = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", page[page.index("<thead") : page.index("</thead")])
    return [re.sub("<[^>]+>", "", cell) for cell in cells]


def test_page_and_exports_have_the_chosen_columns_in_their_order(
    organiser: Client, track: Track, scored: Submission
) -> None:
    usual = head(Client().get(track.get_absolute_url()).content.decode())
    assert usual == ["Rank", "Method and team", "VCMR R@1", "VCMR R@10", "VCMR R@100", "Submitted"]
    own = ["training_data", "parameters", "run_time_s", "hardware"]
    assert choose(organiser, track, OTHERS[0], "", OTHERS[1], card_columns=own).status_code == 302
    page = Client().get(track.get_absolute_url()).content.decode()
    titles = ["VCMR R@1", "VR R@1", "VCMR R@5, tIoU 0.5, no NMS", "Parameters", "Run time", "Training data", "Hardware"]
    assert head(page) == ["Rank", "Method and team", *titles, "Submitted"]
    cells = re.findall(r'<td class="wide said">(.*?)</td>', page)
    assert cells == ["1,500,000", "12.5 s", "=TVR &amp; others", "–"]
    (row,) = Client().get(f"{track.get_absolute_url()}board.json").json()["rows"]
    assert list(row["scores"]) == [PRIMARY, *OTHERS]
    assert (row["parameters"], row["run_time_s"], row["training_data"], row["hardware"]) == (
        1500000, 12.5, "=TVR & others", "",
    )  # fmt: skip
    text = Client().get(f"{track.get_absolute_url()}board.csv").content.decode()
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["VR.R@1.value"], line["parameters"], line["training_data"]) == ("20.0", "1500000", "'=TVR & others")
    tex = Client().get(f"{track.get_absolute_url()}board.tex").content.decode()
    assert r"\begin{tabular}{lrrrllll}" in tex
    assert r"mine & 30.00 & 20.00 & 10.00 & 1,500,000 & 12.5 s & =TVR \& others & -- \\" in tex
    settings = organiser.get(f"{track.get_absolute_url()}settings/").content.decode()
    chosen = re.findall(r'<select name="metric_columns_\d".*?</select>', settings, re.S)
    assert [re.findall(r'value="([^"]*)" selected', one) for one in chosen] == [
        [OTHERS[0]], [OTHERS[1]], [""], [""], [""], [""],
    ]  # fmt: skip
    assert choose(organiser, track, *[""] * 6).status_code == 302
    assert head(Client().get(track.get_absolute_url()).content.decode()) == usual


def test_a_narrow_screen_has_the_primary_metric_and_no_other_column(
    organiser: Client, track: Track, scored: Submission
) -> None:
    choose(organiser, track, *OTHERS, card_columns=["hardware"])
    page = Client().get(track.get_absolute_url()).content.decode()
    shown = re.findall(r'<th scope="col"(?![^>]*wide)[^>]*>(.*?)</th>', page)
    assert [re.sub("<[^>]+>", "", cell) for cell in shown] == ["Rank", "Method and team", "VCMR R@1"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric_columns_0": "VR.R@1", "metric_columns_1": "VR.R@1"}, "VR.R@1 is chosen twice"),
        ({"metric_columns_0": "QA.accuracy"}, "Select a valid choice"),
        ({"card_columns": ["team"]}, "Select a valid choice"),
    ],
)
def test_what_is_no_column_is_refused(organiser: Client, track: Track, changes: dict[str, Any], said: str) -> None:
    answer = choose(organiser, track, **changes)
    assert answer.status_code == 400
    assert said in answer.content.decode()


@pytest.mark.parametrize("changes", [{"metric_columns": ["QA.accuracy"]}, {"card_columns": ["team"]}])
def test_the_database_takes_no_column_that_there_is_not(track: Track, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="track_"), transaction.atomic():
        Track.objects.filter(pk=track.pk).update(**changes)


def test_a_hidden_split_shows_no_more_than_it_reveals(organiser: Client, tracks: dict[str, Track]) -> None:
    track = tracks["moment/test"]
    assert choose(organiser, track, *OTHERS).status_code == 302
    track.refresh_from_db()
    assert [one.key for one in columns_of(track)] == [track.primary_metric]
    track.reveal = Reveal.METRICS
    assert [one.key for one in columns_of(track)] == [track.primary_metric, *OTHERS]


def test_questions_have_one_metric_and_no_other_to_choose(organiser: Client, tracks: dict[str, Track]) -> None:
    page = organiser.get(f"{tracks['qa/val'].get_absolute_url()}settings/").content.decode()
    assert "metric_columns" not in page
    assert "card_columns" in page


def test_the_widest_board_is_a_small_page(organiser: Client, track: Track) -> None:
    fill(track, 60)
    Submission.objects.update(
        parameters=10**9, run_time_s=3600.0, training_data="d" * 200, hardware="h" * 120, paper_url="https://e.org/p"
    )
    own = ["parameters", "run_time_s", "training_data", "hardware"]
    assert choose(organiser, track, *KEYS[1:], "VR.R@1", card_columns=own).status_code == 302
    answer = Client().get(track.get_absolute_url())
    assert len(head(answer.content.decode())) == 14
    assert len(answer.content) <= 200_000
