"""What `encode`, `search` and `answer` take: models, feature files and subtitles."""

import argparse
from pathlib import Path

import numpy as np

from evaluation.release import SUBTITLES_FORM
from hero_model.cli.arguments import add_device
from hero_model.cli.runtime import quiet_transformers
from hero_model.data.feature_file import FeatureFile
from hero_model.data.subtitles import read_subtitles
from hero_model.device import pick_device
from hero_model.inference.search import HeroSearch, Subtitles


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """The arguments that `encode` and `answer` share."""
    parser.add_argument("models", type=Path, help="the OUT folder of `train`, or one model's folder")
    parser.add_argument(
        "--features", type=Path, required=True, metavar="FILE", help="frame features, as `features` writes them"
    )
    parser.add_argument("--subtitles", type=Path, metavar="FILE", help=SUBTITLES_FORM)
    add_device(parser)


def open_search(folder: Path, device: str) -> HeroSearch:
    """Raises InputError."""
    quiet_transformers()
    return HeroSearch.from_pretrained(folder, pick_device(device))


def read_inputs(
    features: Path, subtitles: Path | None, search: HeroSearch
) -> tuple[dict[str, np.ndarray], dict[str, Subtitles]]:
    """Features and subtitles of every video of a feature file. Raises InputError."""
    source = FeatureFile.open(features)
    source.check(search.config.feature_size, search.config.frame_interval)
    lines = read_subtitles(subtitles) if subtitles is not None else {}
    spoken: dict[str, Subtitles] = {
        name: [(line.start, line.end, line.text) for line in sub] for name, sub in lines.items()
    }
    return source.read(source.names), spoken
