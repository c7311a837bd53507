"""The same batches as recorded_batches, from the raw world through our own collation.

Random choices (masks, orders, which sentences are queries) are read from the recorded batches.
"""

import numpy as np

from hero_model import collate
from hero_model.batch import ClipBatch
from hero_model.collate import Clip, span_of_seconds
from hero_model.moment import MatchBatch
from hero_model.pretraining import FrameOrderBatch, MaskedFrameBatch, MaskedWordBatch
from hero_model.qa import QuestionBatch
from tests.hero_model import golden_data as golden
from tests.hero_model.golden_data import Places


def representation() -> tuple[ClipBatch, Places]:
    """A sentence without frames is not in the batch and has no places."""
    clips = golden.raw_clips(golden.clip_names("repr"))
    batch = collate.clip_batch(clips, golden.config())
    lengths = np.repeat([length for _, length in batch.packed.runs], [count for count, _ in batch.packed.runs])
    starts = np.cumsum(lengths) - lengths
    sequence_of = dict(zip(batch.targets.tolist(), batch.sentence_of.tolist(), strict=True))
    places: Places = []
    for row, clip in enumerate(clips):
        for own in clip.frames:
            if len(own):
                sequence = sequence_of[row * batch.mask.shape[1] + int(own[0])]
                places.append((starts[sequence] + np.arange(lengths[sequence])).tolist())
            else:
                places.append([])
    return batch, places


def _lengths(clips: list[Clip]) -> list[int]:
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
    masks = [row[:length] for row, length in zip(rows, _lengths(clips), strict=True)]
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


def match_batch(task: str) -> MatchBatch:
    if task == "vsm":
        return _sentences_as_queries()
    queries = golden.extra()["vcmr.queries"]
    if task == "vcmr_infer":
        return moments(queries, sorted(golden.extra()["raw"]))
    recorded = golden.task_inputs(task)
    rows = zip(recorded["query_input_ids"], recorded["query_attn_masks"], strict=True)
    words = [ids[mask.bool()][1:].tolist() for ids, mask in rows]
    by_words = {tuple(query["ids"]): query for query in queries}
    return moments([by_words[tuple(w)] for w in words], golden.clip_names(task))


def _sentences_as_queries() -> MatchBatch:
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
            span_of_seconds(*query["ts"], _lengths(clips)[owner], interval)
            for query, owner in zip(queries, owners, strict=True)
        ],
        golden.config(),
    )


def _question_span(text: str, n_frames: int) -> tuple[int, int]:
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
        [_question_span(row["ts"], n) for row, n in zip(rows, _lengths(clips), strict=True)],
        golden.config(),
    )
