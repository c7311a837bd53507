"""One scoring: lease the row, run the evaluator in a child process, save results and "done" together."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

import evaluation as evaluator
from benchmark_site.jobs import child_process
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeat, locked
from benchmark_site.leaderboard.models import Evaluation, PrivateScore, Score, State, Submission, Track
from benchmark_site.leaderboard.models.submissions import ScoreTable
from benchmark_site.leaderboard.models.work import UNFINISHED
from benchmark_site.leaderboard.scoring.parts import parts
from benchmark_site.leaderboard.scoring.reach import of_evaluator
from benchmark_site.leaderboard.scoring.report import Report, ReportError, read_report
from evaluation.release import ReleaseError

LIMITS = child_process.Limits(memory_bytes=4 * 2**30, cpu_s=900, file_bytes=64 * 2**20, open_files=256)
WALL_S = 1800  # of both parts of a split together: so long others may wait for it
_REFUSED = 2
_SEED = 0


class FileDeletedError(Exception):
    """There is no file left to score."""


class LostFileError(Exception):
    """A file that nobody has deleted is not on our disk."""


def queue_evaluation(submission: Submission) -> Evaluation:
    """Create an evaluation by the evaluator of today and tell a worker once this transaction is through."""
    row = Evaluation.objects.create(
        submission=submission,
        evaluator_version=evaluator.__version__,
        manifest_sha256=submission.track.release.sha256,
    )
    wake(row)
    return row


def wake(row: Evaluation) -> None:
    """Tell a worker, once this transaction is through, that there is work on it."""
    enqueue(row.task, evaluation_id=row.pk)


def score_evaluation(pk: int) -> bool:
    """Score one evaluation to its end; False, and nothing is done, where another worker has it or it has ended.

    Nor where it is a model's that has not predicted yet.
    """
    if Evaluation.objects.filter(Evaluation.to_predict(), pk=pk).exists():
        return False
    row = acquire(Evaluation, pk)
    if row is None:
        return False
    with tempfile.TemporaryDirectory(prefix="score-") as scratch:
        try:
            runs = _runs(row, Path(scratch))
            with locked(row) as mine:
                _finish(mine, runs)
        except ReleaseError as error:
            with suppress(LeaseLost), locked(row) as mine:
                mine.end(State.FAILED, "the scoring failed: the release cannot be read", str(error))
        except LostFileError as error:
            with suppress(LeaseLost), locked(row) as mine:
                mine.end(State.FAILED, "the scoring failed: the file that was sent is lost here", str(error))
        except LeaseLost:  # cancelled or taken over, perhaps at the last moment: that worker's word counts
            pass
    return True


def rescore(submission: Submission) -> Evaluation:
    """Queue another evaluation.

    Raises IntegrityError where this evaluator has scored it, or one is under way; FileDeletedError where its file is.
    """
    with transaction.atomic():
        kept = Submission.objects.filter(pk=submission.pk, file_deleted_at=None)
        if not kept.update(counts=not submission.dry_run):
            raise FileDeletedError(f"the file of {submission.pk} is deleted")
        return queue_evaluation(submission)


@dataclass(frozen=True)
class _Run:
    """One part of the split as the evaluator scored it, and the table that its numbers go to."""

    kind: ScoreTable
    ended: child_process.Ended
    report: Path


def _runs(row: Evaluation, scratch: Path) -> list[_Run]:
    """Score the split, or its parts one after the other: a file that the first run refuses needs no second.

    Raises evaluation.release.ReleaseError where the release's folder cannot be read, LostFileError where the file is
    not there: the evaluator would call that a file that cannot be scored.
    """
    if not Path(row.submission.scored_file).is_file():
        raise LostFileError(row.submission.scored_file)
    track = row.submission.track
    kinds: list[ScoreTable] = [Score]
    if track.has_private_part and not row.submission.dry_run:
        kinds = [Score, PrivateScore]
        for kind, ids in zip(kinds, parts(track), strict=True):
            (scratch / f"{kind.__name__}.ids").write_text("".join(f"{one}\n" for one in ids))
    runs: list[_Run] = []
    ends = time.monotonic() + WALL_S
    for kind in kinds:
        if all(run.ended.status == 0 for run in runs):
            runs.append(_run(row, kind, scratch, ends - time.monotonic()))
    return runs


def _run(row: Evaluation, kind: ScoreTable, scratch: Path, wall_s: float) -> _Run:
    report, log, ids = (scratch / f"{kind.__name__}.{suffix}" for suffix in ("json", "txt", "ids"))
    only = ["--only", str(ids)] if ids.exists() else []
    command = [*_command(row.submission, report), *only]
    files = of_evaluator(row, row.submission.track, [row.submission.scored_file], scratch)
    ended = child_process.run(command, log, alive=lambda: heartbeat(row), wall_s=wall_s, limits=LIMITS, files=files)
    return _Run(kind, ended, report)


def outdated(track: Track) -> QuerySet[Submission]:
    """What the evaluator of today has not scored and is not about to; what failed or was cancelled is no scoring."""
    by_this = Evaluation.objects.filter(
        submission__track=track,
        evaluator_version=evaluator.__version__,
        manifest_sha256=track.release.sha256,
        state__in=[*UNFINISHED, State.DONE],
    )
    sent = Submission.objects.filter(track=track, counts=True, file_deleted_at=None)
    return sent.exclude(pk__in=by_this.values("submission"))


def rescore_all(track: Track) -> int:
    """Queue a scoring by the evaluator of today of everything that it has not scored; old scores are kept.

    Returns how many. What is being scored, and what has lost its file meanwhile, is left alone.
    """
    queued = 0
    for submission in outdated(track).order_by("created_at"):
        try:
            rescore(submission)
            queued += 1
        except (IntegrityError, FileDeletedError):
            continue
    return queued


def _command(submission: Submission, report: Path) -> list[str]:
    track = submission.track
    asked = arguments(track, str(track.release.folder), submission.scored_file, dry_run=submission.dry_run)
    # A check of SVMR lists names every row of a wrong video, and a refused file costs no try.
    withheld = ["--withheld"] if track.hides_truth and not submission.baseline else []
    return [sys.executable, "-m", *asked, "--json", str(report), *withheld]


def arguments(track: Track, release: str, predictions: str, *, dry_run: bool = False) -> list[str]:
    """What the evaluator is called with, for a release's folder and a file of predictions."""
    return [
        "evaluation", "validate" if dry_run else "score", release, predictions,
        "--task", track.task, "--split", track.split, "--seed", str(_SEED),
    ]  # fmt: skip


