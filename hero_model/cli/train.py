"""`train`: pre-training on the train clips, then moment retrieval, then question answering."""

import argparse
import os
import warnings
from contextlib import nullcontext
from pathlib import Path

import torch

from evaluation.release import Release
from hero_model.cli.arguments import add_device, add_threads, whole_number
from hero_model.cli.runtime import quiet_transformers
from hero_model.data.release import open_release
from hero_model.device import pick_device
from hero_model.errors import InputError, InputWarning
from hero_model.presets import OBJECTIVES, PRESETS
from hero_model.training.pipeline import Training
from hero_model.training.plan import MODEL, STAGES, Plan, changed_preset, parse_weight
from hero_model.training.processes import Processes
from hero_model.training.progress import reporter
from hero_model.training.record import alone_in, check_folder, write_record
from hero_model.training.trackers import TENSORBOARD, WANDB, trackers_of
from hero_model.training.trainer import Machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, help="a release directory (docs/release_format.md)")
    parser.add_argument("out", type=Path, help="folder for the models; a run that was cut off goes on from it")
    parser.add_argument("--model", choices=list(STAGES), default="hero", help="which architecture (default hero)")
    parser.add_argument("--preset", choices=list(PRESETS), default="small", help="sizes and settings")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="STAGE.KEY=VALUE",
        help="a setting of pretraining, moment, qa or model, as moment.steps=200 (docs/training.md lists them)",
    )
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument(
        "--text-encoder", metavar="NAME_OR_FOLDER", help="a BERT or RoBERTa to start from (default: the preset's)"
    )
    start = parser.add_mutually_exclusive_group()
    start.add_argument(
        "--pretrained",
        type=Path,
        metavar="FOLDER",
        help="fine-tune this model, of `train` or of `convert`, in place of pre-training",
    )
    start.add_argument("--no-pretraining", action="store_true", help="fine-tune from the text encoder's weights")
    start.add_argument(
        "--objectives",
        metavar="NAME[=WEIGHT],…",
        help=f"of pre-training: {', '.join(OBJECTIVES)} (default: the preset's)",
    )
    parser.add_argument(
        "--corpus",
        action="append",
        default=[],
        metavar="RELEASE[=WEIGHT]",
        help="pre-train on the train clips of this release as well, drawn WEIGHT times as often as the first's "
        "(default 1); can be given several times",
    )
    parser.add_argument("--seed", type=whole_number(0, 2**32 - 1), default=0, help="of all random choices (default 0)")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of the products (default fp32)")
    parser.add_argument(
        "--save-seconds",
        type=whole_number(0, 86_400),
        default=60,
        help="between checkpoints (default 60; 0: after each step)",
    )
    parser.add_argument(
        "--report",
        action="append",
        default=[],
        choices=[TENSORBOARD, WANDB],
        help="also tell the losses to TensorBoard (OUT/tensorboard) or Weights & Biases (OUT/wandb, offline unless "
        "WANDB_MODE=online); can be given twice",
    )
    add_device(parser)
    add_threads(parser)
    parser.add_argument(
        "--progress-json", action="store_true", help="one JSON line per few steps on standard output, no bar"
    )


def run(args: argparse.Namespace) -> None:
    """Writes OUT/pretraining, OUT/moment and OUT/qa, each loadable by from_pretrained. Raises InputError."""
    plan = plan_of(args)
    torch.set_num_threads(args.threads)
    quiet_transformers()
    device = pick_device(args.device, int(os.environ.get("LOCAL_RANK", "0")))
    processes = Processes.joined(device)
    machine = Machine(device, plan.bf16, processes, args.save_seconds)
    asked = plan.asked()
    trackers = trackers_of(args.report, args.out, asked)
    check_folder(args.out, asked)
    with reporter(args.progress_json) as report:
        training = Training(plan, args.out, machine, report, trackers)
        processes.wait()  # all have seen the folder before one writes into it
        with alone_in(args.out) if processes.leads else nullcontext():  # only now is known that this run can be made
            if processes.leads and not check_folder(args.out, asked):
                write_record(args.out, asked, device, processes.count)
            processes.wait()
            training.run()


def plan_of(args: argparse.Namespace) -> Plan:
    """Raises InputError."""
    pretrains = "pretraining" in STAGES[args.model] and not args.no_pretraining and args.pretrained is None
    if not pretrains and (args.objectives is not None or args.corpus):
        raise InputError("--objectives and --corpus are for pre-training, and this run has none")
    if args.pretrained is not None and args.text_encoder is not None:
        raise InputError("--text-encoder: the model of --pretrained has one; give one of the two")
    plan = Plan(
        release=open_release(args.release),
        architecture=args.model,
        preset_name=args.preset,
        preset=changed_preset(args.preset, args.set, args.objectives, args.text_encoder),
        seed=args.seed,
        feature_set=args.features,
        pretrained=args.pretrained,
        corpora=tuple(corpus_of(text) for text in args.corpus),
        without_pretraining=args.no_pretraining,
        bf16=args.precision == "bf16",
    )
    for text in args.set:
        stage = text.partition(".")[0].replace(MODEL, "pretraining")
        if stage not in plan.stages:
            warnings.warn(f"--set {text}: this run has no {stage}, nothing reads it", InputWarning, 2)
    return plan


def corpus_of(text: str) -> tuple[Release, float]:
    """A folder and its weight; a folder may have `=` in its name where a weight follows. Raises InputError."""
    folder, separator, weight = text.rpartition("=")
    if not separator:
        return open_release(Path(text)), 1.0
    return open_release(Path(folder)), parse_weight(weight, f"--corpus {text}")
