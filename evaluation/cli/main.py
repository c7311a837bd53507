"""python -m evaluation: score, validate, submit, compare, baseline, convert, gather, verify, diff, mirror, and more.

python -m evaluation score RELEASE predictions.json --task moment --split val --json report.json --html report.html
python -m evaluation score --truth GT.jsonl --video-index video2dur_idx.json predictions.json --json report.json
"""

import argparse
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from evaluation import __version__
from evaluation.cli.inputs import REFUSED, ROWS_INTO_NMS
from evaluation.exchange.contamination import LEAST, MOST, WORDS
from evaluation.forms.table import FORMS
from evaluation.io.errors import Refusal
from evaluation.io.terminal import Terminal
from evaluation.metrics.baselines import MOMENT_KINDS, QA_KINDS
from evaluation.metrics.protocol import NMS_THRESHOLD
from evaluation.release import SPLITS, SUBTITLES_FORM

EPILOG = """exit status: 0 done, 2 refused (every problem is named with its file, task, query, row and column);
1 of contamination alone: something was found

The files and every metric are explained in docs/evaluation.md."""


GATHER = """A release folder, which `hero_model` trains on, of what the field publishes: annotation files, subtitles and
features of frames. Each annotation file is named with its form, several of a split one after another:

  python -m evaluation gather tvr --train tvr tvr_train_release.jsonl --val tvr tvr_val_release.jsonl \\
      --test tvr tvr_test_public_release.jsonl --video-index tvr_video2dur_idx.json \\
      --subtitles tvqa_preprocessed_subtitles.jsonl --features resnet_features slowfast_features --interval 1.5

Features are folders of VIDEO.npz, each with an array "features" of [frames, dim], or LMDB databases of the same. Of
several folders the numbers of a frame are joined in their order; where one has fewer frames, so many are taken.
Clips without features that can be used are left out with their rows, and listed with whatever else was wrong in
OUT.problems.jsonl. Nothing is held out: test has no truth, `score --truth FILE` scores on the file itself.
docs/training.md has a worked example."""

