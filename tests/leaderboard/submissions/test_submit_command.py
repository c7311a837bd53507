"""`python -m evaluation submit` against the running site: checked here first, sent, waited for, printed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connections
from pytest_django.live_server_helper import LiveServer

from benchmark_site.leaderboard.api_errors import ApiError
from benchmark_site.leaderboard.boards.tracks import open_boards
from benchmark_site.leaderboard.models import Evaluation, Submission, SubmissionUpload, Track
from benchmark_site.leaderboard.scoring.disclosed import disclosed_scores
from benchmark_site.leaderboard.scoring.predict import predict_evaluation
from benchmark_site.leaderboard.scoring.score import score_evaluation
from tests.leaderboard.conftest import REPOSITORY, freeze

Done = subprocess.CompletedProcess[str]
Submit = Callable[..., Done]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def track(release_folder: Path) -> Track:
    """Of a release that is called in the database as in its files."""
    return next(one for one in open_boards(freeze(release_folder, "small").pk) if one.path.endswith("moment/val"))


@pytest.fixture
def submit(live_server: LiveServer, release_folder: Path, token: str) -> Submit:
    def run(file: Path, *more: str, token: str = token) -> subprocess.CompletedProcess[str]:
        where = [str(release_folder), str(file), "--site", live_server.url]
        return subprocess.run(
            [sys.executable, "-m", "evaluation", "submit", *where, "--method", "mine", *more],
            cwd=REPOSITORY, text=True, capture_output=True, timeout=120, env={**os.environ, "HERO_BENCH_TOKEN": token},
        )  # fmt: skip

    return run


@pytest.fixture
def worker() -> Iterator[None]:
    """Predicts and scores what comes, as Celery workers would."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.2):
            for pk in Evaluation.objects.filter(state="queued").values_list("pk", flat=True):
                predict_evaluation(pk)
                score_evaluation(pk)
        connections.close_all()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(timeout=30)


def test_a_file_is_sent_waited_for_and_its_row_printed(
    submit: Submit,
    worker: None,
    track: Track,
    predictions: Callable[..., Path],
) -> None:
    done = submit(predictions(), "--public")
    assert done.returncode == 0, done.stderr
    submission = Submission.objects.get()
    assert (submission.method, submission.public, submission.track) == ("mine", True, track)
    score = submission.evaluation.scores.get(key=track.primary_metric)
    assert f"{track.primary_metric}  {score.value}" in done.stdout
    assert submission.get_absolute_url() in done.stdout


def test_a_dry_run_is_checked_by_the_platform_and_costs_nothing(
    submit: Submit, worker: None, track: Track, predictions: Callable[..., Path]
) -> None:
    done = submit(predictions(), "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "the platform can score it; no try was used" in done.stdout
    assert track.primary_metric not in done.stdout
    submission = Submission.objects.get()
    assert (submission.dry_run, submission.counts, submission.evaluation.scores.count()) == (True, False, 0)


def test_a_hidden_split_is_sent_without_its_truth_and_told_as_rounded_as_the_page_has_it(
    submit: Submit, worker: None, track: Track, predictions: Callable[..., Path]
) -> None:
    hidden = Track.objects.get(task="moment", split="test")
    done = submit(predictions("moment", "test"), "--split", "test", "--withheld")
    assert done.returncode == 0, done.stderr
    submission = Submission.objects.get()
    assert submission.track == hidden
    (shown,) = disclosed_scores(submission.evaluation)
    assert f"{shown.key}  {shown.value}  [{shown.low}, {shown.high}]  n {shown.n}" in done.stdout
    assert all(score.key not in done.stdout for score in submission.evaluation.scores.exclude(key=shown.key))


def test_a_bad_file_is_refused_here_and_nothing_is_sent(submit: Submit, track: Track, tmp_path: Path) -> None:
    bad = tmp_path / "p.json"
    bad.write_text('{"VCMR": []}')
    done = submit(bad)
    assert done.returncode == 2
    assert "holds none of the tasks" in done.stderr
    assert not Submission.objects.exists()


def test_a_model_is_sent_as_one_and_what_is_wrong_with_it_printed(
    submit: Submit, worker: None, track: Track, tmp_path: Path
) -> None:
    file = tmp_path / "model.zip"
    file.write_text("weights")
    done = submit(file, "--model")
    assert done.returncode == 2
    assert "the zip cannot be read" in done.stdout + done.stderr
    assert Submission.objects.get().kind == "model"


def test_the_platforms_refusal_is_one_line(submit: Submit, track: Track, predictions: Callable[..., Path]) -> None:
    for token, text in (("", "no token in HERO_BENCH_TOKEN"), ("hb_wrong", "a live token that may submit is expected")):
        done = submit(predictions(), token=token)
        assert done.returncode == 2
        assert text in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture
def submit_here(
    worker: None, track: Track, release_folder: Path, token: str, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path, str], int]:
    """The command in this process, so that its parts can be replaced: exit status of a file sent to a site."""
    from evaluation.cli.main import main

    monkeypatch.setenv("HERO_BENCH_TOKEN", token)
    return lambda file, site: main(["submit", str(release_folder), str(file), "--site", site, "--method", "mine"])


