"""Reports as lines of text: accuracies of an audit; verdict, proofs and comparisons of a leak audit."""

from collections.abc import Iterator
from typing import Any

_WORST = 20
_IDS = 5


def accuracy_lines(report: dict[str, Any]) -> Iterator[str]:
    """One line for each adversary of an audit: its accuracy now and, where negatives were replaced, before.

    Before: on the written options, trained on the same questions.
    """
    before = report.get("before", {"panel": {}})
    for name, numbers in report["panel"].items():
        line = f"{name:<16} {numbers['accuracy']:.3f}  [{numbers['low']:.3f}, {numbers['high']:.3f}]"
        if name in before["panel"]:
            line += f"   was {before['panel'][name]['accuracy']:.3f}"
        yield line


def leak_lines(report: dict[str, Any], whole: bool) -> Iterator[str]:
    """Worst comparisons first, all of them with `whole`; `!` marks those that block."""
    release = report["release"]
    yield f"{release['name']} {release['version']}, hidden split {release['hidden']}, seed {report['seed']}"
    shown = report["rows"] if whole else report["rows"][:_WORST]
    if shown:
        width = max(len(row["attack"]) for row in shown)
        yield f"  {'attack':<{width}}  {'metric':<20}  {'n':>5}  value  without  difference (interval)"
        yield from (_leak_line(row, width) for row in shown)
    if hidden := len(report["rows"]) - len(shown):
        yield f"  … and {hidden} more (--all)"
    yield f"{report['comparisons']} comparisons. {report['correction']}"
    yield from (f"note: {note}" for note in report["notes"])
    for name, ids in report["proofs"].items():
        more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
        yield f"! proof: {name}: {', '.join(map(str, ids[:_IDS]))}{more}"
    yield f"leaks: {'; '.join(report['blocked'])}" if report["blocked"] else "no leak found"


def _leak_line(row: dict[str, Any], width: int) -> str:
    numbers = f"{row['value']:5.1f}  {row['without']:7.1f}  {row['difference']:+6.1f}"
    interval = f"({row['difference_low']:+.1f} … {row['difference_high']:+.1f})"
    mark = "!" if row["blocks"] else " "
    return f"{mark} {row['attack']:<{width}}  {row['metric']:<20}  {row['n']:>5}  {numbers} {interval}"
