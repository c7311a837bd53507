"""Build a sealed release from How2R and How2QA as released, and attack it.

    python -m benchmarks.how2_release --data ../shared/data/how2
    python -m benchmarks.how2_release --data ../shared/data/how2 --hidden-share 0.5    # narrower intervals

In a database and a folder of its own, gone at the end unless --home names one. Rows with faults that a release refuses
are left out and counted. Prints what was published and the whole leak audit, then the same questions item by item and
with the whole file.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CLIP_S = 60.0
FILES = {
    "moment": ("how2R_val_release.csv", "how2R_test_public_release.csv"),
    "qa": ("how2QA_val_release.csv",),
}


def read(folder: Path, task: str) -> Iterator[list[str]]:
    for name in FILES[task]:
        with (folder / name).open(encoding="utf-8", newline="") as lines:
            yield from csv.reader(lines)


def span(text: str) -> tuple[float, float]:
    start, end = re.fullmatch(r"\[([\d.]+):([\d.]+)\]", text).groups()  # type: ignore[union-attr]
    return float(start), float(end)


def insert(folder: Path) -> None:
    """Every row as an accepted item; a question's clip is the window that holds the middle of its segment."""
    from annotation.models import Answer, Clip, Query, Question, Segment, Video
    from annotation.models.items import free_id

    videos: dict[str, Video] = {}
    clips: dict[tuple[str, float], Clip] = {}
    segments: dict[tuple[int, float, float], Segment] = {}

    def segment(name: str, first: float, start: float, end: float) -> Segment | None:
        public = re.sub(r"[^\w-]", "-", name)
        if public not in videos:
            videos[public] = Video.objects.create(
                public_id=public, state=Video.State.READY, source="How2", licence="see the source"
            )
        video = videos[public]
        if (public, first) not in clips:
            clips[public, first] = Clip.objects.create(video=video, start=first, end=first + CLIP_S, imported=True)
        clip = clips[public, first]
        inside = (clip.pk, round(start - first, 3), round(end - first, 3))
        if not 0 <= inside[1] < inside[2]:
            return None
        if inside not in segments:
            segments[inside] = Segment.objects.create(
                public_id=free_id(Segment, clip.name, *inside[1:]), clip=clip, start=inside[1], end=inside[2]
            )
        return segments[inside]

    for row in read(folder, "moment"):
        (first, _), (start, end) = span(row[1]), span(row[2])
        found = segment(row[0], first, start, end)
        if found and row[3].strip() and not found.queries.filter(text=row[3]).exists():
            Query.objects.create(public_id=free_id(Query, row[3]), segment=found, text=row[3], type="v")
    for row in read(folder, "qa"):
        start, end = span(row[1])
        found = segment(row[0], CLIP_S * ((start + end) / 2 // CLIP_S), start, end)
        options = [row[6], *row[2:5]]
        if not found or len(set(options)) < 4 or found.questions.filter(text=row[5]).exists():
            continue
        question = Question.objects.create(
            public_id=free_id(Question, found.clip.name, row[5]), segment=found, text=row[5]
        )
        Answer.objects.bulk_create(
            Answer(question=question, position=n, text=text, correct=n == 0) for n, text in enumerate(options)
        )


def leave_out_faults() -> None:
    """Delete what the quality gate refuses, and say how much."""
    from annotation.models import Query, Question
    from benchmark_site.releases.building.snapshot import _accepted
    from benchmark_site.releases.models import Item, Release
    from benchmark_site.releases.quality import checks

    items = _accepted(Release(slug="probe", version="0.0.0"))
    questions = [item for item in items if item.kind == Item.Kind.QA]
    faults = {
        "B2": [item for item in items if checks._outside(item)],
        "B4": [item for item in questions if checks._bad_options(item)],
        "B6": checks._repeated(items),
        "B8": [item for item in items if checks._dirty(item)],
    }
    print("left out:", {check: len(found) for check, found in faults.items()}, "of", len(items))
    for found in faults.values():
        for item in found:
            model: Any = Query if item.kind == Item.Kind.MOMENT else Question
            model.objects.filter(public_id=item.public_id).delete()


def place_by_hand(share: float) -> None:
    """A ledger with this share of the videos in test and a tenth in val, so that more is hidden than usual."""
    from annotation.models import Video
    from benchmark_site.releases.models import Release, SplitVideo
    from benchmark_site.releases.services import create_release

    release = create_release("ledger", "0.0.1")
    Release.objects.filter(pk=release.pk).update(state="failed", reason="only its ledger is wanted")
    videos = list(Video.objects.order_by("public_id"))
    random.Random(0).shuffle(videos)
    hidden = round(share * len(videos))
    for at, video in enumerate(videos):
        split = "test" if at < hidden else "val" if at < hidden + len(videos) // 10 else "train"
        SplitVideo.objects.create(video=video, split=split, release=release)


def report(release: Any) -> None:
    counts = Counter(release.items.values_list("kind", "split", "published"))
    for (kind, split, published), n in sorted(counts.items()):
        print(f"  {kind:<7} {split:<6} {'published' if published else 'reserve':<10} {n}")
    print({key: release.matching[key] for key in ("n", "reserve", "replaced", "fallbacks")})
    print(f"{release.leaks['comparisons']} comparisons, blocked: {release.leaks['blocked'] or 'nothing'}")
    print(f"certain proofs: {release.leaks['proofs'] or 'none'}")
    worst: dict[str, Any] = {}
    for row in release.leaks["rows"]:
        worst.setdefault(f"{row['task']} {row['attack']}", row)
    for row in list(worst.values())[:30]:
        print(
            f"  {row['task']:<7} {row['attack']:<58} {row['metric']:<22} n {row['n']:<5} {row['value']:6.1f} "
            f"without {row['without']:6.1f}  gain {row['difference']:+6.1f} [{row['difference_low']:+.1f}, "
            f"{row['difference_high']:+.1f}]{'  LEAKS' if row['blocks'] else ''}"
        )
    best = max((row for row in release.leaks["rows"] if row["kind"] == "file level"), key=lambda row: row["value"])
    print(
        f"questions: item by item {best['without']:.1f}, with the whole file at best {best['value']:.1f} "
        f"({best['attack']}), that is {best['difference']:+.1f} [{best['difference_low']:+.1f}, "
        f"{best['difference_high']:+.1f}]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the released CSV files")
    parser.add_argument("--hidden-share", type=float, help="share of videos in test (default: a tenth, by the split)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="keep database and files here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="how2-") as scratch:
        os.chmod(scratch, 0o755)
        os.environ["BENCH_HOME"] = str(options.home or scratch)
        from benchmark_site.local import embedded

        with embedded.running():
            os.environ["DJANGO_SETTINGS_MODULE"] = "benchmark_site.settings"
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            from benchmark_site.releases.building.pipeline import build_release
            from benchmark_site.releases.services import create_release

            insert(options.data)
            leave_out_faults()
            if options.hidden_share:
                place_by_hand(options.hidden_share)
            release = create_release("how2", "1.0.0", seed=options.seed)
            began, cpu = time.perf_counter(), time.process_time()
            build_release(release.pk, lambda step: print(f"{time.perf_counter() - began:6.0f} s  {step.label}"))
            release.refresh_from_db()
            print(f"{release}: {release.state} {release.reason} in {time.process_time() - cpu:.0f} CPU s")
            report(release)


if __name__ == "__main__":
    main()
