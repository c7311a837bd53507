"""Our model against the recorded outputs of the authors' code.

Every output is compared twice: on the recorded tensors, and on batches that our own collation makes of the raw world.
"""

import json
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from hero_model.checkpoints.official import our_key
from hero_model.data.packing import pack_texts
from hero_model.data.sequences import with_context
from hero_model.models.losses import SampledNegativeRanks, ranking_losses, span_loss
from hero_model.models.pretraining import HeroForPretraining
from tests.hero_model import collated_batches, recorded_batches
from tests.hero_model import golden_data as golden
from tests.hero_model.golden_data import Places

pytestmark = golden.needs_golden

_ROUNDING = 4  # sums in another order round elsewhere, not more

both_dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
both_sources = pytest.mark.parametrize("batches", [recorded_batches, collated_batches], ids=["tensors", "collation"])


def agree(ours: Tensor, key: str, dtype: str, where: Tensor | None = None) -> None:
    """With the float64 record in either precision: the authors' float32 is as far from it as ours may be, times 4."""
    exact, rounded = (golden.outputs(kind)[key].double() for kind in ("float64", "float32"))
    assert ours.shape == exact.shape
    if where is not None:
        ours, exact, rounded = ours[where], exact[where], rounded[where]
        assert len(ours)
    tolerance = golden.DTYPES[dtype][1]
    if dtype == "float32":
        tolerance = max(tolerance, _ROUNDING * float((rounded - exact).abs().max()))
    torch.testing.assert_close(
        ours.detach().double(), exact, atol=tolerance, rtol=tolerance, msg=lambda m: f"{key}: {m}"
    )


def unpack(packed: Tensor, places: Places, key: str, dtype: str) -> tuple[Tensor, Tensor]:
    """Packed states [T, D] in the recorded padded layout, and where that layout is valid."""
    shape = golden.outputs(dtype)[key].shape
    padded, valid = packed.new_zeros(shape), torch.zeros(shape[:2], dtype=torch.bool)
    for line, row in enumerate(places):
        for column, place in enumerate(row):
            if place >= 0:
                padded[line, column], valid[line, column] = packed[place], True
    return padded, valid


