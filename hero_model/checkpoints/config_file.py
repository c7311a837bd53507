"""config.json of a model's folder, looked at before the library reads it."""

from pathlib import Path
from typing import Any

import msgspec

from evaluation.io.errors import refusing
from hero_model.config import FEWEST_POSITIONS, HeroConfig
from hero_model.errors import InputError
from hero_model.paths import check_input_file

CONFIG = "config.json"
MOST_CONFIG_BYTES = 1 << 20
SIZES = (  # of HeroConfig, each at least 1 but the positions of a sentence
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_temporal_layers",
    "num_attention_heads",
    "intermediate_size",
    "max_position_embeddings",
    "max_frames",
    "max_temporal_positions",
    "max_query_positions",
    "feature_size",
)


def read_config(folder: Path) -> dict[str, Any]:
    """What config.json holds. Raises InputError that names the key where a value has another type."""
    path = folder / CONFIG
    check_input_file(path, "the configuration of a model that `train` or `convert` made")
    if path.stat().st_size > MOST_CONFIG_BYTES:
        raise InputError(f"{path}: larger than {MOST_CONFIG_BYTES} bytes")
    with refusing(str(path), InputError):
        found = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    for name, kind in {**HeroConfig.__annotations__, "architectures": list[str] | None}.items():
        if name in found:
            with refusing(f"{path}: {name}", InputError):
                msgspec.convert(found[name], kind)
    for name in SIZES:
        least = FEWEST_POSITIONS if name == "max_position_embeddings" else 1
        if found.get(name, least) < least:
            raise InputError(f"{path}: {name} is {found[name]}, expected at least {least}")
    return found
