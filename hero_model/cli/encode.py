"""`encode`: clips into an index that `search` reads."""

import argparse
from pathlib import Path

import numpy as np
from transformers.utils import logging as transformers_logging

from hero_model.data.dataset import Features, read_subtitles
from hero_model.inference.search import HeroSearch, Subtitles
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_inputs(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="INDEX", help="where to write the index")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The arguments that `encode` and `answer` share."""
    parser.add_argument("models", type=Path, help="the OUT folder of `train`, or one model's folder")
    parser.add_argument(
        "--features", type=Path, required=True, metavar="FILE", help="frame features, as `features` writes them"
    )
    parser.add_argument(
        "--subtitles",
        type=Path,
        metavar="FILE",
        help='one line per video: {"vid_name": …, "sub": [{"text": …, "start": s, "end": s}]}',
    )


def run(args: argparse.Namespace) -> None:
    """Writes one safetensors file, {video: float32 [frames, D]}. Raises InputError."""
    check_output_file(args.out)
    search = open_search(args.models)
    search.encode(*read_inputs(args.features, args.subtitles, search))
    search.save_index(args.out)


def open_search(folder: Path) -> HeroSearch:
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    return HeroSearch.from_pretrained(folder)


def read_inputs(
    features: Path, subtitles: Path | None, search: HeroSearch
) -> tuple[dict[str, np.ndarray], dict[str, Subtitles]]:
    """Features and subtitles of every video of a feature file. Raises InputError."""
    source = Features.open(features)
    source.check(search.config.feature_size, search.config.frame_interval)
    lines = read_subtitles(subtitles) if subtitles is not None else {}
    spoken: dict[str, Subtitles] = {
        name: [(line.start, line.end, line.text) for line in sub] for name, sub in lines.items()
    }
    return source.read(source.names), spoken
