"""The board page and its exports."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring.score import rescore
from benchmark_site.leaderboard.submissions.deletion import delete_file
from benchmark_site.leaderboard.teams.tokens import create_token
from tests.leaderboard.conftest import ApiClient, add_scores, small_file

pytestmark = pytest.mark.django_db

VCMR, SVMR = "VCMR.R@1.tiou0.7.nms0.5", "SVMR.R@1.tiou0.7.nms0.5"


@pytest.fixture
def submit(api_client: ApiClient, track: Track, membership: Membership, tmp_path: Path) -> Submit:
    return Submit(track, membership, tmp_path)


class Submit:
    """Makes scored submissions of teams by name."""

    def __init__(self, track: Track, membership: Membership, folder: Path) -> None:
        self.track, self.user, self.folder = track, membership.user, folder
        self.count = 0

    def __call__(
        self, team: str, method: str, value: float, *, public: bool = True, baseline: bool = False, blind: bool = True,
        key: str = VCMR, track: Track | None = None,
    ) -> Submission:  # fmt: skip
        row, _ = Team.objects.get_or_create(name=team, defaults={"baseline": baseline})
        membership, _ = Membership.objects.get_or_create(team=row, user=self.user)
        self.count += 1
        api_client = ApiClient(create_token(membership))
        fields = {"method": method, **({"public": "true"} if public else {})}
        status, sent = api_client.post(track or self.track, small_file(self.folder, text=str(self.count)), **fields)
        assert status == 201, sent
        submission = Submission.objects.get(pk=sent["id"])
        add_scores(submission, {key: value}, beats_blind=blind)
        return submission


def methods(track: Track, query: str = "") -> list[tuple[int | None, str]]:
    exported = Client().get(f"{track.get_absolute_url()}board.json{query}").json()
    return [(row["rank"], row["method"]) for row in exported["rows"]]


def test_the_best_of_each_team_and_all_baselines_are_ranked(submit: Submit, track: Track) -> None:
    submit("A", "a weak", 10.0)
    submit("A", "a strong", 30.0)
    submit("B", "b", 30.0)
    submit("Base", "random", 8.0, baseline=True)
    submit("Base", "prior", 9.0, baseline=True)
    assert methods(track) == [(1, "a strong"), (1, "b"), (3, "prior"), (4, "random")]
    assert methods(track, "?every") == [(1, "a strong"), (1, "b"), (3, "a weak"), (4, "prior"), (5, "random")]


def test_a_row_links_to_paper_and_code(submit: Submit, track: Track) -> None:
    submit("A", "with both", 30.0)
    submit("B", "with none", 20.0)
    both = {"paper_url": "https://example.org/paper", "code_url": "https://example.org/code"}
    Submission.objects.filter(method="with both").update(**both)
    page = Client().get(track.get_absolute_url()).content.decode()
    found = re.findall(r'<a href="([^"]*)" rel="nofollow noopener">(paper|code)</a>', page)
    assert found == [(both["paper_url"], "paper"), (both["code_url"], "code")]


def test_what_the_form_sends_unchanged_is_the_plain_board(submit: Submit, track: Track) -> None:
    submit("A", "better", 80.0)
    submit("A", "worse", 70.0)
    form = {"q": "", "sort": "", "baselines": "", "external": "", "year": "", "every": ""}
    said = {
        name: "The best public submission of each team"
        in Client().get(track.get_absolute_url(), query).content.decode()
        for name, query in {"plain": {}, "form": form, "every": form | {"every": "yes"}, "old": {"every": ""}}.items()
    }
    assert said == {"plain": True, "form": True, "every": False, "old": False}


def test_a_board_shows_the_newest_scoring_that_ended(submit: Submit, track: Track) -> None:
    submission = submit("A", "a", 10.0)
    submit("B", "b", 20.0)
    Evaluation.objects.update(evaluator_version="0.0.1")
    rescored = rescore(submission)
    assert methods(track) == [(1, "b"), (2, "a")]
    add_scores(submission, {VCMR: 30.0})
    assert rescored == submission.evaluation
    assert methods(track) == [(1, "a"), (2, "b")]


def test_private_unfinished_and_failed_ones_are_not_shown(
    submit: Submit, track: Track, api_client: ApiClient, tmp_path: Path
) -> None:
    submit("A", "hidden", 50.0, public=False)
    submit("A", "shown", 40.0)
    api_client.post(track, small_file(tmp_path, text="waiting"), method="waiting", public="true")
    failed = api_client.post(track, small_file(tmp_path, text="failed"), method="failed", public="true")[1]
    Submission.objects.get(pk=failed["id"]).evaluation.end(State.FAILED, "why")
    assert methods(track, "?every") == [(1, "shown")]


def test_a_submission_without_the_primary_metric_stands_last(submit: Submit, track: Track) -> None:
    submit("A", "single video only", 99.0, key=SVMR)
    submit("B", "whole corpus", 1.0)
    assert methods(track) == [(1, "whole corpus"), (None, "single video only")]


def test_marks_and_columns(submit: Submit, track: Track) -> None:
    submit("Base", "random", 8.0, baseline=True, blind=False)
    page = Client().get(track.get_absolute_url()).content.decode()
    assert "baseline</span>" in page
    assert "not above blind" in page
    assert "VCMR R@100" in page
    assert "SVMR" not in page
    submit("A", "single", 9.0, key=SVMR)
    assert "SVMR R@1<" in Client().get(track.get_absolute_url()).content.decode()


def test_intervals_are_drawn_without_inline_style_or_script(submit: Submit, track: Track) -> None:
    submit("A", "a", 30.0)
    page = Client().get(track.get_absolute_url()).content.decode()
    assert '<line class="span" x1="25.0" x2="35.0"' in page
    assert "25.00–35.00" in page
    assert "style=" not in page
    assert set(re.findall("<script([^>]*)>", page)) == {' src="/static/django_htmx/htmx-2.min.js" defer'}


def test_exports_hold_values_intervals_and_provenance(submit: Submit, track: Track) -> None:
    submission = submit("A", "a", 30.0)
    exported = Client().get(f"{track.get_absolute_url()}board.json").json()
    assert exported["release_sha256"] == track.release.sha256
    (row,) = exported["rows"]
    assert row["scores"][VCMR] == {"value": 30.0, "low": 25.0, "high": 35.0, "n": 32}
    assert row["predictions_sha256"] == submission.sha256
    assert row["manifest_sha256"] == track.release.sha256
    answer = Client().get(f"{track.get_absolute_url()}board.csv")
    assert 'filename="demo-1.0.0-moment-val.csv"' in answer["Content-Disposition"]
    (line,) = csv.DictReader(io.StringIO(answer.content.decode()))
    assert (line["rank"], line["method"], line[f"{VCMR}.value"], line[f"{VCMR}.high"]) == ("1", "a", "30.0", "35.0")
    json.dumps(exported)


def test_the_hash_is_that_of_what_was_scored_also_of_a_model_and_when_the_file_is_deleted(
    submit: Submit, track: Track
) -> None:
    predicted = "ab" * 32
    with_file = submit("A", "a file", 30.0)
    model = submit("B", "a model", 20.0, public=False)
    report = model.evaluation.report | {"predictions_sha256": predicted}
    Evaluation.objects.filter(submission=model).update(report=report)
    Submission.objects.filter(pk=model.pk).update(kind="model", predicted="x.json", predicted_sha256=predicted)
    expected = {"a file": with_file.sha256, "a model": predicted}

    def told() -> tuple[dict[str, str], dict[str, str], bool]:
        exported = Client().get(f"{track.get_absolute_url()}board.json").json()["rows"]
        lines = csv.DictReader(io.StringIO(Client().get(f"{track.get_absolute_url()}board.csv").content.decode()))
        by_method = [{row["method"]: row["predictions_sha256"] for row in rows} for rows in (exported, lines)]
        page = Client().get(Submission.objects.get(pk=model.pk).get_absolute_url()).content.decode()
        return by_method[0], by_method[1], predicted in page and model.sha256 in page

    Submission.objects.update(public=True)
    assert told() == (expected, expected, True)
    Submission.objects.update(public=False)
    for one in Submission.objects.all():
        delete_file(one)
    Submission.objects.update(public=True)
    assert told() == (expected, expected, True)


@pytest.mark.parametrize("method", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_cell_of_the_csv_is_a_formula(submit: Submit, track: Track, method: str) -> None:
    submit("A", method, 30.0)
    (line,) = csv.DictReader(io.StringIO(Client().get(f"{track.get_absolute_url()}board.csv").content.decode()))
    assert line["method"] == f"'{method}"


def test_names_are_escaped(submit: Submit, track: Track) -> None:
    submission = submit("<script>alert(1)</script>", '"><img src=x>', 30.0)
    for path in (track.get_absolute_url(), submission.get_absolute_url()):
        page = Client().get(path).content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_an_empty_board_and_the_list_say_so(tracks: dict[str, Track]) -> None:
    assert "No public submission yet" in Client().get(tracks["qa/val"].get_absolute_url()).content.decode()
    page = Client().get("/boards/").content.decode()
    assert page.count("/boards/demo/1.0.0/") == 4
    assert Client().get("/boards/demo/1.0.0/moment/nowhere/").status_code == 404
    assert Client().get(tracks["qa/val"].get_absolute_url() + "board.csv").content == b"rank\n"


def test_a_badge_bears_the_rank_of_the_board_as_it_opens(submit: Submit, track: Track) -> None:
    best, second, other = submit("A", "a", 50.0), submit("A", "a2", 40.0), submit("B", "b", 30.0)

    def badge(submission: Submission) -> str:
        return Client().get(f"{submission.get_absolute_url()}badge.svg").content.decode()

    assert "#1 of 2, 50.00 %" in badge(best)
    assert "#2 of 2, 30.00 %" in badge(other)
    assert "#2 of 3, 40.00 %" in badge(second)  # which stands among every submission alone
    unranked = submit("C", "c", 10.0, key=SVMR)
    assert "no rank" in badge(unranked)


def test_links_to_the_exports_are_of_the_board_that_is_shown(submit: Submit, track: Track) -> None:
    submit("A", "a", 30.0)
    Track.objects.update(late_entries=True)
    path = track.get_absolute_url()
    for asked, query in (("", ""), ("?every=yes", "?every"), ("?late=yes&every=yes", "?every&amp;late")):
        page = Client().get(path + asked).content.decode()
        links = re.findall(rf'href="{path}(?:board\.(?:csv|json|tex|bib)|sota\.json)([^"]*)"', page)
        assert links == [query] * 5
