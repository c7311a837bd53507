"""`features`: frame features of video files."""

import argparse
from pathlib import Path

from rich.progress import track

from evaluation.io.atomic import atomic_file
from hero_model.errors import InputError
from hero_model.features.frame_encoder import FrameEncoder, encode_video
from hero_model.features.video import VideoError
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("video", nargs="+", type=Path, help="video files; each one's stem becomes its name")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE.safetensors", help="where to write")
    parser.add_argument(
        "--interval", type=float, default=1.5, metavar="S", help="one frame per S seconds (default 1.5)"
    )
    parser.add_argument("--encoder", default="efficientnet-lite0", choices=["efficientnet-lite0"])


def run(args: argparse.Namespace) -> None:
    """Write {stem: float32 [frames, dim]} with metadata model, interval_s and dim. Raises InputError."""
    from safetensors.numpy import save_file

    by_stem = {path.stem: path for path in args.video}
    if len(by_stem) < len(args.video):
        raise InputError("two of the videos have the same stem; a feature file needs a name for each")
    if not 0 < args.interval < float("inf"):
        raise InputError(f"--interval must be above 0 seconds, got {args.interval:g}")
    check_output_file(args.out)
    encoder = FrameEncoder(args.encoder)
    try:
        features = {
            stem: encode_video(path, encoder, args.interval)
            for stem, path in track(sorted(by_stem.items()), "frame features")
        }
    except VideoError as error:
        raise InputError(str(error)) from error
    metadata = {"model": encoder.name, "interval_s": str(args.interval), "dim": str(encoder.dim)}
    with atomic_file(args.out) as unfinished:
        save_file(features, unfinished, metadata=metadata)
