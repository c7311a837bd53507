"""The paired test of two submissions: the evaluator's own, in a child process, once for each pair of scorings."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from benchmark_site.jobs import child_process
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import LeaseLost, acquire, heartbeat, locked
from benchmark_site.leaderboard.models import Comparison, Evaluation, State, Track
from benchmark_site.leaderboard.scoring.parts import parts
from benchmark_site.leaderboard.scoring.reach import of_evaluator
from benchmark_site.leaderboard.scoring.score import LIMITS, WALL_S
from benchmark_site.leaderboard.task_names import COMPARE
from evaluation.release import ReleaseError

MOST_UNFINISHED = 3


class TooManyError(Exception):
    """As many comparisons of one person are under way as may be."""


def request_comparison(a: Evaluation, b: Evaluation, asked_by: User | None = None) -> Comparison:
    """The comparison of two scorings of one track, queued where nobody has asked for it before.

    One that failed is made again where a person asks; the platform asks once. Each costs two scorings, and others wait
    behind it: raises TooManyError where this would be more than MOST_UNFINISHED of a person's.
    """
    first, second = sorted((a, b), key=lambda one: one.pk)
    with transaction.atomic():
        if asked_by is not None:
            User.objects.select_for_update(no_key=True).get(pk=asked_by.pk)  # two at once would both be the last
            known = Comparison.objects.filter(first=first, second=second).exclude(state=State.FAILED).first()
            theirs = Comparison.objects.filter(Comparison.unfinished(), asked_by=asked_by)
            if known is None and theirs.count() >= MOST_UNFINISHED:
                raise TooManyError(f"{MOST_UNFINISHED} comparisons of yours are under way: wait for one")
        row, new = Comparison.objects.get_or_create(first=first, second=second, defaults={"asked_by": asked_by})
        if not new and asked_by is not None:
            new = _begun_again(row, asked_by)
        if new:
            enqueue(COMPARE, comparison_id=row.pk)
    return row


def forget_comparisons(track: Track) -> None:
    """Of another primary metric than the track's: a worker that is at one loses it, and those for groups come anew."""
    Comparison.objects.filter(first__submission__track=track).delete()


def run_comparison(pk: int) -> None:
    """Make one comparison to its end; does nothing where another worker has it or it has ended."""
    row = acquire(Comparison, pk)
    if row is None:
        return
    with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
        report, log = Path(scratch) / "report.json", Path(scratch) / "log.txt"
        try:
            if any(one.submission.file_deleted_at for one in (row.first, row.second)):
                with locked(row) as mine:
                    mine.end(State.FAILED, "the file of one of the two is deleted: there is nothing to compare")
                return
            command = _command(row, report, Path(scratch) / "ids")
            files = of_evaluator(row, row.first.submission.track, _predictions(row), Path(scratch))
            ended = child_process.run(
                command, log, alive=lambda: heartbeat(row), wall_s=WALL_S, limits=LIMITS, files=files
            )
            with locked(row) as mine:
                _finish(mine, ended, report)
        except ReleaseError as error:
            with suppress(LeaseLost), locked(row) as mine:
                mine.end(State.FAILED, "the release cannot be read", str(error))
        except LeaseLost:
            return


def _begun_again(row: Comparison, asked_by: User) -> bool:
    """Whether it had failed, and waits now for a worker, who has all attempts, in the name of this person."""
    failed = Comparison.objects.select_for_update().filter(pk=row.pk, state=State.FAILED).first()
    if failed is None:
        return False
    failed.asked_by, failed.attempt, failed.finished_at = asked_by, 0, None
    failed.requeue("", "")
    return True


def _command(row: Comparison, report: Path, ids: Path) -> list[str]:
    track = row.first.submission.track
    only = []
    if track.has_private_part:  # which has decided: nothing is compared before
        ids.write_text("".join(f"{one}\n" for one in parts(track)[1]))
        only = ["--only", str(ids)]
    return [
        sys.executable, "-m", "evaluation", "compare", str(track.release.folder), *_predictions(row),
        "--task", track.task, "--split", track.split, "--json", str(report), "--wins", track.primary_metric, *only,
    ]  # fmt: skip


def _predictions(row: Comparison) -> list[str]:
    return [one.submission.scored_file for one in (row.first, row.second)]


def _finish(row: Comparison, ended: child_process.Ended, written: Path) -> None:
    if ended.status != 0 or ended.out_of_time or not written.exists():
        row.end(State.FAILED, f"the comparison failed: {ended.reason('the evaluator')}", ended.log)
        return
    track = row.first.submission.track
    report: dict[str, Any] = json.loads(written.read_text())
    row.p = next(line["p"] for line in report["differences"] if line["key"] == track.primary_metric)
    row.report = None if track.hides_truth else report
    row.end(State.DONE)
