"""What lies beside the audited files of a release: its card, other people's forms of its rows, what it is and may be.

The other forms are made from the public files alone, so the audit of those speaks for them, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark_site.releases.files.card import about_release, card
from benchmark_site.releases.files.changes import changes
from benchmark_site.releases.files.datasheet import BIASES, collection, datasheet
from benchmark_site.releases.files.writer import release_clips
from benchmark_site.releases.models import Release
from evaluation.exchange.about import About, card_head, citation_cff, licence_text
from evaluation.exchange.croissant import croissant
from evaluation.exchange.field_files import write_field_files
from evaluation.exchange.rows import tasks_of
from evaluation.exchange.tables import write_tables
from evaluation.io.jsonl import encode_line
from evaluation.release import CARD, CHANGES, CITATION, CROISSANT, DATASHEET, LICENCE, LICENCES, ManifestFile, Task
from evaluation.release.writer import write_file


def write_companions(folder: Path, release: Release, files: Sequence[ManifestFile]) -> list[ManifestFile]:
    """Into the folder that holds the `files`; what a manifest lists of them. Raises ReleaseError, OSError."""
    about, tasks = about_release(release), tasks_of(folder)
    texts, licences, origin = _told(release, about, tasks)
    beside = [
        *write_tables(folder, about.canary),
        *write_field_files(folder),
        write_file(folder, LICENCES, b"".join(map(encode_line, licences)), len(licences)),
        *(write_file(folder, path, text.encode()) for path, text in texts.items()),
    ]
    described = sorted([*files, *beside], key=lambda file: file.path)
    return [*beside, write_file(folder, CROISSANT, croissant(about, described, tasks, origin, BIASES))]


def _told(release: Release, about: About, tasks: Sequence[Task]) -> tuple[dict[str, str], list[dict[str, Any]], str]:
    """What is said in words, by file; the licence of each clip; how the items came about.

    The items are forgotten after that: beside the tables of a large release they would take a tenth of a gigabyte.
    """
    items = list(release.items.only("release", "kind", "public_id", "split", "published", "video"))
    clips = release_clips(items)
    licences = [
        {
            "vid_name": clip.name,
            "licence": clip.video.licence or None,
            "source": clip.video.source or None,
            "title": clip.video.title or None,
        }
        for clip in clips
    ]
    texts = {
        CARD: card_head(about, tasks) + card(release, items, clips),
        CHANGES: changes(release),
        CITATION: citation_cff(about),
        DATASHEET: datasheet(release, items, clips),
        LICENCE: licence_text(about),
    }
    return texts, licences, collection(items)
