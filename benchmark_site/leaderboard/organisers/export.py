"""Everything about a track in one zip: what was sent, by whom, what it scored, and the files."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from benchmark_site.leaderboard.boards.export import cell
from benchmark_site.leaderboard.models import Score, Submission, Track
from benchmark_site.leaderboard.scoring.disclosed import disclosed_private_scores, disclosed_scores, part_of
from benchmark_site.leaderboard.submissions.uploads import suffix

_CARD = ["method", "description", "paper_url", "code_url", "parameters", "training_data", "external_data", "hardware",
         "run_time_s"]  # fmt: skip
_READ_BYTES = 2**20


def export_track(track: Track) -> tuple[IO[bytes], int]:
    """A zip in a temporary file, at its start, and its size in bytes. Scores are those that the track shows,
    after the reveal with the private ones of what has decided.

    submissions.csv has a line a submission, problems.json what was wrong with refused ones, files/ what was sent.
    """
    sent = Submission.objects.filter(track=track).select_related("team", "created_by", "track__release")
    sent = sent.prefetch_related("evaluations__scores").order_by("created_at")
    problems: dict[str, Any] = {}
    rows = []
    file = tempfile.TemporaryFile()  # noqa: SIM115  (the response closes it)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sent:
            evaluation = one.shown_evaluation
            rows.append(_row(one))
            if evaluation.problems:
                problems[str(one.pk)] = evaluation.problems
            name = one.file.name or ""
            if name and one.file.storage.exists(name):
                archive.write(one.file.path, f"files/{one.pk}{suffix(name)}")
        archive.writestr("submissions.csv", _csv(rows))
        archive.writestr("problems.json", json.dumps(problems, indent=1))
        archive.writestr("participants.csv", _csv(_participants(track)))
    size = file.tell()
    file.seek(0)
    return file, size


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """The file piece by piece, closed at its end."""
    with file:
        while data := file.read(_READ_BYTES):
            yield data


def _row(one: Submission) -> dict[str, Any]:
    evaluation, deleted = one.shown_evaluation, one.file_deleted_at
    private = {f"private.{score.key}": score.value for score in disclosed_private_scores(evaluation)}
    scores = {score.key: score.value for score in disclosed_scores(evaluation)}
    return {
        "submission": str(one.pk), "kind": one.kind, "team": one.team.name, "sent_by": str(one.created_by or ""),
        "created_at": one.created_at.isoformat(), "began_at": one.began_at.isoformat(), "late": one.is_late,
        "public": one.public, "baseline": one.baseline, "dry_run": one.dry_run, "counts": one.counts,
        "final": one.final, "decides": one.decides, "hidden_reason": one.hidden_reason,
        **{name: getattr(one, name) for name in _CARD},
        "file_name": one.file_name, "size": one.size, "sha256": one.sha256,
        "file_deleted_at": deleted.isoformat() if deleted else "", "state": evaluation.state,
        "error": evaluation.error, "evaluator_version": evaluation.evaluator_version,
        "part": part_of(one.track, Score), **scores, **private,
    }  # fmt: skip


def _participants(track: Track) -> list[dict[str, Any]]:
    return [
        {"person": str(one.user), "about": one.about, "state": one.state, "asked_at": one.asked_at.isoformat()}
        for one in track.participants.select_related("user")
    ]


def _csv(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()
