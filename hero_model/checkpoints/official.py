"""Checkpoints of the authors (hero-tv-ht100.pt and fine-tuned ones) as models of this package."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from evaluation.io.errors import refusing
from hero_model.checkpoints.model_folder import MODEL_CLASSES
from hero_model.checkpoints.text_encoder import token_fields
from hero_model.checkpoints.weights import check_finite
from hero_model.config import HeroConfig
from hero_model.errors import InputError
from hero_model.models.hero import HeroPreTrainedModel
from hero_model.paths import check_input_file

VOCABULARY_PADDING = 64  # rows that word embeddings may have beyond the tokenizer's, to reach a round number
HEAD_SIZE = 64  # numbers of one attention head in every BERT; the checkpoint does not hold how many heads there are
# (pattern of the authors' key, ours); the first that matches counts
OFFICIAL_KEYS: tuple[tuple[str, str], ...] = (
    (r"v_encoder\.f_encoder\.embeddings\.word_embeddings\.", "hero.text_embedder.words."),
    (r"v_encoder\.f_encoder\.embeddings\.position_embeddings\.", "hero.text_embedder.positions."),
    (r"v_encoder\.f_encoder\.embeddings\.token_type_embeddings\.", "hero.text_embedder.segments."),
    (r"v_encoder\.f_encoder\.embeddings\.LayerNorm\.", "hero.text_embedder.norm."),
    (r"v_encoder\.f_encoder\.img_embeddings\.mask_embedding\.", "hero.frame_embedder.mask_vectors."),
    (r"v_encoder\.f_encoder\.img_embeddings\.img_LayerNorm\.", "hero.frame_embedder.feature_norm."),
    (r"v_encoder\.f_encoder\.img_embeddings\.img_linear\.", "hero.frame_embedder.projection."),
    (r"v_encoder\.f_encoder\.img_embeddings\.position_embeddings\.", "hero.frame_embedder.positions."),
    (r"v_encoder\.f_encoder\.img_embeddings\.LayerNorm\.", "hero.frame_embedder.norm."),
    (r"v_encoder\.f_encoder\.encoder\.", "hero.cross_modal."),
    (r"v_encoder\.f_encoder\.lm_head\.dense\.", "word_head.dense."),
    (r"v_encoder\.f_encoder\.lm_head\.LayerNorm\.", "word_head.norm."),
    (r"v_encoder\.f_encoder\.lm_head\.bias$", "word_head.bias"),
    (r"v_encoder\.c_encoder\.embeddings\.position_embeddings\.", "hero.temporal_positions.positions."),
    (r"v_encoder\.c_encoder\.embeddings\.LayerNorm\.", "hero.temporal_positions.norm."),
    (r"v_encoder\.c_encoder\.encoder\.", "hero.temporal."),
    (r"v_encoder\.frame_transform\.LayerNorm\.", "hero.frame_transform.norm."),
    (r"v_encoder\.frame_transform\.net\.1\.", "hero.frame_transform.projection."),
    (r"v_encoder\.mask_embedding\.", "hero.frame_transform.mask_vectors."),
    (r"v_encoder\.feat_regress\.net\.", "feature_head."),
    (r"v_encoder\.fom_output\.linear_1\.", "order_head.0."),
    (r"v_encoder\.fom_output\.LayerNorm\.", "order_head.2."),
    (r"v_encoder\.fom_output\.linear_2\.", "order_head.3."),
    (r"q_feat_attn\.query_input_proj\.LayerNorm\.", "moment_head.query_encoder.norm."),
    (r"q_feat_attn\.query_input_proj\.net\.1\.", "moment_head.query_encoder.projection."),
    (r"q_feat_attn\.query_pos_embed\.position_embeddings\.", "moment_head.query_encoder.positions.positions."),
    (r"q_feat_attn\.query_pos_embed\.LayerNorm\.", "moment_head.query_encoder.positions.norm."),
    (r"q_feat_attn\.query_self_attention\.", "moment_head.query_encoder.attention."),
    (r"q_feat_attn\.modular_vector_mapping\.", "moment_head.query_encoder.pooling."),
    (r"video_query_linear\.", "moment_head.query_projection."),
    (r"video_st_predictor\.", "moment_head.start_filter."),
    (r"video_ed_predictor\.", "moment_head.end_filter."),
    (r"qa_pool\.", "answer_head.frame_pooling."),
    (r"qa_pred_head\.linear_1\.", "answer_head.answer.0."),
    (r"qa_pred_head\.LayerNorm\.", "answer_head.answer.2."),
    (r"qa_pred_head\.linear_2\.", "answer_head.answer.3."),
    (r"st_ed_pool\.", "answer_head.answer_pooling."),
    (r"st_ed_pred_head\.linear_1\.", "answer_head.span.0."),
    (r"st_ed_pred_head\.LayerNorm\.", "answer_head.span.2."),
    (r"st_ed_pred_head\.linear_2\.", "answer_head.span.3."),
)
WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")  # what DistributedDataParallel and torch.compile put before a name
# Never used by the authors' forward pass, or a second name of the word embeddings.
UNUSED_KEYS = re.compile(r"(^|\.)(pad|pooler\.dense\.(weight|bias)|lm_head\.decoder\.weight)$")


def our_key(official: str) -> str | None:
    """Our name of one of the authors' parameters; None where we have no use for it."""
    name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", WRAPPERS.sub("", official)))
    for pattern, ours in OFFICIAL_KEYS:
        if re.match(pattern, name):
            return re.sub(pattern, ours, name, count=1)
    return None


