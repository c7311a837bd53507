"""Reports, comparisons and refusals as text in a terminal. Rounding happens here and nowhere before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from evaluation.predictions.errors import PredictionError
from evaluation.release import HELD_OUT, ReleaseFolder
from evaluation.reports.report import Report, ScoredMetric

if TYPE_CHECKING:
    from evaluation.forms.export import Conversion
    from evaluation.forms.records import Fault
    from evaluation.metrics.compare import Comparison
    from evaluation.release.verify import Verification


def print_report(report: Report, console: Console) -> None:
    """Metrics with intervals, the blind bar beside each, notes below."""
    console.print(
        f"{report.task} on {report.split}, n = {report.n}, rules {report.rules}, seed {report.seed}; "
        f"evaluator {report.evaluator_version}"
    )
    console.print(_release(report.manifest_sha256), soft_wrap=True)
    for task in dict.fromkeys(metric.task for metric in report.metrics):
        console.print(_metrics(task, [metric for metric in report.metrics if metric.task == task]))
    if any(metric.beats_blind is False for metric in report.metrics):
        console.print("! does not beat the best blind baseline, which never looks at the query")
    for note in report.notes:
        console.print(f"note: {note.count} {note.message}", markup=False, soft_wrap=True)


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Every difference, then a sentence for each headline metric."""
    table = Table(title=f"B minus A on {comparison.split}, n = {comparison.n}", title_justify="left")
    for name in ("metric", "A", "B", "difference", "95 % interval", "p"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for line in comparison.differences:
        table.add_row(
            line.key,
            f"{line.a:.2f}",
            f"{line.b:.2f}",
            f"{line.difference:+.2f}",
            f"{line.low:+.2f} … {line.high:+.2f}",
            f"{line.p:.4f}{' *' if line.told_apart else ''}",
        )
    console.print(table)
    console.print(_release(comparison.manifest_sha256), soft_wrap=True)
    for line in comparison.headlines():
        console.print(line.sentence(), soft_wrap=True)


def print_refusal(refusal: PredictionError, console: Console) -> None:
    """Every listed problem, and how many more there are."""
    for problem in refusal.problems:
        console.print(str(problem), markup=False, soft_wrap=True)
    if refusal.total > len(refusal.problems):
        console.print(f"… and {refusal.total - len(refusal.problems)} more")
    console.print("refused: no score")


def print_conversion(found: Conversion, listed: Path, console: Console) -> None:
    """How many rows there are, what was wrong with others by kind, and where each of them is listed."""
    console.print(
        f"{found.source}: {len(found.rows)} rows written, {found.lost} left out", markup=False, soft_wrap=True
    )
    print_problems(found.faults, listed, console)


def print_problems(faults: Sequence[Fault], listed: Path, console: Console) -> None:
    """How often each kind came, with its first, and where each of them is listed."""
    kinds = Counter((fault.what, fault.lost) for fault in faults)
    for (what, lost), count in kinds.most_common():
        first = next(fault for fault in faults if (fault.what, fault.lost) == (what, lost))
        fate = "left out" if lost else "changed"
        where = f" in line {first.line}: {what}" if first.line else ":"
        text = f"{count} {fate} for {what}, the first{where} {first.why}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(faults)} problems are listed in {listed}", markup=False, soft_wrap=True)


def print_verification(folder: ReleaseFolder, found: Verification, console: Console, errors: Console) -> None:
    """What was compared and what lies beside it; what differs goes to `errors`."""
    manifest = folder.manifest
    lines = [
        f"{manifest.name} {manifest.version}, {manifest.format}, hidden split {folder.hidden}: "
        f"{found.files} files, {found.bytes:,} bytes",
        _release(folder.manifest_sha256),
    ]
    if folder.is_public_copy:
        lines.append(f"public copy: {HELD_OUT}/ is not here, so what is held out was not compared")
    for line in [*lines, *(f"note: {note}" for note in found.notes)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for problem in found.problems:
        errors.print(problem, markup=False, soft_wrap=True)
    if found.problems:
        errors.print("refused: this is not the release that its manifest names")
    else:
        console.print("every file is the released one")


def _release(manifest_sha256: str | None) -> str:
    return f"release hash {manifest_sha256}" if manifest_sha256 else "no release: scored on a bare truth file"


def _metrics(task: str, metrics: list[ScoredMetric]) -> Table:
    table = Table(title=task, title_justify="left")
    for name in ("metric", "value", "95 % interval", "best blind"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric in metrics:
        mark = " !" if metric.beats_blind is False else ""
        table.add_row(
            metric.key.removeprefix(f"{task}."),
            f"{metric.value:.2f}{mark}",
            f"{metric.low:.2f} … {metric.high:.2f}",
            "" if metric.blind is None else f"{metric.blind:.2f}",
        )
    return table
