"""Ranked lists and answers for every query and question of a split."""

from collections.abc import Sequence

import numpy as np
import torch
from rich.progress import track

from evaluation.metrics.ranked_lists import RankedLists
from evaluation.release import VideoIndex
from hero_model.data.collate import question_batch_of
from hero_model.data.dataset import Corpus
from hero_model.data.examples import Query, Question
from hero_model.inference.index import encode_queries, index_clips
from hero_model.inference.retrieval import RankedSpans, find_in_own_clip, find_moments
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.qa import HeroForQuestionAnswering

QUESTION_BATCH_SIZE = 16


def answers(model: HeroForQuestionAnswering, corpus: Corpus, questions: Sequence[Question]) -> dict[str, int]:
    """{qid: the answer with the highest logit}."""
    chosen: dict[str, int] = {}
    for start in track(range(0, len(questions), QUESTION_BATCH_SIZE), "answering", transient=True):
        some = questions[start : start + QUESTION_BATCH_SIZE]
        batch = question_batch_of(some, corpus.clips, model.config, [np.arange(len(q.options)) for q in some])
        best = model(batch.to(model.device)).logits.argmax(1).tolist()
        chosen |= {str(question.qid): answer for question, answer in zip(some, best, strict=True)}
    return chosen


def moment_lists(
    model: HeroForMomentRetrieval, corpus: Corpus, queries: Sequence[Query], videos: VideoIndex
) -> list[RankedLists]:
    """VCMR and VR of every query in the split's clips, SVMR where every query's clip is known."""
    index = index_clips(model, [corpus.clips[name] for name in videos.names])
    vectors = encode_queries(model, [query.words for query in queries])
    found, clips, scores = find_moments(vectors, index, model.moment_head)
    writer = ListWriter(np.array([q.desc_id for q in queries]), videos, model.config.frame_interval)
    lists = [writer.moments("VCMR", found), writer.clips(clips, scores)]
    if all(query.clip is not None for query in queries):
        own = torch.tensor([videos.position[query.clip or ""] for query in queries], device=model.device)
        lists.append(writer.moments("SVMR", find_in_own_clip(vectors, own, index, model.moment_head)))
    return lists


class ListWriter:
    """Turns frames into seconds and rows of an index into the release's video numbers."""

    def __init__(self, desc_ids: np.ndarray, videos: VideoIndex, interval: float) -> None:
        self.desc_ids, self.videos, self.interval = desc_ids, videos, interval

    def moments(self, task: str, found: RankedSpans) -> RankedLists:
        """Spans [first * interval, (last + 1) * interval], cut at the clip's end; impossible rows are left out."""
        found = found.to("cpu")
        clip, score = found.clip.numpy(), found.score.double().numpy()
        start = found.first.numpy() * self.interval
        end = np.minimum((found.last.numpy() + 1) * self.interval, self.videos.durations[clip])
        real = (score > 0) & (start < end)
        return RankedLists(
            task,
            self.desc_ids,
            np.concatenate([[0], np.cumsum(real.sum(1))]),
            self.videos.ids[clip[real]],
            start[real],
            end[real],
            score[real],
        )

    def clips(self, clips: torch.Tensor, scores: torch.Tensor) -> RankedLists:
        """VR lists: clips [N, K] best first."""
        clips, scores, count = clips.cpu(), scores.cpu(), clips.shape[1]
        nothing = np.zeros(clips.numel())
        return RankedLists(
            "VR",
            self.desc_ids,
            np.arange(len(clips) + 1) * count,
            self.videos.ids[clips.numpy().ravel()],
            nothing,
            nothing,
            scores.double().numpy().ravel(),
        )
