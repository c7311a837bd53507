"""README.md of a release: what it holds, in numbers, how far it can be guessed, and how to read it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from annotation.models import Clip, SubtitleTrack, Validation
from annotation.review.human_accuracy import human_accuracy
from benchmark_site.releases.models import Item, Release, Split
from benchmark_site.releases.quality.leak_table import FEWEST_FOR_FIGURES, LeakRow, proofs, public_rows, waived
from evaluation.exchange.about import NOT_STATED, About
from evaluation.release import FORMAT, LICENCE, LICENCES, MANIFEST, SPLITS
from evaluation.release.names import CROISSANT, highlights_name, how2_name, index_name, rows_name, table_name

SEALED = """- The hidden split is **sealed**: a clip of test serves one task. What was collected about it for the other
  task is never published; the matched wrong answers of test questions come from there, each once. Published and
  reserve: {counts}."""
SHARED = """- The hidden split is **shared**: clips of test serve both tasks, and wrong answers are matched inside the
  split. Who reads the files of both tasks knows more than either tells: see the figures below."""


def card(release: Release, items: Sequence[Item], clips: Sequence[Clip]) -> str:
    """The card in Markdown. It is part of what is hashed: no date, no host."""
    sources = sorted(
        {(clip.video.title or clip.video.public_id, clip.video.source, clip.video.licence) for clip in clips}
    )
    licences = Counter(licence or NOT_STATED for _, _, licence in sources)
    return f"""# {release.slug} {release.version}

{description(release)}

In the release format `{FORMAT}`.

{_counts(items, clips)}

- A video lies in one split, for both tasks and in every release. The shares count what was collected, reserve included.
- Times are seconds relative to the clip. The truth of the test split is held out; its questions are about full clips.
{_recognised(clips)}{_hidden(release, items)}
- Wrong answers of a question may be the right answer of another question of its split
  (adversarial matching), {_replaced(release)}; the places of right answers are uniform.
- `{MANIFEST}` lists size and SHA-256 of every file; its own SHA-256 is the hash of the release. For what is held out
  it holds one hash that a random number keeps from being tried out.

## Can it be guessed?

{_leaks(release)}
{_people(items)}
## How to load it

{_how_to_load(release)}

## Licences

Queries, questions and answers: {release.licence or NOT_STATED} (`{LICENCE}`). Videos keep their own (`{LICENCES}`):

