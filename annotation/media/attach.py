"""Sentences for a video: compared with the film, stored whole or not at all, never changed under collected work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.db.models import Max, Q

from annotation.media.subtitles import Cue, Problem, SubtitleError, Track, fit_film, read_subtitles
from annotation.media.subtitles.language import ENGLISH_FROM, english_share
from annotation.media.texts import escaped
from annotation.models import Clip, Hit, Segment, Subtitle, Video
from annotation.models.subtitle_track import SubtitleTrack

MOST_LISTED = 200  # problems kept with a video
Result = Literal["taken", "replaced", "known"]


@dataclass(frozen=True)
class Attached:
    """What became of a file: how many sentences the video has now, and what was left out or changed."""

    result: Result
    sentences: int
    problems: tuple[Problem, ...]


def read_for_video(path: Path, *, video: str = "", encoding: str = "") -> Track:
    """`read_subtitles`, and the rule on languages where the setting SUBTITLES_ENGLISH_ONLY asks for it.

    Raises SubtitleError wherever `attach` would for a new video, so that no file of it need be stored before.
    """
    track = read_subtitles(path, video=video, encoding=encoding)
    try:
        fit_film(track.cues, None)
    except SubtitleError as error:
        raise SubtitleError(f"{path.name}: {error}") from error
    if settings.SUBTITLES_ENGLISH_ONLY:
        refuse_other_languages(track, path.name)
    return track


def refuse_other_languages(track: Track, name: str) -> None:
    """The paper's rule (section 4.1): videos in other languages are left out. Too few words to tell are let pass.

    Raises SubtitleError.
    """
    share = english_share([cue.text for cue in track.cues])
    if share is not None and share < ENGLISH_FROM:
        raise SubtitleError(f"{name}: not English: {share:.0%} function words, expected {ENGLISH_FROM:.0%} or more")


@transaction.atomic
def attach(video: Video, track: Track, name: str) -> Attached:
    """Give a video the sentences of a track, in place of those it had; the same ones again change nothing.

    Raises SubtitleError (then nothing has changed) where the times are not the film's, and where annotators have seen
    the video with other words.
    """
    video = Video.objects.select_for_update().get(pk=video.pk)
    cues, outside = fit_film(track.cues, _length(video), video.fps)
    if not cues:
        raise SubtitleError("no cue lies inside the film")
    problems = (*track.problems, *outside)
    before = [Cue(row.start, row.end, row.text) for row in video.subtitles.all()]
    if before == cues:
        return Attached("known", len(cues), problems)
    _refuse_under_annotation(video)
    _store(video, cues, replace(track, problems=problems), name)
    return Attached("replaced" if before else "taken", len(cues), problems)


@transaction.atomic
def fit_to_film(video: Video) -> None:
    """Compare what was attached before the film was measured with the film; what is not its own goes, with a reason.

    To be called in the transaction that stores duration and rate.
    """
    rows = list(video.subtitles.all())
    cues = [Cue(row.start, row.end, row.text, f"at {row.start:g} s") for row in rows]
    try:
        kept, problems = fit_film(cues, _length(video), video.fps)
    except SubtitleError as error:
        kept, problems = [], [Problem("", f"refused: {error}")]
    if kept == cues:
        return
    video.subtitles.all().delete()
    _create(video, kept)
    for track in SubtitleTrack.objects.filter(video=video):
        track.problems = _listed([*track.problems, *map(str, problems)])
        track.save()


def _length(video: Video) -> float | None:
    """Seconds; of a video known by its name alone, as far as its clips reach."""
    return video.duration or video.clips.aggregate(end=Max("end"))["end"]


def _refuse_under_annotation(video: Video) -> None:
    """What annotators saw stays, and with it what a release froze: a frozen item stands on a collected segment."""
    # No unit can be made of a locked clip, so that none slips in beside.
    clips = [clip.pk for clip in Clip.objects.select_for_update().filter(video=video)]
    hit = Hit.objects.filter(Q(clip__in=clips) | Q(segment__clip__in=clips)).select_related("batch").first()
    if hit is not None:
        raise SubtitleError(f"the batch “{hit.batch}” asks about it: what annotators see stays as it is")
    if Segment.objects.filter(clip__in=clips).exists():
        raise SubtitleError("segments of it are collected: what they were made from stays as it is")


def _store(video: Video, cues: Sequence[Cue], track: Track, name: str) -> None:
    try:
        with transaction.atomic():
            video.subtitles.all().delete()
            _create(video, cues)
            SubtitleTrack.objects.update_or_create(
                video=video,
                defaults={
                    "name": escaped(name)[-255:],
                    "form": track.form,
                    "encoding": track.encoding,
                    "automatic": track.automatic,
                    "english_share": english_share([cue.text for cue in cues]),
                    "problems": _listed(map(str, track.problems)),
                },
            )
    except (IntegrityError, DataError) as error:
        raise SubtitleError(f"the database refuses it: {' '.join(str(error).split())}") from error


def _create(video: Video, cues: Iterable[Cue]) -> None:
    rows = [Subtitle(video=video, start=cue.start, end=cue.end, text=cue.text) for cue in cues]
    Subtitle.objects.bulk_create(rows, batch_size=2000)


def _listed(problems: Iterable[str]) -> list[str]:
    every = list(problems)
    more = len(every) - MOST_LISTED
    return [*every[:MOST_LISTED], f"and {more} more"] if more > 0 else every
