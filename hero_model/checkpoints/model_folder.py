"""Model folders: configuration, weights, a tokenizer and a card, written whole and read with every check."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from safetensors import safe_open
from transformers import PreTrainedTokenizerBase

from evaluation.io.atomic import atomic_folder
from evaluation.io.digest import file_sha256
from evaluation.io.errors import refusing
from hero_model.checkpoints.config_file import CONFIG, read_config
from hero_model.checkpoints.foreign_tokenizer import load_foreign_tokenizer
from hero_model.checkpoints.model_card import model_card
from hero_model.checkpoints.processor import HeroProcessor
from hero_model.checkpoints.text_encoder import load_tokenizer
from hero_model.checkpoints.weights import check_finite
from hero_model.config import HeroConfig
from hero_model.errors import InputError
from hero_model.models.hero import CARD, HeroPreTrainedModel
from hero_model.models.moment import HeroForMomentRetrieval
from hero_model.models.pretraining import HeroForPretraining
from hero_model.models.qa import HeroForQuestionAnswering
from hero_model.paths import check_input_file, writing

Model = TypeVar("Model", bound=HeroPreTrainedModel)

MODEL_CLASSES: dict[str, type[HeroPreTrainedModel]] = {
    "pretraining": HeroForPretraining,
    "moment": HeroForMomentRetrieval,
    "qa": HeroForQuestionAnswering,
}
WEIGHTS = "model.safetensors"


def save_model(
    model: HeroPreTrainedModel,
    tokenizer: PreTrainedTokenizerBase | None,
    folder: Path,
    made: Mapping[str, str] | None = None,
) -> None:
    """Weights, configuration, a card and, with a tokenizer, the processor; the folder appears whole or not at all.

    made: what the weights were made from and how, for the card. Raises InputError where it cannot be written.
    """
    with writing(folder), atomic_folder(folder) as unfinished:
        model.save_pretrained(unfinished)
        if tokenizer is not None:
            HeroProcessor(tokenizer, model.config).save_pretrained(unfinished)
        card = model_card(model, made or {}, file_sha256(unfinished / WEIGHTS), tokenizer is not None)
        (unfinished / CARD).write_text(card, encoding="utf-8")


def find_model(folder: Path, task: str) -> Path | None:
    """The folder of the model for `task` ("moment", "qa"): below an OUT of `train`, or `folder` itself.

    None where there is none. Raises InputError for a config.json that cannot be read.
    """
    if (folder / task / CONFIG).exists():
        return folder / task
    if (folder / CONFIG).exists() and MODEL_CLASSES[task].__name__ in (read_config(folder).get("architectures") or ()):
        return folder
    return None


def load_model(
    kind: type[Model], folder: Path, new_heads: bool = False, foreign: bool = False
) -> tuple[Model, PreTrainedTokenizerBase]:
    """A saved model, ready to predict, and its tokenizer.

    new_heads: a head that the file holds nothing of may start at random, as fine-tuning wants it. foreign: of the
    configuration only the fields of HeroConfig are read, and of the tokenizer its words and special tokens; the library
    knows other fields, some of which load code or open files elsewhere.
    Raises InputError that names file and key, also where the file lacks a weight, has one of another shape or one
    that is not finite; the library alone would go on.
    """
    found = read_config(folder)
    own = {name: found[name] for name in HeroConfig.__annotations__ if name in found}
    saved = weight_names(folder / WEIGHTS)
    with refusing(f"{folder / CONFIG}: no finished model can be loaded with it", InputError):
        model, report = cast(
            tuple[Model, dict[str, Any]],
            kind.from_pretrained(
                folder,
                config=HeroConfig(**own) if foreign else None,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                use_safetensors=True,
            ),
        )
    where = str(folder / WEIGHTS)
    for name, theirs, ours in sorted(report["mismatched_keys"]):
        raise InputError(f"{where}: {name} has shape {list(theirs)}, {CONFIG} asks for {list(ours)}")
    begun = {name.split(".")[0] for name in saved} | {"hero"}
    missing = sorted(name for name in report["missing_keys"] if not new_heads or name.split(".")[0] in begun)
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise InputError(f"{where}: lacks {missing[0]}{more}")
    check_finite(model.state_dict(), where)
    tokenizer = load_foreign_tokenizer(folder) if foreign else load_tokenizer(folder)
    if len(tokenizer) > model.config.vocab_size:
        raise InputError(f"{folder}: the tokenizer knows {len(tokenizer)} tokens, the model {model.config.vocab_size}")
    return model.eval(), tokenizer


def weight_names(path: Path) -> set[str]:
    """Names in a safetensors file. Raises InputError where it is none, or only a part of one."""
    check_input_file(path, "a safetensors file of weights")
    with refusing(f"{path}: damaged, no finished model", InputError), safe_open(path, "pt") as file:
        return set(file.keys())


def holds_reader(folder: Path) -> bool:
    """Whether the weights have a reader's among them: those of pre-training have not. Raises InputError."""
    return any(name.startswith("reader.") for name in weight_names(folder / WEIGHTS))
