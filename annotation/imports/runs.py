"""One file taken in: by a worker, or by the command in its own process."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction

from annotation.imports.take import About, take
from annotation.models import AnnotationImport
from annotation.task_names import TAKE_IMPORT
from benchmark_site.jobs.enqueue import enqueue
from benchmark_site.jobs.leases import LeaseLost, acquire, heartbeats, locked
from evaluation.forms.export import problem_row, problem_text
from evaluation.forms.records import FormError
from evaluation.forms.table import FORMS
from evaluation.release import ReleaseError, read_video_index


def ask_for(run: AnnotationImport) -> None:
    """Save a run whose file has come by the page, and wake a worker."""
    with transaction.atomic():
        run.save()
        enqueue(TAKE_IMPORT, import_id=run.pk)


def run_import(pk: int) -> None:
    """Take the file of a waiting run in; what stops it is written on the run. Does nothing where a worker is at it."""
    lease = acquire(AnnotationImport, pk)
    if lease is None:
        return
    try:
        with heartbeats(lease):
            _take_file(lease)
    except LeaseLost:
        return
    lease.file.delete(save=False)
    lease.video_index.delete(save=False)


def _take_file(lease: AnnotationImport) -> None:
    index = Path(lease.video_index.path) if lease.video_index else None
    with locked(lease) as run:
        try:
            take_into(run, Path(run.file.path), index)
        except (FormError, ReleaseError, OSError) as error:
            run.state, run.error = run.State.FAILED, str(error).replace(run.file.path, run.name)
        run.file = run.video_index = run.claimed_by = ""
        run.save()


def take_into(run: AnnotationImport, path: Path, video_index: Path | None = None) -> None:
    """Take a file in and put on the run, unsaved, what came of it. Raises FormError, ReleaseError, OSError."""
    durations = _durations(video_index) if video_index else {}
    form = FORMS[run.form]
    about = About(run.source, run.licence, durations, run.segments_only, form.whole_clips)
    with transaction.atomic():
        taken = take(form.read(path), about)
        run.added, run.known = dict(taken.added), dict(taken.known)
        run.problems = [problem_row(run.name, fault) for fault in taken.faults]
        if not run.known and not any(run.added.values()):
            first = f": {problem_text(path.name, taken.faults[0])}" if taken.faults else ""
            raise FormError(f"{path}: nothing in it is {form.about}{first}")
    run.state = run.State.DONE


def _durations(path: Path) -> dict[str, float]:
    return {
        name: float(seconds)
        for videos in read_video_index(path).values()
        for name, seconds in zip(videos.names, videos.durations, strict=True)
    }
