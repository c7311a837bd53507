"""`predict`: a submission file from trained models."""

import argparse
from pathlib import Path

import torch

from evaluation.io.atomic import json_bytes, write_atomic
from evaluation.predictions.writers import moment_submission
from hero_model.checkpoints.model_folder import find_model, load_model
from hero_model.cli.arguments import add_device, add_threads
from hero_model.cli.runtime import quiet_transformers
from hero_model.data.dataset import Corpus
from hero_model.data.release import open_release
from hero_model.device import pick_device
from hero_model.errors import InputError
from hero_model.inference.predict import answers, moment_lists
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", type=Path, metavar="MODELS", help="the OUT folder of `train`, or one model's folder")
    parser.add_argument("release", type=Path, help="a release directory")
    parser.add_argument("--task", choices=["moment", "qa"], required=True)
    parser.add_argument("--split", choices=["val", "test"], required=True)
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument(
        "--withheld", action="store_true", help="read what every participant may see, of a full copy of the release too"
    )
    parser.add_argument(
        "--foreign",
        action="store_true",
        help="somebody else's: of its configuration only a model's own fields are read",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    add_device(parser)
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Writes VCMR, VR and, where the clip of each query is known, SVMR lists; for QA one answer a question."""
    check_output_file(args.out)
    torch.set_num_threads(args.threads)
    quiet_transformers()
    device = pick_device(args.device)
    release = open_release(args.release)
    folder = find_model(args.models, args.task)
    if folder is None:
        raise InputError(f"{args.models}: holds no finished model for --task {args.task}")
    with torch.inference_mode():
        if args.task == "moment":
            model, tokenizer = load_model(HeroForMomentRetrieval, folder, foreign=args.foreign)
            model.to(device)  # type: ignore[arg-type]
            corpus = Corpus(release, [args.split], tokenizer, model.config, args.features, "moment")
            videos = release.videos(args.split, "moment")
            lists = moment_lists(model, corpus, corpus.queries(args.split, truth=not args.withheld), videos)
            video2idx = {name: int(number) for name, number in zip(videos.names, videos.ids, strict=True)}
            write_atomic(args.out, moment_submission(lists, video2idx))
        else:
            answering, tokenizer = load_model(HeroForQuestionAnswering, folder, foreign=args.foreign)
            answering.to(device)  # type: ignore[arg-type]
            corpus = Corpus(release, [args.split], tokenizer, answering.config, args.features, "qa")
            questions = corpus.questions(args.split, truth=not args.withheld)
            write_atomic(args.out, [json_bytes(answers(answering, corpus, questions))])
