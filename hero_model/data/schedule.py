"""The batches of each training stage, as a function of the step, so that a run can go on where it stopped."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hero_model.config import HeroConfig
from hero_model.data import collate, masking
from hero_model.data.batches import MatchBatch, PretrainingBatch, QuestionBatch
from hero_model.data.collate import question_batch_of
from hero_model.data.examples import Clip, Query, Question
from hero_model.errors import InputError, InputWarning
from hero_model.presets import Preset, StageConfig

SPOKEN_TASKS = ("mlm", "vsm")  # they need sentences that have words and frames
MANY_FRAME_TASKS = ("mnce", "fom")  # a frame alone has no place to move to, and nothing to be compared with

BatchSchedule = Callable[[int], PretrainingBatch | QuestionBatch]  # number of the batch, from 0 -> batch


@dataclass(frozen=True)
class ClipPool:
    """Clips for pre-training, and how often they are drawn beside other pools."""

    clips: Sequence[Clip]
    weight: float = 1.0

    def serving(self, task: str) -> list[Clip]:
        """Clips that have what a task learns from."""
        if task in SPOKEN_TASKS:
            return [clip for clip in self.clips if any(len(clip.sentences[s]) for s in clip.matched)]
        return [clip for clip in self.clips if task not in MANY_FRAME_TASKS or len(clip.features) > 1]


def step_rng(seed: int, stage: str, step: int) -> np.random.Generator:
    """Of one step alone, so that a run that goes on draws what an unbroken one would have drawn."""
    return np.random.default_rng([seed, sum(stage.encode()), step])


def epoch_indices(count: int, size: int, seed: int, stage: str, turn: int) -> list[int]:
    """Which of `count` things a batch takes: about `size`, each once an epoch, in a new order each epoch.

    An epoch has as many batches as come nearest to `size`; they differ by one thing at most. None is left out and
    none is twice in a batch.
    """
    per_epoch = max(1, round(count / size))
    order = step_rng(seed, stage + " order", turn // per_epoch).permutation(count)
    return np.array_split(order, per_epoch)[turn % per_epoch].tolist()


def pretraining_batches(pools: Sequence[ClipPool], config: HeroConfig, preset: Preset, seed: int) -> BatchSchedule:
    """One pool and one task a step, drawn by their weights; each task of each pool has epochs of its own.

    Raises InputError where no pool has clips for any of the tasks; an InputWarning names those that are left out.
    """
    stage = preset.pretraining
    kinds = [
        (task, pool.serving(task), weight * pool.weight) for pool in pools for task, weight in preset.task_ratio.items()
    ]
    kinds = [kind for kind in kinds if kind[1]]
    if not kinds:
        raise InputError(f"no clip has what the objectives {', '.join(preset.task_ratio)} need")
    if idle := [task for task in preset.task_ratio if task not in {kind[0] for kind in kinds}]:
        warnings.warn(f"no clip has what {', '.join(idle)} needs: left out of the objectives", InputWarning, 2)
    weights = np.array([weight for _, _, weight in kinds])
    drawn = step_rng(seed, "pretraining tasks", 0).choice(len(kinds), stage.steps, p=weights / weights.sum())
    turns = _earlier_equal(drawn)

    def batch(number: int) -> PretrainingBatch:
        step, part = divmod(number, stage.accumulate)
        task, clips, _ = kinds[drawn[step]]
        turn = int(turns[step]) * stage.accumulate + part
        order = f"{task} {drawn[step]}"
        chosen = [clips[i] for i in epoch_indices(len(clips), stage.clips, seed, order, turn)]
        return task_batch(task, chosen, config, step_rng(seed, "pretraining", number))

    return batch


def _earlier_equal(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each value has come before its place."""
    earlier = np.zeros(len(values), np.int64)
    for value in np.unique(values):
        places = np.flatnonzero(values == value)
        earlier[places] = np.arange(len(places))
    return earlier


