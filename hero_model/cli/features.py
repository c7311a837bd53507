"""`features`: frame features of video files."""

import argparse
from pathlib import Path

from rich.progress import Progress

from hero_model.errors import InputError
from hero_model.features.feature_run import write_features
from hero_model.features.frame_encoder import DEFAULT_ENCODER, load_encoder
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", nargs="+", type=Path, help="video files; each one's stem becomes its name")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="where to write")
    parser.add_argument(
        "--interval", type=float, default=1.5, metavar="S", help="one frame per S seconds (default 1.5)"
    )
    parser.add_argument(
        "--encoder",
        default=DEFAULT_ENCODER,
        metavar="NAME",
        help=f"{DEFAULT_ENCODER} (default), or an image model of transformers: a folder, or a repository's name",
    )
    parser.add_argument("--skip-broken", action="store_true", help="leave out the films that cannot be decoded")


def run(args: argparse.Namespace) -> None:
    """Write {stem: float32 [frames, dim]} with metadata model, interval_s and dim. Raises InputError."""
    by_stem = {path.stem: path for path in args.video}
    if len(by_stem) < len(args.video):
        raise InputError("two of the videos have the same stem; a feature file needs a name for each")
    if not 0 < args.interval < float("inf"):
        raise InputError(f"--interval must be above 0 seconds, got {args.interval:g}")
    check_output_file(args.out)
    encoder = load_encoder(args.encoder)
    with Progress() as progress:
        task = progress.add_task("frame features", total=len(by_stem))
        broken = write_features(
            by_stem,
            encoder,
            args.interval,
            args.out,
            skip_broken=args.skip_broken,
            done=lambda name: progress.advance(task),
        )
    for film in broken:
        print(f"left out: {film.reason}")
