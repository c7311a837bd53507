"""What a check of the quality gate says: a row of the release's page and card."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from benchmark_site.releases.errors import BuildError
from benchmark_site.releases.models import Item

FIRST = 20
Row = dict[str, Any]
"""`{"id", "severity", "title", "n", "total", "first", "allowed"}`: n of total are not as the title says, `first` names
up to 20 of them. Severity "exclude": these items are left out; "block": nothing is released; "warn": told, from more
than `allowed` on."""


def item_row(check: str, title: str, wrong: Iterable[Item], total: Sequence[Any], severity: str = "block") -> Row:
    """The row of a check that looks at one item after the other."""
    names = [f"{item.kind} {item.public_id}" for item in wrong]
    return told_row(check, title, names, len(total), severity)


def told_row(check: str, title: str, told: Sequence[str], total: int, severity: str = "block") -> Row:
    """The row of a check that found what `told` names."""
    return {
        "id": check, "severity": severity, "title": title,
        "n": len(told), "total": total, "first": list(told[:FIRST]), "allowed": 0,
    }  # fmt: skip


def share_row(check: str, title: str, wrong: Iterable[Item], total: Sequence[Any], allowed: float) -> Row:
    """A warning from more than this share of the items on."""
    return item_row(check, title, wrong, total, "warn") | {"allowed": int(allowed * len(total))}


def refuse_blocked(rows: Iterable[Row], waived: Collection[str] = ()) -> None:
    """Raises BuildError where a blocking check found something that nobody answers for."""
    found = [row for row in rows if row["severity"] == "block" and row["n"] and row["id"] not in waived]
    if found:
        raise BuildError(
            "quality gate: "
            + "; ".join(
                f"{row['id']} ({row['title']}): {row['n']} of {row['total']}, {', '.join(row['first'][:5])}"
                for row in found
            )
        )
