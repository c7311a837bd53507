"""From clips to batches. Random choices are made elsewhere and handed in, so that a batch can be repeated."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from hero_model.config import HeroConfig
from hero_model.data.batches import (
    ClipBatch,
    FrameOrderBatch,
    MaskedFrameBatch,
    MaskedWordBatch,
    MatchBatch,
    QuestionBatch,
    SpokenBatch,
    TextBatch,
)
from hero_model.data.examples import Clip, Ids, Question
from hero_model.data.packing import pack, pack_texts
from hero_model.data.sequences import claim_ids, joined_words, query_ids, question_ids, with_context

WITHOUT_FRAMES = ("h_trm", "xml", "stage")  # architectures whose sentences are encoded as text alone


@dataclass
class _Rows:
    """The sequences of a batch before packing, and where the output for each frame goes."""

    sentences: list[Ids] = field(default_factory=list)
    packed_frames: list[Ids] = field(default_factory=list)  # flat index of the frames in each sequence
    targets: list[Ids] = field(default_factory=list)  # flat index of the frames that each sequence speaks for

    def add(
        self,
        texts: Sequence[tuple[Ids, Ids]],
        suffix: Ids,
        source: int,
        target: int,
        n_frames: int,
        config: HeroConfig,
    ) -> None:
        """The sentences of one row, each with its frames, as the architecture wants them."""
        if config.architecture == "f_trm":  # one sequence of everything
            texts = [(np.concatenate([words for words, _ in texts] or [suffix[:0]]), np.arange(n_frames))]
        room = config.max_position_embeddings - len(suffix)
        for words, own in texts:
            ending = suffix if config.architecture != "stage" else suffix[:0]  # STAGE keeps them apart
            self.sentences.append(np.concatenate([words[:room], ending]))
            self.packed_frames.append(own[:0] if config.architecture in WITHOUT_FRAMES else source + own)
            self.targets.append(target + own)


def clip_batch(clips: Sequence[Clip], config: HeroConfig) -> ClipBatch:
    """[</s>] + words of every sentence with frames (the released code's leading token)."""
    sentences = [
        [with_context(clip, s, config) if len(clip.frames[s]) else None for s in range(len(clip.sentences))]
        for clip in clips
    ]
    return _batch(clips, sentences, config, suffixes=None)


def spoken_batch(clips: Sequence[Clip], config: HeroConfig) -> SpokenBatch | None:
    """The sentences with words as the reader reads them; None where nobody speaks."""
    said = [
        (row, clip.sentences[s], clip.frames[s])
        for row, clip in enumerate(clips)
        for s in clip.matched
        if len(clip.sentences[s])
    ]
    if not said:
        return None
    width = max(len(clip.features) for clip in clips)
    return SpokenBatch(
        pack_texts([query_ids(words, config) for _, words, _ in said]),
        torch.from_numpy(np.concatenate([row * width + frames for row, _, frames in said])),
        torch.from_numpy(np.repeat(np.arange(len(said)), [len(frames) for _, _, frames in said])),
    )


def masked_word_batch(
    clips: Sequence[Clip], masked: Sequence[Sequence[Ids]], inputs: Sequence[Sequence[Ids]], config: HeroConfig
) -> MaskedWordBatch:
    """[<s>] + joined words; `masked` holds the places of masked ones in each sentence, `inputs` what stands there.

    Sentences without frames take part as text alone.
    """
    sentences: list[list[Ids | None]] = []
    labels: list[Ids] = []
    for clip, places_per, inputs_per in zip(clips, masked, inputs, strict=True):
        sentences.append([])
        for s, (places, replaced) in enumerate(zip(places_per, inputs_per, strict=True)):
            seen = joined_words(clip.sentences, s, config, config.max_sentence_tokens)
            label = np.full(len(seen) + 1, -1)
            label[places + 1] = seen[places]
            seen[places] = replaced
            sentences[-1].append(np.concatenate([[config.cls_token_id], seen]))
            labels.append(label)
    batch, words_in_order = _packed_batch(clips, sentences, config, suffixes=None)
    as_given = batch.packed.word_places[np.argsort(words_in_order)]
    flat = torch.from_numpy(np.concatenate(labels))
    return MaskedWordBatch(batch, as_given[flat >= 0], flat[flat >= 0])


def masked_frame_batch(
    clips: Sequence[Clip],
    masked: Sequence[NDArray[np.bool_]],
    config: HeroConfig,
    contrast: bool = True,
    negatives: Sequence[NDArray[np.bool_]] | None = None,
) -> MaskedFrameBatch:
    """masked[b] and negatives[b] are bool [F of the clip]; without negatives all unmasked frames are."""
    batch = clip_batch(clips, config)
    width = batch.mask.shape[1]
    chosen = _padded_rows(negatives, width) if negatives is not None else None
    return MaskedFrameBatch(batch, _padded_rows(masked, width), contrast, chosen)


def frame_order_batch(
    clips: Sequence[Clip], chosen: Sequence[Ids], shuffled: Sequence[Ids], config: HeroConfig
) -> FrameOrderBatch:
    """Frame `chosen[b][i]` of clip b moves to place `shuffled[b][i]`, a permutation of `chosen[b]`."""
    batch = clip_batch(clips, config)
    order = torch.arange(batch.mask.shape[1]).repeat(len(clips), 1)
    labels = torch.full_like(order, -1)
    for row, (before, after) in enumerate(zip(chosen, shuffled, strict=True)):
        old, new = torch.from_numpy(before.copy()), torch.from_numpy(after.copy())
        order[row, old] = new
        labels[row, new] = old
    return FrameOrderBatch(batch, order, labels)


def subtitle_match_batch(
    clips: Sequence[Clip],
    chosen: Sequence[Sequence[int]],
    config: HeroConfig,
    with_span_loss: bool = True,
    kept: Sequence[Sequence[int]] | None = None,
) -> MatchBatch:
    """VSM: the chosen sentences become queries, their words leave the clip (their frames and context stay).

    kept: sentences of each clip whose words stay all the same. Raises ValueError where no sentence is chosen.
    """
    sentences: list[list[Ids | None]] = []
    queries, owners, spans = [], [], []
    for row, (clip, picked) in enumerate(zip(clips, chosen, strict=True)):
        gone = set(picked) - set(kept[row] if kept is not None else ())
        sentences.append(
            [
                with_context(clip, s, config, config.max_sentence_tokens, gone) if len(own) else None
                for s, own in enumerate(clip.frames)
            ]
        )
        for s in picked:
            queries.append(query_ids(clip.sentences[s][: config.max_sentence_tokens], config))
            owners.append(row)
            first, last = clip.frames[s][0], clip.frames[s][-1]
            spans.append((first, min(max(first + 1, last), len(clip.features) - 1)))
    batch = _batch(clips, sentences, config, suffixes=None)
    return _match_batch(batch, queries, owners, spans, with_span_loss)


def moment_batch(
    clips: Sequence[Clip],
    queries: Sequence[Ids],
    query_clips: Sequence[int],
    spans: Sequence[tuple[int, int]],
    config: HeroConfig,
    with_span_loss: bool = True,
) -> MatchBatch:
    """Moment retrieval: queries as token ids without special ones, the clip of each, its span in frames.

    Raises ValueError without any query.
    """
    texts = [query_ids(query, config) for query in queries]
    return _match_batch(clip_batch(clips, config), texts, query_clips, spans, with_span_loss)


def question_batch(
    clips: Sequence[Clip],
    questions: Sequence[tuple[Ids, Sequence[Ids]]],
    answers: Sequence[int],
    spans: Sequence[tuple[int, int]],
    config: HeroConfig,
) -> QuestionBatch:
    """clips[i] belongs to questions[i] = (question, its answers), all as token ids without special ones."""
    sentences = [
        [with_context(clip, s, config) if len(clip.frames[s]) else None for s in range(len(clip.sentences))]
        for clip in clips
    ]
    appended = [
        question_ids(question, options, max((len(words) for words in said if words is not None), default=0), config)
        for (question, options), said in zip(questions, sentences, strict=True)
    ]
    return QuestionBatch(
        clips=_batch(clips, sentences, config, suffixes=appended),
        appended=pack_texts([text for options in appended for text in options]),
        answers=torch.tensor(answers),
        spans=torch.tensor(spans).view(-1, 2),
        unasked=clip_batch(clips, config) if config.matches_answers else None,
        claims=_claims(questions, config) if config.matches_answers else None,
    )


def _claims(questions: Sequence[tuple[Ids, Sequence[Ids]]], config: HeroConfig) -> TextBatch:
    return pack_texts([claim for question, options in questions for claim in claim_ids(question, options, config)])


def question_batch_of(
    questions: Sequence[Question], clips: dict[str, Clip], config: HeroConfig, orders: Sequence[np.ndarray]
) -> QuestionBatch:
    """A batch of questions with their options in the given orders."""
    return question_batch(
        [clips[q.clip] for q in questions],
        [(q.words, [q.options[i] for i in order]) for q, order in zip(questions, orders, strict=True)],
        [
            int(np.flatnonzero(order == q.answer)[0]) if q.answer >= 0 else -1
            for q, order in zip(questions, orders, strict=True)
        ],
        [q.span for q in questions],
        config,
    )


def _match_batch(
    clips: ClipBatch,
    queries: list[Ids],
    query_clips: Sequence[int],
    spans: Sequence[tuple[int, int]],
    with_span_loss: bool = True,
) -> MatchBatch:
    if not queries:
        raise ValueError("matching needs at least one query in the batch, got none")
    return MatchBatch(
        clips, pack_texts(queries), torch.tensor(query_clips), torch.tensor(spans).view(-1, 2), with_span_loss
    )


def _batch(
    clips: Sequence[Clip],
    sentences: Sequence[Sequence[Ids | None]],
    config: HeroConfig,
    suffixes: Sequence[Sequence[Ids]] | None,
) -> ClipBatch:
    return _packed_batch(clips, sentences, config, suffixes)[0]


def _packed_batch(
    clips: Sequence[Clip],
    sentences: Sequence[Sequence[Ids | None]],
    config: HeroConfig,
    suffixes: Sequence[Sequence[Ids]] | None,
) -> tuple[ClipBatch, NDArray[np.int64]]:
    """The batch, and for each packed word its place among the words as given; None leaves a sentence out.

    suffixes[b] are texts that each give clip b a row of its own, in which they end every sentence.
    """
    features, mask = _padded(clips)
    width = mask.shape[1]
    rows = _Rows()
    row_clips: list[int] = []
    for index, (clip, texts) in enumerate(zip(clips, sentences, strict=True)):
        kept = [(words, own) for words, own in zip(texts, clip.frames, strict=True) if words is not None]
        for suffix in suffixes[index] if suffixes is not None else [np.empty(0, np.int64)]:
            rows.add(kept, suffix, index * width, len(row_clips) * width, len(clip.features), config)
            row_clips.append(index)
    packed, ranks, frames_in_order, words_in_order = pack(rows.sentences, rows.packed_frames)
    paired = np.concatenate([np.empty(0, np.int64), *rows.targets])
    sentence_of = np.repeat(ranks, [len(own) for own in rows.targets])
    if config.architecture not in WITHOUT_FRAMES:  # in the order in which the packed frames stand
        paired, sentence_of = paired[frames_in_order], sentence_of[frames_in_order]
    batch = ClipBatch(
        features,
        mask,
        packed,
        torch.from_numpy(paired),
        torch.tensor(row_clips),
        torch.from_numpy(sentence_of),
    )
    return batch, words_in_order


def _padded_rows(rows: Sequence[NDArray[np.bool_]], width: int) -> torch.Tensor:
    """bool [B, width], False beyond the end of each row."""
    padded = torch.zeros(len(rows), width, dtype=torch.bool)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = torch.from_numpy(values)
    return padded


def _padded(clips: Sequence[Clip]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(len(clip.features) for clip in clips)
    features = torch.zeros(len(clips), longest, clips[0].features.shape[1])
    mask = torch.zeros(len(clips), longest, dtype=torch.bool)
    for row, clip in enumerate(clips):
        features[row, : len(clip.features)] = torch.from_numpy(clip.features)
        mask[row, : len(clip.features)] = True
    return features, mask
