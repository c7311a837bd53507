"""`convert`: checkpoints of the authors (hero-tv-ht100.pt and fine-tuned ones) into models of this package."""

import argparse
from pathlib import Path

from rich.console import Console

from evaluation.io.digest import file_sha256
from hero_model.checkpoints.model_folder import save_model
from hero_model.checkpoints.official import HEAD_SIZE, convert, read_state_dict
from hero_model.checkpoints.text_encoder import load_tokenizer
from hero_model.cli.arguments import whole_number
from hero_model.paths import check_new_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="the authors' .pt, or the same state dict as .safetensors")
    parser.add_argument("out", type=Path, help="folder to write, for from_pretrained")
    parser.add_argument(
        "--task",
        choices=["pretraining", "moment", "qa"],
        default="pretraining",
        help="which heads to keep (default pretraining; a missing head starts at random)",
    )
    parser.add_argument(
        "--heads", type=whole_number(1, 1024), help=f"attention heads (default: hidden size / {HEAD_SIZE})"
    )
    parser.add_argument(
        "--tokenizer",
        metavar="NAME_OR_FOLDER",
        help="the tokenizer the checkpoint was trained with, saved beside the weights; the authors' is that of "
        "roberta-base (default: none, then the model cannot read text)",
    )


def run(args: argparse.Namespace) -> None:
    """Writes config.json, model.safetensors, a model card and, where one is given, the tokenizer, and says what was
    missing.
    """
    check_new_folder(args.out)
    tokenizer = load_tokenizer(args.tokenizer) if args.tokenizer is not None else None
    converted = convert(read_state_dict(args.file), args.task, args.heads, str(args.file), tokenizer)
    made = {
        "converted from": f"{args.file.name} with sha256 {file_sha256(args.file)}, in the layout of the authors",
        "missing there, at random here": ", ".join(converted.missing) or "nothing",
        "left over": ", ".join(converted.left_over) or "nothing",
    }
    if args.tokenizer is not None:
        made["tokenizer"] = Path(args.tokenizer).name
    save_model(converted.model, tokenizer, args.out, made)
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"{args.out}: {type(converted.model).__name__}, official dialect")
    for title, keys in (("missing, at random", converted.missing), ("left over", converted.left_over)):
        console.print(f"{title}: {', '.join(keys) if keys else 'nothing'}")
    if tokenizer is None:
        console.print(
            "no tokenizer saved: `search`, `answer` and `predict` need one; convert again with --tokenizer "
            "roberta-base, or copy the files of the one it was trained with into the folder"
        )
