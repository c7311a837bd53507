"""First step of a build: check what was accepted, give every video its split, snapshot the items."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

from django.db import connection

from annotation.models import Clip, Query, Question, Segment, Video
from annotation.review.text.text_rules import normalise
from benchmark_site.jobs.leases import locked
from benchmark_site.releases.building.selection import VIDEO, chosen, is_part
from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.files.features import lacking_clips, unseen
from benchmark_site.releases.files.writer import READ_TOGETHER, release_clips
from benchmark_site.releases.models import Exclusion, Item, Release, SplitVideo
from benchmark_site.releases.quality.copies import copied_into_labelled
from benchmark_site.releases.quality.items import check_accepted, exclusion
from benchmark_site.releases.quality.rows import Row, item_row, refuse_blocked, told_row
from benchmark_site.releases.quality.warnings import feature_row, warn_of_footage, warn_of_items
from benchmark_site.releases.quality.whole import check_ledger, check_splits
from benchmark_site.releases.split import carry_over
from benchmark_site.releases.split.deal import FLOOR
from benchmark_site.releases.split.halves import halve
from benchmark_site.releases.split.one_side import apart, by_annotators, by_looks, place_groups
from benchmark_site.releases.split.seal import seal
from benchmark_site.releases.split.video_split import SplitError


def take_snapshot(lease: Release) -> None:
    """Write the items of a release, or none. Raises BuildError where the quality gate or the split says no."""
    quality: list[Row] = []
    left_out: list[Exclusion] = []
    try:
        with locked(lease) as release:
            release.items.all().delete()  # of a snapshot that another release's freezing has overtaken
            release.exclusions.all().delete()
            items = _accepted(release)
            if not items:
                part = "that was chosen " if is_part(release) else ""
                raise BuildError(f"nothing {part}has been accepted yet: no query, no question")
            rows, items, faulty = check_accepted(items, release.option_count)
            quality += rows
            left_out += faulty
            if not items:
                raise BuildError("every item has a fault that keeps it out: see the quality gate")
            for item in items:  # what the checks tolerate
                item.end = min(item.end, item.duration)
            quality += _split(release, items)
            items, rows, told = _without_told(items)
            quality += rows
            left_out += told
            items = seal(release, items)
            quality += _halve(release, items)
            quality += [check_splits(items), check_ledger(items), *warn_of_items(items, release.option_count)]
            refuse_blocked(quality)
            lacking = lacking_clips(clips := release_clips(items))
            quality += warn_of_footage(clips)
            filmless = unseen(clips)
            ingests = {"the ingest": filmless} if filmless and any(clip.features for clip in clips) else {}
            quality.append(feature_row(lacking | ingests, len(clips)))
            release.feature_sets = sorted(name for name, n in lacking.items() if not n)
            Exclusion.objects.bulk_create(left_out, batch_size=1000)
            _insert(items)
            release.quality = quality
            release.frozen_before = Release.objects.filter(state=Release.State.FROZEN).count()
            release.step = Release.Step.MATCH
            release.save(update_fields=["quality", "feature_sets", "frozen_before", "step"])
    except BuildError:  # the transaction is gone with all it wrote; the report of the gate stays
        with locked(lease) as release:
            release.exclusions.all().delete()
            Exclusion.objects.bulk_create(left_out, batch_size=1000)
            release.quality = quality
            release.save(update_fields=["quality"])
        raise


def _insert(items: Iterable[Item]) -> None:
    """By COPY: of a hundred thousand rows with a list each, INSERT took three quarters of a minute."""
    fields = [field for field in Item._meta.concrete_fields if not field.primary_key]
    table, *columns = map(connection.ops.quote_name, (Item._meta.db_table, *(str(field.column) for field in fields)))
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as rows:
        for item in items:
            rows.write_row([field.get_db_prep_save(getattr(item, field.attname), connection) for field in fields])


def _halve(release: Release, items: Sequence[Item]) -> list[Row]:
    if not release.test_halves:
        return []
    title = f"both halves of the hidden split hold {FLOOR} items of each task"
    return [told_row("W15", title, halve(release, items), 2 * len({item.kind for item in items}), "warn")]


def _without_told(items: Sequence[Item]) -> tuple[list[Item], list[Row], list[Exclusion]]:
    """The items without hidden ones that something published would tell of; the rows and lines that say so."""
    found = {
        "H1": (copied_into_labelled(items), "no hidden item stands in train or val as well", "train or val hold it"),
        "H2": (carry_over.corrected(items), "no hidden question was corrected after it was published", "it would tell"),
    }
    rows = [item_row(check, title, left_out, items, "exclude") for check, (left_out, title, _) in found.items()]
    lines = {id(item): exclusion(item, check, why) for check, (left_out, _, why) in found.items() for item in left_out}
    return [item for item in items if id(item) not in lines], rows, list(lines.values())


def _accepted(release: Release) -> list[Item]:
    """Unsaved items of everything accepted, in the order of kind and public id."""
    queries = chosen(release, Query).select_related(VIDEO).order_by("public_id")
    questions = chosen(release, Question).select_related(VIDEO).prefetch_related("answers").order_by("public_id")
    videos: dict[int, Video] = {}  # one row each in memory, however many items it has
    items = [
        _item(release, Item.Kind.MOMENT, query, videos, type=query.type) for query in queries.iterator(READ_TOGETHER)
    ]
    for question in questions.iterator(READ_TOGETHER):
        answers = [(normalise(answer.text), answer.correct) for answer in question.answers.all()]
        # The form asks for the right answer first; in the order of hashes its place tells nothing.
        answers.sort(key=lambda answer: hashlib.sha256(f"{question.public_id}\x1f{answer[0]}".encode()).digest())
        right = [place for place, (_, correct) in enumerate(answers) if correct]
        options = [text for text, _ in answers]
        items.append(
            _item(release, Item.Kind.QA, question, videos, options=options, answer_index=right[0] if right else None)
        )
    return items


def _item(release: Release, kind: Item.Kind, row: Query | Question, videos: dict[int, Video], **fields: object) -> Item:
    segment: Segment = row.segment
    return Item(
        release=release,
        kind=kind,
        public_id=row.public_id,
        video=videos.setdefault(segment.clip.video_id, segment.clip.video),
        vid_name=segment.clip.name,
        duration=round(segment.clip.duration, 3),
        start=round(segment.start, 3),
        end=round(segment.end, 3),
        text=normalise(row.text),
        **fields,
    )


def _split(release: Release, items: list[Item]) -> list[Row]:
    """Set the split of every item; new videos enter the ledger. Rows on what should lie in one. Raises BuildError."""
    with connection.cursor() as cursor:
        # Two releases that meet the same new video must not place it twice: one waits, then sees the ledger.
        cursor.execute("LOCK TABLE releases_splitvideo IN SHARE ROW EXCLUSIVE MODE")
    videos = {item.video.public_id: item.video for item in items}
    clips = Counter(Clip.objects.filter(video__in=videos.values()).values_list("video__public_id", flat=True))
    counts = Counter((item.video.public_id, item.kind) for item in items)
    loads = {name: (clips[name], counts[name, Item.Kind.MOMENT], counts[name, Item.Kind.QA]) for name in videos}
    ledger = dict(SplitVideo.objects.values_list("video__public_id", "split"))
    alike = by_looks(videos.keys() | ledger.keys())
    written = by_annotators(videos.keys() | ledger.keys()) if release.annotators_on_one_side else []
    try:
        placed = place_groups(loads, ledger, (alike if release.copies_on_one_side else []) + written)
    except SplitError as error:
        raise BuildError(str(error)) from error
    SplitVideo.objects.bulk_create(
        SplitVideo(video=videos[name], split=split, release=release) for name, split in placed.items()
    )
    ledger.update(placed)
    for item in items:
        item.split = ledger[item.video.public_id]
    rows = [told_row("W13", "films that show the same are in one split", apart(alike, ledger), len(alike), "warn")]
    if release.annotators_on_one_side:
        title = "an annotator's videos are in one split"
        rows.append(told_row("W14", title, apart(written, ledger), len(written), "warn"))
    return rows
