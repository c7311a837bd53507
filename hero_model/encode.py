"""`encode`: clips into an index that `search` reads."""

import argparse
from pathlib import Path

import msgspec
import numpy as np
from safetensors import safe_open
from transformers.utils import logging as transformers_logging

from evaluation.release import SubtitleRow
from hero_model.data import Features
from hero_model.errors import InputError
from hero_model.search import HeroSearch, Subtitles

MOST_BYTES = 1 << 30  # of a subtitle file


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
    if source.interval != search.config.frame_interval:
        raise InputError(
            f"{features}: one frame per {source.interval:g} s, the model expects {search.config.frame_interval:g} s"
        )
    with safe_open(features, "numpy") as file:
        names = sorted(file.keys())
    return source.read(names), read_subtitles(subtitles) if subtitles is not None else {}


def read_subtitles(path: Path) -> dict[str, Subtitles]:
    """Raises InputError with the line that is wrong."""
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES} bytes")
    decoder = msgspec.json.Decoder(SubtitleRow)
    found: dict[str, Subtitles] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            row = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise InputError(f"{path}:{number}: {error}") from error
        found[row.vid_name] = [(sub.start, sub.end, sub.text) for sub in row.sub]
    return found
