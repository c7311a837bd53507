"""Teams take turns at the scorers: nobody's files, however many and hostile, delay another team's beyond its limit."""

from __future__ import annotations

import gzip
import json
import random
import sys
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as site
from django.test import Client
from django.utils import timezone

from benchmark_site.jobs import child_process, leases
from benchmark_site.leaderboard import tasks
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Team, Track
from benchmark_site.leaderboard.scoring import score
from benchmark_site.leaderboard.scoring.score import rescore_all
from benchmark_site.leaderboard.submissions.submit import MOST_UNDER_WAY
from benchmark_site.leaderboard.task_names import COMPARE, SCORE
from benchmark_site.local.supervisor import site_programs
from tests.leaderboard.conftest import REPOSITORY, ApiClient, add_scores, answers, small_file, waiting, working

HANGS = [sys.executable, "-c", "import time; time.sleep(600)"]
BLANKS = b" " * 2**26


@pytest.fixture
def open_track(tracks: dict[str, Track]) -> Track:
    """Questions, with more tries than a test sends."""
    track = tracks["qa/val"]
    Track.objects.filter(pk=track.pk).update(per_day=100, total=100)
    return track


@pytest.fixture
def workers(transactional_db: None) -> Iterator[None]:
    """Two scorers of the real queue, in threads of this process; nothing waits in it from before."""
    with redis.Redis.from_url(site.CELERY_BROKER_URL) as broker:
        broker.delete("score")
    with working("score", threads=2):
        yield


def hostile(track: Track, folder: Path) -> list[Path]:
    """What people have tried on boards: fifteen files, each of them wrong in its own way."""
    right = answers(track)
    first = next(iter(right))
    whole = json.dumps(right)
    texts = {
        "deep": "[" * 100_000,
        "nan": whole.replace(": 0", ": NaN", 1),
        "infinite": whole.replace(": 0", ": 1e400", 1),
        "digits": whole.replace(": 0", ": " + "9" * 400, 1),
        "twice": whole.replace("{", f'{{"{first}": 1, ', 1),
        "bool": whole.replace(": 0", ": true", 1),
        "float": whole.replace(": 0", ": 0.5", 1),
        "missing": json.dumps({one: 0 for one in right if one != first}),
        "extra": json.dumps(right | {"999999": 0}),
        "surrogate": whole.replace("{", '{"\\ud800": 0, ', 1),
        "many": "[" + "[]," * 300_000 + "[]]",
    }
    files = [small_file(folder, f"{name}.json", text) for name, text in texts.items()]
    for name, data in (
        ("wide.json", whole.encode("utf-16")),
        ("bomb.json.gz", gzip.compress(BLANKS, 1)),
        ("junk.parquet", b"PAR1" + bytes(range(256)) + b"PAR1"),
    ):
        (folder / name).write_bytes(data)
        files.append(folder / name)
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("../../p.json", BLANKS)
    return [*files, folder / "bomb.zip"]


