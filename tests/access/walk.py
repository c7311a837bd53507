"""The addresses of a site beside its table of access: `python -m tests.access.walk benchmark_site.access`.

The platform and the marketplace have settings of their own, so each is walked in a process of its own.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {
    "benchmark_site.access": {"DJANGO_SETTINGS_MODULE": "benchmark_site.settings"},
    "annotation.marketplace.access": {
        "DJANGO_SETTINGS_MODULE": "annotation.marketplace.settings",
        "MARKETPLACE_URL": "http://localhost",
        "MARKETPLACE_SECRET_KEY": "walk",
        "MARKETPLACE_DATABASE_URL": "postgresql://localhost/walk",
    },
}


@dataclass(frozen=True)
class Site:
    """URL names with their routes and rows, names without a row, rows without an address, the table for the docs."""

    routes: dict[str, list[str]]
    rows: dict[str, dict[str, str]]
    unknown: list[str]
    unused: list[str]
    markdown: str


def walk(access: str) -> Site:
    """The site that this module of access belongs to."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.access.walk", access],
        env={**os.environ, **SETTINGS[access]}, cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return Site(**json.loads(answer.stdout))


def _routes(resolver: Any, namespace: str = "", prefix: str = "/") -> Iterator[tuple[str, str]]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if hasattr(pattern, "url_patterns"):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _routes(pattern, inner, route)
        else:
            yield namespace + (pattern.name or pattern.lookup_str), route


def _markdown(access: Any, routes: dict[str, list[str]]) -> str:
    lines = ["| address | " + " | ".join(access.Role) + " |", "|---" * (1 + len(access.Role)) + "|"]
    for name, row in access.TABLE.items():
        address = f"/{name.strip(':')}/…" if name.endswith(":") else re.sub(r"<\w+:(\w+)>", r"<\1>", routes[name][0])
        lines.append(f"| `{address}` | " + " | ".join(row[role] for role in access.Role) + " |")
    return "\n".join(dict.fromkeys(lines))


def _main() -> None:
    import django

    django.setup()
    from django.urls import get_resolver

    access = importlib.import_module(sys.argv[1])
    routes: dict[str, list[str]] = {}
    for name, route in _routes(get_resolver()):
        routes.setdefault(name, []).append(route)
    covered = {name if name in access.TABLE else name.rpartition(":")[0] + ":" for name in routes}
    site = Site(
        routes=routes,
        rows={name: row for name in routes if (row := access.find_row(name)) is not None},
        unknown=[name for name in routes if access.find_row(name) is None],
        unused=sorted(access.TABLE.keys() - covered),
        markdown=_markdown(access, routes),
    )
    print(json.dumps(site.__dict__))


if __name__ == "__main__":
    _main()
