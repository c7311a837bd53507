"""A model that was sent: predicts its split in a child process, from the files that every participant has."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from benchmark_site.jobs import child_process
from benchmark_site.jobs.leases import MAX_ATTEMPTS, LeaseLost, acquire, heartbeat, locked
from benchmark_site.leaderboard.models import Evaluation, State, Submission, Track
from benchmark_site.leaderboard.scoring.model_file import ModelFileError, unpack
from benchmark_site.leaderboard.scoring.reach import of_model
from benchmark_site.leaderboard.scoring.score import wake
from benchmark_site.releases.files.features import feature_set
from evaluation.release import Release, ReleaseError

LIMITS = child_process.Limits(memory_bytes=8 * 2**30, cpu_s=3600, file_bytes=2**30, open_files=512)
WALL_S = 3600
_BAD_INPUT = 2


def predict_evaluation(pk: int) -> None:
    """Have the model of one evaluation predict, then wake a scorer.

    Does nothing where that was done, where another worker has it, or where it has ended.
    """
    if not waiting().filter(pk=pk).exists():
        return
    row = acquire(Evaluation, pk)
    if row is None:
        return
    release = row.submission.track.release
    with tempfile.TemporaryDirectory(prefix="predict-") as scratch, suppress(LeaseLost):
        try:
            opened = Release.open(release.folder)
            unpack(Path(row.submission.file.path), Path(scratch) / "model", settings.SUBMISSION_MAX_BYTES)
        except ModelFileError as error:
            _refuse(row, str(error))
            return
        except ReleaseError as error:
            with locked(row) as mine:
                mine.end(State.FAILED, "the prediction failed: the release cannot be read", str(error))
            return
        except OSError as error:
            with locked(row) as mine:
                mine.end(State.FAILED, "the prediction failed: a file is lost or no disk is left here", str(error))
            return
        out, log = Path(scratch) / "predictions.json", Path(scratch) / "log.txt"
        command = _command(row.submission, Path(scratch) / "model", out)
        files = of_model(row, row.submission.track, opened, Path(scratch))
        ended = child_process.run(command, log, alive=lambda: heartbeat(row), wall_s=WALL_S, limits=LIMITS, files=files)
        if ended.status == 0 and out.exists():
            _keep(row, out)
        elif ended.status == _BAD_INPUT:
            names = {f"{scratch}/model/": "", f"{scratch}/model": "the zip", str(release.folder): "release"}
            _refuse(row, _said(ended.log, names))
        else:
            _fail(row, ended)


def waiting() -> QuerySet[Evaluation]:
    """Evaluations of models that have not predicted yet."""
    return Evaluation.objects.filter(Evaluation.to_predict())


def _command(submission: Submission, model: Path, out: Path) -> list[str]:
    track = submission.track
    return [sys.executable, "-m", *arguments(track, str(track.release.folder), str(model), str(out))]


def arguments(track: Track, release: str, model: str, out: str) -> list[str]:
    """What a model is called with, for a release's folder, the model's folder and the file that it writes."""
    features = feature_set(track.release)
    withheld = ["--withheld"] if track.hides_truth else []
    return [
        "hero_model", "predict", model, release, "--task", track.task,
        "--split", track.split, "--out", out, "--threads", "1", "--device", "cpu", "--foreign",
        *(["--features", features] if features else []), *withheld,
    ]  # fmt: skip


def _keep(row: Evaluation, out: Path) -> None:
    """Put the predictions beside the model's file; a second time the same ones in the same place."""
    submission = row.submission
    name = f"{submission.file.name}.predicted.json"
    place = Path(submission.file.storage.path(name))
    with out.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    partial = place.with_suffix(f".{os.getpid()}.partial")
    with locked(row) as mine:
        shutil.copyfile(out, partial)
        os.replace(partial, place)
        Submission.objects.filter(pk=submission.pk).update(predicted=name, predicted_sha256=sha256)
        mine.attempt = 0  # of the scoring that follows
        mine.requeue("", "")
        wake(mine)


def _refuse(row: Evaluation, reason: str) -> None:
    with locked(row) as mine:
        mine.problems = [{"file": row.submission.file_name, "message": reason}]
        mine.end(State.FAILED, "refused: the file holds no model that can be used here, see its problems")


def _said(log: str, names: Mapping[str, str]) -> str:
    """The last line of a child's log, with the names of its places as the sender knows them."""
    line = (log.strip().splitlines() or ["no reason was given"])[-1].removeprefix("error: ")
    for place, name in names.items():
        line = line.replace(place, name)
    return line


def _fail(row: Evaluation, ended: child_process.Ended) -> None:
    """A kill from outside may be the machine's fault and is tried again."""
    reason = ended.reason("the model")
    killed = ended.status == -signal.SIGKILL and not ended.out_of_time
    with locked(row) as mine:
        if killed and mine.attempt < MAX_ATTEMPTS:
            mine.requeue(reason, ended.log)
            wake(mine)
            return
        mine.end(State.FAILED, f"the prediction failed: {reason}", ended.log)
