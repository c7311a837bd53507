"""A large batch put before the crowd: how long it takes, and how long a page takes meanwhile.

    python -m benchmarks.launch [--units 30000]

The site runs as `make up` starts it, in a folder of its own, with so many clips in its tables. A batch about all of
them is launched as a script would do it; until it is open its page and the list of batches are asked for twice a
second, as somebody who looks on would. Printed: seconds to the last HIT, units a second, median and slowest page.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.replay.site import start_site

REWARD, BUDGET = "0.10", "9000.00"
ENDS_S = 3600.0
PASSWORD = "looks on while it launches"


def fill(units: int) -> None:
    """Rows of `units` clips of a minute, sixty a video; nobody plays them here."""
    from annotation.models import Clip, Video

    videos = Video.objects.bulk_create(
        Video(public_id=f"film-{number:05}", duration=3600.0, state=Video.State.READY)
        for number in range(-(-units // 60))
    )
    places = ((video, 60.0 * minute) for video in videos for minute in range(60))
    Clip.objects.bulk_create(
        (
            Clip(video=video, start=start, end=start + 60)
            for (video, start), _ in zip(places, range(units), strict=False)
        ),
        batch_size=2000,
    )


def onlooker(site: str) -> httpx.Client:
    """Logged in as an admin."""
    from django.contrib.auth.models import User

    User.objects.create_superuser("onlooker", password=PASSWORD)
    client = httpx.Client(base_url=site, timeout=60, follow_redirects=True)
    client.get("/login/")
    token = client.cookies["bench_csrf"]
    form = {"username": "onlooker", "password": PASSWORD, "csrfmiddlewaretoken": token}
    client.post("/login/", data=form, headers={"Referer": f"{site}/login/"}).raise_for_status()
    return client


def launch(units: int, home: Path) -> dict[str, float]:
    """Raises RuntimeError where it is not open within an hour."""
    site = start_site(home)
    try:
        import django

        django.setup()
        from annotation import campaigns
        from annotation.models import Batch

        fill(units)
        draft = {"name": "all", "kind": "segment", "reward": REWARD, "assignments_per_hit": 1, "budget": BUDGET}
        batch = campaigns.draft(draft)
        client = onlooker(f"http://localhost:{os.environ['PORT']}")
        began, pages = time.perf_counter(), []
        campaigns.launch_for(batch.pk, str(campaigns.cost(batch)["total"]))
        while batch.state != Batch.State.OPEN:
            if time.perf_counter() - began > ENDS_S:
                raise RuntimeError(f"{batch} is {batch.state} after {ENDS_S:g} s: {batch.error}")
            for page in (batch.get_absolute_url(), "/batches/"):
                pages.append(_seconds(client, page))
            time.sleep(0.5)
            batch.refresh_from_db()
        seconds = time.perf_counter() - began
        placed = batch.hits.exclude(hit_id=None).count()
        return {
            "units launched": placed,
            "seconds": seconds,
            "units a second": placed / seconds,
            "page, median, ms": 1000 * statistics.median(pages),
            "page, slowest, ms": 1000 * max(pages),
        }
    finally:
        from benchmark_site.local import embedded

        embedded.stop(site.supervisor, "SIGTERM", timeout_s=60)


def _seconds(client: httpx.Client, page: str) -> float:
    began = time.perf_counter()
    answer: Any = client.get(page).raise_for_status()
    if "/login/" in str(answer.url):
        raise RuntimeError("the onlooker was asked to log in")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=30_000, help="(default %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="launch-") as home:
        os.chmod(home, 0o755)  # PostgreSQL's user enters it
        figures = launch(options.units, Path(home))
    table = Table("measured", "value", title=f"{os.cpu_count()} cores for the site and who looks on")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
