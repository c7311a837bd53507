"""Draw clips to ask about: at random, or as different from each other as their features allow."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from annotation.models import Clip

NEAR = 0.02  # cosine distance of two clips' mean features below which one shows what the other does


def draw(clips: Iterable[Clip], n: int, seed: int, per_video: int | None = None) -> list[Clip]:
    """`n` clips, at most `per_video` of a video. A clip's place in the draw depends on seed and name alone."""
    chosen: list[Clip] = []
    used: Counter[int] = Counter()
    for clip in sorted(clips, key=lambda clip: _place(seed, clip)):
        if len(chosen) < n and (per_video is None or used[clip.video_id] < per_video):
            chosen.append(clip)
            used[clip.video_id] += 1
    return chosen


def draw_diverse(clips: Iterable[Clip], n: int, seed: int, per_video: int | None = None) -> list[Clip]:
    """`n` clips by greedy k-center: each is the one farthest from all before it, the first is drawn.

    Fewer than `n` where what is left shows what is there already. Clips without features are left out.
    """
    pool = sorted((clip for clip in clips if clip.features), key=lambda clip: _place(seed, clip))
    if not pool or n < 1:
        return []
    points = np.stack([mean_direction(Path(clip.features.path)) for clip in pool])
    return [pool[index] for index in k_center(points, [clip.video_id for clip in pool], n, per_video)]


def k_center(points: NDArray[np.float32], groups: Sequence[int], n: int, per_group: int | None = None) -> list[int]:
    """Rows of unit vectors [N, dim], the first one first, each next the farthest from those chosen (by cosine)."""
    chosen, used = [0], Counter([groups[0]])
    nearest = 1 - points @ points[0]
    while len(chosen) < n:
        if per_group is not None:
            full = np.array([used[group] >= per_group for group in groups])
            nearest = np.where(full, -1.0, nearest)
        farthest = int(nearest.argmax())
        if nearest[farthest] <= NEAR:
            break
        chosen.append(farthest)
        used[groups[farthest]] += 1
        nearest = np.minimum(nearest, 1 - points @ points[farthest])
    return chosen


def mean_direction(file: Path) -> NDArray[np.float32]:
    """The mean of a clip's frame features, of length 1: [dim]."""
    with safe_open(file, "np") as features:
        mean = features.get_tensor("features").mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)


def _place(seed: int, clip: Clip) -> str:
    return hashlib.sha256(f"{seed}|{clip.name}".encode()).hexdigest()