def task_batch(task: str, clips: Sequence[Clip], config: HeroConfig, rng: np.random.Generator) -> PretrainingBatch:
    """A batch of one pre-training task with fresh random choices. Raises ValueError for an unknown task."""
    if task == "mlm":
        masked = [masking.masked_words(clip.sentences, config, rng) for clip in clips]
        return collate.masked_word_batch(clips, [m[0] for m in masked], [m[1] for m in masked], config)
    if task in ("mnce", "mffr"):
        hidden = [masking.masked_frames(len(clip.features), config, rng) for clip in clips]
        if task == "mffr" or not config.nce_sample:
            return collate.masked_frame_batch(clips, hidden, config, contrast=task == "mnce")
        negatives = [masking.negative_frames(masked, config, rng) for masked in hidden]
        return collate.masked_frame_batch(clips, hidden, config, negatives=negatives)
    if task == "fom":
        moved = [masking.shuffled_frames(len(clip.features), config, rng) for clip in clips]
        return collate.frame_order_batch(clips, [m[0] for m in moved], [m[1] for m in moved], config)
    if task == "vsm":
        queries = [masking.query_sentences(clip, config, rng) for clip in clips]
        kept = [[s for s in picked if rng.random() < config.kept_query_share] for picked in queries]
        return collate.subtitle_match_batch(clips, queries, config, has_span_loss(config, rng), kept)
    raise ValueError(f"no pre-training task {task!r}")


def has_span_loss(config: HeroConfig, rng: np.random.Generator) -> bool:
    """Whether a batch of matching trains the spans, too: the released code does in a share of its steps."""
    return bool(rng.random() < (config.span_loss_share or 0.0))


def moment_batches(
    clips: dict[str, Clip], queries: Sequence[Query], config: HeroConfig, stage: StageConfig, seed: int
) -> BatchSchedule:
    """Clips in turn, some queries of each; with subtitle_queries also sentences of its own, with their frames.

    The words of such a sentence stay in the clip: it teaches frames to carry what is said, which few written
    queries cannot.
    """
    by_clip = _by_clip(queries)
    names = sorted(by_clip)

    def batch(number: int) -> MatchBatch:
        rng = step_rng(seed, "moment", number)
        chosen = [names[i] for i in epoch_indices(len(names), stage.clips, seed, "moment", number)]
        picked = [
            (row, query.words, query.span)
            for row, name in enumerate(chosen)
            for query in _sample(by_clip[name], stage.per_clip, rng)
        ]
        picked += [
            (row, clips[name].sentences[s], _frame_span(clips[name], s))
            for row, name in enumerate(chosen)
            for s in masking.sentences_with_words(clips[name], stage.subtitle_queries, rng)
        ]
        return collate.moment_batch(
            [clips[name] for name in chosen],
            [words for _, words, _ in picked],
            [row for row, _, _ in picked],
            [span for _, _, span in picked],
            config,
            has_span_loss(config, step_rng(seed, "moment spans", number // stage.accumulate)),
        )

    return batch


def question_batches(
    clips: dict[str, Clip], questions: Sequence[Question], config: HeroConfig, stage: StageConfig, seed: int
) -> BatchSchedule:
    """Questions in turn, each with its clip; the order of the answers is drawn anew, so that place tells nothing."""

    def batch(number: int) -> QuestionBatch:
        rng = step_rng(seed, "qa", number)
        chosen = [questions[i] for i in epoch_indices(len(questions), stage.clips * stage.per_clip, seed, "qa", number)]
        return question_batch_of(chosen, clips, config, [rng.permutation(len(q.options)) for q in chosen])

    return batch


def _by_clip(queries: Sequence[Query]) -> dict[str, list[Query]]:
    grouped: dict[str, list[Query]] = {}
    for query in queries:
        if query.clip is not None:
            grouped.setdefault(query.clip, []).append(query)
    return grouped


def _sample(queries: list[Query], count: int, rng: np.random.Generator) -> list[Query]:
    return [queries[i] for i in rng.permutation(len(queries))[:count]]


def _frame_span(clip: Clip, sentence: int) -> tuple[int, int]:
    return int(clip.frames[sentence][0]), int(clip.frames[sentence][-1])
