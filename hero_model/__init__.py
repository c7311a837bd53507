"""HERO for video and language: `from hero_model import HeroSearch, HeroConfig`.

Each name is imported when it is first asked for, since torch and transformers take seconds.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hero_model.checkpoints.processor import HeroProcessor as HeroProcessor
    from hero_model.checkpoints.text_encoder import from_text_encoder as from_text_encoder
    from hero_model.config import HeroConfig as HeroConfig
    from hero_model.errors import InputError as InputError
    from hero_model.errors import InputWarning as InputWarning
    from hero_model.inference.moment_pipeline import MomentRetrievalPipeline as MomentRetrievalPipeline
    from hero_model.inference.search import Answer as Answer
    from hero_model.inference.search import HeroSearch as HeroSearch
    from hero_model.inference.search import Moment as Moment
    from hero_model.models.hero import HeroModel as HeroModel
    from hero_model.models.moment import HeroForMomentRetrieval as HeroForMomentRetrieval
    from hero_model.models.pretraining import HeroForPretraining as HeroForPretraining
    from hero_model.models.qa import HeroForQuestionAnswering as HeroForQuestionAnswering

HOMES = {
    "Answer": "inference.search",
    "HeroConfig": "config",
    "HeroForMomentRetrieval": "models.moment",
    "HeroForPretraining": "models.pretraining",
    "HeroForQuestionAnswering": "models.qa",
    "HeroModel": "models.hero",
    "HeroProcessor": "checkpoints.processor",
    "HeroSearch": "inference.search",
    "InputError": "errors",
    "InputWarning": "errors",
    "Moment": "inference.search",
    "MomentRetrievalPipeline": "inference.moment_pipeline",
    "from_text_encoder": "checkpoints.text_encoder",
}
__all__ = list(HOMES)


def __getattr__(name: str) -> Any:
    """Raises AttributeError for a name that is not part of the public API."""
    if name not in HOMES:
        raise AttributeError(f"module 'hero_model' has no attribute {name!r}")
    return getattr(importlib.import_module(f"hero_model.{HOMES[name]}"), name)
