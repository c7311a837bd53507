"""Sizes and training settings that go together: `small` for two CPU threads, `base` as in the paper."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from evaluation.io.errors import refusing
from hero_model.errors import InputError

MOST = 10_000_000  # of anything that is counted: the paper's largest number is 100,000 steps
AtLeastOne = Annotated[int, Meta(ge=1, le=MOST)]
NotNegative = Annotated[int, Meta(ge=0, le=MOST)]
Rate = Annotated[float, Meta(gt=0, le=1)]
Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True)
class StageConfig:
    """One stage of training: pre-training, moment retrieval or question answering."""

    steps: AtLeastOne
    clips: AtLeastOne  # a batch; so many that all come equally often
    per_clip: AtLeastOne  # queries or questions of each clip in a batch, where it has so many
    learning_rate: Rate
    encoder_learning_rate: Rate  # of the parts that the preset names
    warmup: Share = 0.1  # share of the steps
    subtitle_queries: NotNegative = 0  # of each clip in a batch of moment retrieval, beside the queries people wrote
    hard_negatives_from: NotNegative | None = None  # step
    accumulate: AtLeastOne = 1  # batches a step
    validate_every: NotNegative = 0  # steps; the weights with the smallest loss on val are kept | 0: never
    patience: NotNegative = 0  # validations without a smaller loss after which the stage ends | 0: all steps

    def changed(self, values: Mapping[str, Any], where: str) -> "StageConfig":
        """With some settings as text or numbers. Raises InputError that names the setting and what was expected."""
        known = asdict(self)
        for name, value in values.items():
            if name not in known:
                raise InputError(f"{where}.{name}: no such setting, there are: {', '.join(known)}")
            with refusing(f"{where}.{name}={value}", InputError):
                msgspec.convert(value, self.__annotations__[name], strict=False)
        found = msgspec.convert(known | dict(values), StageConfig, strict=False)
        if found.patience and not found.validate_every:
            raise InputError(f"{where}.patience={found.patience}: val is never asked; set validate_every, too")
        return found


@dataclass(frozen=True)
class Preset:
    """What `train` does."""

    text_encoder: str | None  # None: the MiniLM that pip carries
    encoder_layers: Sequence[int] | None
    config: Mapping[str, Any]
    pretraining: StageConfig
    moment: StageConfig
    qa: StageConfig
    encoder_parts: tuple[str, ...]  # beginnings of the names of the weights that have the encoder's learning rate
    freeze_words: bool = False
    task_ratio: Mapping[str, float] = field(
        default_factory=lambda: {"mlm": 2, "mnce": 2, "fom": 1, "vsm": 2}  # the released TV configuration
    )
    weight_decay: float = 0.01
    clip_norm: float = 1.0


STAGE_NAMES = ("pretraining", "moment", "qa")
MODEL_SETTINGS = ("query_share", "kept_query_share", "mask_share")  # fields of HeroConfig that only pre-training reads
OBJECTIVES = ("mlm", "mffr", "mnce", "fom", "vsm")

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
        "matching_start": True,
        "query_share": 0.5,
        "kept_query_share": 0.5,
        "min_span_frames": 2,
        "reader_layers": 6,
        "answer_match_weight": 10.0,
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
    encoder_parts=("hero.text_embedder.", "hero.cross_modal."),
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
    # The released configuration. The authors ran 16 processes (8 in fine-tuning) of two batches a step each; here all
    # are counted by `accumulate` and dealt out to the processes there are. QA's higher rate is for what lies outside
    # their video encoder, which holds the heads of MLM, MFM and FOM.
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
            accumulate=32,
        ),
        moment=StageConfig(
            steps=5_000,
            clips=32,
            per_clip=1,
            learning_rate=1e-4,
            encoder_learning_rate=1e-4,
            hard_negatives_from=2_000,
            accumulate=16,
        ),
        qa=StageConfig(
            steps=10_000, clips=8, per_clip=1, learning_rate=5e-4, encoder_learning_rate=5e-5, accumulate=16
        ),
        encoder_parts=("hero.", "word_head.", "feature_head.", "order_head."),
    ),
}
