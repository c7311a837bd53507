"""HERO at full size on a GPU: how much of it a training step uses, beside the same model padded, and the wait for data.

    python -m benchmarks.hero.gpu [--clips 64] [--repeats 20]

Sizes and clips as of `benchmarks.hero`. *Share of the peak*: floating-point operations of a step of VSM on even clips,
counted by torch, over its seconds, against the rate of an 8192 x 8192 x 8192 bf16 product on the same GPU in this run.
*Padded*: uneven clips in fp32, every sentence as long as the longest. *Waiting*: the share of the time in which a
training loop (`hero_model.training`) had no batch, batches being made anew by one thread for each step.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.hero.clips import even_clip, uneven_clip
from hero_model.config import HeroConfig
from hero_model.data import collate
from hero_model.data.batches import MatchBatch
from hero_model.data.examples import Clip
from hero_model.data.prefetch import ahead
from hero_model.device import pick_device
from hero_model.models.pretraining import HeroForPretraining

QUERIES_A_CLIP, PEAK_SIDE = 5, 8192


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=64, help="in a batch (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=20)
    args = parser.parse_args()
    device = pick_device("cuda")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("highest")
    config = HeroConfig(dialect="paper")
    model = HeroForPretraining(config).to(device).train()  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    even = [even_clip(f"even-{number}", rng, config) for number in range(args.clips)]
    uneven = [uneven_clip(f"uneven-{number}", rng, config) for number in range(args.clips)]
    table = Table("measured", "value", title=f"{torch.cuda.get_device_name(device)}, {args.clips} clips a step")
    peak = 2 * PEAK_SIDE**3 / product_seconds(device, args.repeats)
    dense = matching(even, rng, config).to(device)
    work, seconds = operations(model, dense), step_seconds(model, dense, torch.bfloat16, args.repeats)
    table.add_row("bf16 product, TFLOP/s", f"{peak / 1e12:.0f}")
    table.add_row("VSM step, even, bf16, TFLOP/s", f"{work / seconds / 1e12:.0f}")
    table.add_row("share of the peak", f"{work / seconds / peak:.2f}")
    ours = step_seconds(model, matching(uneven, rng, config).to(device), torch.bfloat16, args.repeats)
    full = step_seconds(model, matching(padded(uneven, rng, config), rng, config).to(device), None, args.repeats)
    table.add_row("VSM step, uneven, packed bf16, ms", f"{1000 * ours:.1f}")
    table.add_row("the same padded in fp32, ms", f"{1000 * full:.1f}")
    table.add_row("ratio", f"{full / ours:.1f}")
    table.add_row("memory of a batch, GB", f"{memory(model, dense):.2f}")
    table.add_row("waiting for data, share", f"{waiting(model, uneven, config, device, args.repeats):.3f}")
    Console().print(table)


def matching(clips: Sequence[Clip], rng: np.random.Generator, config: HeroConfig) -> MatchBatch:
    queries = [sorted(rng.permutation(clip.matched)[:QUERIES_A_CLIP].tolist()) for clip in clips]
    return collate.subtitle_match_batch(clips, queries, config)


def padded(clips: Sequence[Clip], rng: np.random.Generator, config: HeroConfig) -> list[Clip]:
    """With words up to the longest sentence and its frames, as padding costs them."""
    longest = max(
        len(words) + len(own) for clip in clips for words, own in zip(clip.sentences, clip.frames, strict=True)
    )
    return [
        Clip(
            clip.name,
            clip.features,
            [rng.integers(config.first_word_id, config.last_word_id, longest - len(own)) for own in clip.frames],
            clip.frames,
        )
        for clip in clips
    ]


def step(model: HeroForPretraining, batch: MatchBatch, dtype: torch.dtype | None) -> None:
    with torch.autocast("cuda", dtype or torch.bfloat16, enabled=dtype is not None):
        loss = model(batch).loss
    loss.backward()
    model.zero_grad(set_to_none=True)


def operations(model: HeroForPretraining, batch: MatchBatch) -> int:
    """Floating-point operations of forward and backward."""
    with FlopCounterMode(display=False) as counted:
        step(model, batch, torch.bfloat16)
    return counted.get_total_flops()


def step_seconds(model: HeroForPretraining, batch: MatchBatch, dtype: torch.dtype | None, repeats: int) -> float:
    return seconds_of(lambda: step(model, batch, dtype), repeats)


def product_seconds(device: torch.device, repeats: int) -> float:
    left, right = (torch.randn(PEAK_SIDE, PEAK_SIDE, device=device, dtype=torch.bfloat16) for _ in range(2))
    return seconds_of(lambda: left @ right, repeats)


def seconds_of(work: Callable[[], object], repeats: int) -> float:
    """Median wall seconds, after three that warm up."""
    taken = []
    for _ in range(repeats + 3):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken[3:])


def memory(model: HeroForPretraining, batch: MatchBatch) -> float:
    """Peak of a bf16 step over what the model holds."""
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step(model, batch, torch.bfloat16)
    return (torch.cuda.max_memory_allocated() - before) / 1e9


def waiting(
    model: HeroForPretraining, clips: Sequence[Clip], config: HeroConfig, device: torch.device, steps: int
) -> float:
    def batches(number: int) -> MatchBatch:
        return matching(clips, np.random.default_rng(number), config)

    coming, waited = ahead(batches, range(steps), device), 0.0
    next(coming)
    begin = time.perf_counter()
    for _ in range(steps - 1):
        asked = time.perf_counter()
        batch = next(coming)
        waited += time.perf_counter() - asked
        step(model, batch, torch.bfloat16)  # type: ignore[arg-type]
        torch.cuda.synchronize()
    return waited / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
