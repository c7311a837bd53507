"""CPU seconds of HERO at full size: one training step of each objective, and retrieval from an index.

    python -m benchmarks.hero
    python -m benchmarks.hero --peer DIR --threads 1    # beside the authors' code, in turn, in this process

The sizes are the paper's (768-d, 12 heads, 6 + 3 layers, 4,352-d frames), the dialect is `paper`, fp32, dropout
0.1. A step is forward and backward on 4 clips; MLM hides two words a sentence, MNCE, MFFR and FOM take nine frames a
clip, VSM five queries a clip. Sentences are *even*, 60 frames and 15 sentences of 12 tokens, each with 4 frames, or
*uneven* as people speak: 40 to 60 frames, 8 to 30 sentences of 3 to 35 tokens (log-normal, median 11) with 0 to 8
frames each. Retrieval: 200 queries of 13 tokens against 500 clips of 60 precomputed frame vectors; top 100 clips,
spans of 3-16 frames, top 200, NMS 0.5, all metrics. Figures are CPU seconds of this process, the median of the repeats.
`of sgemm`: floating-point operations of our step's matrix products by its CPU seconds, as a share of what the same
library reaches in one large product.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.hero.clips import FRAMES, even_clip, uneven_clip
from benchmarks.hero.peer import Peer
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

CLIPS, MASKED_WORDS, CHOSEN_FRAMES, QUERIES_A_CLIP = 4, 2, 9, 5
QUERIES, QUERY_WORDS, CORPUS = 200, 12, 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", type=Path, metavar="DIR", help="a checkout of the authors' repository")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    config = HeroConfig(dialect="paper")
    model = HeroForPretraining(config).train()
    peer = Peer(args.peer, config.feature_size, config.max_frames) if args.peer is not None else None
    columns = ("sentences", "objective", "CPU s", "of sgemm") + (("theirs", "ratio") if peer is not None else ())
    table = Table(*columns, title=f"a training step, {args.threads} threads, median of {args.repeats}")
    for sentences, make in (("even", even_clip), ("uneven", uneven_clip)):
        rng = np.random.default_rng(0)
        clips = [make(f"clip-{number}", rng, config) for number in range(CLIPS)]
        for task, operations, seconds in training_steps(model, peer, clips, rng, args.repeats):
            share = operations / seconds[0] / sgemm_rate(args.repeats)
            table.add_row(sentences, task, f"{seconds[0]:.2f}", f"{share:.0%}", *compared(*seconds))
    Console().print(table)
    encoding, searching = retrieval(config, args.repeats)
    Console().print(f"encoding {QUERIES} queries {encoding:.2f} CPU s, search {searching:.2f}")


def compared(ours: float, theirs: float | None = None) -> tuple[str, ...]:
    return () if theirs is None else (f"{theirs:.2f}", f"{ours / theirs:.2f}")


def training_steps(
    model: HeroForPretraining, peer: Peer | None, clips: list[Clip], rng: np.random.Generator, repeats: int
) -> Iterator[tuple[str, int, list[float]]]:
    """Of each objective the operations of our matrix products and CPU seconds, ours and, with a peer, theirs.

    Both take the same choices.
    """
    config = model.config
    words = [[np.sort(rng.permutation(len(s))[:MASKED_WORDS]) for s in own.sentences] for own in clips]
    hidden = [[np.full(len(places), config.mask_token_id) for places in own] for own in words]
    frames = [np.sort(rng.permutation(len(own.features))[:CHOSEN_FRAMES]) for own in clips]
    moved = [(own, rng.permutation(own)) for own in frames]
    masked = [np.isin(np.arange(len(own.features)), chosen) for own, chosen in zip(clips, frames, strict=True)]
    queries = [sorted(rng.permutation(own.matched)[:QUERIES_A_CLIP].tolist()) for own in clips]
    batches = {
        "mlm": collate.masked_word_batch(clips, words, hidden, config),
        "mfm-nce": collate.masked_frame_batch(clips, masked, config),
        "mffr": collate.masked_frame_batch(clips, masked, config, contrast=False),
        "fom": collate.frame_order_batch(clips, *map(list, zip(*moved, strict=True)), config),
        "vsm": collate.subtitle_match_batch(clips, queries, config),
    }

    def step(batch: object) -> None:
        model(batch).loss.backward()
        model.zero_grad(set_to_none=True)

    theirs = peer.steps(clips, words, masked, moved, queries) if peer is not None else {}
    for task, batch in batches.items():
        if peer is None or task in theirs:
            with FlopCounterMode(display=False) as counted:
                step(batch)
            seconds = in_turn([lambda b=batch: step(b), *filter(None, [theirs.get(task)])], repeats)
            yield task, counted.get_total_flops(), seconds


def sgemm_rate(repeats: int) -> float:
    """Operations a CPU second of one product of the size that a layer's first linear map has in such a batch."""
    rows, inner, columns = 1024, 768, 3072
    left, right = torch.randn(rows, inner), torch.randn(inner, columns)
    times = 20
    seconds = median_cpu(lambda: [left @ right for _ in range(times)], repeats)
    return times * 2 * rows * inner * columns / seconds


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
    return in_turn([work], repeats)[0]


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Median CPU seconds of each, one after another in every repeat, after one that warms up."""
    taken: list[list[float]] = [[] for _ in works]
    for repeat in range(repeats + 1):
        for work, own in zip(works, taken, strict=True):
            begin = time.process_time()
            work()
            if repeat:
                own.append(time.process_time() - begin)
    return [statistics.median(own) for own in taken]


if __name__ == "__main__":
    main()
