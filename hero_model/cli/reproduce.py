"""`reproduce`: the rows of the paper's Tables 1 to 3, trained anew on a procedural world or on a release."""

import argparse
from pathlib import Path

from rich import print as show
from rich.table import Table

from evaluation.io.atomic import atomic_folder
from hero_model.cli.arguments import whole_number
from hero_model.data.release import open_release
from hero_model.errors import InputError
from hero_model.presets import PRESETS
from hero_model.reproduce.rows import ROWS, TABLES
from hero_model.reproduce.runs import Study, run_all
from hero_model.reproduce.tables import TASKS, Cell, cell, orders
from hero_model.reproduce.world import write_world
from hero_model.training.plan import changed_preset

# of `train` with the preset `small` on the procedural world, before what --set says: steps for 2,000 clips, and a VSM
# that asks for every sentence and hides three of four, since what is seen is learned from sentences that are hidden
WORLD_SETTINGS = (
    "pretraining.steps=800", "model.query_share=1", "model.kept_query_share=0.25",
    "moment.steps=300", "moment.validate_every=50", "qa.steps=60", "qa.clips=16",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=["tables"], help="what to reproduce")
    parser.add_argument("out", type=Path, help="folder for worlds, runs and results; what is done there is kept")
    parser.add_argument(
        "--data", type=Path, metavar="RELEASE", help="train on this release in place of the procedural world"
    )
    parser.add_argument("--second", type=Path, metavar="RELEASE", help="the second corpus of Table 1, with --data")
    parser.add_argument("--split", choices=["val", "test"], help="to compare on (default: test of the world, else val)")
    parser.add_argument(
        "--clips", type=whole_number(100, 1_000_000), default=2000, help="of the procedural world (default 2000)"
    )
    parser.add_argument("--rows", metavar="NAME,…", help=f"only these: {', '.join(ROWS)}")
    parser.add_argument("--seeds", type=whole_number(1, 100), default=3, help="runs of each row (default 3)")
    parser.add_argument(
        "--jobs", type=whole_number(1, 64), default=1, help="runs side by side, on a GPU or many cores (default 1)"
    )
    parser.add_argument("--preset", choices=list(PRESETS), default="small", help="sizes and settings of `train`")
    parser.add_argument("--set", action="append", default=[], metavar="STAGE.KEY=VALUE", help="as of `train`")
    parser.add_argument("--threads", type=whole_number(1, 1024), default=2, help="of the CPU (default 2)")


def run(args: argparse.Namespace) -> None:
    """Prints the paper's tables beside ours; cut off and started again, it goes on. Raises InputError."""
    rows = rows_of(args.rows)
    if args.second is not None and args.data is None:
        raise InputError("--second: the procedural world brings its own; give it with --data")
    if args.data is not None and args.second is None and any(ROWS[row].second_corpus for row in rows):
        raise InputError("--data: the row two-corpora needs --second, or leave it out with --rows")
    options = ["--preset", args.preset, "--threads", str(args.threads)]
    usual = WORLD_SETTINGS if args.data is None and args.preset == "small" else ()
    settings = (*usual, *args.set)
    changed_preset(args.preset, settings)  # what `train` would refuse, before a world is made
    options += [part for setting in settings for part in ("--set", setting)]
    first, second = args.data or args.out / "world", args.second or args.out / "second-world"
    if args.data is None:
        make_world(first, args.clips, 0)
        if any(ROWS[row].second_corpus for row in rows):
            make_world(second, args.clips, 1)
    for release in filter(None, (args.data, args.second)):
        open_release(release)
    split = args.split or ("val" if args.data is not None else "test")
    study = Study(args.out, first, second, split, tuple(options))
    study.begin()
    run_all(study, rows, range(args.seeds), args.jobs, lambda line: show(f"[dim]{line}[/dim]"))
    for name in TABLES:
        print_table(study, name, rows, args.seeds)


def rows_of(text: str | None) -> list[str]:
    """The rows that are asked for, in the tables' order. Raises InputError."""
    wanted = list(ROWS) if text is None else text.split(",")
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        raise InputError(f"--rows: no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
    return [row for row in ROWS if row in wanted]


def make_world(folder: Path, clips: int, seed: int) -> None:
    """Once: a world that is there is kept. Raises InputError where another one is."""
    if folder.exists():
        there = sum(len(open_release(folder).videos(split, None).names) for split in ("train", "val", "test"))
        if there != clips:
            raise InputError(f"{folder}: a world of {there} clips; give --clips {there}, or another OUT")
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with atomic_folder(folder) as unfinished:
        write_world(unfinished, clips, seed)


def print_table(study: Study, name: str, rows: list[str], seeds: int) -> None:
    shown = [row for row in TABLES[name] if row in rows]
    if not shown:
        return
    table = Table(title=name, title_justify="left")
    table.add_column("")
    for task in TASKS.values():
        table.add_column(f"{task}\npaper", justify="right")
        table.add_column("\nours", justify="right")
    for row in shown:
        cells = [cell(study, row, task, range(seeds)) for task in TASKS]
        table.add_row(ROWS[row].label, *(text for own in cells for text in (number(own.paper), ours(own))))
    show(table)
    for found in orders(study, name, range(seeds)):
        spread = f" ± {found.half:.1f}" if found.half is not None else ""
        verdict = "as in the paper" if found.difference - (found.half or 0) > 0 else "cannot be told apart"
        if found.difference + (found.half or 0) < 0:
            verdict = "the other way round"
        show(
            f"{TASKS[found.task]}: {ROWS[found.better].label} over {ROWS[found.worse].label} "
            f"by {found.difference:.1f}{spread} points: {verdict}"
        )


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def ours(own: Cell) -> str:
    spread = f" ± {own.half:.1f}" if own.half is not None else ""
    return "" if own.mean is None else f"{own.mean:.1f}{spread} ({own.seeds})"
