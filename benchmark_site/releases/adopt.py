"""A release of another site becomes one of this site: its files, hash and splits stay, its items are accepted here.

A full copy can be scored here; of a public one, whose truth of test is elsewhere, train and val come in and the files.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from annotation.imports.places import Place, place_of
from annotation.imports.take import About, Taken, take
from annotation.models import Clip, Subtitle, Video
from benchmark_site.releases.files.export import zip_of
from benchmark_site.releases.models import (
    HalvedVideo,
    Item,
    Negative,
    Release,
    ReleaseFile,
    SealedClip,
    Split,
    SplitVideo,
)
from benchmark_site.releases.models.files import ADDRESS
from evaluation.exchange.croissant import said_in
from evaluation.exchange.rows import span_of
from evaluation.forms.records import Moment, Question, Record, Window
from evaluation.io.atomic import atomic_folder
from evaluation.release import CROISSANT, LICENCES, MANIFEST, PROVENANCE, SUMS, ReleaseError
from evaluation.release import Release as Reader
from evaluation.release.files import read_json, read_lines, read_verified
from evaluation.release.names import HALVES, HELD_OUT_MANIFEST, LENT, is_held_out, reserve_name, rows_name, truth_name
from evaluation.release.schema import HeldOutManifest, LentRow, LicenceRow, MomentRow, QuestionRow
from evaluation.release.writer import make_place

ROWS: Mapping[str, type[MomentRow] | type[QuestionRow]] = {"moment": MomentRow, "qa": QuestionRow}


def adopt(folder: Path, user: AbstractBaseUser | None = None) -> tuple[Release, Taken]:
    """Take a release folder in; a second run adds nothing. Raises ReleaseError, OSError."""
    reader = Reader.open(folder)
    reader.verify()
    _refuse_unreadable(reader)
    known = Release.objects.filter(slug=reader.name, version=reader.version).first()
    if known is not None:
        if known.sha256 != reader.manifest_sha256:
            raise ReleaseError(f"{folder}: another {known} is here, of hash {known.sha256 or '(not frozen)'}")
        return known, Taken()
    records = list(_records(reader))
    lent = _lent(reader, records)
    with transaction.atomic():
        release = Release(slug=reader.name, version=reader.version, seed=reader.manifest.seed, hidden=reader.hidden)
        release.created_by_id = None if user is None else user.pk
        if nonce := _nonce(reader):
            release.seal = nonce
        release.option_count = _option_count(reader, records)
        halves = reader.halves() if reader.has_held_out else {}
        release.test_halves = bool(halves)
        release.description, release.authors, release.licence = _said(reader)
        release.full_clean()
        release.save()
        here = set(Video.objects.values_list("pk", flat=True))
        written = (_as_written(record, lent) for record, *_ in records)
        taken = take(written, About(source=f"{reader.name} {reader.version}"), keep_ids=True)
        clips = _clips(reader)
        new = {clip.video_id: clip.video for clip in clips.values() if clip.video_id not in here}
        _enter_licences(reader, new, clips)
        _enter_subtitles(reader, clips)
        _enter_splits(reader, release, clips)
        _enter_halves(reader, release, halves, clips)
        _enter_items(reader, release, records, clips)
        _enter_lent(release, lent)
        listed = reader.files() + ([] if reader.is_public_copy else list(reader.held_out.values()))
        entries = {entry.path: entry for entry in listed}
        entries |= {entry.path: entry for entry in reader.files("held_out")}
        ReleaseFile.objects.bulk_create(ReleaseFile(release=release, **e.__dict__) for e in entries.values())
        _copy(reader, release.folder)
        Release.objects.filter(pk=release.pk).update(
            state=Release.State.FROZEN,
            step=Release.Step.DONE,
            sha256=reader.manifest_sha256,
            frozen_at=timezone.now(),
            frozen_before=Release.objects.filter(state=Release.State.FROZEN).count(),
        )
    release.refresh_from_db()
    zip_of(release)
    return release, taken


def _refuse_unreadable(reader: Reader) -> None:
    """Raises ReleaseError where a reader of the format would, or where a page could not name a file."""
    for entry in reader.entries():
        if not re.fullmatch(ADDRESS, entry.path):
            raise ReleaseError(f"{reader.root / entry.path}: expected a path of letters, digits, '.', '-' and '_'")
    for task in reader.tasks:
        for split in Split.values:
            (reader.moments if task == "moment" else reader.questions)(split)
        if reader.has_held_out:
            reader.reserve(task)


def _said(reader: Reader) -> tuple[str, str, str]:
    """(description, authors, licence) of the release itself; releases of earlier software say none."""
    path = reader.root / CROISSANT
    if CROISSANT not in {entry.path for entry in reader.files()}:
        return "", "", ""
    description, authors, licence = said_in(read_verified(path, reader.entry(CROISSANT)), path)
    return description, "\n".join(authors), licence


def _enter_licences(reader: Reader, films: dict[int, Video], clips: Mapping[str, Clip]) -> None:
    """What the release states of the `films` that came with it."""
    if LICENCES not in {entry.path for entry in reader.files()}:
        return
    for _, row in read_lines(reader.root / LICENCES, LicenceRow, reader.entry(LICENCES)):
        clip = clips.get(row.vid_name)
        if clip is not None and (film := films.get(clip.video_id)) is not None:
            film.licence, film.source = row.licence or "", row.source or film.source
            film.title = row.title or film.title
    Video.objects.bulk_update(films.values(), ["licence", "source", "title"], batch_size=1000)


Row = tuple[Record, str, bool, int]
"""A record, its split, whether it is published, and its id."""


def _records(reader: Reader) -> Iterator[Row]:
    """Every row whose truth this copy holds."""
    for task in reader.tasks:
        paths = [(rows_name(task, split), split, True) for split in ("train", "val")]
        if reader.has_held_out:
            paths += [(truth_name(task), "test", True), (reserve_name(task), "test", False)]
        for path, split, published in paths:
            if path in reader.held_out or not is_held_out(path):
                entry = reader.entry(path)
                for line, row in read_lines(reader.root / path, ROWS[task], entry):
                    try:
                        record = _moment(line, row) if isinstance(row, MomentRow) else _question(line, row)
                    except ValueError as error:
                        raise ReleaseError(f"{reader.root / path}:{line}: {error}") from error
                    yield record, split, published, int(record.id)


def _option_count(reader: Reader, records: Sequence[Row]) -> int:
    """How many options the questions have. Raises ReleaseError where one file's have more than another's."""
    counts = {len(record.options) for record, *_ in records if isinstance(record, Question)}
    if len(counts) > 1:
        raise ReleaseError(f"{reader.root}: expected questions with equally many options, got {sorted(counts)}")
    return next(iter(counts), Release.OptionCount.FOUR)


def _moment(line: int, row: MomentRow) -> Moment:
    """Raises ValueError for a row without its truth."""
    if row.ts is None:
        raise ValueError(f"desc_id {row.desc_id} has no ts, which is withheld of test alone")
    return Moment(
        line=line,
        id=row.desc_id,
        text=row.desc,
        video=row.vid_name,
        windows=(Window(*row.ts),),
        duration=row.duration,
        type=row.type,
    )


def _question(line: int, row: QuestionRow) -> Question:
    """Raises ValueError for a row without its truth, or whose times are none."""
    if row.answer_idx is None:
        raise ValueError(f"qid {row.qid} has no answer_idx, which is withheld of test alone")
    span = span_of(row)
    return Question(
        line=line,
        id=row.qid,
        text=row.q,
        video=row.vid_name,
        options=row.options,
        answer=row.answer_idx,
        windows=() if span is None else (Window(*span),),
    )


def _lent(reader: Reader, records: Sequence[Row]) -> dict[int, list[LentRow]]:
    """Question -> its options that others have lent. Raises ReleaseError for a row that fits no question."""
    asked = {number: record for record, *_, number in records if isinstance(record, Question)}
    lent: dict[int, list[LentRow]] = {}
    for row in reader.lent() if reader.has_held_out else ():
        question, source = asked.get(row.qid), asked.get(row.source_qid)
        if question is None or source is None or source.answer is None or question is source:
            raise ReleaseError(
                f"{reader.root / LENT}: expected two questions of the release: {row.qid}, {row.source_qid}"
            )
        wrong = {place: text for place, text in enumerate(question.options) if place != question.answer}
        if wrong.get(row.option) != source.options[source.answer]:
            raise ReleaseError(
                f"{reader.root / LENT}: option {row.option} of {row.qid} is not lent by {row.source_qid}"
            )
        lent.setdefault(row.qid, []).append(row)
    return lent


def _as_written(record: Record, lent: Mapping[int, Sequence[LentRow]]) -> Record:
    """A question with what its writer wrote in the places of what was lent."""
    if not isinstance(record, Question) or record.id not in lent:
        return record
    options = list(record.options)
    for row in lent[int(record.id)]:
        options[row.option] = row.replaced
    return msgspec.structs.replace(record, options=tuple(options))


def _enter_lent(release: Release, lent: Mapping[int, Sequence[LentRow]]) -> None:
    items = {item.public_id: item for item in release.items.filter(kind=Item.Kind.QA)}
    Negative.objects.bulk_create(
        (
            Negative(
                item=items[row.qid],
                source=items[row.source_qid],
                option=row.option,
                relevance=row.relevance,
                similarity=row.similarity,
                replaced=row.replaced,
            )
            for rows in lent.values()
            for row in rows
        ),
        batch_size=1000,
    )


def _place(name: str, seconds: float) -> Place:
    return place_of(Moment(line=0, id=0, text="", video=name, duration=seconds), {})


def _clips(reader: Reader) -> dict[str, Clip]:
    """The clip of each name in the release's indexes, entered where it is not here yet."""
    found: dict[str, Clip] = {}
    for split in Split.values:
        videos = reader.videos(split)
        for name, seconds in zip(videos.names, videos.durations.tolist(), strict=True):
            place = _place(name, seconds)
            film, _ = Video.objects.get_or_create(
                public_id=place.film, defaults={"title": place.title, "state": Video.State.READY}
            )
            found[name], _ = Clip.objects.get_or_create(
                video=film, start=place.start, end=place.end, defaults={"imported": True}
            )
    return found


