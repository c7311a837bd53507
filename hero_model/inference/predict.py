"""`predict`: a submission file from trained models."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch.nn.functional import pad
from transformers.utils import logging as transformers_logging

from evaluation.lists import Lists
from evaluation.videos import VideoIndex
from evaluation.writing import json_bytes, moment_submission, write_whole
from hero_model.checkpoints.model_folder import find_model, load_model
from hero_model.cli.arguments import add_threads
from hero_model.data.collate import Clip, clip_batch, query_ids
from hero_model.data.dataset import Corpus, Query, open_release
from hero_model.data.packing import TextBatch, pack_texts
from hero_model.data.schedule import question_batch_of
from hero_model.errors import InputError
from hero_model.inference.retrieval import Found, FrameIndex, find_in_own_clip, find_moments
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering
from hero_model.paths import check_output_file

CLIPS_AT_ONCE = 50
QUERIES_AT_ONCE = 80
QUESTIONS_AT_ONCE = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", type=Path, metavar="MODELS", help="the OUT folder of `train`, or one model's folder")
    parser.add_argument("release", type=Path, help="a release directory")
    parser.add_argument("--task", choices=["moment", "qa"], required=True)
    parser.add_argument("--split", choices=["val", "test"], required=True)
    parser.add_argument("--features", metavar="NAME", help="feature set, where the release has several")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write")
    add_threads(parser)


def run(args: argparse.Namespace) -> None:
    """Writes VCMR, VR and, where the clip of each query is known, SVMR lists; for QA one answer a question."""
    check_output_file(args.out)
    torch.set_num_threads(args.threads)
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    release = open_release(args.release)
    folder = find_model(args.models, args.task)
    if folder is None:
        raise InputError(f"{args.models}: holds no finished model for --task {args.task}")
    with torch.inference_mode():
        if args.task == "moment":
            model, tokenizer = load_model(HeroForMomentRetrieval, folder)
            corpus = Corpus(release, [args.split], tokenizer, model.config, args.features, "moment")
            videos = release.videos(args.split, "moment")
            lists = moment_lists(model, corpus, corpus.queries(args.split), videos)
            video2idx = {name: int(number) for name, number in zip(videos.names, videos.ids, strict=True)}
            write_whole(args.out, moment_submission(lists, video2idx))
        else:
            answering, tokenizer = load_model(HeroForQuestionAnswering, folder)
            corpus = Corpus(release, [args.split], tokenizer, answering.config, args.features, "qa")
            write_whole(args.out, [json_bytes(answers(answering, corpus, args.split))])


def answers(model: HeroForQuestionAnswering, corpus: Corpus, split: str) -> dict[str, int]:
    """{qid: the answer with the highest logit}."""
    questions = corpus.questions(split)
    chosen: dict[str, int] = {}
    for start in track(range(0, len(questions), QUESTIONS_AT_ONCE), "answering", transient=True):
        some = questions[start : start + QUESTIONS_AT_ONCE]
        batch = question_batch_of(some, corpus.clips, model.config, [np.arange(len(q.options)) for q in some])
        best = model(batch).logits.argmax(1).tolist()
        chosen |= {str(question.qid): answer for question, answer in zip(some, best, strict=True)}
    return chosen


def index_clips(model: HeroForMomentRetrieval, clips: Sequence[Clip]) -> FrameIndex:
    """Frame vectors of clips, in their order."""
    parts = [
        model.hero(clip_batch(clips[start : start + CLIPS_AT_ONCE], model.config))
        for start in track(range(0, len(clips), CLIPS_AT_ONCE), "encoding clips", transient=True)
    ]
    longest = max(len(clip.features) for clip in clips)
    frames = torch.cat([pad(part.frames, (0, 0, 0, longest - part.frames.shape[1])) for part in parts])
    mask = torch.cat([pad(part.mask, (0, longest - part.mask.shape[1])) for part in parts])
    return FrameIndex.of(frames, mask, model.moment_head)


def encode_queries(model: HeroForMomentRetrieval, texts: Sequence[np.ndarray]) -> torch.Tensor:
    """[N, D] of token ids without special ones."""
    packed: list[TextBatch] = [
        pack_texts([query_ids(words, model.config) for words in texts[start : start + QUERIES_AT_ONCE]])
        for start in range(0, len(texts), QUERIES_AT_ONCE)
    ]
    return torch.cat([model.encode_queries(batch) for batch in packed])


def moment_lists(
    model: HeroForMomentRetrieval, corpus: Corpus, queries: Sequence[Query], videos: VideoIndex
) -> list[Lists]:
    """VCMR and VR of every query in the split's clips, SVMR where every query's clip is known."""
    index = index_clips(model, [corpus.clips[name] for name in videos.names])
    vectors = encode_queries(model, [query.words for query in queries])
    found, clips, scores = find_moments(vectors, index, model.moment_head)
    writer = ListWriter(np.array([q.desc_id for q in queries]), videos, model.config.frame_interval)
    lists = [writer.moments("VCMR", found), writer.clips(clips, scores)]
    if all(query.clip is not None for query in queries):
        own = torch.tensor([videos.position[query.clip or ""] for query in queries])
        lists.append(writer.moments("SVMR", find_in_own_clip(vectors, own, index, model.moment_head)))
    return lists


class ListWriter:
    """Turns frames into seconds and rows of an index into the release's video numbers."""

    def __init__(self, desc_ids: np.ndarray, videos: VideoIndex, interval: float) -> None:
        self.desc_ids, self.videos, self.interval = desc_ids, videos, interval

    def moments(self, task: str, found: Found) -> Lists:
        """Spans [first * interval, (last + 1) * interval], cut at the clip's end; impossible rows are left out."""
        clip, score = found.clip.numpy(), found.score.double().numpy()
        start = found.first.numpy() * self.interval
        end = np.minimum((found.last.numpy() + 1) * self.interval, self.videos.durations[clip])
        real = (score > 0) & (start < end)
        return Lists(
            task,
            self.desc_ids,
            np.concatenate([[0], np.cumsum(real.sum(1))]),
            self.videos.ids[clip[real]],
            start[real],
            end[real],
            score[real],
        )

    def clips(self, clips: torch.Tensor, scores: torch.Tensor) -> Lists:
        """VR lists: clips [N, K] best first."""
        count = clips.shape[1]
        nothing = np.zeros(clips.numel())
        return Lists(
            "VR",
            self.desc_ids,
            np.arange(len(clips) + 1) * count,
            self.videos.ids[clips.numpy().ravel()],
            nothing,
            nothing,
            scores.double().numpy().ravel(),
        )
