"""`encode`: clips into an index that `search` reads."""

import argparse
from pathlib import Path

from hero_model.cli.inputs import add_inputs, open_search, read_inputs
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="INDEX", help="where to write the index")


def run(args: argparse.Namespace) -> None:
    """Writes one safetensors file, {video: float32 [frames, D]}. Raises InputError."""
    check_output_file(args.out)
    search = open_search(args.models, args.device)
    search.encode(*read_inputs(args.features, args.subtitles, search))
    search.save_index(args.out)
