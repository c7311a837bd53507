"""Sizes and training settings that go together: `small` for two CPU threads, `base` as in the paper."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class StageConfig:
    """One stage of training: pre-training, moment retrieval or question answering."""

    steps: int
    clips: int  # a step
    per_clip: int  # queries or questions of each clip in a step, where it has so many
    learning_rate: float  # temporal transformer and heads
    encoder_learning_rate: float  # text embedder and cross-modal transformer
    warmup: float = 0.1  # share of the steps
    subtitle_queries: int = 0  # of each clip in a step of moment retrieval, beside the queries people wrote
    hard_negatives_from: int | None = None  # step


@dataclass(frozen=True)
class Preset:
    """What `train` does."""

    text_encoder: str | None  # None: the MiniLM that pip carries
    encoder_layers: Sequence[int] | None
    config: Mapping[str, Any]
    pretraining: StageConfig
    moment: StageConfig
    qa: StageConfig
    freeze_words: bool = False
    task_ratio: Mapping[str, int] = field(
        default_factory=lambda: {"mlm": 2, "mnce": 2, "fom": 1, "vsm": 2}  # the released TV configuration
    )
    weight_decay: float = 0.01
    clip_norm: float = 1.0


_SMALL = Preset(
    text_encoder=None,
    encoder_layers=(0, 1),
    config={
        "dialect": "paper",
        "num_temporal_layers": 1,
        "ranking_loss": "softmax",
        "negative_video_weight": 1.0,
        "negative_query_weight": 1.0,
        "span_weight": 1.0,
        "span_similarity_scale": 0.05,
        "identity_start": True,
        "query_share": 0.5,
        "kept_query_share": 0.5,
        "min_span_frames": 2,
    },
    pretraining=StageConfig(steps=50, clips=16, per_clip=1, learning_rate=1e-3, encoder_learning_rate=1e-4),
    moment=StageConfig(
        steps=120,
        clips=16,
        per_clip=5,
        learning_rate=1e-3,
        encoder_learning_rate=1e-4,
        subtitle_queries=1,
    ),
    qa=StageConfig(steps=40, clips=8, per_clip=1, learning_rate=1e-3, encoder_learning_rate=1e-4),
    task_ratio={"mlm": 1, "mnce": 1, "fom": 1, "vsm": 2},
    freeze_words=True,
)

PRESETS = {
    # About 50 clips of 20 frames on two CPU threads: two to three minutes in all.
    "small": _SMALL,
    # The same in seconds, to see that everything works; it learns next to nothing.
    "tiny": replace(
        _SMALL,
        pretraining=replace(_SMALL.pretraining, steps=4, clips=4),
        moment=replace(_SMALL.moment, steps=8, clips=4),
        qa=replace(_SMALL.qa, steps=4, clips=4),
    ),
    # The released configuration for one process; the authors ran 16 GPUs of it.
    "base": Preset(
        text_encoder="roberta-base",
        encoder_layers=None,
        config={"dialect": "official"},
        pretraining=StageConfig(
            steps=100_000,
            clips=32,
            per_clip=5,
            learning_rate=3e-5,
            encoder_learning_rate=3e-5,
            hard_negatives_from=20_000,
        ),
        moment=StageConfig(
            steps=5_000,
            clips=32,
            per_clip=1,
            learning_rate=1e-4,
            encoder_learning_rate=1e-4,
            hard_negatives_from=2_000,
        ),
        qa=StageConfig(steps=10_000, clips=8, per_clip=1, learning_rate=5e-4, encoder_learning_rate=5e-5),
    ),
}
