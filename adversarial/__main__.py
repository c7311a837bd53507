"""Build multiple-choice items that cannot be guessed, and measure how well they can.

Examples:
  python -m adversarial match questions.jsonl items.jsonl --replace 2 --report match.json
  python -m adversarial audit items.jsonl --report audit.json
"""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import joblib

from adversarial.borrow import LAMBDA
from adversarial.encoder import DEFAULT_MODEL
from adversarial.items import ItemError, read_rows, write_rows, write_whole
from adversarial.splits import MAX_FOLD


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        with _threads(options.jobs):
            options.run(options)
    except (ItemError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m adversarial", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="match|audit")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("input", type=Path, metavar="IN.jsonl", help="one question a line, see docs/adversarial.md")
    shared.add_argument("--report", type=Path, metavar="FILE.json", help="write the numbers here")
    shared.add_argument("--seed", type=int, default=0, help="same seed, same input: same output (default 0)")
    shared.add_argument("--jobs", type=int, default=1, help="threads inside a fold; changes the time only (default 1)")

    match = commands.add_parser("match", parents=[shared], help="replace written negatives by matched ones")
    match.add_argument("output", type=Path, metavar="OUT.jsonl", help="the same questions with their new options")
    match.add_argument(
        "--replace", type=int, default=1, help="written negatives to replace in every question (default 1)"
    )
    match.add_argument(
        "--lam", type=float, default=LAMBDA, help=f"weight of dissimilarity against relevance (default {LAMBDA})"
    )
    match.add_argument("--model", default=DEFAULT_MODEL, help=f"sentence-transformers model (default {DEFAULT_MODEL})")
    match.add_argument(
        "--max-fold", type=int, default=MAX_FOLD, help=f"questions matched together at most (default {MAX_FOLD})"
    )
    match.add_argument(
        "--rounds",
        type=int,
        default=1,
        help="after an audit replace one more negative, up to so many rounds in all (default 1: no audit)",
    )
    match.add_argument(
        "--stop",
        type=float,
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
    return parser


def _threads(jobs: int) -> AbstractContextManager[Any]:
    config: AbstractContextManager[Any] = joblib.parallel_config(backend="threading", n_jobs=jobs)
    return config


def _match(options: argparse.Namespace) -> None:
    from adversarial.borrow import Settings
    from adversarial.folds import run_all
    from adversarial.harden import harden_items
    from adversarial.pipeline import Batch

    if options.work and options.rounds > 1:
        raise ItemError("--work matches once, fold by fold: leave out --rounds, or --work")
    settings = Settings(replace=options.replace, seed=options.seed, lam=options.lam, model=options.model)
    with _Bar() as bar:
        if options.work:
            report = run_all(options.input, options.output, options.work, settings, options.max_fold, bar.show)
        else:
            rows = read_rows(options.input)
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


def _audit(options: argparse.Namespace) -> None:
    from adversarial.audit import audit_items

    rows = read_rows(options.input)
    with _Bar() as bar:
        report = audit_items(rows, seed=options.seed, thorough=options.thorough, progress=bar.show)
    _write_report(options.report, report)
    before = report.get("before")
    for name, numbers in report["panel"].items():
        was = ""
        if before:
            full, same = before["panel"][name]["accuracy"], before["same_training"]["panel"][name]["accuracy"]
            was = f"   was {full:.3f}, trained on as few questions {same:.3f}"
        print(f"{name:<16} {numbers['accuracy']:.3f}  [{numbers['low']:.3f}, {numbers['high']:.3f}]{was}")
    print(f"{'chance':<16} {report['chance']:.3f}  strongest: {report['strongest']}")
    rewrite = sum(entry["rewrite"] for entry in report["easiest"])
    print(f"{rewrite} items to rewrite or remove, {len(report['suspects'])} wrong options that may be right")


def _write_report(path: Path | None, report: dict[str, Any]) -> None:
    if path:
        write_whole(path, [json.dumps(report, indent=1, ensure_ascii=False), "\n"])


class _Bar:
    """A progress bar on standard error that shows the stage at work."""

    def __enter__(self) -> "_Bar":
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("start", total=1.0)
        self._bar.start()
        return self

    def show(self, stage: str, share: float) -> None:
        self._bar.update(self._task, description=stage, completed=share)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()


if __name__ == "__main__":
    sys.exit(main())
