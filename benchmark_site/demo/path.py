"""The way of a datum, walked once: `manage.py demo`. Each stage asks the database what is done and does the rest.

The orchestrator plays the requester: everything it does a person can do on the pages. The work itself is done by the
web server, the marketplace and the Celery workers, and by simulated annotators in a process of their own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.utils.crypto import salted_hmac
from rich.progress import Progress

from annotation.crowd import collect, launch, steering
from annotation.crowd.client import CrowdError
from annotation.crowd.workers import enrolment
from annotation.media.import_list import Wanted
from annotation.media.videos import take
from annotation.models import Assignment, Batch, Hit, Video, Worker
from annotation.models.crowd import Environment, Kind
from benchmark_site.demo import operator
from benchmark_site.demo.world.films import fetch_films
from benchmark_site.demo.world.generate import render_world
from benchmark_site.demo.world.script import Script, read_script
from benchmark_site.leaderboard.models import Evaluation, State, TrainingRun
from benchmark_site.leaderboard.training import baselines
from benchmark_site.local.processes import die_with_parent
from benchmark_site.releases.models import USUAL_SET_ASIDE, Release
from benchmark_site.releases.services import ReleaseSettings, start_release

SLUG, VERSION = "demo", "1.0.0"
SEALED_FROM = 80  # clips: with fewer the hidden split may be too small to be dealt to two tasks
POLL_S = 0.5
T = TypeVar("T")


class DemoError(Exception):
    """A stage could not do its work; the message says which and why."""


@dataclass(frozen=True)
class Plan:
    """How large the demo is. `folder` keeps rendered and fetched footage between runs; `preset` is HERO's size."""

    folder: Path
    clips: int
    annotators: int
    seed: int
    films: bool
    preset: str


def walk(plan: Plan, progress: Progress, say: Callable[[str], None]) -> Release:
    """All stages in order. Raises DemoError."""
    scripts = footage(plan, progress, say)
    crowd_work(plan, scripts, progress)
    release = freeze(plan, progress)
    train_and_score(plan, release, progress)
    return release


def footage(plan: Plan, progress: Progress, say: Callable[[str], None]) -> list[Script]:
    """Render the world, fetch the films, and have every video ingested."""
    world = plan.folder / "world"
    with _bar(progress, "render the world", plan.clips) as update:
        render_world(world, plan.clips, _secret_seed(plan), lambda done, total: update(done, total))
    scripts = [read_script(world / "script.json")]
    for clip in scripts[0].clips:
        subtitles = world / f"{clip.name}.vtt" if clip.subtitles else None
        take(
            Wanted(world / clip.file, clip.name, clip.name, subtitles=subtitles),
            source="procedural world",
            licence="Apache-2.0",
        )
    if plan.films:
        films = fetch_films(plan.folder / "films", say)
        for film in films:
            take(Wanted(film.path, film.name, film.title, film.source, film.licence))
        scripts.append(read_script(plan.folder / "films" / "script.json"))
    total = Video.objects.exclude(file="").count()
    _wait(progress, "decode, cut, extract features", lambda: (_ingested(), total), patience_s=600)
    return scripts


def crowd_work(plan: Plan, scripts: list[Script], progress: Progress) -> None:
    """Three batches, each asked of its own group of annotators, reviewed and paid."""
    _patiently(lambda: enrolment.open_enrolment(Environment.LOCAL))
    _enrol(plan, progress)
    _run_batches(plan, [Kind.SEGMENT], scripts, progress)
    _run_batches(plan, [Kind.QUERY, Kind.QA], scripts, progress)


def freeze(plan: Plan, progress: Progress) -> Release:
    """Build release `demo` 1.0.0 and wait until it is frozen."""
    release = Release.objects.filter(slug=SLUG, version=VERSION).first()
    if release is None:
        hidden = Release.Hidden.SEALED if plan.clips >= SEALED_FROM else Release.Hidden.SHARED
        # Of the installation's secret: from the seed alone anybody could draw the order of the options again.
        seal = salted_hmac("demo release", str(plan.seed), algorithm="sha256").hexdigest()
        how = ReleaseSettings(seed=plan.seed, hidden=hidden, seal=seal, set_aside=USUAL_SET_ASIDE)
        release = start_release(SLUG, VERSION, user=operator.requester(), **how)

    def state() -> tuple[int, int]:
        release.refresh_from_db()
        if release.state == Release.State.FAILED:
            raise DemoError(f"the release failed: {release.reason}")
        steps = [step.value for step in Release.Step]
        return steps.index(release.step) + (release.state == Release.State.FROZEN), len(steps)

    _wait(progress, "match negatives, freeze the release", state, patience_s=600)
    return release