def _enter_subtitles(reader: Reader, clips: Mapping[str, Clip]) -> None:
    """What is said in films of which nothing is known here, in seconds of the film."""
    silent = set(Video.objects.filter(subtitles=None).values_list("pk", flat=True))
    lines = [
        Subtitle(video=clip.video, start=clip.start + line.start, end=clip.start + line.end, text=line.text)
        for name, found in reader.subtitles().items()
        if (clip := clips.get(name)) is not None and clip.video_id in silent
        for line in found
    ]
    Subtitle.objects.bulk_create(lines, batch_size=1000)


def _enter_splits(reader: Reader, release: Release, clips: Mapping[str, Clip]) -> None:
    """Both ledgers. Raises ReleaseError where this site has a video in another split, or a clip for the other task."""
    ledger = dict(SplitVideo.objects.values_list("video_id", "split"))
    sealed = dict(SealedClip.objects.values_list("clip_id", "task"))
    for split in Split.values:
        for name in reader.videos(split).names:
            clip = clips[name]
            if ledger.setdefault(clip.video_id, split) != split:
                there = ledger[clip.video_id]
                raise ReleaseError(f"{clip.video.public_id} is in {split} there and in {there} here, for ever")
            SplitVideo.objects.get_or_create(video=clip.video, defaults={"split": split, "release": release})
    for task in reader.tasks if reader.hidden == "sealed" else ():
        for name in reader.videos("test", task).names:
            if sealed.setdefault(clips[name].pk, task) != task:
                raise ReleaseError(f"{name} serves {task} there and the other task here, for ever")
            SealedClip.objects.get_or_create(clip=clips[name], defaults={"task": task, "release": release})


