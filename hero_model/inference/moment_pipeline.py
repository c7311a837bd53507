"""`pipeline("video-moment-retrieval", model=FOLDER)` of transformers; importing this module registers it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from transformers.pipelines import PIPELINE_REGISTRY, Pipeline

from hero_model.checkpoints.model_folder import WEIGHTS, weight_names
from hero_model.checkpoints.processor import HeroProcessor, Subtitles
from hero_model.checkpoints.weights import check_finite
from hero_model.data.examples import Clip
from hero_model.errors import InputError
from hero_model.inference.search import HeroSearch
from hero_model.models.moment import HeroForMomentRetrieval

TASK = "video-moment-retrieval"
MOMENTS = 10  # for a sentence, unless k is given


class MomentRetrievalPipeline(Pipeline):
    """Moments for sentences: `HeroSearch` with the library's way of loading models and choosing devices."""

    model: HeroForMomentRetrieval
    processor: HeroProcessor
    _load_processor: Any = True
    _load_tokenizer: Any = False
    _load_image_processor: Any = False
    _load_video_processor: Any = False
    _load_feature_extractor: Any = False

    def __init__(self, model: HeroForMomentRetrieval, processor: HeroProcessor, **kwargs: Any) -> None:
        """Raises InputError for a model of another task, and where its file lacks weights: the library would go on."""
        check_loaded(model)
        super().__init__(model=model, processor=processor, **kwargs)

    def __call__(  # type: ignore[override]
        self,
        query: str | Sequence[str],
        features: Mapping[str, np.ndarray],
        subtitles: Mapping[str, Subtitles] | None = None,
        **parameters: Any,
    ) -> Any:
        """The best moments for a sentence, [{"video", "start", "end", "score"}], seconds; of several sentences a list
        for each.

        features: {video: [frames, size]}, one frame per config.frame_interval seconds; subtitles: {video:
        [(start, end, text)]} in seconds. k: how many moments at most (default MOMENTS). Raises InputError.
        """
        given = {"query": query, "features": features, "subtitles": subtitles if subtitles is not None else {}}
        return super().__call__(given, **parameters)

    def _sanitize_parameters(self, **parameters: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        unknown = sorted(set(parameters) - {"k"})
        if unknown:
            raise InputError(f"{TASK}: there is no parameter {unknown[0]!r}, only k")
        return {}, parameters, {}

    def preprocess(self, input_: dict[str, Any], **_: Any) -> dict[str, Any]:
        clips = self.processor.clips(input_["features"], input_["subtitles"])
        query = input_["query"]
        if not isinstance(query, str) and (not isinstance(query, Sequence) or not query):
            raise InputError(f"a search needs a query in words, or a list of them, got {query!r}")
        return {"query": query, "clips": clips}

    def _forward(self, input_tensors: dict[str, Any], **forward_params: Any) -> Any:
        """Moments, or a list of them for each sentence."""
        clips: dict[str, Clip] = input_tensors["clips"]
        search = HeroSearch(self.model, None, self.processor.tokenizer)
        search.hold(clips)
        query, k = input_tensors["query"], forward_params.get("k", MOMENTS)
        return search.search(query, k) if isinstance(query, str) else [search.search(own, k) for own in query]

    def postprocess(self, model_outputs: Any, **_: Any) -> list[Any]:
        return [self.postprocess(own) if isinstance(own, list) else asdict(own) for own in model_outputs]


def check_loaded(model: HeroForMomentRetrieval) -> None:
    """Raises InputError where the library has filled up a model of another kind, or a part of one, at random."""
    where, kinds = model.name_or_path or "", model.config.architectures
    wanted = HeroForMomentRetrieval.__name__
    if not isinstance(model, HeroForMomentRetrieval) or (kinds and wanted not in kinds):
        raise InputError(f"{where}: is a {', '.join(kinds or [type(model).__name__])}, expected a {wanted}")
    file = Path(where) / WEIGHTS
    if where and file.is_file():
        missing = sorted(set(model.state_dict()) - weight_names(file))
        if missing:
            raise InputError(f"{file}: lacks {', '.join(missing)}")
    check_finite(model.state_dict(), str(file))


PIPELINE_REGISTRY.register_pipeline(TASK, pipeline_class=MomentRetrievalPipeline, pt_model=HeroForMomentRetrieval)
