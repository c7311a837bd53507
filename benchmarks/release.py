"""Import How2R and How2QA as released, build a sealed release, and attack it: what it takes, and what comes out.

    python -m benchmarks.release --data ../shared/data/how2
    python -m benchmarks.release --data ../shared/data/how2 --hidden-share 0.5    # narrower intervals
    python -m benchmarks.release --queries 100000                                 # made up, without questions

In a database and a folder of its own, gone at the end unless --home names one. Prints what was left out and why, what
was published and the whole leak audit, then the same questions item by item and with the whole file; CPU seconds and
peak memory of this process.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FILES = {
    "how2r": ("how2R_val_release.csv", "how2R_test_public_release.csv"),
    "how2qa": ("how2QA_val_release.csv",),
}
WORDS = [
    *("a man", "a woman", "a dog", "the cook", "somebody", "opens", "cuts", "washes", "paints", "shows", "lifts"),
    *("the red door", "an onion", "the old car", "a plate", "the wall", "slowly", "with both hands", "in the yard"),
]


def made_up(folder: Path, queries: int) -> Path:
    """So many queries in How2R's form, three a clip and two clips a video."""
    random.seed(0)
    path = folder / "made_up.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out)
        for number in range(queries):
            video, clip = number // 6, number // 3 % 2 * 60
            start = clip + 18 * (number % 3)
            text = f"{' '.join(random.choices(WORDS, k=6))} as number {number}"
            rows.writerow([f"video-{video:06d}", f"[{clip}:{clip + 60}]", f"[{start}:{start + 12.5}]", text])
    return path


def take_in(files: Mapping[str, Sequence[Path]]) -> None:
    """Import files by their forms, in a process of its own as a worker does: its memory is not the build's."""
    before = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    for form, paths in files.items():
        for path in paths:
            subprocess.run(
                [sys.executable, "manage.py", "import_annotations", form, str(path.resolve())], cwd=ROOT, check=True
            )
    print(f"imported in {sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - before:.0f} CPU s", flush=True)


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


def used(cpu: float) -> str:
    """CPU seconds since then, and the peak of memory until now."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return f"{time.process_time() - cpu:6.0f} CPU s, peak {peak:5.0f} MB"


def report(release: Any) -> None:
    for row in release.quality:
        print(f"  {row['id']:<4} {row['severity']:<8} {row['n']:>6} of {row['total']:<6} {row['title']}")
    print(f"{release.exclusions.count()} items are left out")
    counts = Counter(release.items.values_list("kind", "split", "published"))
    for (kind, split, published), n in sorted(counts.items()):
        print(f"  {kind:<7} {split:<6} {'published' if published else 'reserve':<10} {n}")
    if not release.matching:
        return
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
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", type=Path, help="folder with the released CSV files")
    what.add_argument("--queries", type=int, help="so many queries that are made up, instead")
    parser.add_argument("--hidden-share", type=float, help="share of videos in test (default: a tenth, by the split)")
    parser.add_argument(
        "--set-aside", type=int, default=20, metavar="PERCENT", help="of the questions (20, as on the form)"
    )
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

            began = time.perf_counter()
            if options.data:
                take_in({form: [options.data / name for name in names] for form, names in FILES.items()})
            else:
                take_in({"how2r": [made_up(Path(scratch), options.queries)]})
            cpu = time.process_time()
            if options.hidden_share:
                place_by_hand(options.hidden_share)
            hidden = "sealed" if options.data else "shared"
            how = {"seed": options.seed, "hidden": hidden, "set_aside": options.set_aside}
            release = create_release("how2", "1.0.0", **how)
            build_release(release.pk, lambda step: print(f"{used(cpu)}  {step.label}", flush=True))
            release.refresh_from_db()
            seconds = time.perf_counter() - began
            print(f"{release}: {release.state} {release.reason} in {used(cpu).strip()}, {seconds:.0f} s")
            report(release)


if __name__ == "__main__":
    main()