@both_dtypes
@both_sources
def test_representation(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    clips, places = batches.representation()
    encoding = model.hero(clips.to(kind))
    states = model.hero.cross_modal.forward_packed(encoding.cross_modal_input, clips.packed.runs)
    for name, ours in [("embedding", encoding.cross_modal_input), ("output", states)]:
        key = f"repr.cross_modal_{name}"
        padded, valid = unpack(ours, places, key, dtype)
        agree(padded, key, dtype, valid)
    agree(encoding.collected, "repr.collected_frames", dtype)
    agree(encoding.temporal_input, "repr.temporal_input", dtype)
    agree(encoding.frames, "repr.temporal_output", dtype)


@both_dtypes
def test_sentences_without_frames(dtype: str) -> None:
    """Our collation leaves them out of a clip; as texts of their own they agree with the recorded rows."""
    kind = golden.DTYPES[dtype][0]
    hero, config = golden.pretraining_model(kind).hero, golden.config()
    clips = golden.raw_clips(golden.clip_names("repr"))
    every = [(clip, s) for clip in clips for s in range(len(clip.sentences))]
    rows = [row for row, (clip, s) in enumerate(every) if not len(clip.frames[s])]
    if not rows:
        pytest.skip("every recorded sentence has frames")
    texts = pack_texts([with_context(*every[row], config) for row in rows])
    embedded = hero.text_embedder(texts.packed.word_ids, texts.packed.word_positions)[texts.packed.order]
    for name, ours in [("embedding", embedded[texts.places]), ("output", hero.encode_texts(texts))]:
        key = f"repr.cross_modal_{name}"
        padded = ours.new_zeros(golden.outputs(dtype)[key].shape)
        valid = torch.zeros(padded.shape[:2], dtype=torch.bool)
        words = slice(1, 1 + ours.shape[1])  # the recorded rows begin with a masked zero frame
        padded[rows, words], valid[rows, words] = ours, texts.mask
        agree(padded, key, dtype, valid)


@both_dtypes
@both_sources
def test_pooler_on_our_states(batches: ModuleType, dtype: str) -> None:
    """The authors' pooler is unused and not part of our model; on our states it gives their numbers."""
    kind = golden.DTYPES[dtype][0]
    weights = load_file(golden.GOLDEN / "state_dict.safetensors")
    dense = "v_encoder.f_encoder.pooler.dense."
    clips, places = batches.representation()
    hero = golden.pretraining_model(kind).hero
    states = hero.cross_modal.forward_packed(hero(clips.to(kind)).cross_modal_input, clips.packed.runs)
    heads = [row[0] if row else -1 for row in places]
    with_frames = torch.tensor(heads) >= 0
    first = states[torch.tensor(heads).clamp(min=0)]
    pooled = torch.tanh(
        nn.functional.linear(first, weights[dense + "weight"].to(kind), weights[dense + "bias"].to(kind))
    )
    agree(pooled, "repr.cross_modal_pooled", dtype, with_frames)


@both_dtypes
@both_sources
def test_masked_words(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(batches.masked_words().to(kind))
    agree(out.logits, "mlm.scores", dtype)
    agree(nn.functional.cross_entropy(out.logits, out.labels, reduction="none"), "mlm.loss_per_token", dtype)
    agree(out.loss, "mlm.loss", dtype)


@both_dtypes
@both_sources
def test_masked_frames(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    out = model(batches.masked_frames(contrast=True).to(kind))
    agree(out.predicted, "mnce.pred_feats", dtype)
    agree(out.others, "mnce.neg_pred_feats", dtype)
    agree(out.logits, "mnce.logits", dtype)
    agree(nn.functional.cross_entropy(out.logits, out.labels, reduction="none"), "mnce.loss_per_frame", dtype)
    agree(out.loss, "mnce.loss", dtype)
    regression = model(batches.masked_frames(contrast=False).to(kind))
    agree((regression.logits - regression.labels).square(), "mffr.sq_err", dtype)
    agree(regression.loss, "mffr.loss", dtype)


@both_dtypes
@both_sources
def test_frame_order(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(batches.frame_order().to(kind))
    agree(out.logits.flatten(0, 1), "fom.scores", dtype)
    agree(out.loss, "fom.loss", dtype)


def recorded_ranks() -> SampledNegativeRanks:
    recorded = golden.task_inputs("vsm")
    return SampledNegativeRanks(recorded["sampled.rank_neg_ctx"], recorded["sampled.rank_neg_q"])


# By name, whatever the folder's own settings are.
VARIANTS: dict[str, dict[str, Any]] = {
    "all_neg": {"use_all_negatives": True, "ranking_loss": "hinge"},
    "all_neg_hard": {"use_all_negatives": True, "ranking_loss": "hinge", "hard": True},
    "all_neg_lse": {"use_all_negatives": True, "ranking_loss": "lse"},
    "sampled_hard": {"use_all_negatives": False, "ranking_loss": "hinge", "hard": True},
}


@both_dtypes
@both_sources
def test_matching_scores(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    batch = batches.match_batch("vsm").to(kind)
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
@both_sources
@pytest.mark.parametrize(("task", "variant"), [("vsm", name) for name in VARIANTS] + [("vcmr_train", "all_neg")])
def test_matching_losses(task: str, variant: str, batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    changes = dict(VARIANTS[variant])
    hard = changes.pop("hard", False)
    pool = {
        "hard_pool_size": golden.settings()["hard_pool_size"],
        "hard_negative_weight": golden.settings()["hard_neg_weight"],
    }
    model = golden.pretraining_model(kind, **changes, **(pool if hard else {}))
    draw = recorded_ranks() if variant.startswith("sampled") else None
    batch = batches.match_batch(task).to(kind)
    out = model.subtitle_matching(batch, hard_negatives=hard, sampled=draw)
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
@both_sources
def test_moment_retrieval_training_scores(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(batches.match_batch("vcmr_train").to(kind))
    agree(out.scores, "vcmr_train.q2v_scores", dtype)
    agree(out.start, "vcmr_train.st_logits", dtype)
    agree(out.end, "vcmr_train.ed_logits", dtype)


@both_dtypes
@both_sources
def test_moment_retrieval_inference_scores(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    batch = batches.match_batch("vcmr_infer").to(kind)
    encoding = model.hero(batch.clips)
    vectors = model.moment_head.query_encoder(model.hero.encode_texts(batch.queries), batch.queries.mask)
    agree(encoding.frames, "vcmr_infer.frame_embeddings", dtype)
    agree(model.moment_head.clip_scores(vectors, encoding.frames, encoding.mask), "vcmr_infer.q2v_scores", dtype)
    start, end = model.moment_head.span_logits(vectors, encoding.frames, encoding.mask)
    agree(start, "vcmr_infer.st_logits", dtype)
    agree(end, "vcmr_infer.ed_logits", dtype)


@both_dtypes
@both_sources
def test_question_answering(batches: ModuleType, dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.question_model(kind)
    batch = batches.questions().to(kind)
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


@both_sources
@pytest.mark.parametrize("task", ["mlm", "mfm-nce", "mffr", "fom", "vsm", "tvr", "tvqa"])
def test_gradient_norms(task: str, batches: ModuleType) -> None:
    kind = torch.float64
    made = {
        "mlm": batches.masked_words,
        "mfm-nce": lambda: batches.masked_frames(contrast=True),
        "mffr": lambda: batches.masked_frames(contrast=False),
        "fom": batches.frame_order,
        "vsm": lambda: batches.match_batch("vsm"),
        "tvr": lambda: batches.match_batch("vcmr_train"),
        "tvqa": batches.questions,
    }
    # Sampled negatives are recorded for one loss alone: gradients are those against all of them.
    model = golden.question_model(kind) if task == "tvqa" else golden.pretraining_model(kind, use_all_negatives=True)
    ours = gradient_norms(model, model(made[task]().to(kind)).loss)
    recorded = json.loads((golden.GOLDEN / "grad_norms.json").read_text())[task]
    largest = max(norm or 0.0 for norm in recorded.values())
    compared = set()
    for official, norm in recorded.items():
        name = our_key(official)
        if name is None or name not in ours:
            assert not norm, f"{official} gets a gradient in the authors' code and has no place in ours"
            continue
        compared.add(name)
        assert (ours[name] or 0.0) == pytest.approx(norm or 0.0, rel=1e-4, abs=1e-5 * max(1, largest)), official
    assert compared == {name for name in ours if name in compared or ours[name]}
    assert isinstance(model, HeroForPretraining) == (task != "tvqa")
    assert np.isfinite([norm for norm in ours.values() if norm is not None]).all()
