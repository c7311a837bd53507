"""`train`: pre-training on the train clips, then moment retrieval, then question answering."""

import argparse
from pathlib import Path

import torch

from hero_model.cli.arguments import add_threads, whole_number
from hero_model.cli.runtime import quiet_transformers
from hero_model.data.release import open_release
from hero_model.presets import PRESETS
from hero_model.training.pipeline import STAGES, Training, check_folder, write_record
from hero_model.training.progress import reporter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, help="a release directory (docs/release_format.md)")
    parser.add_argument("out", type=Path, help="folder for the models; a run that was cut off goes on from it")
    parser.add_argument("--model", choices=list(STAGES), default="hero", help="which architecture (default hero)")
    parser.add_argument("--preset", choices=list(PRESETS), default="small", help="sizes and settings")
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=0, help="of all random choices (default 0)")
    add_threads(parser)
    parser.add_argument(
        "--progress-json", action="store_true", help="one JSON line per few steps on standard output, no bar"
    )


def run(args: argparse.Namespace) -> None:
    """Writes OUT/pretraining, OUT/moment and OUT/qa, each loadable by from_pretrained. Raises InputError."""
    release = open_release(args.release)
    torch.set_num_threads(args.threads)
    quiet_transformers()
    asked = {
        "release": release.manifest_sha256,
        "model": args.model,
        "preset": args.preset,
        "features": args.features,
        "seed": args.seed,
    }
    begun = check_folder(args.out, asked)
    with reporter(args.progress_json) as report:
        training = Training(release, args.out, PRESETS[args.preset], args.seed, args.model, args.features, report)
        if not begun:  # only now is known that this run can be made
            write_record(args.out, asked)
        training.run()
