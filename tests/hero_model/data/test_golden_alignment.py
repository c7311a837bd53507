"""Which frames a sentence has, and what is to be predicted, against the recorded pairs and targets."""

import json

import torch

from hero_model.data.alignment import align_frames
from tests.hero_model import collated_batches
from tests.hero_model import golden_data as golden

pytestmark = golden.needs_golden


def test_targets() -> None:
    """What is to be predicted, from seconds and permutations, as the authors' loaders have it."""
    for task in ("vsm", "vcmr_train", "vcmr_infer"):
        assert torch.equal(collated_batches.match_batch(task).spans, golden.task_inputs(task)["targets"]), task
    assert torch.equal(collated_batches.questions().spans, golden.task_inputs("videoqa")["ts_targets"])
    assert torch.equal(collated_batches.frame_order().labels, golden.task_inputs("fom")["targets"])
    assert torch.equal(collated_batches.masked_words().labels, golden.task_inputs("mlm")["txt_labels"])


def test_pairing() -> None:
    for case in json.loads((golden.GOLDEN / "pairing.json").read_text()):
        found = align_frames(
            [tuple(times) for times in case["subs"]],
            case["n_frames"],
            case["frame_length"],
            golden.config().last_sentence_limit,
        )
        own = {str(s): frames.tolist() for s, frames in enumerate(found.frames)}
        assert own == case["unique_sub2frames"]
        overlapping = {str(s): list(frames) for s, frames in enumerate(found.overlapping) if len(frames)}
        assert overlapping == case["sub2frames"]
        assert found.unmatched_frames.tolist() == case["unmatched_frames"]