def map_keys(official: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The authors' state dict under our names, and the keys left over (those known to be unused are not)."""
    mapped: dict[str, Tensor] = {}
    left_over: list[str] = []
    for key, value in official.items():
        name = our_key(key)
        if name is not None:
            mapped[name] = value
        elif not UNUSED_KEYS.search(key):
            left_over.append(key)
    return mapped, left_over


@dataclass(frozen=True)
class Converted:
    """A model, and what the checkpoint lacked (at its random start) or held beyond it."""

    model: HeroPreTrainedModel
    missing: list[str]
    left_over: list[str]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Tensors by the authors' names; a .pt file is read with weights_only. Raises InputError."""
    check_input_file(path, "a checkpoint, .pt or .safetensors")
    if path.suffix == ".safetensors":
        with refusing(f"{path}: damaged", InputError):
            return load_file(path)
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # on foreign bytes the restricted reader fails in many ways, and in many lines
        raise InputError(f"{path}: damaged, or holds more than tensors; it was not loaded") from error
    if not isinstance(loaded, Mapping):
        raise InputError(f"{path}: holds a {type(loaded).__name__}, expected a state dict {{name: tensor}}")
    for key, value in loaded.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            raise InputError(
                f"{path}: under key {key!r} lies a {type(value).__name__}, expected a state dict {{name: tensor}}"
            )
    return dict(loaded)


def convert(
    official: Mapping[str, Tensor],
    task: str,
    heads: int | None = None,
    where: str = "checkpoint",
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> Converted:
    """A model of the official dialect with the sizes and weights of a state dict.

    tokenizer: decides the ids of special tokens; without one they are RoBERTa's. Raises InputError that names the
    key where one needed for the encoder is missing, has another shape or type, or holds values that are not finite.
    """
    weights, left_over = map_keys(official)
    config = config_of(weights, heads, where, tokenizer)
    with refusing(where, InputError):
        model = MODEL_CLASSES[task](config)
    expected = model.state_dict()
    used = {name: value for name, value in weights.items() if name in expected}
    for name, value in used.items():
        if expected[name].shape != value.shape:
            raise InputError(f"{where}: {name} has shape {list(value.shape)}, expected {list(expected[name].shape)}")
        if not value.is_floating_point() or value.layout != torch.strided:
            raise InputError(f"{where}: {name} is {value.layout} {value.dtype}, expected dense floating-point numbers")
    check_finite(used, where)
    missing = sorted(set(expected) - set(weights))
    encoder = [name for name in missing if name.startswith("hero.")]
    if encoder:
        raise InputError(f"{where}: lacks {encoder[0]}" + (f" and {len(encoder) - 1} more" if encoder[1:] else ""))
    model.load_state_dict(used, strict=False)
    unused = sorted(left_over + [name for name in weights if name not in expected])
    return Converted(model.eval(), missing, unused)


def config_of(
    weights: Mapping[str, Tensor], heads: int | None, where: str, tokenizer: PreTrainedTokenizerBase | None
) -> HeroConfig:
    """Sizes from the shapes of the weights. Raises InputError that names a key that is not there or is no matrix."""

    def shape(name: str) -> torch.Size:
        if name not in weights:
            raise InputError(f"{where}: lacks {name}; it is no HERO checkpoint, or only a part of one")
        if weights[name].ndim != 2 or not weights[name].numel():
            raise InputError(f"{where}: {name} has shape {list(weights[name].shape)}, expected a matrix")
        return weights[name].shape

    def rows(name: str, default: int) -> int:
        return shape(name)[0] if name in weights else default

    def layers(prefix: str) -> int:
        shape(f"{prefix}0.intermediate.dense.weight")
        numbers = set()
        for name in weights:
            if name.startswith(prefix):
                number = name[len(prefix) :].split(".")[0]
                if not number.isdecimal():
                    raise InputError(f"{where}: {name} names no layer by its number")
                numbers.add(int(number))
        for wanted in range(len(numbers)):
            if wanted not in numbers:
                raise InputError(f"{where}: lacks {prefix}{wanted}, but holds {prefix}{max(numbers)}")
        return len(numbers)

    vocabulary, size = shape("hero.text_embedder.words.weight")
    if heads is None and size % HEAD_SIZE:
        raise InputError(f"{where}: hidden size {size} is no multiple of {HEAD_SIZE}; give --heads")
    if heads is not None and (heads < 1 or size % heads):
        raise InputError(f"{where}: hidden size {size} cannot be divided among --heads {heads}")
    if tokenizer is not None and not 0 <= vocabulary - len(tokenizer) <= VOCABULARY_PADDING:
        raise InputError(f"{where}: embeds {vocabulary} words, the tokenizer knows {len(tokenizer)}; it is another one")
    return HeroConfig(
        dialect="official",
        vocab_size=vocabulary,
        hidden_size=size,
        num_attention_heads=heads or size // HEAD_SIZE,
        num_hidden_layers=layers("hero.cross_modal.layer."),
        num_temporal_layers=layers("hero.temporal.layer."),
        intermediate_size=shape("hero.cross_modal.layer.0.intermediate.dense.weight")[0],
        feature_size=shape("hero.frame_embedder.projection.weight")[1],
        max_position_embeddings=shape("hero.text_embedder.positions.weight")[0],
        max_frames=shape("hero.frame_embedder.positions.weight")[0],
        max_temporal_positions=shape("hero.temporal_positions.positions.weight")[0],
        max_query_positions=rows(
            "moment_head.query_encoder.positions.positions.weight", HeroConfig.max_query_positions
        ),
        fom_classes=rows("order_head.3.weight", 100),
        **(token_fields(tokenizer) if tokenizer is not None else {}),
    )
