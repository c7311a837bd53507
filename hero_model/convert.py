"""Checkpoints of the authors: their keys, our keys."""

import re
from collections.abc import Mapping

from torch import Tensor

LAYERS = r"layer\.\d+\."
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
# Never used by the authors' forward pass, or a second name of the word embeddings.
UNUSED_KEYS = re.compile(r"(^|\.)(pad|pooler\.dense\.(weight|bias)|lm_head\.decoder\.weight)$")


def our_key(official: str) -> str | None:
    """Our name of one of the authors' parameters; None where we have no use for it."""
    name = re.sub(r"\.gamma$", ".weight", re.sub(r"\.beta$", ".bias", official))
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
