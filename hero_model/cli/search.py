"""`search`: moments for a sentence, from an index that `encode` wrote."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from hero_model.cli.arguments import add_device, whole_number
from hero_model.cli.inputs import open_search


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", type=Path, help="the OUT folder of `train`, or the moment model's folder")
    parser.add_argument("index", type=Path, help="what `encode` wrote")
    parser.add_argument("query", help="a sentence that describes the moment")
    parser.add_argument("-k", type=whole_number(1, 10_000), default=10, help="how many moments (default 10)")
    parser.add_argument("--json", action="store_true", help="one JSON object per moment instead of a table")
    add_device(parser)


def run(args: argparse.Namespace) -> None:
    """Prints the best moments with video, start and end in seconds, and score. Raises InputError."""
    search = open_search(args.models, args.device)
    search.load_index(args.index)
    moments = search.search(args.query, args.k)
    if args.json:
        for moment in moments:
            print(json.dumps(asdict(moment)))
        return
    table = Table("video", "start s", "end s", "score")
    for moment in moments:
        table.add_row(moment.video, f"{moment.start:.1f}", f"{moment.end:.1f}", f"{moment.score:.4g}")
    Console().print(table)