FORMS_EPILOG = "forms:\n" + "\n".join(f"  {name:13} {form.about}" for name, form in FORMS.items())


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status (0 done, 1 contamination found, 2 refused)."""
    arguments = _parser().parse_args(argv)
    errors = Terminal(stderr=True)
    try:
        return int(arguments.run(arguments))
    except Refusal as error:
        errors.print(f"error: {error}", markup=False, soft_wrap=True)
    except OSError as error:
        errors.print(f"error: {error.filename}: {error.strerror}", markup=False, soft_wrap=True)
    return REFUSED


def _command(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command whose module is loaded when it runs: whoever scores does not wait for what uploads and converts."""

    def run(arguments: argparse.Namespace) -> int:
        return int(getattr(import_module(f"evaluation.cli.{module}"), name)(arguments))

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation",
        description="Score predictions on a release: moment retrieval (VCMR, SVMR), video retrieval (VR), QA.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    add = parser.add_subparsers(required=True, metavar="COMMAND").add_parser

    score = add("score", help="score a prediction file", epilog=EPILOG)
    score.set_defaults(run=_command("commands", "score"))
    _add_inputs(score, "RELEASE PREDICTIONS")
    score.add_argument("--json", type=Path, metavar="OUT", help="write the report, or the refusal, as JSON")
    score.add_argument("--html", type=Path, metavar="OUT", help="write it as one self-contained page with figures")
    _add_only(score)

    check = add("validate", help="check a prediction file without scoring it; needs no truth", epilog=EPILOG)
    check.set_defaults(run=_command("validate", "validate"))
    _add_inputs(check, "RELEASE PREDICTIONS")
    check.add_argument("--json", type=Path, metavar="OUT", help="write what was checked, or the refusal, as JSON")

    submit = add("submit", help="check a file here, send it to a board, wait, print its row", epilog=EPILOG)
    submit.set_defaults(run=_command("submit", "send"))
    _add_inputs(submit, "RELEASE PREDICTIONS")
    submit.add_argument("--site", required=True, metavar="URL", help="address of the platform")
    submit.add_argument("--method", required=True, help="the name on the board")
    submit.add_argument("--description", default="", help="what it is, what it was trained on")
    submit.add_argument("--paper", default="", metavar="URL", help="its address")
    submit.add_argument("--code", default="", metavar="URL", help="its address")
    submit.add_argument("--parameters", default="", metavar="N", help="weights of the model")
    submit.add_argument("--training-data", default="", metavar="TEXT", help="what it was trained on")
    submit.add_argument("--external-data", action="store_true", help="trained on more than this release")
    submit.add_argument("--hardware", default="", metavar="TEXT", help="what it ran on")
    submit.add_argument("--run-time", default="", metavar="SECONDS", help="to predict the whole split")
    submit.add_argument(
        "--model", action="store_true", help="the file is a model, a zip that the platform predicts with"
    )
    submit.add_argument("--public", action="store_true", help="show it on the board to everybody")
    submit.add_argument("--dry-run", action="store_true", help="let the platform check the file only: uses no try")

    compare = add("compare", help="say whether two prediction files can be told apart", epilog=EPILOG)
    compare.set_defaults(run=_command("commands", "compare_two"))
    _add_inputs(compare, "RELEASE A B")
    compare.add_argument("--json", type=Path, metavar="OUT", help="write the differences as JSON")
    compare.add_argument("--wins", metavar="METRIC", help="list the queries on which one is better, by this metric")
    _add_only(compare)

    baseline = add("baseline", help="write the predictions of a blind baseline", epilog=EPILOG)
    baseline.set_defaults(run=_command("commands", "baseline"))
    baseline.add_argument("release", type=Path, metavar="RELEASE")
    baseline.add_argument(
        "--kind",
        required=True,
        choices=tuple(dict.fromkeys(MOMENT_KINDS + QA_KINDS)),
        help=f"for moments {', '.join(MOMENT_KINDS)}; for qa {', '.join(QA_KINDS)}",
    )
    baseline.add_argument("--out", type=Path, required=True, help="the file to write, in the submission form")
    _add_choice(baseline)

    convert = add(
        "convert",
        help="rewrite predictions as JSON, JSONL or Parquet, by the suffix of OUT, or a foreign truth as our own rows",
        epilog=FORMS_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    convert.set_defaults(run=_command("exchange", "convert"))
    convert.add_argument("predictions", type=Path, metavar="IN")
    convert.add_argument("out", type=Path, metavar="OUT", help="ends in .json, .jsonl or .parquet")
    convert.add_argument(
        "--from",
        dest="form",
        choices=tuple(FORMS),
        metavar="FORM",
        help="IN holds queries or questions of this form; OUT.problems.jsonl lists every row with a fault",
    )
    convert.add_argument("--task", choices=("moment", "qa"), default="moment")

    gather = add(
        "gather",
        help="make a release folder of annotations, subtitles and features as the field publishes them",
        description=GATHER,
        epilog=FORMS_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    gather.set_defaults(run=_command("gather", "gather_release"))
    gather.add_argument("out", type=Path, metavar="OUT", help="the release folder to write; its name is the release's")
    for split in SPLITS:
        gather.add_argument(
            f"--{split}", nargs=2, action="append", metavar=("FORM", "FILE"), help=f"annotations of {split}"
        )
    gather.add_argument(
        "--features", nargs="+", type=Path, required=True, metavar="FOLDER", help="features of frames, a folder a model"
    )
    gather.add_argument(
        "--interval", type=float, required=True, metavar="SECONDS", help="from a frame to the next: of TV 1.5"
    )
    gather.add_argument("--subtitles", type=Path, metavar="FILE", help=SUBTITLES_FORM)
    gather.add_argument(
        "--video-index",
        type=Path,
        metavar="FILE",
        help="the field's video2dur_idx.json: all clips of a split, their seconds and numbers; "
        "without it the clips are those that rows name",
    )

    verify = add("verify", help="compare every file of a release directory with its manifest", epilog=EPILOG)
    verify.set_defaults(run=_command("exchange", "verify"))
    verify.add_argument("release", type=Path, metavar="RELEASE")

    diff = add("diff", help="say which items of two releases differ", epilog=EPILOG)
    diff.set_defaults(run=_command("exchange", "diff"))
    diff.add_argument("first", type=Path, metavar="A")
    diff.add_argument("second", type=Path, metavar="B")
    diff.add_argument("--json", type=Path, metavar="OUT", help="write every item and clip that differs as JSON")

    mirror = add("mirror", help="copy the public files of a release elsewhere, or what is lacking there", epilog=EPILOG)
    mirror.set_defaults(run=_command("exchange", "copy"))
    mirror.add_argument("release", type=Path, metavar="RELEASE")
    mirror.add_argument("target", metavar="FOLDER", help="or s3://BUCKET/PREFIX, by the usual AWS environment")

    look = add(
        "contamination",
        help="look in text files for a release's canary and for word sequences of its test split",
        epilog="exit status: 0 nothing found, 1 something found, 2 refused",
    )
    look.set_defaults(run=_command("exchange", "look_for"))
    look.add_argument("release", type=Path, metavar="RELEASE")
    look.add_argument(
        "corpus", nargs="+", type=Path, metavar="FILE", help="a corpus or a model's outputs, gzip or not, or its folder"
    )
    look.add_argument(
        "--words", type=_words, default=WORDS, help=f"words in a row that count as found (default {WORDS})"
    )
    look.add_argument("--json", type=Path, metavar="OUT", help="write every place as JSON")
    return parser


def _add_inputs(parser: argparse.ArgumentParser, paths: str) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar=paths, help="RELEASE is left out with --truth")
    parser.add_argument("--truth", type=Path, help="ground truth in the field's form (TVR jsonl, or {qid: answer})")
    parser.add_argument(
        "--truth-form", choices=tuple(FORMS), metavar="FORM", help="another form of --truth; `convert -h` lists them"
    )
    parser.add_argument(
        "--video-index",
        type=Path,
        help="the field's video2dur_idx.json, with --truth; with --truth-form by default the videos of the truth",
    )
    parser.add_argument(
        "--past-end",
        choices=("clamp", "refuse"),
        default="clamp",
        help="what becomes of a moment in --truth that reaches out of its video",
    )
    parser.add_argument(
        "--rules",
        choices=("strict", "official"),
        default="strict",
        help="strict refuses what cannot be meant; official scores what the field's scorer scores and counts oddities",
    )
    parser.add_argument(
        "--missing",
        choices=("refuse", "miss"),
        default="refuse",
        help="what a query without predictions means: refuse the file, as boards do, or count a miss",
    )
    parser.add_argument(
        "--withheld",
        action="store_true",
        help="as a board on a hidden split: refuse SVMR, since checking its lists would tell the video of each query",
    )
    parser.add_argument(
        "--nms",
        type=_share,
        nargs="*",
        default=[NMS_THRESHOLD],
        metavar="TIOU",
        help="thresholds of non-maximum suppression to report beside the raw lists (default 0.5)",
    )
    parser.add_argument(
        "--nms-variant",
        choices=tuple(ROWS_INTO_NMS),
        default="top200",
        help="rows of a list that enter NMS; after_top100 is what the field's scripts really do",
    )
    _add_choice(parser)


def _add_only(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        type=Path,
        metavar="IDS",
        help="a file with one id a line: numbers are made of these queries alone, as of one part of a board's split",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is no tIoU: expected 0 or more and less than 1")
    return value


def _words(text: str) -> int:
    if not text.isdecimal() or not LEAST <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text} words: expected {LEAST} to {MOST}, fewer are found everywhere")
    return int(text)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", choices=("moment", "qa"), default="moment")
    parser.add_argument("--split", choices=SPLITS, default="val")
    parser.add_argument("--seed", type=int, default=0, help="of the intervals and the random baselines")
