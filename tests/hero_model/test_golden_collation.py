"""The same recorded outputs, from the raw world through our own collation.

Random choices (masks, orders, which sentences are queries) are read from the recorded batches.
"""

import json

import numpy as np
import torch

from hero_model import collate
from hero_model.collate import Clip, span_of_seconds
from hero_model.moment import MatchBatch
from hero_model.pairing import pair
from hero_model.pretraining import FrameOrderBatch, MaskedFrameBatch, MaskedWordBatch
from hero_model.qa import QuestionBatch
from tests.hero_model import golden_data as golden
from tests.hero_model.test_golden import agree, both_dtypes, recorded_ranks

pytestmark = golden.needs_golden


def lengths_of(clips: list[Clip]) -> list[int]:
    return [len(clip.features) for clip in clips]


def masked_words() -> MaskedWordBatch:
    clips = golden.raw_clips(golden.clip_names("repr"))
    recorded = golden.task_inputs("mlm")
    labels = iter(recorded["txt_labels"].tolist())
    masked, replaced, line = [], [], 0
    for clip in clips:
        masked.append([])
        replaced.append([])
        for words, frames in zip(clip.sentences, clip.frames, strict=True):
            first_word = max(len(frames), 1) + 1  # after the frames (or their dummy) and the leading token
            places = recorded["txt_mask_tgt"][line].nonzero().flatten().numpy() - first_word
            assert words[places].tolist() == [next(labels) for _ in places]
            masked[-1].append(places)
            replaced[-1].append(recorded["input_ids"][line, places + 1].numpy())
            line += 1
    return collate.masked_word_batch(clips, masked, replaced, golden.config())


def masked_frames(contrast: bool) -> MaskedFrameBatch:
    clips = golden.raw_clips(golden.clip_names("mfm"))
    rows = golden.task_inputs("mfm")["c_v_masks"].bool().numpy()
    masks = [row[:length] for row, length in zip(rows, lengths_of(clips), strict=True)]
    return collate.masked_frame_batch(clips, masks, golden.config(), contrast)


def frame_order() -> FrameOrderBatch:
    clips = golden.raw_clips(golden.clip_names("fom"))
    recorded = golden.task_inputs("fom")
    chosen, shuffled = [], []
    for order, targets in zip(recorded["shuffled_orders"].numpy(), recorded["targets"].numpy(), strict=True):
        before = np.sort(targets[targets >= 0])
        chosen.append(before)
        shuffled.append(order[before])
    return collate.frame_order_batch(clips, chosen, shuffled, golden.config())


def subtitle_match() -> MatchBatch:
    clips = golden.raw_clips(golden.clip_names("vsm"))
    recorded = golden.task_inputs("vsm")
    chosen: list[list[int]] = [[] for _ in clips]
    for ids, mask, row in zip(
        recorded["query_input_ids"], recorded["query_attn_masks"], recorded["q_vidx"].tolist(), strict=True
    ):
        words = ids[mask.bool()][1:].tolist()
        chosen[row].append([sentence.tolist() for sentence in clips[row].sentences].index(words))
    return collate.subtitle_match_batch(clips, chosen, golden.config())


def moments(queries: list[dict], names: list[str]) -> MatchBatch:
    clips = golden.raw_clips(names)
    owners = [names.index(query["vid"]) for query in queries]
    interval = golden.settings()["frame_interval"]
    return collate.moment_batch(
        clips,
        [np.array(query["ids"]) for query in queries],
        owners,
        [
            span_of_seconds(*query["ts"], lengths_of(clips)[owner], interval)
            for query, owner in zip(queries, owners, strict=True)
        ],
        golden.config(),
    )


def training_moments() -> MatchBatch:
    """One query for each clip: those whose words the recorded batch holds."""
    recorded = golden.task_inputs("vcmr_train")
    rows = zip(recorded["query_input_ids"], recorded["query_attn_masks"], strict=True)
    words = [ids[mask.bool()][1:].tolist() for ids, mask in rows]
    by_words = {tuple(query["ids"]): query for query in golden.extra()["vcmr.queries"]}
    return moments([by_words[tuple(w)] for w in words], golden.clip_names("vcmr_train"))


def question_span(text: str, n_frames: int) -> tuple[int, int]:
    try:
        start, end = (float(part) for part in text.split("-"))
    except ValueError:
        return -1, -1
    return span_of_seconds(start, end, n_frames, golden.settings()["frame_interval"])


def questions() -> QuestionBatch:
    rows = golden.extra()["videoqa.raw"]
    clips = golden.raw_clips([row["vid"] for row in rows])
    return collate.question_batch(
        clips,
        [(np.array(row["input_ids"][0]), [np.array(option) for option in row["input_ids"][1:]]) for row in rows],
        [row["target"] for row in rows],
        [question_span(row["ts"], n) for row, n in zip(rows, lengths_of(clips), strict=True)],
        golden.config(),
    )


