"""The recorded batches, tensor by tensor, as our own batches."""

import torch

from hero_model.data.batches import (
    ClipBatch,
    FrameOrderBatch,
    MaskedFrameBatch,
    MaskedWordBatch,
    MatchBatch,
    QuestionBatch,
)
from tests.hero_model import golden_data as golden
from tests.hero_model.golden_data import Places


def representation() -> tuple[ClipBatch, Places]:
    return golden.recorded_clips("repr")


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
    """The inference batch does not say whose queries it holds: its query_clips mean nothing."""
    recorded = golden.task_inputs(task)
    clips, _ = golden.recorded_clips(task)
    queries = golden.recorded_texts(recorded["query_input_ids"], recorded["query_attn_masks"])
    owners = recorded.get("q_vidx", torch.zeros(len(recorded["targets"]), dtype=torch.long))
    return MatchBatch(clips, queries, owners, recorded["targets"])


def questions() -> QuestionBatch:
    recorded = golden.task_inputs("videoqa")
    answers = len(recorded["qa_input_ids"]) // len(recorded["targets"])
    clips, _ = golden.recorded_clips("videoqa", rows_per_clip=answers)
    texts = golden.recorded_texts(recorded["qa_input_ids"], recorded["qa_attn_masks"])
    return QuestionBatch(clips, texts, recorded["targets"].squeeze(1), recorded["ts_targets"])
