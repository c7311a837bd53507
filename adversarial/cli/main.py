"""Build multiple-choice items that cannot be guessed, and measure how well they can.

Examples:
  python -m adversarial match questions.jsonl items.jsonl --replace 2 --report match.json
  python -m adversarial audit items.jsonl --report audit.json
  python -m adversarial leaks releases/demo-1.0.0 --report leaks.json
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import joblib

from adversarial.cli.arguments import Parser, finite, whole_number
from adversarial.data.atomic_files import check_paths, writable, write_whole
from adversarial.data.errors import ItemError, reason
from adversarial.data.schema import read_questions, write_rows
from adversarial.learning.group_kfold import MAX_SEED
from adversarial.negatives.match_shard import LAMBDA
from adversarial.negatives.shards import MAX_FOLD, MIN_FOLD
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL


def main(arguments: Sequence[str] | None = None) -> int:
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # the bar of the work itself is on the screen
    try:
        options = _parser().parse_args(arguments)
        with _threads(options.jobs):
            status: int = options.run(options)
    except (ItemError, OSError) as error:
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        print(f"error: {where}{reason(error)}", file=sys.stderr)
        return 2
    return status


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m adversarial", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="match|audit|leaks")
    seeded = Parser(add_help=False)
    seeded.add_argument("--report", type=Path, metavar="FILE.json", help="write the numbers here")
    seeded.add_argument(
        "--seed", type=whole_number(0, MAX_SEED), default=0, help="same seed, same input: same output (default 0)"
    )
    shared = Parser(add_help=False, parents=[seeded])
    shared.add_argument("input", type=Path, metavar="IN.jsonl", help="one question a line, see docs/adversarial.md")
    shared.add_argument(
        "--jobs", type=whole_number(1, 256), default=1, help="threads inside a fold; changes the time only (default 1)"
    )

    match = commands.add_parser("match", parents=[shared], help="replace written negatives by matched ones")
    match.add_argument("output", type=Path, metavar="OUT.jsonl", help="the same questions with their new options")
    match.add_argument(
        "--replace", type=whole_number(1), default=1, help="written negatives to replace in every question (default 1)"
    )
    match.add_argument(
        "--lam", type=float, default=LAMBDA, help=f"weight of dissimilarity against relevance (default {LAMBDA})"
    )
    match.add_argument("--model", default=DEFAULT_MODEL, help=f"sentence-transformers model (default {DEFAULT_MODEL})")
    match.add_argument(
        "--max-fold",
        type=whole_number(MIN_FOLD),
        default=MAX_FOLD,
        help=f"questions matched together at most (default {MAX_FOLD})",
    )
    match.add_argument(
        "--rounds",
        type=whole_number(1),
        default=1,
        help="after an audit replace one more negative, up to so many rounds in all (default 1: no audit)",
    )
    match.add_argument(
        "--stop",
        type=finite,
        default=0.005,
        help="end the rounds when the strongest adversary loses less accuracy than this (default 0.005)",
    )
    match.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="keep each fold's steps in this folder: a killed run goes on, and memory is that of one fold",
    )
    match.set_defaults(run=_match)

    audit = commands.add_parser("audit", parents=[shared], help="answer the questions without the video")
    audit.add_argument("--thorough", action="store_true", help="also fine-tune a cross-encoder (minutes)")
    audit.set_defaults(run=_audit)

    leaks = commands.add_parser(
        "leaks",
        parents=[seeded],
        help="try every way to a release's hidden truth that needs no video; status 1 where one succeeds",
    )
    leaks.add_argument("release", type=Path, metavar="RELEASE", help="a release folder with its held_out folder")
    leaks.add_argument("--all", action="store_true", help="print every comparison, not only the worst 20")
    leaks.set_defaults(run=_leaks, jobs=1)
    return parser


def _threads(jobs: int) -> AbstractContextManager[Any]:
    config: AbstractContextManager[Any] = joblib.parallel_config(backend="threading", n_jobs=jobs)
    return config


def _match(options: argparse.Namespace) -> int:
    from adversarial.negatives.adversarial_filtering import harden_items
    from adversarial.negatives.match_shard import Settings
    from adversarial.negatives.pipeline import Batch
    from adversarial.negatives.shard_files import run_all

    if options.work and options.rounds > 1:
        raise ItemError("--work matches once, fold by fold: leave out --rounds, or --work")
    settings = Settings(replace=options.replace, seed=options.seed, lam=options.lam, model=options.model)
    check_paths(options.input, [options.output] + ([options.report] if options.report else []))
    with _Bar() as bar:
        if options.work:
            report = run_all(options.input, options.output, options.work, settings, options.max_fold, bar.show)
        else:
            rows = read_questions(options.input, settings.replace)
            if options.rounds > 1:
                output, report = harden_items(
                    rows,
                    settings,
                    rounds=options.rounds,
                    stop=options.stop,
                    max_fold=options.max_fold,
                    progress=bar.show,
                )
            else:
                output, report = Batch(rows, settings, options.max_fold).match(settings, bar.show)
            write_rows(options.output, output)
    _write_report(options.report, report)
    print(
        f"{report['replaced']} negatives in {report['n']} questions, {report['fallbacks']} without one; "
        f"value {report['value']:.6f}, upper bound {report['upper_bound']:.6f}, "
        f"certified gap {report['certified_gap']:.1e} nats per question"
    )
    return 0


def _audit(options: argparse.Namespace) -> int:
    from adversarial.audit.report import audit_items

    check_paths(options.input, [options.report] if options.report else [])
    rows = read_questions(options.input)
    with _Bar() as bar:
        report = audit_items(rows, seed=options.seed, thorough=options.thorough, progress=bar.show)
    _write_report(options.report, report)
    print("\n".join(panel_lines(report)))
    print(f"{'chance':<16} {report['chance']:.3f}  strongest: {report['strongest']}")
    rewrite = sum(entry["rewrite"] for entry in report["easiest"])
    print(f"{rewrite} items to rewrite or remove, {len(report['suspects'])} wrong options that may be right")
    return 0


def _leaks(options: argparse.Namespace) -> int:
    from adversarial.leaks.audit import audit_release
    from adversarial.leaks.table import lines

    if options.report:
        writable(options.report)
    with _Bar() as bar:
        report = audit_release(options.release, seed=options.seed, progress=bar.show)
    _write_report(options.report, report)
    print("\n".join(lines(report, whole=options.all)))
    return 1 if report["blocked"] else 0


def panel_lines(report: dict[str, Any]) -> Iterator[str]:
    """One line for each adversary of an audit: its accuracy now and, where negatives were replaced, before."""
    before = report.get("before", {"panel": {}, "same_training": {"panel": {}}})
    for name, numbers in report["panel"].items():
        line = f"{name:<16} {numbers['accuracy']:.3f}  [{numbers['low']:.3f}, {numbers['high']:.3f}]"
        if name in before["panel"]:
            line += f"   was {before['panel'][name]['accuracy']:.3f}"
        if name in before["same_training"]["panel"]:  # the cross-encoder is too slow to be trained a third time
            line += f", trained on as few questions {before['same_training']['panel'][name]['accuracy']:.3f}"
        yield line


def _write_report(path: Path | None, report: dict[str, Any]) -> None:
    if path:
        write_whole(path, [json.dumps(report, indent=1, ensure_ascii=False), "\n"])


class _Bar:
    """A progress bar on standard error that shows the stage at work."""

    def __enter__(self) -> "_Bar":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(),
            console=console, transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("start", total=1.0)
        self._bar.start()
        return self

    def show(self, stage: str, share: float) -> None:
        self._bar.update(self._task, description=stage, completed=share)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
