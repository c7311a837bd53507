"""`export`: the query side of a moment model as one file for `torch.export.load`."""

import argparse
from pathlib import Path

from hero_model.checkpoints.model_folder import find_model, load_model
from hero_model.cli.runtime import quiet_transformers
from hero_model.errors import InputError
from hero_model.inference.query_side import save_query_side
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", type=Path, help="the OUT folder of `train`, or the moment model's folder")
    parser.add_argument("out", type=Path, metavar="OUT.pt2", help="where to write")


def run(args: argparse.Namespace) -> None:
    """Writes a program that makes of token ids [N, L] and a mask the vectors that `search` compares with an index, for
    any number and length of queries; the tokenizer and the leading token lie in the file beside it. docs/hero.md has
    the lines that run it. Raises InputError.
    """
    check_output_file(args.out)
    quiet_transformers()
    folder = find_model(args.models, "moment")
    if folder is None:
        raise InputError(f"{args.models}: holds no finished model for moments, and no other has a query side")
    save_query_side(*load_model(HeroForMomentRetrieval, folder), args.out)
