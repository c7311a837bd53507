"""The simulated crowd of the demo: annotators of differing skill who work at the marketplace over HTTP.

    python -m benchmark_site.demo.crowd --marketplace http://127.0.0.1:8001 --script world/script.json

They see what the pages show and recognise a clip by watching it (a script of events tells of its film). They take
turns in a fixed order, so that a run from scratch gives the same answers again.
"""

import argparse
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from benchmark_site.demo.crowd.annotator import ROTA, Annotator
from benchmark_site.demo.crowd.browser import SiteError
from benchmark_site.demo.crowd.worker import Library, MarketplaceWorker
from benchmark_site.demo.world.script import Clip, read_script

PAUSES = (0.5, 5.0)  # seconds between looks at a site where nothing happens: the first, the longest


def enrol(workers: list[MarketplaceWorker], sessions: Path) -> None:
    """Everybody asks for the qualification in order, then all wait until it is granted.

    ``sessions`` keeps the browsers' cookies, because logging in is what costs a site most.
    """
    known = json.loads(sessions.read_text()) if sessions.exists() else {}
    for worker in workers:
        worker.browser.remember(known.get(worker.annotator.name, []))
        worker.enter()
        _tell("entered", worker=worker.annotator.name, skill=worker.annotator.skill)
    part = sessions.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps({worker.annotator.name: worker.browser.cookies() for worker in workers}))
    part.replace(sessions)
    waiting, pause = workers, PAUSES[0]
    while waiting := [worker for worker in waiting if not worker.qualify()]:
        time.sleep(pause)
        pause = min(2 * pause, PAUSES[1])
    _tell("enrolled", workers=len(workers))


def run(workers: list[MarketplaceWorker], until_idle: float | None) -> None:
    """Let all work in turns; ends once nobody found work for ``until_idle`` seconds."""
    done: Counter[str] = Counter()
    idle_since, pause = time.monotonic(), PAUSES[0]
    while True:
        kinds = [kind for worker in workers if (kind := _one_turn(worker, done)) is not None]
        if kinds:
            idle_since, pause = time.monotonic(), PAUSES[0]
            continue
        if until_idle is not None and time.monotonic() - idle_since >= until_idle:
            break
        time.sleep(pause)
        pause = min(2 * pause, PAUSES[1])
    _tell("idle", **done)


def _one_turn(worker: MarketplaceWorker, done: Counter[str]) -> str | None:
    kind = worker.work()
    if kind is not None:
        done[kind] += 1
        _tell("answered", worker=worker.annotator.name, kind=kind, done=done[kind])
    return kind


def _tell(event: str, **details: object) -> None:
    print(json.dumps({"event": event, **details}), flush=True)


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="python -m benchmark_site.demo.crowd",
        description="Simulated annotators sign up at a marketplace, join a group, and do every task they are shown.",
        epilog="Progress is printed as JSON lines. SIGTERM stops it between two requests; a later run goes on.",
    )
    options.add_argument("--marketplace", required=True, metavar="URL", help="the marketplace's worker site")
    options.add_argument(
        "--script",
        required=True,
        action="append",
        type=Path,
        metavar="FILE",
        help="a script.json of the clips they know; may be given more than once",
    )
    options.add_argument("--workers", type=int, default=ROTA, metavar="N", help=f"how many (default {ROTA})")
    options.add_argument("--seed", type=int, default=0, help="another seed, other answers (default 0)")
    options.add_argument(
        "--until-idle",
        type=float,
        metavar="SECONDS",
        help="end when nobody has found work for so long (default: wait for new work for ever)",
    )
    options.add_argument(
        "--sessions",
        type=Path,
        metavar="FILE",
        help="where their browsers keep cookies between runs (default: sessions.json beside the first script)",
    )
    options.add_argument("--enrol-only", action="store_true", help="end when all have been given a group")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    films: dict[Path, Clip] = {}
    try:
        for file in options.script:
            films |= {file.parent / clip.file: clip for clip in read_script(file).clips}
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    library = Library(films)
    annotators = [Annotator(number, options.seed) for number in range(1, options.workers + 1)]
    workers = [MarketplaceWorker(annotator, options.marketplace, library) for annotator in annotators]
    try:
        enrol(workers, options.sessions or options.script[0].with_name("sessions.json"))
        if not options.enrol_only:
            run(workers, options.until_idle)
    except SiteError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