def train_and_score(plan: Plan, release: Release, progress: Progress) -> None:
    """Open the boards, train HERO on the release, submit it and the blind baselines, wait for the scores."""
    baselines.open_boards(release.pk)
    baselines.start_baselines(release.pk, plan.preset)

    def trained() -> tuple[int, int]:
        run = TrainingRun.objects.filter(release=release).latest("pk")
        if run.state == State.FAILED:
            raise DemoError(f"training failed: {run.error}")
        return (100, 100) if run.state == State.DONE else (min(99, int(100 * run.progress)), 100)

    _wait(progress, "train HERO, predict, submit", trained, patience_s=1800)

    def scored() -> tuple[int, int]:
        ours = Evaluation.objects.filter(submission__track__release=release)
        failed = ours.filter(state=State.FAILED).first()
        if failed is not None:
            raise DemoError(f"{failed.submission} was not scored: {failed.error}")
        return ours.filter(state=State.DONE).count(), ours.count()

    _wait(progress, "score submissions", scored, patience_s=600)


def _secret_seed(plan: Plan) -> int:
    """What plots, pictures and annotators are drawn by: of the installation's secret, as the order of options is.

    From a seed that is published anybody could write the script of a hidden clip again.
    """
    return int(salted_hmac("demo world", str(plan.seed), algorithm="sha256").hexdigest()[:12], 16)


def _ingested() -> int:
    failed = Video.objects.filter(state=Video.State.FAILED).first()
    if failed is not None:
        raise DemoError(f"video {failed.public_id} was not ingested: {failed.error}")
    return Video.objects.filter(state=Video.State.READY).count()


def _enrol(plan: Plan, progress: Progress) -> None:
    """Annotators sign up and ask for a group; we admit them while they wait."""
    if Worker.objects.exclude(group="").count() >= plan.annotators:
        return
    with _annotators(plan) as crowd, _bar(progress, "annotators join", plan.annotators) as update:
        while crowd.poll() is None:
            _patiently(lambda: enrolment.admit_workers(Environment.LOCAL))
            update(_patiently(Worker.objects.exclude(group="").count), plan.annotators)
            time.sleep(POLL_S)
        update(_patiently(Worker.objects.exclude(group="").count), plan.annotators)
    if crowd.returncode != 0:
        raise DemoError(f"the annotators' process ended with status {crowd.returncode}: see {_crowd_log(plan)}")


def _run_batches(plan: Plan, kinds: list[Kind], scripts: list[Script], progress: Progress) -> None:
    """Launch, then rounds of work and review until every unit has its answers.

    Work and review alternate instead of overlapping, so that the same annotator meets the same unit in every run.
    """
    batches = [operator.order(kind, plan.seed) for kind in kinds]
    if not any(_refreshed(batches)):
        return
    total = sum(batch.hits.count() or launch.units(batch).count() for batch in batches)
    for batch in batches:
        if batch.state == Batch.State.DRAFT:
            launch.request_launch(batch.pk)
    names = " and ".join(kinds)
    ours = Hit.objects.filter(batch__in=batches)
    _wait(
        progress,
        f"launch {names}",
        lambda: (_launched(batches), total),
        patience_s=300,
    )
    wanted = sum(hit.batch.assignments_per_hit for hit in ours.select_related("batch"))
    with _bar(progress, f"crowd: {names}", wanted) as update:
        answers = -1
        while any(_patiently(lambda: _refreshed(batches))):
            before, answers = answers, Assignment.objects.filter(hit__batch__in=batches).count()
            if answers == before:  # nobody is left who may replace a rejected answer
                _close(batches, progress)
                break
            with _annotators(plan) as crowd:
                while crowd.poll() is None:
                    update(_patiently(lambda: _answers(batches)), wanted)
                    time.sleep(POLL_S)
            if crowd.returncode != 0:
                raise DemoError(f"the annotators' process ended with status {crowd.returncode}: see {_crowd_log(plan)}")
            _collect_and_review(batches, scripts)
            update(_patiently(lambda: _answers(batches)), wanted)


