"""Our model against the recorded outputs of the authors' code, from the recorded tensors."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hero_model.convert import our_key
from hero_model.moment import MatchBatch
from hero_model.objectives import RankingDraw, ranking_losses, span_loss
from hero_model.pretraining import FrameOrderBatch, HeroForPretraining, MaskedFrameBatch, MaskedWordBatch
from hero_model.qa import QuestionBatch
from tests.hero_model import golden_data as golden

pytestmark = golden.needs_golden

both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


def agree(ours: Tensor, key: str, dtype: str, where: Tensor | None = None) -> None:
    recorded, tolerance = golden.outputs(dtype)[key], golden.DTYPES[dtype][1]
    assert ours.shape == recorded.shape
    if where is not None:
        ours, recorded = ours[where], recorded[where]
        assert len(ours)
    torch.testing.assert_close(
        ours.detach(), recorded.to(ours.dtype), atol=tolerance, rtol=tolerance, msg=lambda m: f"{key}: {m}"
    )


def unpack(packed: Tensor, places: list[list[int]], key: str, dtype: str) -> tuple[Tensor, Tensor]:
    """Packed states [T, D] in the recorded padded layout, and where that layout is valid."""
    shape = golden.outputs(dtype)[key].shape
    padded, valid = packed.new_zeros(shape), torch.zeros(shape[:2], dtype=torch.bool)
    for line, row in enumerate(places):
        for column, place in enumerate(row):
            if place >= 0:
                padded[line, column], valid[line, column] = packed[place], True
    return padded, valid


@both_dtypes
def test_representation(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    clips, places = golden.recorded_clips("repr")
    encoding = model.hero(clips.to(kind))
    for name, ours in [("embedding", encoding.cross_modal_input), ("output", encoding.cross_modal)]:
        key = f"repr.cross_modal_{name}"
        padded, valid = unpack(ours, places, key, dtype)
        agree(padded, key, dtype, valid)
    agree(encoding.collected, "repr.collected_frames", dtype)
    agree(encoding.temporal_input, "repr.temporal_input", dtype)
    agree(encoding.frames, "repr.temporal_output", dtype)


@both_dtypes
def test_pooler_on_our_states(dtype: str) -> None:
    """The authors' pooler is unused and not part of our model; on our states it gives their numbers."""
    kind = golden.DTYPES[dtype][0]
    weights = load_file(golden.GOLDEN / "state_dict.safetensors")
    dense = "v_encoder.f_encoder.pooler.dense."
    clips, places = golden.recorded_clips("repr")
    states = golden.pretraining_model(kind).hero(clips.to(kind)).cross_modal
    with_frames = torch.tensor([row[0] >= 0 for row in places])
    first = torch.stack([states[max(row[0], 0)] for row in places])
    pooled = torch.tanh(
        nn.functional.linear(first, weights[dense + "weight"].to(kind), weights[dense + "bias"].to(kind))
    )
    agree(pooled, "repr.cross_modal_pooled", dtype, with_frames)


def masked_words() -> MaskedWordBatch:
    clips, places = golden.recorded_clips("mlm")
    chosen = golden.task_inputs("mlm")["txt_mask_tgt"].bool().nonzero().tolist()
    return MaskedWordBatch(
        clips,
        torch.tensor([places[line][column] for line, column in chosen]),
        golden.task_inputs("mlm")["txt_labels"],
    )


def masked_frames(contrast: bool) -> MaskedFrameBatch:
    recorded = golden.task_inputs("mfm")
    clips, _ = golden.recorded_clips("mfm")
    hidden = recorded["c_v_masks"].bool()
    clips.features = clips.features.clone()
    clips.features[hidden] = recorded["feat_targets"]
    return MaskedFrameBatch(clips, hidden, contrast)


def frame_order() -> FrameOrderBatch:
    recorded = golden.task_inputs("fom")
    clips, _ = golden.recorded_clips("fom")
    return FrameOrderBatch(clips, recorded["shuffled_orders"], recorded["targets"])


def match_batch(task: str) -> MatchBatch:
    recorded = golden.task_inputs(task)
    clips, _ = golden.recorded_clips(task)
    queries = golden.recorded_texts(recorded["query_input_ids"], recorded["query_attn_masks"])
    return MatchBatch(clips, queries, recorded["q_vidx"], recorded["targets"])


