"""The golden folder, read into models and batches. The tests read every size from its config.json."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from hero_model.checkpoints.official import map_keys
from hero_model.config import HeroConfig
from hero_model.data.batches import ClipBatch, TextBatch
from hero_model.data.examples import Clip, Ids
from hero_model.data.packing import pack, pack_texts
from hero_model.data.sequences import joined_words
from hero_model.models.pretraining import HeroForPretraining
from hero_model.models.qa import HeroForQuestionAnswering

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("BENCH_SHARED", REPOSITORY.parent / "shared"))
GOLDEN = Path(os.environ.get("BENCH_GOLDEN", SHARED / "golden")) / "hero"

needs_golden = [
    pytest.mark.golden,
    pytest.mark.skipif(not (GOLDEN / "config.json").exists(), reason=f"no golden folder at {GOLDEN}"),
]

Tensors = dict[str, Tensor]
Places = list[list[int]]  # for each recorded sequence where its tokens stand in our packed batch; -1: nowhere
DTYPES = {"float32": (torch.float32, 1e-5), "float64": (torch.float64, 1e-10)}


@cache
def settings() -> dict[str, Any]:
    return json.loads((GOLDEN / "config.json").read_text())


@cache
def extra() -> dict[str, Any]:
    return json.loads((GOLDEN / "inputs_extra.json").read_text())


@cache
def inputs() -> Tensors:
    return load_file(GOLDEN / "inputs.safetensors")


@cache
def outputs(dtype: str) -> Tensors:
    return load_file(GOLDEN / ("outputs_f64.safetensors" if dtype == "float64" else "outputs.safetensors"))


def config(**changes: Any) -> HeroConfig:
    recorded = settings()
    layers, temporal, query = (recorded["model"][name] for name in ("f_config", "c_config", "q_config"))
    dropouts = ("hidden_dropout_prob", "attention_probs_dropout_prob")
    for encoder, shared in (
        ("c_config", ("hidden_size", "num_attention_heads", "intermediate_size", "hidden_act", *dropouts)),
        ("q_config", ("hidden_size", "num_attention_heads", *dropouts)),  # it has no feed-forward layer
    ):
        for name in shared:
            assert recorded["model"][encoder][name] == layers[name], (
                f"{GOLDEN}/config.json: {encoder}.{name} is {recorded['model'][encoder][name]}, f_config has "
                f"{layers[name]}: a HeroConfig gives one value to all three"
            )
    hp, ids, evaluation = recorded["hp"], recorded["special_ids"], recorded["eval"]
    values = {
        "dialect": "official",
        **{name: layers[name] for name in ("vocab_size", "hidden_size", "num_hidden_layers", "hidden_act")},
        **{name: layers[name] for name in ("num_attention_heads", "intermediate_size", "initializer_range", *dropouts)},
        "num_temporal_layers": temporal["num_hidden_layers"],
        "max_position_embeddings": layers["max_position_embeddings"],
        "max_temporal_positions": temporal["max_position_embeddings"],
        "max_query_positions": query["max_position_embeddings"],
        "max_frames": recorded["max_frm_seq_len"],
        "feature_size": recorded["vfeat_dim"],
        "fom_classes": recorded["fom_num_classes"],
        "nce_temperature": recorded["nce_temp"],
        "layer_norm_eps": recorded["layer_norm_eps_encoder"],
        "embedding_norm_eps": recorded["layer_norm_eps_embeddings_and_heads"],
        "cls_token_id": ids["cls"],
        "sep_token_id": ids["sep"],
        "pad_token_id": ids["pad"],
        "mask_token_id": ids["mask"],
        "ranking_loss": hp["ranking_loss_type"],
        "ranking_margin": hp["margin"],
        "negative_video_weight": hp["lw_neg_ctx"],
        "negative_query_weight": hp["lw_neg_q"],
        "span_weight": hp["lw_st_ed"],
        "use_all_negatives": hp["use_all_neg"],
        "hard_pool_size": hp["hard_pool_size"],
        "hard_negative_weight": hp["hard_neg_weight"],
        "answer_span_weight": recorded["videoqa_lw_st_ed"],
        "frame_interval": recorded["frame_interval"],
        "context_sentences": recorded["sub_ctx_len"],
        "score_sharpness": evaluation["q2c_alpha"],
        "max_videos": evaluation["max_vcmr_video"],
        "min_span_frames": evaluation["min_pred_l"] + 1,
        "max_span_frames": evaluation["max_pred_l"],
        "max_moments": evaluation["max_before_nms"],
        "nms_threshold": evaluation["nms_thd"],
    }
    return HeroConfig(**(values | changes))


def pretraining_model(dtype: torch.dtype, **changes: Any) -> HeroForPretraining:
    model = HeroForPretraining(config(**changes))
    weights, left_over = map_keys(load_file(GOLDEN / "state_dict.safetensors"))
    assert not left_over
    model.load_state_dict(weights)
    return model.to(dtype).eval()


def question_model(dtype: torch.dtype) -> HeroForQuestionAnswering:
    model = HeroForQuestionAnswering(config())
    official = load_file(GOLDEN / "state_dict.safetensors") | load_file(GOLDEN / "state_dict_videoqa_heads.safetensors")
    weights, left_over = map_keys(official)
    assert not left_over
    encoder_and_head = {name: value for name, value in weights.items() if name.startswith(("hero.", "answer_head."))}
    model.load_state_dict(encoder_and_head)
    return model.to(dtype).eval()


def task_inputs(task: str) -> Tensors:
    return {name.split(".", 1)[1]: value for name, value in inputs().items() if name.startswith(f"{task}.")}


def recorded_clips(task: str, rows_per_clip: int = 1) -> tuple[ClipBatch, Places]:
    """A recorded batch as our own. Its masked zero frames (of sentences without frames) have no place."""
    batch = task_inputs(task)
    ids, words_mask = (
        (batch["input_ids"], None) if task == "mlm" else (batch["f_sub_input_ids"], batch["f_sub_input_attn_masks"])
    )
    attention = batch["attn_masks" if task == "mlm" else "f_attn_masks"]
    world = "repr" if task == "mlm" else task
    features = task_inputs(world)["c_v_feats"][::rows_per_clip]
    mask = task_inputs(world)["c_attn_masks"][::rows_per_clip].bool()
    width = mask.shape[1]
    sentences, sources, targets, empty = [], [], [], []
    line = 0
    raw = raw_clips(clip_names(world)) if task == "mlm" else []
    for row, pairs in enumerate(extra()[f"{world}.sub_idx2frame_idx"]):
        n_frames = int(mask[row // rows_per_clip].sum())
        for sentence, frames in pairs:
            if task == "mlm" and not len(mlm_words(raw[row], sentence)):
                continue
            seen = [frame for frame in frames if frame < n_frames]
            slots = max(len(seen), 1)
            length = int(attention[line].sum()) + (0 if seen else 1) - slots
            assert words_mask is None or length == int(words_mask[line].sum())
            sentences.append(ids[line, :length].numpy())
            sources.append(np.array(seen, np.int64) + row // rows_per_clip * width)
            targets.append(np.array(seen, np.int64) + row * width)
            empty.append(not seen)
            line += 1
    packed, ranks, frames_in_order, words_in_order = pack(sentences, sources)
    place_of_frame = dict(zip(frames_in_order.tolist(), packed.frame_places.tolist(), strict=True))
    place_of_word = dict(zip(words_in_order.tolist(), packed.word_places.tolist(), strict=True))
    places, frame, word = [], 0, 0
    for words, own, without in zip(sentences, sources, empty, strict=True):
        line_places = [-1] if without else [place_of_frame[frame + i] for i in range(len(own))]
        line_places += [place_of_word[word + i] for i in range(len(words))]
        places.append(line_places)
        frame, word = frame + len(own), word + len(words)
    rows = len(extra()[f"{world}.sub_idx2frame_idx"])
    clips = ClipBatch(
        features,
        mask,
        packed,
        torch.from_numpy(np.concatenate(targets)[frames_in_order]),
        torch.arange(rows) // rows_per_clip,
        torch.from_numpy(np.repeat(ranks, [len(own) for own in sources])[frames_in_order]),
    )
    return clips, places


def mlm_words(clip: Clip, sentence: int) -> Ids:
    """The words that MLM hides some of; where there are none, the authors have no row for the sentence."""
    return joined_words(clip.sentences, sentence, config(), config().max_sentence_tokens)


def recorded_texts(ids: Tensor, mask: Tensor) -> TextBatch:
    return pack_texts([row[keep.bool()].numpy() for row, keep in zip(ids, mask, strict=True)])


def raw_clips(names: list[str]) -> list[Clip]:
    """Clips from the raw world of inputs_extra.json, for our own collation.

    Where a clip is cut to its longest length the authors list no frames for the sentences after the cut: they are left
    out.
    """
    world = extra()["raw"]
    return [
        Clip(
            name=name,
            features=inputs()[f"raw.feat.{name}"].numpy(),
            sentences=[np.array(world[name]["sub_input_ids"][s], np.int64) for s, _ in world[name]["sub2frames"]],
            frames=[
                np.array([f for f in frames if f < world[name]["n_frames"]], np.int64)
                for _, frames in world[name]["sub2frames"]
            ],
        )
        for name in names
    ]


def clip_names(task: str) -> list[str]:
    """Clips of a recorded batch; found by their frames (hidden ones aside) where the batch does not name them."""
    if f"{task}.vids" in extra():
        return extra()[f"{task}.vids"]
    batch, names = task_inputs(task), []
    for row, mask in zip(batch["c_v_feats"], batch["c_attn_masks"], strict=True):
        frames = row[mask.bool()]
        shown = frames.abs().sum(1) > 0
        for name in extra()["raw"]:
            raw = inputs()[f"raw.feat.{name}"]
            if raw.shape == frames.shape and torch.equal(raw[shown], frames[shown]):
                names.append(name)
                break
    assert len(names) == len(batch["c_v_feats"])
    return names