def _close(batches: list[Batch], progress: Progress) -> None:
    for batch in Batch.objects.filter(pk__in=[batch.pk for batch in batches], state=Batch.State.OPEN):
        steering.request_close(batch.pk)
    _wait(
        progress,
        "close what nobody can complete",
        lambda: (len(batches) - sum(_refreshed(batches)), len(batches)),
        patience_s=120,
    )


def _collect_and_review(batches: list[Batch], scripts: list[Script]) -> None:
    for batch in batches:
        _patiently(lambda batch=batch: collect.collect(batch.pk, every_hit=True))  # type: ignore[misc]
        _patiently(lambda batch=batch: operator.review_batch(batch, scripts))  # type: ignore[misc]
    undecided = [Assignment.State.APPROVING, Assignment.State.REJECTING]
    deadline = time.monotonic() + 300
    while _patiently(Assignment.objects.filter(hit__batch__in=batches, state__in=undecided).exists):
        if time.monotonic() > deadline:
            raise DemoError("decisions wait for 5 minutes: does the Celery worker run?")
        time.sleep(POLL_S)


def _launched(batches: list[Batch]) -> int:
    stopped = Batch.objects.filter(pk__in=[batch.pk for batch in batches]).exclude(error="").first()
    if stopped is not None and not stopped.error.startswith(launch.TROUBLE):  # which is tried again
        raise DemoError(f"“{stopped}” was not launched: {stopped.error}")
    return Hit.objects.filter(batch__in=batches).exclude(state=Hit.State.WAITING).count()


def _refreshed(batches: list[Batch]) -> list[bool]:
    """For each batch, whether it still has open units."""
    return [Batch.objects.get(pk=batch.pk).state != Batch.State.CLOSED for batch in batches]


def _answers(batches: list[Batch]) -> int:
    return Assignment.objects.filter(hit__batch__in=batches, state=Assignment.State.APPROVED).count()


@contextmanager
def _annotators(plan: Plan) -> Iterator[subprocess.Popen[bytes]]:
    """The simulated annotators at work until nothing is left for any of them."""
    scripts = [plan.folder / "world" / "script.json"]
    if plan.films:
        scripts.append(plan.folder / "films" / "script.json")
    command = [sys.executable, "-m", "benchmark_site.demo.crowd", "--marketplace", settings.MARKETPLACE_URL]
    command += ["--workers", str(plan.annotators), "--seed", str(_secret_seed(plan)), "--until-idle", "0"]
    for script in scripts:
        command += ["--script", str(script)]
    with _crowd_log(plan).open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent("SIGTERM"),
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


def _crowd_log(plan: Plan) -> Path:
    return plan.folder / "crowd.log"


def _wait(progress: Progress, title: str, state: Callable[[], tuple[int, int]], *, patience_s: float) -> None:
    """Poll (done, total) until done, showing a bar. Raises DemoError when nothing moves for `patience_s` seconds."""
    with _bar(progress, title, None) as update:
        last, moved = -1, time.monotonic()
        while True:
            done, total = _patiently(state)
            update(done, total)
            if done >= total:
                return
            if done != last:
                last, moved = done, time.monotonic()
            if time.monotonic() - moved > patience_s:
                raise DemoError(f"{title}: {done} of {total}, and no progress for {patience_s:.0f} s")
            time.sleep(POLL_S)


def _patiently(call: Callable[[], T], patience_s: float = 60) -> T:
    """Repeat a call while the database or the marketplace is being started again."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return call()
        except (OperationalError, InterfaceError, *CrowdError):
            if time.monotonic() > deadline:
                raise
            connection.close()
            time.sleep(POLL_S)


@contextmanager
def _bar(progress: Progress, title: str, total: int | None) -> Iterator[Callable[[int, int], None]]:
    task = progress.add_task(title, total=total)
    started = time.monotonic()
    yield lambda done, total: progress.update(task, completed=done, total=total)
    if not progress.console.is_terminal:  # a bar that nobody sees move is one line at its end
        progress.console.print(f"{title}: {progress.tasks[task].completed:g} in {time.monotonic() - started:.0f} s")
