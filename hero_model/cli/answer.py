"""`answer`: a multiple-choice question about a video."""

import argparse
import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from hero_model.cli.inputs import add_inputs, open_search, read_inputs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--video", metavar="NAME", help="which video (default: the best match of the question)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("question")
    parser.add_argument("option", nargs="+", help="two options or more")


def run(args: argparse.Namespace) -> None:
    """Prints the probability of each option and the moment the model looked at. Raises InputError."""
    search = open_search(args.models, args.device)
    search.encode(*read_inputs(args.features, args.subtitles, search))
    answer = search.answer(args.question, args.option, args.video)
    if args.json:
        print(json.dumps(asdict(answer)))
        return
    table = Table("option", "probability", title=f"{answer.moment.video}: {args.question}")
    for option, probability in answer.probabilities.items():
        table.add_row(option, f"{probability:.3f}", style="bold" if option == answer.option else None)
    Console().print(table)
    Console().print(f"seen at {answer.moment.start:.1f}–{answer.moment.end:.1f} s")