def _enter_halves(reader: Reader, release: Release, halves: Mapping[str, str], clips: Mapping[str, Clip]) -> None:
    """The ledger of halves. Raises ReleaseError where this site has a video in the other half, or a clip is no clip."""
    ledger = dict(HalvedVideo.objects.values_list("video_id", "half"))
    for name, half in halves.items():
        if name not in clips:
            raise ReleaseError(f"{reader.root / HALVES}: {name!r} is in no index of the release")
        video = clips[name].video
        if ledger.setdefault(video.pk, half) != half:
            raise ReleaseError(f"{video.public_id} is in the {half} half of test there and in the other here, for ever")
        HalvedVideo.objects.get_or_create(video=video, defaults={"half": half, "release": release})


def _enter_items(reader: Reader, release: Release, records: list[Row], clips: Mapping[str, Clip]) -> None:
    chances = reader.difficulty() if reader.has_held_out else {}
    items = []
    for record, split, published, number in records:
        assert record.video is not None
        clip = clips.get(record.video)
        video = clip.video if clip else _film(record)
        duration = record.duration or (round(clip.duration, 3) if clip else 0.0)
        span = record.windows[0] if record.windows else Window(0.0, duration)
        item = Item(
            release=release,
            kind=Item.Kind.MOMENT if isinstance(record, Moment) else Item.Kind.QA,
            public_id=number,
            split=split,
            published=published,
            video=video,
            vid_name=record.video,
            duration=max(duration, span.end),
            start=span.start,
            end=span.end,
            text=record.text,
        )
        if isinstance(record, Question):
            item.options, item.answer_index = list(record.options), record.answer
            item.blind_chance = chances.get(number)
        else:
            item.type = record.type or "vt"
        items.append(item)
    Item.objects.bulk_create(items, batch_size=1000)


def _film(record: Record) -> Video:
    """The film of a clip that is in no index. Raises ReleaseError where its row could not be taken."""
    name = _place(str(record.video), record.duration or 0.0).film
    film = Video.objects.filter(public_id=name).first()
    if film is None:
        raise ReleaseError(f"{record.video}: the clip of item {record.id} is in no index, and its row is faulty")
    return film


def _nonce(reader: Reader) -> str | None:
    path = reader.root / HELD_OUT_MANIFEST
    return read_json(path, HeldOutManifest).nonce if path.is_file() else None


def _copy(reader: Reader, target: Path) -> None:
    """The folder's listed files, beside its place and then into it."""
    if target.exists():
        raise ReleaseError(f"{target} exists already, though no release here has that name")
    with atomic_folder(target) as unfinished:
        paths = [entry.path for entry in reader.entries()]
        for path in chain(paths, (path for path in (PROVENANCE, SUMS, MANIFEST) if (reader.root / path).is_file())):
            shutil.copyfile(reader.root / path, make_place(unfinished, path))
