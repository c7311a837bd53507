"""Retrieval lists and metrics against the recorded ones."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from evaluation.metrics.definitions import retrieval_metrics
from evaluation.metrics.nms import nms
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.metrics.ranking import RankTables
from evaluation.release import MomentQueries, VideoIndex
from hero_model.inference.index import FrameIndex
from hero_model.inference.predict import ListWriter
from hero_model.inference.retrieval import find_in_own_clip, find_moments
from tests.hero_model import golden_data as golden
from tests.hero_model.collated_batches import moments

pytestmark = golden.needs_golden


def recorded() -> dict[str, Any]:
    return json.loads((golden.GOLDEN / "vcmr_eval.json").read_text())


def truth(video2idx: dict[str, int]) -> MomentQueries:
    names = sorted(golden.extra()["raw"])
    interval = golden.settings()["frame_interval"]
    frames = np.array([golden.extra()["raw"][name]["n_frames"] for name in names])
    videos = VideoIndex(names, np.array([video2idx[name] for name in names]), frames * interval)
    rows = golden.extra()["vcmr.queries"]
    return MomentQueries(
        desc_ids=np.array([row["desc_id"] for row in rows]),
        desc=[""] * len(rows),
        types=np.array([""] * len(rows)),
        video=np.array([videos.position[row["vid"]] for row in rows]),
        start=np.array([row["ts"][0] for row in rows]),
        end=np.array([row["ts"][1] for row in rows]),
        videos=videos,
    )


@pytest.fixture(scope="module")
def lists() -> dict[str, RankedLists]:
    model = golden.pretraining_model(torch.float32)
    queries = truth(recorded()["predictions_after_nms"]["video2idx"])
    batch = moments(golden.extra()["vcmr.queries"], queries.videos.names)
    with torch.inference_mode():
        encoding = model.hero(batch.clips)
        index = FrameIndex.of(encoding.frames, encoding.mask, model.moment_head)
        tokens = model.hero.encode_texts(batch.queries)
        vectors = model.moment_head.query_encoder(tokens, batch.queries.mask)
        found, clips, scores = find_moments(vectors, index, model.moment_head)
        own = find_in_own_clip(vectors, torch.from_numpy(queries.video), index, model.moment_head)
    writer = ListWriter(queries.desc_ids, queries.videos, model.config.frame_interval)
    return {
        "VCMR": writer.moments("VCMR", found),
        "SVMR": writer.moments("SVMR", own),
        "VR": writer.clips(clips, scores),
    }


def rows_of(lists: RankedLists, query: int, most: int) -> np.ndarray:
    """The first rows of a query. Clips too short for any span are one moment in our lists, and none in theirs."""
    chosen = slice(lists.offsets[query], lists.offsets[query + 1])
    rows = np.stack([lists.video[chosen], lists.start[chosen], lists.end[chosen], lists.score[chosen]], axis=1)
    if lists.task != "VR":
        shortest = golden.config().min_span_frames * golden.config().frame_interval
        rows = rows[rows[:, 2] - rows[:, 1] > shortest - 1e-6]
    return rows[:most]


@pytest.mark.parametrize("task", ["VCMR", "SVMR", "VR"])
def test_lists_agree(lists: dict[str, RankedLists], task: str) -> None:
    kept = golden.settings()["eval"]["max_after_nms"]
    for place, entry in enumerate(recorded()["predictions_top_max_after_nms_without_nms"][task]):
        assert entry["desc_id"] == lists[task].desc_ids[place]
        theirs = np.array(entry["predictions"])
        # A span that touches padding scores zero in the authors' list; ours leaves it out.
        np.testing.assert_allclose(rows_of(lists[task], place, kept), theirs[theirs[:, 3] > 0], rtol=1e-4)


@pytest.mark.parametrize("task", ["VCMR", "SVMR"])
def test_lists_agree_after_suppression(lists: dict[str, RankedLists], task: str) -> None:
    evaluation = golden.settings()["eval"]
    for place, entry in enumerate(recorded()["predictions_after_nms"][task]):
        rows = rows_of(lists[task], place, evaluation["max_after_nms"])  # cut before NMS, as the authors do
        survivors = nms(rows[:, 0], rows[:, 1:3], rows[:, 3], threshold=evaluation["nms_thd"])
        theirs = np.array(entry["predictions"])
        np.testing.assert_allclose(rows[survivors], theirs[theirs[:, 3] > 0], rtol=1e-4)


def test_metrics_agree(lists: dict[str, RankedLists]) -> None:
    evaluation, video2idx = golden.settings()["eval"], recorded()["predictions_after_nms"]["video2idx"]
    queries = truth(video2idx)
    tables = RankTables(queries, [evaluation["nms_thd"]], nms_rows_in=evaluation["max_after_nms"])
    for task in lists.values():
        rows = [rows_of(task, query, evaluation["max_after_nms"]) for query in range(len(queries))]
        video, start, end, score = np.concatenate(rows).T
        numbers = queries.videos.ids.tolist()
        place = np.array([numbers.index(int(number)) for number in video])
        offsets = np.cumsum([0, *map(len, rows)])
        tables.add(RankedLists(task.task, task.desc_ids, offsets, place, start, end, score), np.arange(len(queries)))
    ours = {}
    for ranks in tables.tables.values():
        suffix = "" if ranks.nms is None else f"_nms_{ranks.nms}"
        for metric in retrieval_metrics(ranks):
            if metric.name.startswith("R@"):
                at = "" if metric.tiou is None else f"{metric.tiou}-"
                ours[f"valid_val_{ranks.task}{suffix}/{ranks.task}_{at}r{metric.name[2:]}"] = metric.value
    theirs = recorded()["metrics"]
    assert set(theirs) <= set(ours)
    assert {key: round(ours[key], 2) for key in theirs} == theirs