class CutLine:
    """Lies between a sender and the site, and breaks every connection after so many bytes sent."""

    def __init__(self, target: str, after: int) -> None:
        self.host, self.port = urlsplit(target).hostname, urlsplit(target).port
        self.after, self.cuts = after, 0
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.server.accept()
                far = socket.create_connection((self.host, self.port))
                for source, target, limit in ((near, far, self.after), (far, near, None)):
                    threading.Thread(target=self._pump, args=(source, target, limit), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                passed += len(data)
                if limit is not None and passed > limit:
                    self.cuts += 1
                    break
                target.sendall(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def test_a_line_that_breaks_again_and_again_delays_a_file_and_loses_nothing(
    live_server: LiveServer,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from evaluation.cli import submit as command

    file = predictions()
    line = CutLine(live_server.url, after=file.stat().st_size // 3)
    monkeypatch.setattr(command, "_PIECE", file.stat().st_size // 8)
    assert submit_here(file, line.url) == 0
    assert line.cuts >= 2
    submission = Submission.objects.get()
    assert submission.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert Path(submission.file.path).read_bytes() == file.read_bytes()
    line.server.close()


def test_a_piece_that_arrives_after_its_line_broke_is_no_refusal(
    live_server: LiveServer,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first answer to HEAD is older than what the platform then has: it says 409, and is asked again."""
    from evaluation.cli.submit import _Site

    file = predictions()
    asked, real = [], _Site._offset

    def late(self: _Site, address: str) -> int:
        asked.append(address)
        if len(asked) > 1:
            return real(self, address)
        self._send_piece(address, 0, file.read_bytes()[:1000])
        return 0

    monkeypatch.setattr(_Site, "_offset", late)
    assert submit_here(file, live_server.url) == 0
    assert len(asked) == 2
    assert Path(Submission.objects.get().file.path).read_bytes() == file.read_bytes()


class RestartingSite:
    """A proxy before the site, which now and then answers itself, or hangs up, as while the site restarts."""

    def __init__(self, target: str) -> None:
        self.asked: list[str] = []
        self.trouble: dict[str, list[int]] = {}  # method -> statuses still to be given instead, 0 for a broken line
        site = self

        class Gate(BaseHTTPRequestHandler):
            def _pass_on(self) -> None:
                site.asked.append(self.command)
                waiting = site.trouble.get(self.command, [])
                status = waiting.pop(0) if waiting else None
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if status == 0:
                    self.close_connection = True
                    return
                if status is not None:
                    self.send_error(status)
                    return
                headers = {name: value for name, value in self.headers.items() if name not in ("Host", "Connection")}
                answer = httpx.request(self.command, target + self.path, headers=headers, content=body, timeout=60)
                self.send_response(answer.status_code)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.content)

            do_GET = do_HEAD = do_POST = do_PATCH = _pass_on

            def log_message(self, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server.server_port}"


@pytest.fixture
def restarting(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestartingSite]:
    from evaluation.cli import submit as command

    monkeypatch.setattr(command, "_PAUSES_S", (0, 0.01, 0.01, 0.01, 0.01))
    monkeypatch.setattr(command, "_POLL_S", 0.1)
    site = RestartingSite(live_server.url)
    yield site
    site.server.shutdown()
    site.server.server_close()


def test_a_site_that_restarts_while_one_waits_ends_nothing(
    restarting: RestartingSite,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    restarting.trouble = {"GET": [0, 502, 503, 504, 0], "HEAD": [502, 0], "PATCH": [503, 0], "POST": [0, 502]}
    assert submit_here(predictions(), restarting.url) == 0
    assert restarting.trouble == {"GET": [], "HEAD": [], "PATCH": [], "POST": []}
    assert "VCMR.R@1" in capsys.readouterr().out
    assert Submission.objects.count() == 1


def test_why_a_whole_file_waits_is_said_once(
    restarting: RestartingSite,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from benchmark_site.leaderboard.submissions import pieces

    asked: list[int] = []

    def busy(*_: object) -> None:
        asked.append(1)
        if len(asked) == 2:  # the first time it may be begun; then it has come
            raise ApiError("track", "under_way", "5 submissions of ada wait: wait for one", status=429)

    def later() -> None:
        while not (waiting := SubmissionUpload.objects.filter(waits_for__isnull=False).first()):
            time.sleep(0.05)
        seen = restarting.asked.count("GET")
        while restarting.asked.count("GET") < seen + 3:
            time.sleep(0.05)
        pieces.finish(waiting.pk)
        connections.close_all()

    monkeypatch.setattr(pieces, "check_may_submit", busy)
    sweeper = threading.Thread(target=later, daemon=True)
    sweeper.start()
    assert submit_here(predictions(), restarting.url) == 0
    sweeper.join(timeout=30)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("becomes a submission by itself: 5 submissions of ada wait: wait for one") == 1


def test_a_site_that_stays_away_is_given_up(
    restarting: RestartingSite,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    restarting.trouble = {"GET": [502] * 6}
    assert submit_here(predictions(), restarting.url) == 2
    assert "no platform answers (status 502)" in capsys.readouterr().err
    restarting.trouble = {"POST": [502] * 6}
    assert submit_here(predictions(seed=1), restarting.url) == 2
    assert "no platform answers (status 502)" in capsys.readouterr().err


def test_the_same_command_again_goes_on_with_what_it_has_sent(
    restarting: RestartingSite,
    submit_here: Callable[[Path, str], int],
    predictions: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    restarting.trouble = {"GET": [502] * 6}  # it stops waiting when all has been sent
    assert submit_here(predictions(), restarting.url) == 2
    sent = Submission.objects.get()
    Track.objects.update(total=1)  # and no try is left for another
    restarting.asked.clear()
    assert submit_here(predictions(), restarting.url) == 0
    said = capsys.readouterr().out
    assert f"this file is already submission {sent.pk} (mine) of Analytical: going on with it" in " ".join(said.split())
    assert "VCMR.R@1" in said
    assert "PATCH" not in restarting.asked
    assert Submission.objects.count() == 1
