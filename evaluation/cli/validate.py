"""`validate`, which `submit` runs first, too."""

import argparse

from evaluation.cli.inputs import REFUSED, SCORED, moments_of, options_of, questions_of, release_and_files
from evaluation.cli.terminal import print_refusal
from evaluation.io.atomic import json_bytes, write_atomic
from evaluation.io.terminal import Terminal
from evaluation.predictions.errors import Findings, PredictionError
from evaluation.predictions.file import PredictionFile
from evaluation.reports.report import Report
from evaluation.reports.scoring import check_submission, score_answers


def validate(arguments: argparse.Namespace) -> int:
    """Read and check everything that scoring would, without the truth."""
    release, (predictions,) = release_and_files(arguments, 1)
    options = options_of(arguments, release)
    report = Report(arguments.task, options.split, options.rules, options.seed)
    report.manifest_sha256 = release.manifest_sha256 if release else None
    source = PredictionFile(predictions)
    findings = Findings(source.name)
    try:
        if arguments.task == "moment":
            check_submission(source, moments_of(release, arguments), options, findings, rank=False)
        else:
            score_answers(source, questions_of(release, arguments), options, findings)
    except PredictionError as refusal:
        report.refused = refusal.problems
        print_refusal(refusal, Terminal(stderr=True))
    finally:
        report.predictions_sha256 = source.sha256()
        source.close()
    if arguments.json:
        write_atomic(arguments.json, [json_bytes(report.as_dict())])
    if report.refused:
        return REFUSED
    Terminal().print(f"{predictions.name}: can be scored", markup=False, soft_wrap=True)
    return SCORED
