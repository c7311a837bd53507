"""Build multiple-choice items that cannot be guessed, and measure how well they can.

Examples:
  python -m adversarial match questions.jsonl items.jsonl --replace 2 --report match.json
  python -m adversarial audit items.jsonl --report audit.json
  python -m adversarial filter items.jsonl hard.jsonl --drop 0.1
  python -m adversarial leaks releases/demo-1.0.0 --report leaks.json
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import joblib

from adversarial.cli import commands
from adversarial.cli.arguments import Parser, finite, share, whole_number
from adversarial.data.errors import ItemError
from adversarial.learning.group_kfold import MAX_SEED
from adversarial.negatives.settings import LAMBDA
from adversarial.negatives.shards import MAX_SHARD, MIN_SHARD
from adversarial.relevance.sentence_encoder import DEFAULT_MODEL
from evaluation.io.errors import reason


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
    subparsers = parser.add_subparsers(required=True, metavar="match|audit|filter|leaks")
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

    match = subparsers.add_parser("match", parents=[shared], help="replace written negatives by matched ones")
    match.add_argument("output", type=Path, metavar="OUT.jsonl", help="the same questions with their new options")
    match.add_argument(
        "--replace", type=whole_number(1), default=1, help="written negatives to replace in every question (default 1)"
    )
    match.add_argument(
        "--lam", type=float, default=LAMBDA, help=f"weight of dissimilarity against relevance (default {LAMBDA})"
    )
    match.add_argument("--model", default=DEFAULT_MODEL, help=f"sentence-transformers model (default {DEFAULT_MODEL})")
    match.add_argument(
        "--order-key-file",
        type=Path,
        metavar="FILE",
        help="a secret (at least 16 bytes) that draws the order of the options: without one, whoever knows seed and "
        "ids can draw it again and read the right answers off it",
    )
    match.add_argument(
        "--max-fold",
        type=whole_number(MIN_SHARD),
        default=MAX_SHARD,
        help=f"questions matched together at most (default {MAX_SHARD})",
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
        "--drop",
        type=share,
        default=0.0,
        help="set this share of each fold aside, the questions that models guess most surely after a first match, and "
        "match the others anew (default 0: the output has every question)",
    )
    match.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="keep each fold's steps in this folder: a killed run goes on, and memory is that of one fold",
    )
    match.set_defaults(run=commands.match)

    audit = subparsers.add_parser("audit", parents=[shared], help="answer the questions without the video")
    audit.add_argument(
        "--thorough",
        dest="encoder",
        nargs="?",
        const=DEFAULT_MODEL,
        metavar="MODEL",
        help=f"also fine-tune a text encoder with a multiple-choice head (minutes; {DEFAULT_MODEL} or the one named)",
    )
    audit.set_defaults(run=commands.audit)

    drop = subparsers.add_parser("filter", parents=[shared], help="leave out the items that models guess most surely")
    drop.add_argument("output", type=Path, metavar="OUT.jsonl", help="the items that stay, as they were")
    drop.add_argument("--drop", type=share, default=0.1, help="share of the items to leave out (default 0.1)")
    drop.set_defaults(run=commands.drop_predictable)

    leaks = subparsers.add_parser(
        "leaks",
        parents=[seeded],
        help="try every way to a release's hidden truth that needs no video; status 1 where one succeeds",
    )
    leaks.add_argument("release", type=Path, metavar="RELEASE", help="a release folder with its held_out folder")
    leaks.add_argument("--all", action="store_true", help="print every comparison, not only the worst 20")
    leaks.set_defaults(run=commands.leaks, jobs=1)
    return parser


def _threads(jobs: int) -> AbstractContextManager[Any]:
    config: AbstractContextManager[Any] = joblib.parallel_config(backend="threading", n_jobs=jobs)
    return config
