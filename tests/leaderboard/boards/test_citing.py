"""A board for papers and other sites, its history and lines, a badge."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from benchmark_site.leaderboard.boards.drawing import HEIGHT, WIDTH, badge, draw_history
from benchmark_site.leaderboard.boards.ranking import Entry, Step, best_over_time
from benchmark_site.leaderboard.models import Submission, Track
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db
HOSTILE = r"50% of_it \input{x} & {more} $x^2$ #1 ~"


@pytest.fixture
def sent(api_client: ApiClient, track: Track, tmp_path: Path) -> list[Submission]:
    made = []
    for n, (method, value) in enumerate(((HOSTILE, 30.0), ("another", 41.5))):
        _, read = api_client.post(
            track, small_file(tmp_path, text=str(n)), method=method, public="true",
            paper_url="https://example.org/p}{", code_url="https://example.org/c",
        )  # fmt: skip
        made.append(Submission.objects.get(pk=read["id"]))
        add_scores(made[-1], {track.primary_metric: value})
    return made


def test_a_table_for_latex_escapes_names(sent: list[Submission], track: Track) -> None:
    text = Client().get(f"{track.get_absolute_url()}board.tex?every").content.decode()
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 3
    name = r"50\% of\_it \textbackslash{}input\{x\} \& \{more\} \$x\textasciicircum{}2\$ \#1 \textasciitilde{}"
    assert lines[2].startswith(f"{name} & 30.00")
    assert track.release.sha256 in text


def test_bibtex_names_the_board_and_the_papers(sent: list[Submission], track: Track) -> None:
    text = Client().get(f"{track.get_absolute_url()}board.bib?every").content.decode()
    assert text.count("@misc{") == 3
    assert len(set(re.findall(r"@misc\{([^,]+),", text))) == 3
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert "https://example.org/p%7D%7B" in text
    assert f"http://testserver{track.get_absolute_url()}" in text


def test_papers_with_code_get_their_form(sent: list[Submission], track: Track) -> None:
    (task,) = Client().get(f"{track.get_absolute_url()}sota.json?every").json()
    (dataset,) = task["datasets"]
    assert dataset["sota"]["metrics"][0] == "VCMR R@1"
    rows = dataset["sota"]["rows"]
    assert [(row["model_name"], row["metrics"]["VCMR R@1"]) for row in rows] == [("another", "41.5"), (HOSTILE, "30.0")]
    assert rows[0]["code_links"] == [{"title": "another", "url": "https://example.org/c"}]


def test_a_badge_says_rank_and_value_and_is_well_formed(sent: list[Submission]) -> None:
    drawn = ElementTree.fromstring(Client().get(f"{sent[0].get_absolute_url()}badge.svg").content)
    assert drawn.attrib["aria-label"].endswith("val: #2 of 2, 30.00 %")
    ElementTree.fromstring(badge("a <b> & c", '"x"'))
    Submission.objects.update(public=False)
    assert Client().get(f"{sent[0].get_absolute_url()}badge.svg").status_code == 404


def test_the_history_rises_and_stays_in_its_frame(sent: list[Submission], track: Track) -> None:
    now = timezone.now()
    values = [(3, 20.0), (2, 10.0), (1, 40.0), (0, None)]
    entries = [Entry(str(days), 1, value, now - timedelta(days=days)) for days, value in values]
    steps = best_over_time(entries)
    assert [step.value for step in steps] == [20.0, 40.0]
    drawn = draw_history(steps, now)
    assert drawn is not None
    numbers = [float(number) for number in re.findall(r"[\d.]+", drawn.path)]
    assert max(numbers) == WIDTH
    assert drawn.path.startswith(f"M0 {HEIGHT - 2:.1f}H200.0V2.0H300")
    small = draw_history([Step(now, 30.0, "a"), Step(now, 30.4, "b")], now)
    assert small is not None
    assert (small.first, small.best) == (30.0, 30.4)  # not the drawing's own edge, a point above
    assert draw_history([], now) is None
    page = Client().get(track.get_absolute_url()).content.decode()
    assert "The best rose from 30.00 to 41.50 percent in 2 steps" in page


def test_lines_for_people_and_for_the_blind(sent: list[Submission], track: Track) -> None:
    Track.objects.update(human_value=88.5, human_note="three students")
    page = Client().get(track.get_absolute_url()).content.decode()
    assert '<line class="human" x1="88.5"' in page
    assert "three students" in page
    assert '<line class="blind" x1="5.0555"' in page
    assert "Best blind baseline" in page
