"""The architectures by name: HERO, and the baselines that the paper's tables compare it with."""

from hero_model.config import HeroConfig
from hero_model.models.baselines.f_trm import FlatModel
from hero_model.models.baselines.h_trm import TextPooledModel
from hero_model.models.baselines.stage import StageHead, StageModel
from hero_model.models.baselines.xml import XmlHead, XmlModel
from hero_model.models.heads import AnswerHead, MomentHead
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


def moment_head_of(config: HeroConfig) -> MomentHead:
    return XmlHead(config) if config.architecture == "xml" else MomentHead(config)


def answer_head_of(config: HeroConfig) -> AnswerHead | StageHead:
    return StageHead(config) if config.architecture == "stage" else AnswerHead(config)
