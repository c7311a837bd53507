"""The same batches as recorded_batches, from the raw world through our own collation.

Random choices (masks, orders, which sentences are queries) are read from the recorded batches.
"""

from typing import Any

import numpy as np

from hero_model.data import collate
from hero_model.data.alignment import span_of_seconds
from hero_model.data.batches import (
    ClipBatch,
    FrameOrderBatch,
    MaskedFrameBatch,
    MaskedWordBatch,
    MatchBatch,
    QuestionBatch,
)
from hero_model.data.examples import Clip
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
        for s, frames in enumerate(clip.frames):
            words = golden.mlm_words(clip, s)
            if not len(words):
                masked[-1].append(np.empty(0, np.int64))
                replaced[-1].append(np.empty(0, np.int64))
                continue
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
    names = golden.clip_names(task)
    picked, owners = [], []
    for words, target, row in _recorded_queries(task):
        same = [query for query in queries if query["ids"] == words[1:] and query["vid"] == names[row]]
        picked.append(next(query for query in same if list(_span(query)) == target))
        owners.append(row)
    return moments(picked, names, owners)


def _recorded_queries(task: str) -> list[tuple[list[int], list[int], int]]:
    """Token ids, target and the row of the clip of each recorded query."""
    recorded = golden.task_inputs(task)
    words = [
        ids[mask.bool()].tolist()
        for ids, mask in zip(recorded["query_input_ids"], recorded["query_attn_masks"], strict=True)
    ]
    return list(zip(words, recorded["targets"].tolist(), recorded["q_vidx"].tolist(), strict=True))


def _sentences_as_queries() -> MatchBatch:
    """A clip may say the same twice; no two of its sentences begin with the same frame."""
    clips, config = golden.raw_clips(golden.clip_names("vsm")), golden.config()
    chosen: list[list[int]] = [[] for _ in clips]
    for words, (first, _), row in _recorded_queries("vsm"):
        clip = clips[row]
        (sentence,) = (s for s in clip.matched if clip.frames[s][0] == first)
        cut = clip.sentences[sentence][: config.max_sentence_tokens]
        assert collate.query_ids(cut, config).tolist() == words
        chosen[row].append(sentence)
    return collate.subtitle_match_batch(clips, chosen, config)


def _span(query: dict[str, Any]) -> tuple[int, int]:
    n_frames = golden.extra()["raw"][query["vid"]]["n_frames"]
    return span_of_seconds(*query["ts"], n_frames, golden.settings()["frame_interval"])


def moments(queries: list[dict[str, Any]], names: list[str], owners: list[int] | None = None) -> MatchBatch:
    """owners: the row of each query's clip; without, every clip stands in the batch once."""
    return collate.moment_batch(
        golden.raw_clips(names),
        [np.array(query["ids"]) for query in queries],
        owners if owners is not None else [names.index(query["vid"]) for query in queries],
        [_span(query) for query in queries],
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
