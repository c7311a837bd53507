"""`text-only`: the predictor that only reads. It compares a query with subtitles and sees no picture."""

import argparse
from pathlib import Path

import torch

from evaluation.io.atomic import write_atomic
from evaluation.predictions.writers import moment_submission
from hero_model.cli.arguments import add_threads
from hero_model.cli.runtime import quiet_transformers
from hero_model.data.release import open_release, reading_release
from hero_model.inference.text_only import SubtitleRanker, embed_texts
from hero_model.paths import check_output_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", type=Path, help="a release directory")
    parser.add_argument("--task", choices=["moment"], required=True)
    parser.add_argument("--split", choices=["val", "test"], required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Ranks the subtitles of all clips by their likeness to the query (MiniLM, cosine); each one is a moment."""
    check_output_file(args.out)
    torch.set_num_threads(args.threads)
    quiet_transformers()
    release = open_release(args.release)
    with reading_release():
        queries = release.moments(args.split)
        ranker = SubtitleRanker(release, queries)
    similarity = embed_texts(queries.desc) @ embed_texts(ranker.texts).T  # [N, S]
    videos = queries.videos
    video2idx = {name: int(number) for name, number in zip(videos.names, videos.ids, strict=True)}
    lists = [ranker.moments(similarity), ranker.clips(similarity)]
    if queries.has_truth:
        lists.append(ranker.own_moments(similarity))
    write_atomic(args.out, moment_submission(lists, video2idx))