def questions() -> QuestionBatch:
    recorded = golden.task_inputs("videoqa")
    answers = len(recorded["qa_input_ids"]) // len(recorded["targets"])
    clips, _ = golden.recorded_clips("videoqa", rows_per_clip=answers)
    texts = golden.recorded_texts(recorded["qa_input_ids"], recorded["qa_attn_masks"])
    return QuestionBatch(clips, texts, recorded["targets"].squeeze(1), recorded["ts_targets"])


@both_dtypes
def test_masked_words(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(masked_words().to(kind))
    agree(out.logits, "mlm.scores", dtype)
    agree(nn.functional.cross_entropy(out.logits, out.labels, reduction="none"), "mlm.loss_per_token", dtype)
    agree(out.loss, "mlm.loss", dtype)


@both_dtypes
def test_masked_frames(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    out = model(masked_frames(contrast=True).to(kind))
    agree(out.predicted, "mnce.pred_feats", dtype)
    agree(out.others, "mnce.neg_pred_feats", dtype)
    agree(out.logits, "mnce.logits", dtype)
    agree(nn.functional.cross_entropy(out.logits, out.labels, reduction="none"), "mnce.loss_per_frame", dtype)
    agree(out.loss, "mnce.loss", dtype)
    regression = model(masked_frames(contrast=False).to(kind))
    agree((regression.logits - regression.labels).square(), "mffr.sq_err", dtype)
    agree(regression.loss, "mffr.loss", dtype)


@both_dtypes
def test_frame_order(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(frame_order().to(kind))
    agree(out.logits.flatten(0, 1), "fom.scores", dtype)
    agree(out.loss, "fom.loss", dtype)


def recorded_ranks() -> RankingDraw:
    recorded = golden.task_inputs("vsm")
    return RankingDraw(recorded["sampled.rank_neg_ctx"], recorded["sampled.rank_neg_q"])


VARIANTS: dict[str, dict[str, Any]] = {
    "all_neg": {},
    "all_neg_hard": {"hard": True},
    "all_neg_lse": {"ranking_loss": "lse"},
    "sampled_hard": {"use_all_negatives": False, "hard": True},
}


@both_dtypes
def test_matching_scores(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    batch = match_batch("vsm").to(kind)
    encoding = model.hero(batch.clips)
    tokens = model.hero.encode_texts(batch.queries)
    agree(tokens, "vsm.query_tokens", dtype, batch.queries.mask)
    vectors = model.moment_head.query_encoder(tokens, batch.queries.mask)
    agree(vectors, "vsm.query_vec", dtype)
    agree(model.moment_head.clip_scores(vectors, encoding.frames, encoding.mask), "vsm.q2v_scores", dtype)
    start, end = model.moment_head.span_logits(vectors, encoding.frames, encoding.mask)
    agree(start, "vsm.st_logits", dtype)
    agree(end, "vsm.ed_logits", dtype)
    own = model(batch)
    rows = torch.arange(len(vectors))
    torch.testing.assert_close(own.start, start[rows, batch.query_clips])
    torch.testing.assert_close(own.end, end[rows, batch.query_clips])


@both_dtypes
@pytest.mark.parametrize(("task", "variant"), [("vsm", name) for name in VARIANTS] + [("vcmr_train", "all_neg")])
def test_matching_losses(task: str, variant: str, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    changes = dict(VARIANTS[variant])
    hard = changes.pop("hard", False)
    pool = {
        "hard_pool_size": golden.settings()["hard_pool_size"],
        "hard_negative_weight": golden.settings()["hard_neg_weight"],
    }
    model = golden.pretraining_model(kind, **changes, **(pool if hard else {}))
    draw = recorded_ranks() if variant.startswith("sampled") else None
    batch = match_batch(task).to(kind)
    out = model.match(batch, hard_negatives=hard, draw=draw)
    prefix = f"{task}.{variant}.train."
    agree(out.span_loss, prefix + "loss_st_ed", dtype)
    agree(out.clip_loss, prefix + "loss_neg_ctx", dtype)
    agree(out.query_loss, prefix + "loss_neg_q", dtype)
    if prefix + "loss_total" in golden.outputs(dtype):
        agree(out.loss, prefix + "loss_total", dtype)
    if variant.startswith("sampled"):
        return
    prefix = f"{task}.{variant}.eval."
    by_clip, by_query = ranking_losses(out.scores, batch.query_clips, model.config, hard)
    agree(model.config.negative_video_weight * by_clip, prefix + "loss_neg_ctx", dtype)
    agree(model.config.negative_query_weight * by_query, prefix + "loss_neg_q", dtype)
    summed = model.config.span_weight * span_loss(out.start, out.end, batch.spans, reduction="sum")
    agree(summed, prefix + "loss_st_ed", dtype)


@both_dtypes
def test_moment_retrieval_training_scores(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(match_batch("vcmr_train").to(kind))
    agree(out.scores, "vcmr_train.q2v_scores", dtype)
    agree(out.start, "vcmr_train.st_logits", dtype)
    agree(out.end, "vcmr_train.ed_logits", dtype)


@both_dtypes
def test_moment_retrieval_inference_scores(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    recorded = golden.task_inputs("vcmr_infer")
    clips, _ = golden.recorded_clips("vcmr_infer")
    texts = golden.recorded_texts(recorded["query_input_ids"], recorded["query_attn_masks"])
    encoding = model.hero(clips.to(kind))
    vectors = model.moment_head.query_encoder(model.hero.encode_texts(texts), texts.mask)
    agree(encoding.frames, "vcmr_infer.frame_embeddings", dtype)
    agree(model.moment_head.clip_scores(vectors, encoding.frames, encoding.mask), "vcmr_infer.q2v_scores", dtype)
    start, end = model.moment_head.span_logits(vectors, encoding.frames, encoding.mask)
    agree(start, "vcmr_infer.st_logits", dtype)
    agree(end, "vcmr_infer.ed_logits", dtype)


@both_dtypes
def test_question_answering(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.question_model(kind)
    batch = questions().to(kind)
    encoding = model.hero(batch.clips, appended=batch.appended)
    assert encoding.text is not None
    fused = torch.cat([encoding.frames, encoding.text], dim=1)
    valid = torch.cat([encoding.mask, batch.appended.mask], dim=1)
    agree(fused, "videoqa.fused_output", dtype, valid)
    out = model(batch)
    agree(out.logits, "videoqa.logits", dtype)
    agree(out.span_logits, "videoqa.st_ed_unmasked_logits", dtype, out.mask)
    agree(out.answer_loss, "videoqa.qa_loss", dtype)
    agree(out.span_loss, "videoqa.temporal_loss", dtype)
    agree(out.loss, "videoqa.total_loss", dtype)


def gradient_norms(model: nn.Module, loss: Tensor) -> dict[str, float | None]:
    model.zero_grad(set_to_none=True)
    loss.backward()
    return {
        name: None if parameter.grad is None else float(parameter.grad.norm())
        for name, parameter in model.named_parameters()
    }


@pytest.mark.parametrize("task", ["mlm", "mfm-nce", "mffr", "fom", "vsm", "tvr", "tvqa"])
def test_gradient_norms(task: str) -> None:
    kind = torch.float64
    batches = {
        "mlm": masked_words,
        "mfm-nce": lambda: masked_frames(contrast=True),
        "mffr": lambda: masked_frames(contrast=False),
        "fom": frame_order,
        "vsm": lambda: match_batch("vsm"),
        "tvr": lambda: match_batch("vcmr_train"),
        "tvqa": questions,
    }
    model = golden.question_model(kind) if task == "tvqa" else golden.pretraining_model(kind)
    ours = gradient_norms(model, model(batches[task]().to(kind)).loss)
    recorded = json.loads((golden.GOLDEN / "grad_norms.json").read_text())[task]
    compared = set()
    for official, norm in recorded.items():
        name = our_key(official)
        if name is None or name not in ours:
            assert not norm, f"{official} gets a gradient in the authors' code and has no place in ours"
            continue
        compared.add(name)
        assert (ours[name] or 0.0) == pytest.approx(norm or 0.0, rel=1e-4, abs=1e-6), official
    assert compared == {name for name in ours if name in compared or ours[name]}
    assert isinstance(model, HeroForPretraining) == (task != "tvqa")
    assert np.isfinite([norm for norm in ours.values() if norm is not None]).all()