@both_dtypes
def test_masked_words(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    out = golden.pretraining_model(kind)(masked_words().to(kind))
    agree(out.logits, "mlm.scores", dtype)
    agree(out.loss, "mlm.loss", dtype)


@both_dtypes
def test_representation_and_masked_frames(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    clips = collate.clip_batch(golden.raw_clips(golden.clip_names("repr")), golden.config()).to(kind)
    encoding = model.hero(clips)
    agree(encoding.collected, "repr.collected_frames", dtype)
    agree(encoding.temporal_input, "repr.temporal_input", dtype)
    agree(encoding.frames, "repr.temporal_output", dtype)
    out = model(masked_frames(contrast=True).to(kind))
    agree(out.logits, "mnce.logits", dtype)
    agree(out.loss, "mnce.loss", dtype)
    regression = model(masked_frames(contrast=False).to(kind))
    agree((regression.logits - regression.labels).square(), "mffr.sq_err", dtype)
    agree(regression.loss, "mffr.loss", dtype)


@both_dtypes
def test_frame_order(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    batch = frame_order()
    assert torch.equal(batch.labels, golden.task_inputs("fom")["targets"])
    out = golden.pretraining_model(kind)(batch.to(kind))
    agree(out.logits.flatten(0, 1), "fom.scores", dtype)
    agree(out.loss, "fom.loss", dtype)


@both_dtypes
def test_subtitle_matching(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    batch = subtitle_match()
    assert torch.equal(batch.spans, golden.task_inputs("vsm")["targets"])
    model = golden.pretraining_model(kind)
    out = model(batch.to(kind))
    agree(out.scores, "vsm.q2v_scores", dtype)
    for name, loss in [("st_ed", out.span_loss), ("neg_ctx", out.clip_loss), ("neg_q", out.query_loss)]:
        agree(loss, f"vsm.all_neg.train.loss_{name}", dtype)
    agree(out.loss, "vsm.all_neg.train.loss_total", dtype)
    pool = golden.settings()["hard_pool_size"]
    sampled = golden.pretraining_model(kind, use_all_negatives=False, hard_pool_size=pool)
    hard = sampled.match(batch.to(kind), hard_negatives=True, draw=recorded_ranks())
    agree(hard.clip_loss, "vsm.sampled_hard.train.loss_neg_ctx", dtype)
    agree(hard.query_loss, "vsm.sampled_hard.train.loss_neg_q", dtype)


@both_dtypes
def test_moment_retrieval(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    model = golden.pretraining_model(kind)
    batch = training_moments()
    assert torch.equal(batch.spans, golden.task_inputs("vcmr_train")["targets"])
    out = model(batch.to(kind))
    agree(out.start, "vcmr_train.st_logits", dtype)
    agree(out.end, "vcmr_train.ed_logits", dtype)
    agree(out.loss, "vcmr_train.all_neg.train.loss_total", dtype)

    everything = moments(golden.extra()["vcmr.queries"], sorted(golden.extra()["raw"]))
    assert torch.equal(everything.spans, golden.task_inputs("vcmr_infer")["targets"])
    encoding = model.hero(everything.clips.to(kind))
    vectors = model.moment_head.query_encoder(model.hero.encode_texts(everything.queries), everything.queries.mask)
    start, end = model.moment_head.span_logits(vectors, encoding.frames, encoding.mask)
    agree(start, "vcmr_infer.st_logits", dtype)
    agree(end, "vcmr_infer.ed_logits", dtype)


@both_dtypes
def test_question_answering(dtype: str) -> None:
    kind = golden.DTYPES[dtype][0]
    batch = questions()
    assert torch.equal(batch.spans, golden.task_inputs("videoqa")["ts_targets"])
    out = golden.question_model(kind)(batch.to(kind))
    agree(out.logits, "videoqa.logits", dtype)
    agree(out.answer_loss, "videoqa.qa_loss", dtype)
    agree(out.span_loss, "videoqa.temporal_loss", dtype)
    agree(out.loss, "videoqa.total_loss", dtype)


def test_pairing() -> None:
    for case in json.loads((golden.GOLDEN / "pairing.json").read_text()):
        found = pair(
            [tuple(times) for times in case["subs"]],
            case["n_frames"],
            case["frame_length"],
            golden.config().last_sentence_limit,
        )
        own = {str(s): frames.tolist() for s, frames in enumerate(found.frames)}
        assert own == case["unique_sub2frames"]
        overlapping = {str(s): frames.tolist() for s, frames in enumerate(found.overlapping) if len(frames)}
        assert overlapping == case["sub2frames"]
        assert found.unmatched_frames.tolist() == case["unmatched_frames"]