@pytest.mark.django_db
def test_the_hostile_list_is_refused_and_delays_anothers_file_by_one_of_each_team(
    api_client_of: Callable[..., ApiClient], open_track: Track, tmp_path: Path
) -> None:
    files = hostile(open_track, tmp_path)
    assert len(files) == 3 * MOST_UNDER_WAY
    sent = []
    for number, file in enumerate(files):
        name = "XYZ"[number // MOST_UNDER_WAY]
        status, answer = api_client_of(name, name).post(open_track, file)
        assert status == 201, (file, answer)
        sent.append(answer["id"])
    honest = api_client_of("A", "ada")
    mine = honest.post(open_track, small_file(tmp_path, "mine.json", json.dumps(answers(open_track))))[1]
    assert honest.get(f"submissions/{mine['id']}")[1]["queue_place"] == 4
    messages = [Submission.objects.get(pk=pk).evaluation.pk for pk in (*sent, mine["id"])]
    for pk in messages[:4]:
        tasks.score(pk)
    assert honest.get(f"submissions/{mine['id']}")[1]["state"] == State.DONE
    for pk in messages[4:]:
        tasks.score(pk)
    for pk in sent:
        evaluation = Submission.objects.get(pk=pk).evaluation
        assert evaluation.state == State.FAILED, evaluation.submission.file_name
        assert evaluation.problems, evaluation.error
    assert not Submission.objects.filter(pk__in=sent, counts=True).exists()


def test_files_that_hang_keep_two_scorers_no_longer_than_the_guide_says(
    workers: None,
    api_client_of: Callable[..., ApiClient],
    open_track: Track,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wall_s = 3.0
    command = score._command
    monkeypatch.setattr(score, "_command", lambda one, to: command(one, to) if one.team.name == "A" else HANGS)
    monkeypatch.setattr(score, "WALL_S", wall_s)
    monkeypatch.setattr(child_process, "HEARTBEAT_S", 0.1)
    for number in range(2 * MOST_UNDER_WAY):  # half a minute of work for both
        name = "XY"[number % 2]
        assert api_client_of(name, name).post(open_track, small_file(tmp_path, text=str(number)))[0] == 201
    sent = api_client_of("A", "ada").post(open_track, small_file(tmp_path, text="mine"))[1]
    evaluation = Submission.objects.get(pk=sent["id"]).evaluation
    deadline = time.monotonic() + 60
    while evaluation.started_at is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        evaluation.refresh_from_db()
    waited = (evaluation.started_at - evaluation.queued_at).total_seconds()
    assert waited < 2 * wall_s + 2  # 1 + n / 2 scorings where n = 2 other teams wait, and the starting of processes
    Evaluation.objects.filter(Evaluation.unfinished()).update(
        state=State.CANCELLED, finished_at=evaluation.queued_at, claimed_by=""
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(5))
def test_of_each_other_team_one_file_at_most_goes_before(open_track: Track, seed: int) -> None:
    """A random walk of five teams and two scorers."""
    rng, walk = random.Random(seed), Walk(open_track)
    for _ in range(150):
        rng.choice([walk.send, walk.send, walk.take, walk.end])(rng)
    while walk.running or Evaluation.turns():
        walk.take(rng)
        walk.end(rng)
    assert len(walk.taken) > 40
    for mine, at in walk.taken.items():
        own_ends = [end for one, end in walk.ended.items() if one.team == mine.team and walk.taken[one] < at]
        since = max([walk.sent[mine], *(min(end, at) for end in own_ends)])
        before = [one.team for one, moment in walk.taken.items() if since < moment < at and one.team != mine.team]
        assert len(before) == len(set(before)), (seed, mine)


class Walk:
    """Teams send, scorers take and end; when, by number of the step."""

    def __init__(self, track: Track) -> None:
        self.track = track
        self.teams = [Team.objects.create(name=f"T{n}") for n in range(5)]
        self.step = 0
        self.sent: dict[Submission, int] = {}
        self.taken: dict[Submission, int] = {}
        self.ended: dict[Submission, int] = {}
        self.running: list[Evaluation] = []

    def send(self, rng: random.Random) -> None:
        team = rng.choices(self.teams, weights=[20, 5, 1, 1, 1])[0]
        self.sent[send(team, self.track)] = self._next()

    def take(self, rng: random.Random) -> None:
        turns = Evaluation.turns()
        if turns and len(self.running) < 2:
            row = leases.acquire(Evaluation, turns[0])
            assert row is not None
            self.running.append(row)
            self.taken[row.submission] = self._next()

    def end(self, rng: random.Random) -> None:
        if self.running:
            row = self.running.pop(rng.randrange(len(self.running)))
            assert leases.heartbeat(row)
            with leases.locked(row) as mine:
                mine.end(State.FAILED, "of the test")
            self.ended[row.submission] = self._next()

    def _next(self) -> int:
        self.step += 1
        return self.step


def send(team: Team, track: Track, kind: str = "predictions") -> Submission:
    """A submission that waits, without a file."""
    pk = uuid.uuid4()
    row = Submission.objects.create(
        id=pk, team=team, track=track, kind=kind, method="m", file="f", file_name="f", sha256=f"{pk.int:064x}", size=1,
        created_at=timezone.now(),
    )  # fmt: skip
    waiting(row)
    return row


@pytest.mark.django_db(transaction=True)
def test_what_is_scored_again_or_predicts_costs_its_team_no_turn(open_track: Track) -> None:
    heavy, other = (Team.objects.create(name=name) for name in ("heavy", "other"))
    old = send(heavy, open_track)
    add_scores(old, {open_track.primary_metric: 30.0})
    model = send(heavy, open_track, "model")
    waits = send(heavy, open_track)
    later = send(other, open_track)
    Evaluation.objects.filter(submission=old).update(evaluator_version="0")
    assert rescore_all(open_track) == 1
    for one in (old, model):
        assert leases.acquire(Evaluation, one.evaluation.pk) is not None
    assert Evaluation.turns() == [waits.evaluation.pk, later.evaluation.pk]


@pytest.mark.django_db(transaction=True)
def test_a_message_scores_what_nobody_else_has_taken(open_track: Track, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (send(Team.objects.create(name=name), open_track) for name in "AB")
    turns, looked = Evaluation.turns, iter([True])

    def raced() -> list[int]:
        found = turns()
        if next(looked, False):  # another worker takes it between the look and the lease
            leases.acquire(Evaluation, found[0])
        return found

    monkeypatch.setattr(Evaluation, "turns", raced)
    tasks.score(first.evaluation.pk)
    assert first.evaluation.state == State.RUNNING
    assert second.evaluation.error.startswith("the scoring failed: the file that was sent is lost here")


@pytest.mark.django_db
def test_both_parts_of_a_split_share_the_limit(
    tracks: dict[str, Track],
    api_client: ApiClient,
    predictions: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    track, now = tracks["qa/test"], timezone.now()
    dates = {"closes_at": now + timedelta(days=1), "reveals_at": now + timedelta(days=2)}
    Track.objects.filter(pk=track.pk).update(public_percent=50, part_secret="of the test", **dates)
    assert api_client.post(track, predictions("qa", "test"))[0] == 201
    run, given = child_process.run, []

    def timed(*arguments: Any, wall_s: float, **more: Any) -> child_process.Ended:
        given.append(wall_s)
        return run(*arguments, wall_s=wall_s, **more)

    monkeypatch.setattr(child_process, "run", timed)
    assert score.score_evaluation(Evaluation.objects.get().pk)
    first, second = given
    assert second < first - 0.1  # what the first has left
    assert first <= score.WALL_S


def test_the_guides_state_the_limit_that_holds() -> None:
    minutes = score.WALL_S // 60
    told = f"within {minutes} + {minutes // 2} n minutes"
    for guide in ("docs/submitters.md", "docs/organisers.md"):
        assert told in (REPOSITORY / guide).read_text()
    scorers = [program.command for program in site_programs() if "score" in program.command]
    assert [command[command.index("-c") + 1] for command in scorers] == ["2"]
    assert site.CELERY_TASK_ROUTES[SCORE]["queue"] != site.CELERY_TASK_ROUTES[COMPARE]["queue"]


@pytest.mark.django_db
def test_the_pages_state_the_limit(member: Client, track: Track, admin_client: Client) -> None:
    said = "before {} file at most one of each other team is scored, for at most 30 minutes each"
    assert said.format("your") in member.get(f"{track.get_absolute_url()}submit/").content.decode()
    assert said.format("a") in admin_client.get(f"{track.get_absolute_url()}overview/").content.decode()
