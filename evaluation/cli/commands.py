"""The six commands: each takes parsed arguments, does one thing, returns the exit status."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from evaluation.cli.terminal import print_comparison, print_refusal, print_report, print_verification
from evaluation.io.atomic import json_bytes, moment_submission, write_whole
from evaluation.metrics.baselines import moment_baseline, qa_baseline
from evaluation.metrics.bootstrap import VideoBootstrap
from evaluation.metrics.compare import Comparison, compare
from evaluation.metrics.definitions import Metric, qa_metrics
from evaluation.metrics.ranking import HEADLINE_THRESHOLDS, THRESHOLDS
from evaluation.predictions.answers import answer_object
from evaluation.predictions.convert import SUFFIXES, convert_answers, convert_moments
from evaluation.predictions.errors import Findings, Refused
from evaluation.predictions.file import Source
from evaluation.release.reader import (
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
from evaluation.release.verify import verify_folder
from evaluation.reports.report import Report, report_answers, report_moments
from evaluation.reports.scoring import (
    Options,
    all_metrics,
    check_submission,
    judge_answers,
    question_clusters,
    rank_submission,
)

SCORED, REFUSED = 0, 2


def score(arguments: argparse.Namespace) -> int:
    """Score one file; writes JSON and HTML where asked, also of a refusal."""
    release, (predictions,) = _release_and_files(arguments, 1)
    options = _options(arguments, release)
    report = Report(arguments.task, options.split, options.rules, options.seed)
    report.manifest_sha256 = release.manifest_sha256 if release else None
    try:
        _score_into(report, release, predictions, options, arguments)
    except Refused as refusal:
        report.refused = refusal.problems
        print_refusal(refusal, Console(stderr=True))
    else:
        _note_standing(report, release)
        print_report(report, Console())
    if arguments.json:
        write_whole(arguments.json, [json_bytes(report.as_dict())])
    if arguments.html:
        from evaluation.reports.html_report import (
            html,  # altair and vl-convert cost half a second that a table need not pay
        )

        write_whole(arguments.html, [html(report.as_dict()).encode()])
    return REFUSED if report.refused else SCORED


def validate(arguments: argparse.Namespace) -> int:
    """Read and check everything that scoring would, without the truth."""
    release, (predictions,) = _release_and_files(arguments, 1)
    options = _options(arguments, release)
    source = Source(predictions)
    findings = Findings(source.name)
    try:
        if arguments.task == "moment":
            check_submission(source, _moments(release, arguments), options, findings, rank=False)
        else:
            judge_answers(source, _questions(release, arguments), options, findings)
    except Refused as refusal:
        print_refusal(refusal, Console(stderr=True))
        return REFUSED
    finally:
        source.close()
    Console().print(f"{predictions.name}: can be scored", markup=False, soft_wrap=True)
    return SCORED


def compare_two(arguments: argparse.Namespace) -> int:
    """Compare two files on the same queries."""
    release, (first, second) = _release_and_files(arguments, 2)
    options = _options(arguments, release)
    if arguments.task == "moment":
        queries = _moments(release, arguments)
        _demand_truth(queries, arguments.split)
        clusters, n = queries.video, len(queries)
    else:
        questions = _questions(release, arguments)
        _demand_truth(questions, arguments.split)
        clusters, n = question_clusters(questions), len(questions)

    def metrics_of(path: Path) -> tuple[list[Metric], str]:
        source = Source(path)
        findings = Findings(source.name)
        if arguments.task == "moment":
            metrics = all_metrics(rank_submission(source, queries, options, findings))
        else:
            metrics = qa_metrics(judge_answers(source, questions, options, findings))
        digest = source.sha256()
        source.close()
        return metrics, digest

    try:
        (a, a_sha256), (b, b_sha256) = metrics_of(first), metrics_of(second)
    except Refused as refusal:
        print_refusal(refusal, Console(stderr=True))
        return REFUSED
    differences = compare(a, b, VideoBootstrap(clusters, options.seed))
    manifest = release.manifest_sha256 if release else None
    comparison = Comparison(options.split, options.seed, n, a_sha256, b_sha256, manifest, differences)
    print_comparison(comparison, Console())
    if arguments.json:
        write_whole(arguments.json, [json_bytes(comparison.as_dict())])
    return SCORED


def baseline(arguments: argparse.Namespace) -> int:
    """Write a blind baseline as a submission."""
    release = Release.open(arguments.release)
    if arguments.task == "moment":
        queries = release.moments(arguments.split)
        parts = moment_baseline(arguments.kind, queries, release.moments("train"), arguments.seed)
        named = (replace(lists, video=queries.videos.ids[lists.video]) for lists in parts)
        write_whole(arguments.out, moment_submission(named, queries.videos.id_of))
    else:
        questions = release.questions(arguments.split)
        answers = qa_baseline(arguments.kind, questions, release.questions("train"), arguments.seed)
        write_whole(arguments.out, [answer_object(np.stack([questions.qids, answers], axis=1).tolist())])
    return SCORED


def verify(arguments: argparse.Namespace) -> int:
    """Compare a whole release directory with its manifests."""
    release = Release.open(arguments.release)
    found = verify_folder(release, Console(stderr=True))
    print_verification(release, found, Console(), Console(stderr=True))
    return REFUSED if found.problems else SCORED


def convert(arguments: argparse.Namespace) -> int:
    """Rewrite predictions in the form that the suffix names."""
    if arguments.out.suffix not in SUFFIXES:
        raise ReleaseError(f"{arguments.out}: expected a name that ends in {', '.join(SUFFIXES)}")
    try:
        if arguments.task == "moment":
            convert_moments(arguments.predictions, arguments.out)
        else:
            convert_answers(arguments.predictions, arguments.out)
    except Refused as refusal:
        print_refusal(refusal, Console(stderr=True))
        return REFUSED
    return SCORED


def _score_into(
    report: Report, release: Release | None, predictions: Path, options: Options, arguments: argparse.Namespace
) -> None:
    details = _wants_details(arguments)
    source = Source(predictions)
    try:
        if arguments.task == "moment":
            queries = _moments(release, arguments)
            _demand_truth(queries, arguments.split)
            report.n = len(queries)
            train = release.moments("train") if release else None
            report_moments(report, source, queries, train, options, details=details)
        else:
            questions = _questions(release, arguments)
            _demand_truth(questions, arguments.split)
            report.n = len(questions)
            train_questions = release.questions("train") if release else None
            report_answers(report, source, questions, train_questions, options, details=details)
    finally:
        report.predictions_sha256 = source.sha256()
        source.close()


def _note_standing(report: Report, release: Release | None) -> None:
    if release is None:
        report.note("no_release")
    elif report.split == "test" and release.hidden == "shared":
        report.note("not_sealed")


def _options(arguments: argparse.Namespace, release: Release | None) -> Options:
    return Options(
        split=arguments.split,
        rules=arguments.rules,
        missing_is_miss=arguments.missing == "miss",
        withheld=arguments.withheld,
        seed=arguments.seed,
        nms=tuple(arguments.nms),
        nms_rows_in=ROWS_INTO_NMS[arguments.nms_variant],
        # the field's own files under the field's own rules: bit for bit what its scorer does
        clamp=release is not None or arguments.rules == "strict",
        thresholds=THRESHOLDS if _wants_details(arguments) else HEADLINE_THRESHOLDS,
    )


def _wants_details(arguments: argparse.Namespace) -> bool:
    """Breakdowns and curves are for files; the terminal shows neither."""
    return arguments.run is score and bool(arguments.json or arguments.html)


ROWS_INTO_NMS = {"top200": 200, "after_top100": 100}


def _release_and_files(arguments: argparse.Namespace, count: int) -> tuple[Release | None, list[Path]]:
    files = list(arguments.paths)
    release = None if arguments.truth else Release.open(files.pop(0))
    if len(files) != count:
        first = "" if arguments.truth else "RELEASE and "
        raise ReleaseError(f"expected {first}{count} prediction file{'s' * (count > 1)}, found {len(files)}")
    return release, files


def _moments(release: Release | None, arguments: argparse.Namespace) -> MomentQueries:
    if release is not None:
        return release.moments(arguments.split)
    if not arguments.video_index:
        raise ReleaseError("--truth for moments needs --video-index, the field's video2dur_idx.json")
    index = read_video_index(arguments.video_index)
    key = split_key(arguments.split)
    if key not in index:
        raise ReleaseError(f"{arguments.video_index}: no split {key!r}, only {', '.join(index)}")
    return read_moments(arguments.truth, index[key])


def _questions(release: Release | None, arguments: argparse.Namespace) -> Questions:
    if release is not None:
        return release.questions(arguments.split)
    return read_questions(arguments.truth) if arguments.truth.suffix == ".jsonl" else read_answer_key(arguments.truth)


def _demand_truth(rows: MomentQueries | Questions, split: str) -> None:
    if not rows.has_truth:
        raise ReleaseError(
            f"the truth of {split} is not in this copy of the release: only a copy with held_out/ can score it"
        )
