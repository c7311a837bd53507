"""A hidden split in two parts: what is shown until the reveal, what decides then, finals, late entries."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import IntegrityError
from django.test import Client

from benchmark_site.leaderboard.models import Evaluation, Membership, State, Submission, Team, Told, Track
from benchmark_site.leaderboard.scoring.parts import deal, parts
from benchmark_site.leaderboard.scoring.score import rescore, score_evaluation
from benchmark_site.leaderboard.scoring.tell import tell, to_be_told
from benchmark_site.leaderboard.submissions.visibility import hide, unhide
from benchmark_site.leaderboard.tasks import sweep
from benchmark_site.leaderboard.teams.tokens import create_token
from evaluation.cli.main import main
from tests.leaderboard.conftest import ApiClient, small_file

pytestmark = pytest.mark.django_db

KEY = "QA.accuracy"
OPENS = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)  # tokens and sessions live for some days
CLOSES, REVEALS = OPENS + timedelta(days=10), OPENS + timedelta(days=12)


@pytest.fixture
def track(tracks: dict[str, Track]) -> Track:
    Track.objects.filter(pk=tracks["qa/test"].pk).update(
        public_percent=50,
        part_secret="of the test",
        finals=1,
        opens_at=OPENS,
        closes_at=CLOSES,
        reveals_at=REVEALS,
        per_day=5,
        total=10,
    )
    return Track.objects.get(pk=tracks["qa/test"].pk)


@pytest.fixture
def send(track: Track, tmp_path: Path) -> Callable[..., Submission]:
    """`send("A", 40, 80)`: a public submission of a team of one with values of the public and the private part."""

    def make(team: str, public: float, private: float, method: str = "m", at: datetime = OPENS) -> Submission:
        with time_machine.travel(at, tick=False):
            status, sent = ApiClient(create_token(member(team))).post(
                track, small_file(tmp_path, text=f"{team} {method}"), method=method, public="true"
            )
            assert status == 201, sent
            submission = Submission.objects.get(pk=sent["id"])
            score_as(submission, public, private)
        return submission

    return make


def score_as(submission: Submission, public: float, private: float) -> None:
    """End its latest scoring with these values, as the scorer would."""
    evaluation = submission.evaluation
    fields = {"key": KEY, "low": 0.0, "high": 100.0, "n": 400, "blind": 0.0, "beats_blind": True}
    evaluation.scores.create(value=public, **fields)
    evaluation.private_scores.create(value=private, **fields)
    evaluation.report = {"n": 400, "metrics": [{**fields, "value": public}]}
    evaluation.end(State.DONE)


def member(team: str) -> Membership:
    user, _ = User.objects.get_or_create(username=f"of {team}")
    return Membership.objects.get_or_create(team=Team.objects.get_or_create(name=team)[0], user=user)[0]


def browser(team: str) -> Client:
    client = Client()
    client.force_login(member(team).user)
    return client


def rows(track: Track, at: datetime, query: str = "") -> list[tuple[int | None, str, float]]:
    with time_machine.travel(at, tick=False):
        read = Client().get(f"{track.get_absolute_url()}board.json{query}").json()
    return [(row["rank"], row["team"], row["scores"][KEY]["value"]) for row in read["rows"]]


def test_the_scorer_scores_both_parts_as_the_command_does(
    track: Track, api_client: ApiClient, predictions: Callable[..., Path], tmp_path: Path
) -> None:
    file = predictions("qa", "test")
    with time_machine.travel(OPENS, tick=False):
        assert api_client.post(track, file)[0] == 201
    score_evaluation(Evaluation.objects.get().pk)
    evaluation = Evaluation.objects.get()
    assert evaluation.state == State.DONE
    ids, out = tmp_path / "ids", tmp_path / "report.json"
    for part, saved in zip(parts(track), (evaluation.scores.get(), evaluation.private_scores.get()), strict=True):
        ids.write_text("\n".join(map(str, part)))
        command = ["score", str(track.release.folder), str(file), "--task", "qa", "--split", "test"]
        assert main([*command, "--only", str(ids), "--json", str(out)]) == 0
        (line,) = json.loads(out.read_text())["metrics"]
        assert (saved.value, saved.low, saved.high, saved.n, saved.blind) == (
            line["value"], line["low"], line["high"], len(part), line["blind"]
        )  # fmt: skip
    assert evaluation.scores.get().n + evaluation.private_scores.get().n == 32
    assert evaluation.report["n"] == evaluation.scores.get().n


def test_a_refused_file_and_a_lost_release_leave_nothing(track: Track, api_client: ApiClient, tmp_path: Path) -> None:
    with time_machine.travel(OPENS, tick=False):
        api_client.post(track, small_file(tmp_path))
        score_evaluation(Evaluation.objects.get().pk)
        assert "refused" in Evaluation.objects.get().error
        api_client.post(track, small_file(tmp_path, text="[]"))
    (track.release.folder / "MANIFEST.json").unlink()
    evaluation = Evaluation.objects.get(state=State.QUEUED)
    score_evaluation(evaluation.pk)
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.error) == (State.FAILED, "the scoring failed: the release cannot be read")
    assert evaluation.private_scores.count() == evaluation.scores.count() == 0


def test_an_item_is_in_the_same_part_whatever_stands_beside_it() -> None:
    public, private = deal(range(1000), "s", 30)
    assert 250 < len(public) < 350
    assert sorted(public + private) == list(range(1000))
    assert deal(range(0, 1000, 2), "s", 30)[0] == [one for one in public if one % 2 == 0]
    assert deal(range(1000), "another", 30)[0] != public


def test_nobody_is_told_of_the_private_part_before_the_reveal(send: Callable[..., Submission], track: Track) -> None:
    mine = send("A", 40.0, 85.0)
    own, board = browser("A"), track.get_absolute_url()
    pages = [
        board,
        board + "board.csv",
        board + "board.json",
        mine.get_absolute_url(),
        f"/submissions/{mine.pk}/report.json",
    ]
    api = ApiClient(create_token(member("A")))

    def told(at: datetime) -> dict[str, bool]:
        with time_machine.travel(at, tick=False):
            texts = {path: own.get(path).content.decode() for path in pages}
            texts["api"] = json.dumps(api.get(f"submissions/{mine.pk}")[1])
        return {path: bool(re.search(r"\b85(\.0)?\b", text)) for path, text in texts.items()}

    assert not any(told(REVEALS - timedelta(seconds=1)).values())
    after = told(REVEALS)
    assert after[board]
    assert after[mine.get_absolute_url()]


def test_the_private_part_decides_by_what_was_chosen_or_was_best(send: Callable[..., Submission], track: Track) -> None:
    send("A", 80.0, 20.0, "best in public")
    safe = send("A", 50.0, 60.0, "chosen")
    send("B", 70.0, 40.0, "best in public")
    send("B", 10.0, 90.0, "best in private, and neither chosen nor best")
    assert rows(track, OPENS) == [(1, "A", 80.0), (2, "B", 70.0)]
    with time_machine.travel(OPENS, tick=False):
        browser("A").post(f"/submissions/{safe.pk}/final/", {"final": "yes"})
    assert rows(track, REVEALS) == [(1, "A", 60.0), (2, "B", 40.0)]
    assert rows(track, REVEALS, "?every") == [(1, "A", 60.0), (2, "B", 40.0)]


def test_finals_are_few_and_chosen_in_time(send: Callable[..., Submission], track: Track) -> None:
    first, second = send("A", 80.0, 20.0, "1"), send("A", 50.0, 60.0, "2")
    api = ApiClient(create_token(member("A")))

    def choose(one: Submission, final: bool, at: datetime = OPENS) -> tuple[int, Any]:
        with time_machine.travel(at, tick=False):
            return api.send("PATCH", f"submissions/{one.pk}", {"final": final})

    assert choose(first, True)[1]["final"]
    status, refused = choose(second, True)
    assert (status, refused["errors"][0]["code"]) == (409, "finals")
    assert choose(first, False)[0] == 200
    assert choose(second, True, REVEALS - timedelta(seconds=1))[0] == 200
    assert choose(second, False, REVEALS)[1]["errors"][0]["code"] == "revealed"
    assert list(Submission.objects.filter(final=True)) == [second]
    with time_machine.travel(OPENS, tick=False):
        assert browser("B").post(f"/submissions/{first.pk}/final/", {"final": "yes"}).status_code == 404
    Track.objects.update(public_percent=100, reveals_at=None)
    assert choose(first, True)[1]["errors"][0]["code"] == "no_private_part"


def show(one: Submission, public: bool, at: datetime, **more: bool) -> tuple[int, Any]:
    with time_machine.travel(at, tick=False):
        api = ApiClient(create_token(Membership.objects.get(team=one.team_id)))
        status, answer = api.send("PATCH", f"submissions/{one.pk}", {"public": public, **more})
    return status, answer if status == 200 else answer["errors"][0]["code"]


def test_after_the_reveal_nobody_climbs_by_what_is_shown(send: Callable[..., Submission], track: Track) -> None:
    worse, better = send("A", 80.0, 20.0, "best in public"), send("A", 70.0, 95.0, "best in private")
    unseen = send("B", 90.0, 99.0)
    assert show(unseen, False, OPENS)[0] == 200
    assert rows(track, REVEALS) == [(1, "A", 20.0)]
    for one, public in ((worse, False), (better, False), (unseen, True)):
        assert show(one, public, REVEALS) == (409, "revealed")
    assert rows(track, REVEALS) == [(1, "A", 20.0)]
    Track.objects.update(late_entries=True)
    late = send("A", 1.0, 1.0, "late", at=REVEALS + timedelta(hours=1))
    assert show(late, False, REVEALS + timedelta(hours=2))[0] == 200


def test_what_is_chosen_is_on_the_board(send: Callable[..., Submission], track: Track) -> None:
    send("A", 80.0, 20.0, "best in public")
    one = send("A", 50.0, 60.0, "chosen")
    assert show(one, False, OPENS, final=True) == (409, "final")
    assert show(one, False, OPENS)[0] == 200
    assert show(one, False, OPENS, final=True) == (409, "not_public")
    assert show(one, True, OPENS, final=True)[1]["final"]
    assert show(one, False, OPENS) == (409, "final")
    assert rows(track, REVEALS) == [(1, "A", 60.0)]
    assert show(one, False, OPENS, final=False)[0] == 200


def test_what_begins_in_time_counts_and_what_begins_late_stands_apart(
    send: Callable[..., Submission], track: Track, tmp_path: Path
) -> None:
    api, late = ApiClient(create_token(member("A"))), CLOSES + timedelta(hours=1)
    with time_machine.travel(late, tick=False):
        refused = api.post(track, small_file(tmp_path, text="1"))
        assert (refused[0], refused[1]["errors"][0]["code"]) == (403, "closed")
        api.client.defaults["hero_bench.began"] = CLOSES - timedelta(seconds=1)
        status, slow = api.post(track, small_file(tmp_path, text="1"))
        assert (status, slow["late"]) == (201, False)
    Track.objects.update(late_entries=True)
    send("B", 30.0, 30.0)
    after = send("A", 90.0, 90.0, at=late)
    assert after.is_late
    assert rows(track, late) == rows(track, late, "?every") == [(1, "B", 30.0)]
    assert rows(track, late, "?late=yes") == [(1, "A", 90.0)]
    with time_machine.travel(late, tick=False):
        exported = [Client().get(f"{track.get_absolute_url()}board.json{query}").json() for query in ("", "?late")]
        assert [row["late"] for read in exported for row in read["rows"]] == [False, True]
        badge = Client().get(f"{after.get_absolute_url()}badge.svg").content.decode()
        assert "#1 of 1 after the end, 90 %" in badge
    assert rows(track, REVEALS) == [(1, "B", 30.0)]
    with time_machine.travel(late, tick=False):
        assert "after the end" in Client().get(after.get_absolute_url()).content.decode()
        page = Client().get(track.get_absolute_url()).content.decode()
        assert "Submit predictions" in page


@pytest.mark.parametrize(
    "wrong",
    [{"reveals_at": None}, {"closes_at": None}, {"reveals_at": CLOSES + timedelta(hours=5)}, {"public_percent": 40},
     {"public_percent": 100}, {"decided_at": CLOSES}],
)  # fmt: skip
def test_the_database_keeps_a_private_part_in_order(track: Track, wrong: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        Track.objects.filter(pk=track.pk).update(**wrong)


def test_val_has_no_private_part(tracks: dict[str, Track]) -> None:
    with pytest.raises(IntegrityError):
        Track.objects.filter(pk=tracks["qa/val"].pk).update(public_percent=50, closes_at=CLOSES, reveals_at=REVEALS)


def test_what_arrives_after_the_reveal_is_late_however_early_it_began(track: Track, tmp_path: Path) -> None:
    """Its sender may have read every private score by then."""
    Track.objects.filter(pk=track.pk).update(closes_at=REVEALS - timedelta(hours=6))
    api = ApiClient(create_token(member("A")))
    api.client.defaults["hero_bench.began"] = REVEALS - timedelta(hours=7)
    with time_machine.travel(REVEALS - timedelta(minutes=1), tick=False):
        assert api.post(track, small_file(tmp_path, text="1"))[0] == 201
    with time_machine.travel(REVEALS, tick=False):
        refused = api.post(track, small_file(tmp_path, text="2"), public="true")
        assert (refused[0], refused[1]["errors"][0]["code"]) == (403, "closed")
        Track.objects.update(late_entries=True)
        assert api.post(track, small_file(tmp_path, text="2"), public="true")[1]["late"]


def test_finals_are_counted_by_person_whatever_the_teams_are_called(
    send: Callable[..., Submission], track: Track
) -> None:
    Membership.objects.create(team=Team.objects.create(name="A again"), user=member("A").user)
    first, second = send("A", 80.0, 20.0), send("A again", 60.0, 90.0)

    def choose(one: Submission, team: str, final: bool) -> tuple[int, Any]:
        with time_machine.travel(OPENS, tick=False):
            membership = Membership.objects.get(team__name=team, user=member("A").user)
            return ApiClient(create_token(membership)).send("PATCH", f"submissions/{one.pk}", {"final": final})

    assert choose(first, "A", True)[0] == 200
    status, refused = choose(second, "A again", True)
    assert (status, refused["errors"][0]["code"]) == (409, "finals")
    assert "1 of members of this team are chosen, for A:" in refused["errors"][0]["message"]
    assert choose(first, "A", False)[0] == 200
    assert rows(track, REVEALS) == [(1, "A", 20.0)]  # by default the better one in public, and of both teams one alone


def test_who_comes_first_after_the_reveal_writes_down_what_decides(
    send: Callable[..., Submission], track: Track
) -> None:
    best, other = send("A", 80.0, 20.0, "best"), send("A", 70.0, 95.0, "other")
    with time_machine.travel(REVEALS - timedelta(seconds=1), tick=False):
        sweep()
    assert not Submission.objects.filter(decides=True).exists()
    with time_machine.travel(REVEALS, tick=False):
        sweep()
    assert list(Submission.objects.filter(decides=True)) == [best]
    track.refresh_from_db()
    assert track.decided_at == REVEALS
    assert not other.decides


def hidden(one: Submission) -> Submission:
    hide(Submission.objects.filter(pk=one.pk), "copied", User.objects.get_or_create(username="olga")[0])
    return one


def test_after_the_reveal_nothing_moves_up(send: Callable[..., Submission], track: Track) -> None:
    best, next_best = send("A", 80.0, 20.0, "best"), send("A", 70.0, 95.0, "next")
    early = hidden(send("B", 90.0, 99.0))
    assert rows(track, REVEALS) == [(1, "A", 20.0)]
    hidden(best)
    assert rows(track, REVEALS) == []
    assert not private_scores(next_best)
    assert not private_scores(best)
    unhide(Submission.objects.filter(pk__in=[best.pk, early.pk]))
    assert rows(track, REVEALS) == [(1, "A", 20.0)]  # as it did then; what was hidden then does not count now
    Evaluation.objects.update(evaluator_version="0.9.0")
    rescore(next_best)
    score_as(next_best, 99.0, 99.0)
    rescore(best)
    score_as(best, 10.0, 30.0)
    assert rows(track, REVEALS) == [(1, "A", 30.0)]
    assert not private_scores(next_best)


def private_scores(one: Submission, at: datetime = REVEALS) -> list[tuple[float, str]]:
    """What the API tells its team of the private part."""
    with time_machine.travel(at, tick=False):
        api = ApiClient(create_token(Membership.objects.get(team=one.team_id)))
        read = api.get(f"submissions/{one.pk}")[1]
    return [(score["value"], score["part"]) for score in read["private_scores"]]


def test_an_entry_that_waits_for_its_first_score_decides_for_its_team(
    send: Callable[..., Submission], track: Track
) -> None:
    waiting = send("A", 80.0, 20.0)
    Evaluation.objects.update(state=State.QUEUED, finished_at=None, report=None)
    assert rows(track, REVEALS) == []
    Evaluation.objects.update(state=State.DONE, finished_at=REVEALS, report={})
    assert rows(track, REVEALS) == [(1, "A", 20.0)]
    assert private_scores(waiting) == [(20.0, "private")]


def test_every_number_says_of_which_part_it_is(
    send: Callable[..., Submission], track: Track, mailoutbox: list[Any]
) -> None:
    best, other = send("A", 80.0, 20.0, "best"), send("A", 70.0, 95.0, "other")
    User.objects.update(email="a@example.org")
    root = Client()
    root.force_login(User.objects.create_superuser("root"))

    def told(one: Submission, at: datetime) -> dict[str, Any]:
        with time_machine.travel(at, tick=False):
            report = Client().get(f"{one.get_absolute_url()}report.json").json()
            mailoutbox.clear()
            Told.objects.all().delete()
            for member in to_be_told(one.evaluation):
                tell(one.evaluation, member)
            answer: Any = root.get(f"{track.get_absolute_url()}everything.zip")
            archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
            lines = csv.DictReader(io.StringIO(archive.read("submissions.csv").decode()))
            line = next(line for line in lines if line["submission"] == str(one.pk))
        return {
            "report": [(line["value"], line["part"]) for line in report["metrics"]],
            "private": [(line["value"], line["part"]) for line in report.get("private_metrics", [])],
            "mail": [line for line in mailoutbox[0].body.splitlines() if line.startswith(KEY)],
            "zip": (float(line[KEY]), line["part"], float(line.get(f"private.{KEY}") or 0)),
        }

    before = told(best, REVEALS - timedelta(seconds=1))
    assert (before["report"], before["private"], before["zip"]) == ([(80, "public")], [], (80, "public", 0))
    assert [line.endswith("n 400, of the public part") for line in before["mail"]] == [True]
    assert not private_scores(best, REVEALS - timedelta(seconds=1))
    after = told(best, REVEALS)
    assert (after["report"], after["private"]) == ([(80, "public")], [(20, "private")])
    assert after["zip"] == (80, "public", 20)
    assert after["mail"][1].startswith(f"{KEY}: 20 %")
    assert after["mail"][1].endswith("of the private part")
    assert told(other, REVEALS)["private"] == private_scores(other) == []
    with time_machine.travel(REVEALS, tick=False):
        board = track.get_absolute_url()
        assert "values of the private part" in Client().get(f"{board}board.tex").content.decode()
        (line,) = csv.DictReader(io.StringIO(Client().get(f"{board}board.csv").content.decode()))
        assert (line["part"], float(line[f"{KEY}.value"])) == ("private", 20)
        badge = Client().get(f"{best.get_absolute_url()}badge.svg").content.decode()
        assert "20 % of the private part" in badge
