"""What the demo did, in one screen: counts, money, blind accuracy, splits, the boards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from math import sqrt
from typing import Any

from django.conf import settings
from django.urls import reverse
from rich.console import Console
from rich.table import Table

from annotation.models import Assignment, Batch, Clip, Query, Question, Segment, Video, Worker
from annotation.review import ledger
from benchmark_site.leaderboard.models import Evaluation, State, Track
from benchmark_site.releases.models import Release, SplitVideo
from benchmark_site.releases.quality.leak_table import leak_rows

VCMR, SVMR = "VCMR.R@1.tiou0.5.raw", "SVMR.R@1.tiou0.5.raw"
TYPES = {"video": "v", "speech": "t", "both": "vt"}  # what a query is about, and its type in releases
WORST = 10  # attacks of the leak audit


def print_summary(release: Release, console: Console, *, seconds: float) -> None:
    """Tables of what is in the database now, with the address of each page."""
    console.rule(f"HERO Bench: {release} in {seconds:.0f} s")
    _counts(console)
    _money(console)
    _release(release, console)
    _leaks(release, console)
    for track in Track.objects.filter(release=release).order_by("task", "split"):
        _board(track, console)
    _held_out(release, console)
    _pages(release, console)


def _counts(console: Console) -> None:
    rows = [Video, Clip, Segment, Query, Question, Worker]
    counts = ", ".join(f"{model._default_manager.count()} {model._meta.verbose_name_plural}" for model in rows)
    states = Counter(Assignment.objects.values_list("state", flat=True))
    answers = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
    console.print(f"[bold]Collected[/]  {counts}\n[bold]Answers[/]    {answers}")


def _money(console: Console) -> None:
    table = Table("batch", "units", "rewards", "fees", "spent", "still held", title="Spend")
    for batch in Batch.objects.order_by("pk"):
        sums = ledger.totals(batch)
        table.add_row(
            str(batch), str(batch.hits.count()), *(f"${sums[name]}" for name in ("reward", "fee", "spent", "held"))
        )
    total = ledger.totals()
    table.add_row("total", "", *(f"${total[name]}" for name in ("reward", "fee", "spent", "held")), style="bold")
    console.print(table)


def _release(release: Release, console: Console) -> None:
    splits = Counter(SplitVideo.objects.values_list("split", flat=True))
    videos = sum(splits.values())
    shares = ", ".join(f"{name} {splits[name]} ({splits[name] / videos:.0%})" for name in ("train", "val", "test"))
    console.print(f"[bold]Release[/]    {release} sha256 {release.sha256}\n[bold]Videos[/]     {shares}")
    for when in ("before", "after"):
        panel = release.blind.get(when, {}).get("panel", {})
        shown = ", ".join(f"{name} {row['accuracy']:.3f}" for name, row in panel.items())
        console.print(f"[bold]Blind accuracy {when} matching[/] (chance 0.250): {shown}")


def _leaks(release: Release, console: Console) -> None:
    """The worst attacks on the release's own files, against what can be had without them."""
    table = Table(
        "attack", "task", "metric", "reaches", "without it", "verdict",
        title=f"Leak audit: {release.hidden}, {release.leaks['comparisons']} comparisons, per cent [95 %]",
    )  # fmt: skip
    for row in leak_rows(release.leaks)[:WORST]:
        reaches = f"{row.value:.1f} [{row.low:.0f}, {row.high:.0f}]"
        verdict = "leaks" if row.leaks else "no gain"
        table.add_row(row.attack, row.task, row.metric, reaches, f"{row.without:.1f} ({row.without_by})", verdict)
    console.print(table)
    kept = Counter(release.items.filter(split="test").values_list("kind", "published"))
    console.print(
        "[bold]Test[/]       "
        + ", ".join(f"{kept[kind, True]} published and {kept[kind, False]} kept {kind}" for kind in ("moment", "qa"))
    )


def _board(track: Track, console: Console) -> None:
    evaluations = Evaluation.objects.filter(submission__track=track, submission__public=True, state=State.DONE)
    kinds = ("VCMR", "SVMR") if track.task == "moment" else ()
    keys = [f"{kind}.R@{k}.tiou0.7.nms0.5" for kind in kinds for k in (1, 10, 100)] or ["QA.accuracy"]
    heads = [key.removesuffix(".tiou0.7.nms0.5").replace(".", " ") for key in keys]
    title = f"{track.task}, {track.split}" + (" (tIoU 0.7 after NMS 0.5)" if kinds else "")
    table = Table("method", *heads, title=title)
    for evaluation in evaluations.select_related("submission").order_by("submission__method"):
        scores = {score.key: score for score in evaluation.scores.all()}
        cells = []
        for key in keys:
            score = scores.get(key)
            interval = f" [{score.low:.1f}, {score.high:.1f}]" if score and score.low is not None else ""
            cells.append(f"{score.value:.1f}{interval}" if score else "–")
        table.add_row(evaluation.submission.method, *cells)
    console.print(table)


def _held_out(release: Release, console: Console) -> None:
    """R@1 at tIoU 0.5, val and test together: of all queries, and of those about the picture, speech, and both."""
    evaluations = Evaluation.objects.filter(
        submission__track__release=release,
        submission__track__task="moment",
        submission__baseline=True,
        state=State.DONE,
    ).select_related("submission")
    reports: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for evaluation in evaluations:
        reports[evaluation.submission.method].append(evaluation.report or {})
    heads = ["VCMR", "SVMR", *(f"SVMR, {name}" for name in TYPES)]
    table = Table("method", *heads, title="Held-out clips: R@1 at tIoU 0.5 (± 1 s.e., queries)")
    for method in sorted(reports):
        rows = [row for report in reports[method] for row in report["metrics"]]
        typed = [row for report in reports[method] for row in report["breakdowns"] if row["by"] == "type"]
        cells = [_share(row for row in rows if row["key"] == key) for key in (VCMR, SVMR)]
        cells += [
            _share(row for row in typed if row["key"] == SVMR and row["group"] == group) for group in TYPES.values()
        ]
        table.add_row(method, *cells)
    console.print(table)


def _share(rows: Iterable[dict[str, Any]]) -> str:
    """The mean of `rows` by their queries, per cent, with its standard error and the number of queries."""
    parts = [(row["value"], row["n"]) for row in rows]
    n = sum(count for _, count in parts)
    if not n:
        return "–"
    share = sum(value * count for value, count in parts) / n
    return f"{share:.1f} ± {100 * sqrt(share / 100 * (1 - share / 100) / n):.1f}\n({n})"


def _pages(release: Release, console: Console) -> None:
    site = settings.SITE_URL
    pages = [("home", site + reverse("home"))]
    pages += [(str(batch), site + batch.get_absolute_url()) for batch in Batch.objects.order_by("pk")]
    pages += [(str(release), site + release.get_absolute_url())]
    pages += [(str(track), site + track.get_absolute_url()) for track in Track.objects.filter(release=release)]
    pages += [("marketplace (worker site)", settings.MARKETPLACE_URL)]
    table = Table("page", "address", title="Pages")
    for name, address in pages:
        table.add_row(name, address)
    console.print(table)
    console.print("Batches are for requesters: `manage.py changepassword demo`, then log in as demo.")
