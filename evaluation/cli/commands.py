"""The commands about scores: each takes parsed arguments, does one thing, returns the exit status."""

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.cli.inputs import REFUSED, SCORED, moments_of, options_of, questions_of, release_and_files
from evaluation.cli.terminal import print_comparison, print_refusal, print_report
from evaluation.io.atomic import json_bytes, write_atomic
from evaluation.io.terminal import Terminal
from evaluation.metrics.baselines import moment_baseline, qa_baseline
from evaluation.metrics.bootstrap import VideoBootstrap, question_clusters
from evaluation.metrics.compare import Comparison, compare, wins
from evaluation.metrics.definitions import Metric, all_metrics, qa_metrics
from evaluation.metrics.protocol import ScoringOptions
from evaluation.predictions.errors import Findings, PredictionError
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.writers import answer_object, moment_submission
from evaluation.release import MomentQueries, Questions, Release, ReleaseError
from evaluation.reports.report import Report, note_standing, report_answers, report_moments
from evaluation.reports.scoring import chosen, rank_submission, require_truth, score_answers, settled

MOST_WINS = 20  # listed of either file


def score(arguments: argparse.Namespace) -> int:
    """Score one file; writes JSON and HTML where asked, also of a refusal."""
    release, (predictions,) = release_and_files(arguments, 1)
    details = bool(arguments.json or arguments.html)  # breakdowns and curves are for files; the terminal shows neither
    options = options_of(arguments, release, details=details)
    report = Report(arguments.task, options.split, options.rules, options.seed)
    report.manifest_sha256 = release.manifest_sha256 if release else None
    try:
        _score_into(report, release, predictions, options, arguments, details=details)
        note_standing(report, release)
        refused = None
    except PredictionError as refusal:
        refused = refusal
        report.refused = refusal.problems
    if arguments.json:
        write_atomic(arguments.json, [json_bytes(report.as_dict())])
    if arguments.html:
        from evaluation.reports.html_report import render_html

        write_atomic(arguments.html, [render_html(report.as_dict()).encode()])
    if refused:
        print_refusal(refused, Terminal(stderr=True))
        return REFUSED
    print_report(report, Terminal())
    return SCORED


def compare_two(arguments: argparse.Namespace) -> int:
    """Compare two files on the same queries."""
    release, (first, second) = release_and_files(arguments, 2)
    options = options_of(arguments, release)
    if arguments.task == "moment":
        queries = require_truth(moments_of(release, arguments), arguments.split)
        clusters, ids = queries.video, queries.desc_ids
    else:
        questions = require_truth(questions_of(release, arguments), arguments.split)
        clusters, ids = question_clusters(questions), questions.qids
    inside = chosen(ids, options)

    def metrics_of(path: Path) -> tuple[list[Metric], str]:
        source = PredictionFile(path)
        findings = Findings(source.name)
        if arguments.task == "moment":
            metrics = all_metrics(rank_submission(source, settled(queries, options, findings), options, findings))
        else:
            metrics = qa_metrics(score_answers(source, questions, options, findings))
        digest = source.sha256()
        source.close()
        return [metric.within(inside) for metric in metrics], digest

    try:
        (a, a_sha256), (b, b_sha256) = metrics_of(first), metrics_of(second)
    except PredictionError as refusal:
        print_refusal(refusal, Terminal(stderr=True))
        return REFUSED
    differences = compare(a, b, VideoBootstrap(clusters[inside], options.seed))
    manifest = release.manifest_sha256 if release else None
    won = None
    if arguments.wins:
        rows = queries if arguments.task == "moment" else questions
        won = _wins(a, b, arguments.wins, rows, np.flatnonzero(inside))
    comparison = Comparison(
        options.split, options.seed, int(inside.sum()), a_sha256, b_sha256, manifest, differences, won
    )
    if arguments.json:
        write_atomic(arguments.json, [json_bytes(comparison.as_dict())])
    print_comparison(comparison, Terminal())
    return SCORED


def _wins(
    a: list[Metric], b: list[Metric], key: str, rows: MomentQueries | Questions, places: NDArray[np.int64]
) -> dict[str, Any]:
    """Where one is better, in words; `places` are those of the metrics' values among all rows."""
    by_key = [{metric.key: metric for metric in metrics} for metrics in (a, b)]
    if not all(key in metrics for metrics in by_key):
        raise ReleaseError(f"--wins: the files have no metric {key!r} in common")
    found = wins(by_key[0][key], by_key[1][key], MOST_WINS)
    told = {side: [_told(rows, int(places[at])) for at in getattr(found, side)] for side in ("a_better", "b_better")}
    return asdict(found) | told


def _told(rows: MomentQueries | Questions, at: int) -> dict[str, Any]:
    if isinstance(rows, MomentQueries):
        one, text, span = rows.desc_ids[at], rows.desc[at], (rows.start[at], rows.end[at])
        video = rows.videos.names[rows.video[at]]
    else:
        one, text, span = rows.qids[at], rows.q[at] if rows.q else "", rows.span[at]
        video = rows.video[at] if rows.video else ""
    times = [None if np.isnan(second) else float(second) for second in span]
    return {"id": int(one), "text": text, "video": video, "span": times}


def baseline(arguments: argparse.Namespace) -> int:
    """Write a blind baseline as a submission."""
    release = Release.open(arguments.release)
    if arguments.task == "moment":
        queries = release.moments(arguments.split)
        parts = moment_baseline(arguments.kind, queries, release.moments("train"), arguments.seed)
        named = (replace(lists, video=queries.videos.ids[lists.video]) for lists in parts)
        write_atomic(arguments.out, moment_submission(named, queries.videos.id_of))
    else:
        questions = release.questions(arguments.split)
        answers = qa_baseline(arguments.kind, questions, release.questions("train"), arguments.seed)
        write_atomic(arguments.out, [answer_object(np.stack([questions.qids, answers], axis=1).tolist())])
    return SCORED


def _score_into(
    report: Report,
    release: Release | None,
    predictions: Path,
    options: ScoringOptions,
    arguments: argparse.Namespace,
    *,
    details: bool,
) -> None:
    source = PredictionFile(predictions)
    try:
        if arguments.task == "moment":
            queries = require_truth(moments_of(release, arguments), arguments.split)
            train = release.moments("train") if release else None
            report_moments(report, source, queries, train, options, details=details)
        else:
            questions = require_truth(questions_of(release, arguments), arguments.split)
            train_questions = release.questions("train") if release else None
            report_answers(report, source, questions, train_questions, options, details=details)
    finally:
        report.predictions_sha256 = source.sha256()
        source.close()