def _finish(row: Evaluation, runs: list[_Run]) -> None:
    """Save what all runs say, or why one of them could not say it."""
    read = []
    for run in runs:
        if run.ended.status not in (0, _REFUSED) or run.ended.out_of_time:
            _fail(row, run.ended)
            return
        try:
            report, whole = read_report(run.report)
        except ReportError as error:
            # Status 2 without a report: the release, not the submission, could not be read.
            row.end(State.FAILED, f"the scoring failed: {error}", run.ended.log)
            return
        if report.refused:
            name = row.submission.file_name
            row.problems = [{**problem, "file": name} for problem in whole["refused"]]
            row.end(State.FAILED, "refused: the file is not a valid submission, see its problems")
            return
        mismatch = _mismatch(row, report)
        if mismatch:
            row.end(State.FAILED, f"the scoring failed: {mismatch}", run.ended.log)
            return
        read.append((run.kind, report, whole))
    for kind, report, _ in read:
        _save(row, kind, report)
    _, first, row.report = read[0]
    row.evaluator_version = first.evaluator_version
    row.end(State.DONE)


def _save(row: Evaluation, kind: ScoreTable, report: Report) -> None:
    rows: list[Any] = [
        kind(
            evaluation=row, key=metric.key, value=metric.value, low=metric.low, high=metric.high, n=metric.n,
            blind=metric.blind, beats_blind=metric.beats_blind,
        )
        for metric in report.metrics
    ]  # fmt: skip
    kind._default_manager.bulk_create(rows)


def _fail(row: Evaluation, ended: child_process.Ended) -> None:
    """A kill from outside may be the machine's fault and is tried again; everything else would only repeat."""
    reason = ended.reason("the scorer")
    killed = ended.status == -signal.SIGKILL and not ended.out_of_time
    if killed and row.attempt < MAX_ATTEMPTS:
        row.requeue(reason, ended.log)
        wake(row)
        return
    times = f", {row.attempt} times" if killed else ""
    row.end(State.FAILED, f"the scoring failed: {reason}{times}", ended.log)


def _mismatch(row: Evaluation, report: Report) -> str:
    """Why a report is not kept, or nothing: it must be of what was sent, against what was frozen, and new."""
    if report.predictions_sha256 != row.submission.scored_sha256:
        return "the stored file is no longer the one that was sent or predicted"
    if report.manifest_sha256 != row.manifest_sha256:
        return "the release on the disk is not the frozen one"
    if (report.task, report.split) != (row.submission.track.task, row.submission.track.split):
        return "the evaluator scored another track"
    version = report.evaluator_version
    earlier = row.submission.evaluations.filter(state=State.DONE, manifest_sha256=row.manifest_sha256)
    if earlier.filter(evaluator_version=version).exists():  # a worker that an update has left running
        return (
            f"evaluator {version} took it and had scored it before, {row.evaluator_version} was asked for: "
            "the operator restarts the workers, then the organiser has it scored again"
        )
    return ""