{_licences(licences)}
"""


def _replaced(release: Release) -> str:
    return "all for which one fits" if release.new_negatives else "one a question on average"


def description(release: Release) -> str:
    """What it is, in the words of whoever made it, or in ours."""
    return release.description.strip() or "Moment queries and multiple-choice questions about short video clips."


def about_release(release: Release) -> About:
    """The release as it is cited."""
    return About(
        name=release.slug,
        version=release.version,
        description=description(release),
        authors=[line.strip() for line in release.authors.splitlines() if line.strip()],
        licence=release.licence,
        canary=release.canary,
        items=release.items.filter(published=True).count(),
    )


def loading(release: Release) -> list[tuple[str, str]]:
    """(name of the ecosystem, three lines for it)."""
    name = release.folder_name
    tvr, qa = rows_name("moment", "train"), rows_name("qa", "train")
    index = PurePosixPath(index_name("moment")).name
    highlights = "\n".join(f"{name}/{highlights_name(split)}" for split in SPLITS)
    return [
        (
            "Hugging Face datasets",
            f'from datasets import load_dataset\nmoments = load_dataset("{name}", "moment")\n'
            'print(moments["train"][0])',
        ),
        (
            "pandas",
            f'import pandas as pd\nqueries = pd.read_parquet("{name}/{table_name("moment", "train")}")\nqueries.head()',
        ),
        (
            "Croissant",
            f'import mlcroissant as mlc\ndataset = mlc.Dataset("{name}/{CROISSANT}")\n'
            'next(iter(dataset.records("moment_train")))',
        ),
        (
            "TVR, VALUE, HERO",
            f"{name}/{tvr:28}# TVR's rows; {index} beside them\n"
            f"{name}/{qa:28}# VALUE's How2QA\n{name}/{how2_name('moment', 'train'):29}# How2R's CSV",
        ),
        ("moment_detr, lighthouse", highlights),
        (
            "this project",
            f'from evaluation.release import Release\nrelease = Release.open("{name}")\nrelease.moments("train")',
        ),
    ]


def _how_to_load(release: Release) -> str:
    return "\n\n".join(f"{name}:\n\n```\n{lines}\n```" for name, lines in loading(release))


def _counts(items: Sequence[Item], clips: Sequence[Clip]) -> str:
    split_of = {item.video_id: item.split for item in items}
    videos = Counter(split_of[clip.video_id] for clip in {clip.video_id: clip for clip in clips}.values())
    windows = Counter(split_of[clip.video_id] for clip in clips)
    counts = Counter((item.kind, item.split) for item in items if item.published)
    lines = [
        f"| {split} | {videos[split]} | {windows[split]} "
        f"| {counts[Item.Kind.MOMENT, split]} | {counts[Item.Kind.QA, split]} |"
        for split in Split.values
    ]
    return "\n".join(["| split | videos | clips | queries | questions |", "|---|---|---|---|---|", *lines])


def _recognised(clips: Sequence[Clip]) -> str:
    """How many videos have subtitles that a machine made, where there are any."""
    videos = {clip.video_id for clip in clips}
    automatic = SubtitleTrack.objects.filter(video__in=videos, automatic=True).count()
    told = f"- The subtitles of {automatic} of {len(videos)} videos were made by speech recognition, not by people.\n"
    return told if automatic else ""


def _hidden(release: Release, items: Sequence[Item]) -> str:
    if release.hidden == Release.Hidden.SHARED:
        return SHARED
    hidden = Counter((item.kind, item.published) for item in items if item.split == Split.TEST)
    counts = ", ".join(
        f"{hidden[kind, True]} + {hidden[kind, False]} {name}"
        for kind, name in ((Item.Kind.MOMENT, "queries"), (Item.Kind.QA, "questions"))
    )
    return SEALED.format(counts=counts)


def _leaks(release: Release) -> str:
    """The audit of the whole release as a table, the worst first, in bold where the hidden split is shared."""
    rows = public_rows(release)
    if not rows:
        return "No attack could be tried: the hidden split has no published item."
    answered = waived(release)
    bold = release.hidden == Release.Hidden.SHARED
    lines = [
        f"{release.leaks['comparisons']} comparisons of attacks that use nothing but the public files with what can be "
        "had without them; per cent, rounded to what the size of the split supports. *Leaks* says that an attack gains "
        "more than its interval over all comparisons. The worst of each kind, or of a "
        f"sealed split with fewer than {FEWEST_FOR_FIGURES} items of a task the verdict alone: figures would help to "
        "guess. It never proves that there is no leak.",
        "",
        "| attack | task | metric | reaches | without it | verdict |",
        "|---|---|---|---|---|---|",
        *(_line(row, answered, bold) for row in rows),
    ]
    lines += ["", *(f"- {name}: certain, {n} found" for name, n in proofs(release.leaks).items())]
    lines += [f"- Waived: {attack}: {reason}" for attack, reason in answered.items()]
    return "\n".join(lines).rstrip()


def _people(items: Sequence[Item]) -> str:
    """How well people answer who watch the clip and did not write the question; outside the held-out split."""
    shown = [item.public_id for item in items if item.kind == Item.Kind.QA and item.split != Split.TEST]
    found = human_accuracy(Validation.objects.filter(question__public_id__in=shown))
    if not found.answers:
        return ""
    return (
        f"\nPeople who watched the clip and had not written the question chose the right one of its written "
        f"answers in {found.right} of {found.answers} cases ({found.percent} %, 95 % interval {found.percents[0]} to "
        f"{found.percents[1]}; {found.questions} questions of train and val).\n"
    )


def _line(row: LeakRow, answered: dict[str, str], bold: bool) -> str:
    mark = "**" if bold else ""
    verdict = "leaks, waived" if row.leaks and row.attack in answered else "leaks" if row.leaks else "no gain"
    if row.value is None:
        return f"| {row.attack} ({row.kind}) | {row.task} | {row.metric or '–'} | – | – | {mark}{verdict}{mark} |"
    reaches = f"{_number(row.value)} [{_number(row.low)}, {_number(row.high)}]"
    return (
        f"| {row.attack} ({row.kind}) | {row.task} | {row.metric} | {mark}{reaches}{mark} "
        f"| {mark}{_number(row.without)}{mark} ({row.without_by}) | {verdict} |"
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def _licences(licences: Counter[str]) -> str:
    return "\n".join(f"- {licence}: {n} {'video' if n == 1 else 'videos'}" for licence, n in sorted(licences.items()))
