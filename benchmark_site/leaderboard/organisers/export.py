"""Everything about a track in one zip: its settings, what was sent, by whom, what it scored, and the files.

It is made while it is sent: the first byte comes at once, and of the files no more than a piece lies in memory.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Prefetch, QuerySet
from django.forms.models import model_to_dict

from benchmark_site.leaderboard.boards.export import cell
from benchmark_site.leaderboard.models import Evaluation, Score, State, Submission, Track
from benchmark_site.leaderboard.organisers.forms import TrackForm
from benchmark_site.leaderboard.scoring.disclosed import disclosed_private_scores, disclosed_scores, part_of
from benchmark_site.leaderboard.submissions.uploads import suffix

_CARD = ["method", "description", "paper_url", "code_url", "parameters", "training_data", "external_data", "hardware",
         "run_time_s"]  # fmt: skip
_READ_BYTES = 2**20
_ROWS_AT_ONCE = 200  # with their scorings


class _Outbox(io.RawIOBase):
    """What a zip is written to; what has been written is taken out piece by piece. It cannot be sought in."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


def export_track(track: Track) -> Iterator[bytes]:
    """A zip, piece by piece. Scores are those that the track shows, after the reveal also private ones of what decides.

    files/ holds what was sent, submissions.csv has a line a submission, scorings.csv one for each time that one was
    scored, problems.json says what was wrong with refused ones, track.json has settings and announcements, missing.txt
    a line for each file that should be there and is not.
    """
    problems: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    scorings: list[dict[str, Any]] = []
    missing: list[str] = []
    outbox = _Outbox()
    with zipfile.ZipFile(outbox, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in _sent(track).iterator(_ROWS_AT_ONCE):
            evaluation = _shown(one)
            rows.append(_row(one, evaluation))
            scorings += [_scoring(one, scoring) for scoring in reversed(list(one.evaluations.all()))]
            if evaluation.problems:
                problems[str(one.pk)] = evaluation.problems
            if one.file.name:
                name = f"files/{one.pk}{suffix(one.file.name)}"
                try:
                    yield from _file(archive, outbox, one, name)
                except FileNotFoundError:  # deleted while the zip was on its way, or lost
                    missing.append(f"{name}: the file of {one.file_name} was gone when its turn came\n")
        archive.writestr("track.json", json.dumps(_told(track), cls=DjangoJSONEncoder, indent=1))
        archive.writestr("submissions.csv", _csv(rows))
        archive.writestr("scorings.csv", _csv(scorings))
        archive.writestr("problems.json", json.dumps(problems, indent=1))
        archive.writestr("participants.csv", _csv(_participants(track)))
        archive.writestr("missing.txt", "".join(missing))
    yield outbox.take()


def _sent(track: Track) -> QuerySet[Submission]:
    scorings = Evaluation.objects.defer("report", "log").prefetch_related("scores").order_by("-id")
    sent = Submission.objects.filter(track=track).select_related("team", "created_by", "track__release")
    return sent.prefetch_related(Prefetch("evaluations", scorings)).order_by("created_at")


def _shown(one: Submission) -> Evaluation:
    """As `Submission.shown_evaluation`, from the scorings that were read with it."""
    scorings = list(one.evaluations.all())
    return next((scoring for scoring in scorings if scoring.state == State.DONE), scorings[0])


def _file(archive: zipfile.ZipFile, outbox: _Outbox, one: Submission, name: str) -> Iterator[bytes]:
    """Write a file into the zip while it is sent. Raises FileNotFoundError, before anything, where it is gone."""
    with Path(one.file.path).open("rb") as source:
        entry = zipfile.ZipInfo.from_file(one.file.path, name, strict_timestamps=False)
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w") as target:
            while data := source.read(_READ_BYTES):
                target.write(data)
                if ready := outbox.take():  # the compressor holds some back
                    yield ready


def _row(one: Submission, evaluation: Evaluation) -> dict[str, Any]:
    deleted = one.file_deleted_at
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


def _scoring(one: Submission, scoring: Evaluation) -> dict[str, Any]:
    """One of a submission's scorings, oldest first; its scores are those of the release that the hash names."""
    times = {name: getattr(scoring, name) for name in ("asked_at", "started_at", "finished_at")}
    return {
        "submission": str(one.pk), "evaluator_version": scoring.evaluator_version,
        "manifest_sha256": scoring.manifest_sha256, "state": scoring.state, "attempts": scoring.attempt,
        **{name: time.isoformat() if time else "" for name, time in times.items()}, "error": scoring.error,
    }  # fmt: skip


def _told(track: Track) -> dict[str, Any]:
    """What the organisers have set and said, what was withdrawn included."""
    said = track.announcements.select_related("created_by")
    return {
        "track": track.path,
        "release_sha256": track.release.sha256,
        "settings": model_to_dict(track, TrackForm.Meta.fields),
        "announcements": [
            {"at": one.created_at, "by": str(one.created_by or ""), "withdrawn_at": one.withdrawn_at, "text": one.text}
            for one in said
        ],
    }


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
