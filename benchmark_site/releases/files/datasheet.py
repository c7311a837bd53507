"""DATASHEET.md: the questions of “Datasheets for Datasets” (Gebru et al. 2021), as far as the tables answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from annotation.models import Clip, Query, Question
from benchmark_site.releases.files.card import description
from benchmark_site.releases.models import Item, Release, Split
from evaluation.exchange.about import NOT_STATED

BIASES = (
    "Annotators choose what to describe: people, hands and things that move, at moments that are easy to cut. Most "
    "questions begin with what. Texts are in English. Blind models are tried on every release; the card says what they "
    "reach."
)


def collection(items: Sequence[Item]) -> str:
    """How the published items came about, in sentences."""
    written = sum(_collected(items))
    brought = len(items) - written
    said = []
    if written:
        said.append(
            f"{written} items were written by crowd workers in three stages (a moment, a description, a question with "
            "four answers) by three disjoint groups of workers; each answer was checked, reviewed by a person and paid."
        )
    if brought:
        said.append(f"{brought} items were taken from published data sets; their sources are listed for each clip.")
    return " ".join(said)


def datasheet(release: Release, items: Sequence[Item], clips: Sequence[Clip]) -> str:
    """The sheet in Markdown; no date, no host."""
    published = [item for item in items if item.published]
    counts = Counter((item.kind, item.split) for item in published)
    rows = [
        f"| {split} | {counts[Item.Kind.MOMENT, split]} | {counts[Item.Kind.QA, split]} |" for split in Split.values
    ]
    hours = sum(clip.duration for clip in clips) / 3600
    licences = ", ".join(sorted({clip.video.licence or NOT_STATED for clip in clips}))
    table = "\n".join(["| split | queries | questions |", "|---|---|---|", *rows])
    return f"""# Datasheet of {release.slug} {release.version}

After Gebru et al., Datasheets for Datasets (2021). {release.canary}

## Motivation

{description(release)} It measures how well a model finds a described moment, among all clips or in one, and answers
questions that the video is needed for.

## Composition

{len({clip.video_id for clip in clips})} videos, {len(clips)} clips, {hours:.1f} hours of footage. An instance is a
query with its clip and moment, or a question with {release.get_option_count_display()} answers of which one is right.

{table}

A video lies in one split, for both tasks and in every version.{_together(release)} The truth of test is withheld.
What was left out of this version by its quality gate: {release.exclusions.count()} items.{_chosen(release)}

## Collection

{collection(items)} Ids of workers are in no file.

## Preprocessing

Texts are in Unicode's NFC, without control or direction marks, with single blanks. Times are seconds of the clip, to
the millisecond. Some written wrong answers were replaced by right answers of other questions (adversarial matching).

## Known limits

{BIASES}

## Uses

Training and comparing models of moment retrieval and video question answering. It is not meant to recognise persons,
and nothing in it was collected for that. A model that has read this text may have seen the data: look for the canary.

## Distribution and maintenance

Queries, questions and answers: {release.licence or "no licence is stated"}. Videos are not part of the files and keep
their licences: {licences}. A frozen version never changes; a correction comes as a new one, whose CHANGES.md lists it.
"""


def _collected(items: Sequence[Item]) -> tuple[int, int]:
    """How many queries and questions of these were written by workers."""
    found = []
    for model, kind in ((Query, Item.Kind.MOMENT), (Question, Item.Kind.QA)):
        ids = {item.public_id for item in items if item.kind == kind}
        written = model.objects.filter(assignment__isnull=False).values_list("public_id", flat=True)
        found.append(len(ids & set(written)))
    return found[0], found[1]


def _together(release: Release) -> str:
    """What else stays in one split, where it does."""
    copies = " Films that show the same were kept in one split, as far as their pictures tell."
    annotators = " All that an annotator wrote was kept in one split."
    halves = " Test is in two halves by video, of which a board may keep one to itself; which is which is told nobody."
    said = copies * release.copies_on_one_side + annotators * release.annotators_on_one_side
    return said + halves * release.test_halves


def _chosen(release: Release) -> str:
    """What was taken of everything collected, where that is not all of it."""
    told = [
        f"videos under {', '.join(release.only_licences)}" if release.only_licences else "",
        f"videos with the tag {release.only_tag}" if release.only_tag else "",
        f"answers to {len(release.only_batches)} batches" if release.only_batches else "",
        f"items that match `{release.only_items}`" if release.only_items else "",
    ]
    return f" Of what was collected it takes {', '.join(filter(None, told))}." if any(told) else ""
