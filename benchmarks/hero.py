"""CPU seconds of HERO at full size: one training step of each objective, and retrieval from an index.

    python -m benchmarks.hero

The sizes are the paper's (768-d, 12 heads, 6 + 3 layers, 4,352-d frames), the dialect is `paper`, fp32, dropout
0.1. A step is forward and backward on 4 clips of 60 frames and 15 sentences of 12 tokens, each paired with 4
consecutive frames; MLM hides 2 tokens a sentence; MNCE, MFFR and FOM take 9 frames a clip, VSM 5 queries a clip.
Retrieval: 200 queries of 13 tokens against 500 clips of 60 precomputed frame vectors; top 100 clips, spans of
3-16 frames, top 200, NMS 0.5, all metrics. Figures are CPU seconds of this process, the median of the repeats;
beside each stands what the authors' code took, measured in the same way on a machine of this kind (MFFR was not).
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from evaluation.metrics.definitions import retrieval_metrics
from evaluation.metrics.ranked_lists import RankedLists
from evaluation.metrics.ranking import RankTables
from evaluation.release import MomentQueries, VideoIndex
from hero_model.config import HeroConfig
from hero_model.data import collate
from hero_model.data.examples import Clip
from hero_model.data.packing import pack_texts
from hero_model.inference.index import FrameIndex
from hero_model.inference.predict import ListWriter
from hero_model.inference.retrieval import find_in_own_clip, find_moments
from hero_model.models.heads import MomentHead
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining

CLIPS, FRAMES, SENTENCES, WORDS, FRAMES_A_SENTENCE = 4, 60, 15, 12, 4
MASKED_WORDS, CHOSEN_FRAMES, QUERIES_A_CLIP = 2, 9, 5
QUERIES, QUERY_WORDS, CORPUS = 200, 12, 500
AUTHORS = {"mlm": (7.0, 8.5), "mnce": (9.0, 10.0), "fom": (10.0, 10.0), "vsm": (10.0, 13.5)}  # CPU s
AUTHORS_QUERIES, AUTHORS_SEARCH = 7.0, 5.5  # CPU s of 12.5 in all


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = HeroConfig(dialect="paper")
    table = Table("what", "CPU s", "authors' CPU s", "ratio", title=f"paper dialect, {args.threads} threads")
    for task, seconds in training_steps(config, args.repeats):
        theirs = ("–", "–")
        if task in AUTHORS:
            low, high = AUTHORS[task]
            theirs = (f"{low:g}–{high:g}", f"{seconds / low:.2f}–{seconds / high:.2f}")
        table.add_row(task, f"{seconds:.2f}", *theirs)
    encoding, searching = retrieval(config, args.repeats)
    table.add_row("query encoding", f"{encoding:.2f}", f"{AUTHORS_QUERIES:g}", f"{encoding / AUTHORS_QUERIES:.2f}")
    table.add_row("search", f"{searching:.2f}", f"{AUTHORS_SEARCH:g}", f"{searching / AUTHORS_SEARCH:.2f}")
    Console().print(table)


def training_steps(config: HeroConfig, repeats: int) -> list[tuple[str, float]]:
    model = HeroForPretraining(config).train()
    rng = np.random.default_rng(0)
    clips = [clip(rng, config) for _ in range(CLIPS)]
    words = [[rng.permutation(WORDS)[:MASKED_WORDS] for _ in range(SENTENCES)] for _ in clips]
    hidden = [[np.full(MASKED_WORDS, config.mask_token_id)] * SENTENCES for _ in clips]
    frames = [np.sort(rng.permutation(FRAMES)[:CHOSEN_FRAMES]) for _ in clips]
    hidden_frames = [np.isin(np.arange(FRAMES), own) for own in frames]
    batches = {
        "mlm": collate.masked_word_batch(clips, words, hidden, config),
        "mnce": collate.masked_frame_batch(clips, hidden_frames, config),
        "mffr": collate.masked_frame_batch(clips, hidden_frames, config, contrast=False),
        "fom": collate.frame_order_batch(clips, frames, [rng.permutation(own) for own in frames], config),
        "vsm": collate.subtitle_match_batch(
            clips, [sorted(rng.permutation(SENTENCES)[:QUERIES_A_CLIP].tolist()) for _ in clips], config
        ),
    }

    def step(batch: object) -> None:
        model(batch).loss.backward()
        model.zero_grad(set_to_none=True)

    return [(task, median_cpu(lambda b=batch: step(b), repeats)) for task, batch in batches.items()]


def clip(rng: np.random.Generator, config: HeroConfig) -> Clip:
    return Clip(
        name="clip",
        features=rng.normal(size=(FRAMES, config.feature_size)).astype(np.float32),
        sentences=[rng.integers(config.first_word_id, config.last_word_id, WORDS) for _ in range(SENTENCES)],
        frames=np.split(np.arange(FRAMES), SENTENCES),
    )


def retrieval(config: HeroConfig, repeats: int) -> tuple[float, float]:
    """CPU seconds of query encoding, and of everything from query vectors to metrics."""
    model = HeroForMomentRetrieval(config).eval()
    rng = np.random.default_rng(0)
    texts = [rng.integers(config.first_word_id, config.last_word_id, QUERY_WORDS) for _ in range(QUERIES)]
    batch = pack_texts([collate.query_ids(text, config) for text in texts])
    frames = torch.randn(CORPUS, FRAMES, config.hidden_size)
    index = FrameIndex.of(frames, torch.ones(CORPUS, FRAMES, dtype=torch.bool), model.moment_head)
    start = rng.uniform(0, 60, QUERIES)
    duration = np.full(CORPUS, FRAMES * config.frame_interval)
    videos = VideoIndex([f"clip-{i}" for i in range(CORPUS)], np.arange(CORPUS), duration)
    truth = MomentQueries(
        np.arange(QUERIES),
        [""] * QUERIES,
        np.array(["v"] * QUERIES),
        rng.integers(0, CORPUS, QUERIES),
        start,
        start + 10,
        videos,
    )
    with torch.inference_mode():
        vectors = model.encode_queries(batch)
        encoding = median_cpu(lambda: model.encode_queries(batch), repeats)
        searching = median_cpu(lambda: search(vectors, index, model.moment_head, truth), repeats)
    return encoding, searching


def search(vectors: torch.Tensor, index: FrameIndex, head: MomentHead, truth: MomentQueries) -> None:
    """From query vectors to the VCMR, SVMR and VR metrics, raw and after NMS."""
    found, clips, scores = find_moments(vectors, index, head)
    own = find_in_own_clip(vectors, torch.from_numpy(truth.video), index, head)
    writer = ListWriter(truth.desc_ids, truth.videos, head.config.frame_interval)
    tables = RankTables(truth)
    lists: list[RankedLists] = [writer.moments("VCMR", found), writer.moments("SVMR", own), writer.clips(clips, scores)]
    for task in lists:
        tables.add(task, np.arange(len(truth)))
    for ranks in tables.tables.values():
        for metric in retrieval_metrics(ranks):
            assert np.isfinite(metric.value)


def median_cpu(work: Callable[[], object], repeats: int) -> float:
    """Median CPU seconds of `work` over some repeats, after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        begin = time.process_time()
        work()
        taken.append(time.process_time() - begin)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
