"""python -m evaluation: score, baseline."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from evaluation import __version__
from evaluation.baselines import MOMENT_KINDS, QA_KINDS, BaselineError, moment_baseline, qa_baseline
from evaluation.problems import Refused
from evaluation.release import (
    MomentQueries,
    Questions,
    Release,
    ReleaseError,
    read_answer_key,
    read_moments,
    read_questions,
    read_video_index,
    split_key,
)
from evaluation.score import Options, Report, score_answers, score_moments
from evaluation.source import Source
from evaluation.terminal import print_refusal, print_report
from evaluation.writing import json_bytes, moment_submission, write_whole

REFUSED = 2


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    errors = Console(stderr=True)
    try:
        return int(arguments.run(arguments))
    except (ReleaseError, BaselineError) as error:
        errors.print(f"error: {error}", markup=False, soft_wrap=True)
    except OSError as error:
        errors.print(f"error: {error.filename}: {error.strerror}", markup=False, soft_wrap=True)
    return REFUSED


def score(arguments: argparse.Namespace) -> int:
    release, predictions = _release_and_predictions(arguments)
    options = Options(
        split=arguments.split,
        rules=arguments.rules,
        missing_is_miss=arguments.missing == "miss",
        seed=arguments.seed,
        nms_rows_in=100 if arguments.nms_variant == "after_top100" else 200,
        # the field's own files under the field's own rules: bit for bit what its scorer does
        clamp=release is not None or arguments.rules == "strict",
    )
    report = Report(arguments.task, options.split, options.rules, options.seed)
    report.manifest_sha256 = release.manifest_sha256 if release else None
    try:
        _score_into(report, release, predictions, options, arguments)
    except Refused as refusal:
        report.refused = refusal.problems
        print_refusal(report, refusal.total, Console(stderr=True))
    else:
        print_report(report, Console())
    if arguments.json:
        write_whole(arguments.json, [json_bytes(report.as_dict())])
    return REFUSED if report.refused else 0


def _score_into(
    report: Report,
    release: Release | None,
    predictions: Path,
    options: Options,
    arguments: argparse.Namespace,
) -> None:
    source = Source(predictions)
    try:
        if arguments.task == "moment":
            queries, train = _moments(release, arguments)
            report.n = len(queries)
            score_moments(source, queries, train, options, report)
        else:
            questions, qa_train = _questions(release, arguments)
            report.n = len(questions)
            score_answers(source, questions, qa_train, options, report)
    finally:
        report.predictions_sha256 = source.sha256()
        source.close()


def baseline(arguments: argparse.Namespace) -> int:
    release = Release.open(arguments.release)
    if arguments.task == "moment":
        queries = release.moments(arguments.split)
        train = None if arguments.split == "train" else release.moments("train")
        parts = moment_baseline(arguments.kind, queries, train or queries, arguments.seed)
        video2idx = dict(zip(queries.videos.names, queries.videos.ids.tolist(), strict=True))
        write_whole(arguments.out, moment_submission(parts, video2idx))
    else:
        questions = release.questions(arguments.split)
        answers = qa_baseline(arguments.kind, questions, release.questions("train"), arguments.seed)
        named = {str(qid): int(answer) for qid, answer in zip(questions.qids, answers, strict=True)}
        write_whole(arguments.out, [json_bytes(named)])
    return 0


def _release_and_predictions(arguments: argparse.Namespace) -> tuple[Release | None, Path]:
    if arguments.truth:
        if len(arguments.paths) != 1:
            raise ReleaseError("with --truth there is no RELEASE: expected PREDICTIONS alone")
        return None, arguments.paths[0]
    if len(arguments.paths) != 2:
        raise ReleaseError("expected RELEASE and PREDICTIONS (or --truth and PREDICTIONS)")
    return Release.open(arguments.paths[0]), arguments.paths[1]


def _moments(release: Release | None, arguments: argparse.Namespace) -> tuple[MomentQueries, MomentQueries | None]:
    if release is None:
        if not arguments.video_index:
            raise ReleaseError("--truth for moments needs --video-index, the field's video2dur_idx.json")
        index = read_video_index(arguments.video_index)
        key = split_key(arguments.split)
        if key not in index:
            raise ReleaseError(f"{arguments.video_index}: no split {key!r}")
        truth, train = read_moments(arguments.truth, index[key]), None
    else:
        truth, train = release.moments(arguments.split), release.moments("train")
    if not truth.has_truth:
        raise ReleaseError(
            f"the truth of {arguments.split} is not in this copy: it can only be scored by the holder of held_out/"
        )
    return truth, train


def _questions(release: Release | None, arguments: argparse.Namespace) -> tuple[Questions, Questions | None]:
    if release is None:
        path = arguments.truth
        truth, train = (read_questions(path) if path.suffix == ".jsonl" else read_answer_key(path)), None
    else:
        truth, train = release.questions(arguments.split), release.questions("train")
    if not truth.has_truth:
        raise ReleaseError(
            f"the truth of {arguments.split} is not in this copy: it can only be scored by the holder of held_out/"
        )
    return truth, train


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evaluation", description="Score predictions on a release.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("score", help="score a prediction file; exit 0 scored, 2 refused")
    command.set_defaults(run=score)
    command.add_argument("paths", nargs="+", type=Path, metavar="RELEASE PREDICTIONS")
    command.add_argument("--truth", type=Path, help="ground truth in the field's form, instead of RELEASE")
    command.add_argument("--video-index", type=Path, help="video2dur_idx.json that goes with --truth")
    command.add_argument("--task", choices=("moment", "qa"), default="moment")
    command.add_argument("--split", choices=("train", "val", "test"), default="val")
    command.add_argument("--rules", choices=("strict", "official"), default="strict")
    command.add_argument("--missing", choices=("refuse", "miss"), default="refuse")
    command.add_argument("--nms-variant", choices=("top200", "after_top100"), default="top200")
    command.add_argument("--json", type=Path, metavar="OUT", help="write the report, or the refusal, as JSON")
    command.add_argument("--seed", type=int, default=0, help="of the bootstrap and the blind baselines")

    command = commands.add_parser("baseline", help="write a blind baseline's predictions")
    command.set_defaults(run=baseline)
    command.add_argument("release", type=Path, metavar="RELEASE")
    command.add_argument("--task", choices=("moment", "qa"), default="moment")
    command.add_argument("--split", choices=("train", "val", "test"), default="val")
    command.add_argument("--kind", required=True, choices=tuple(dict.fromkeys(MOMENT_KINDS + QA_KINDS)))
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
