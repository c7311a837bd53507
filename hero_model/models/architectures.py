"""The architectures by name: HERO, and the baselines that the paper's tables compare it with."""

from hero_model.config import HeroConfig
from hero_model.models.baselines.f_trm import FlatModel
from hero_model.models.baselines.h_trm import TextPooledModel
from hero_model.models.baselines.stage import StageHead, StageModel
from hero_model.models.baselines.xml import XmlHead, XmlModel
from hero_model.models.heads import AnswerHead, MomentHead, ReadingHead
from hero_model.models.hero import HeroModel

ENCODERS: dict[str, type[HeroModel]] = {
    "hero": HeroModel,
    "h_trm": TextPooledModel,
    "f_trm": FlatModel,
    "xml": XmlModel,
    "stage": StageModel,
}


def encoder_of(config: HeroConfig) -> HeroModel:
    """Raises ValueError for an unknown architecture."""
    if config.architecture not in ENCODERS:
        raise ValueError(f"architecture must be one of {', '.join(ENCODERS)}, got {config.architecture!r}")
    return ENCODERS[config.architecture](config)


def reads(config: HeroConfig) -> bool:
    """Whether moment retrieval has a reader beside; XML has a stream of its own for what is said."""
    return bool(config.reader_layers) and config.architecture != "xml"


def moment_head_of(config: HeroConfig) -> MomentHead:
    if config.architecture == "xml":
        return XmlHead(config)
    return ReadingHead(config) if reads(config) else MomentHead(config)


def answer_head_of(config: HeroConfig) -> AnswerHead | StageHead:
    return StageHead(config) if config.architecture == "stage" else AnswerHead(config)
