"""A leak report as lines of text: verdict, proofs, comparisons."""

from collections.abc import Iterator
from typing import Any

_WORST = 20
_IDS = 5


def lines(report: dict[str, Any], whole: bool) -> Iterator[str]:
    """Worst comparisons first, all of them with `whole`; `!` marks those that block."""
    release = report["release"]
    yield f"{release['name']} {release['version']}, hidden split {release['hidden']}, seed {report['seed']}"
    shown = report["rows"] if whole else report["rows"][:_WORST]
    if shown:
        width = max(len(row["attack"]) for row in shown)
        yield f"  {'attack':<{width}}  {'metric':<20}  {'n':>5}  value  without  difference (interval)"
        yield from (_line(row, width) for row in shown)
    if hidden := len(report["rows"]) - len(shown):
        yield f"  … and {hidden} more (--all)"
    yield f"{report['comparisons']} comparisons. {report['correction']}"
    yield from (f"note: {note}" for note in report["notes"])
    for name, ids in report["proofs"].items():
        more = f" and {len(ids) - _IDS} more" if len(ids) > _IDS else ""
        yield f"! proof: {name}: {', '.join(map(str, ids[:_IDS]))}{more}"
    yield f"leaks: {'; '.join(report['blocked'])}" if report["blocked"] else "no leak found"


def _line(row: dict[str, Any], width: int) -> str:
    numbers = f"{row['value']:5.1f}  {row['without']:7.1f}  {row['difference']:+6.1f}"
    interval = f"({row['difference_low']:+.1f} … {row['difference_high']:+.1f})"
    mark = "!" if row["blocks"] else " "
    return f"{mark} {row['attack']:<{width}}  {row['metric']:<20}  {row['n']:>5}  {numbers} {interval}"
