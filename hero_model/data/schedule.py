"""The batches of each training stage, as a function of the step, so that a run can go on where it stopped."""

from collections.abc import Callable, Sequence

import numpy as np

from hero_model.config import HeroConfig
from hero_model.data import collate, masking
from hero_model.data.batches import MatchBatch, PretrainingBatch, QuestionBatch
from hero_model.data.collate import question_batch_of
from hero_model.data.examples import Clip, Query, Question
from hero_model.presets import Preset, StageConfig

BatchSchedule = Callable[[int], PretrainingBatch | QuestionBatch]  # step -> batch


def step_rng(seed: int, stage: str, step: int) -> np.random.Generator:
    """Of one step alone, so that a run that goes on draws what an unbroken one would have drawn."""
    return np.random.default_rng([seed, sum(stage.encode()), step])


def epoch_indices(count: int, size: int, seed: int, stage: str, step: int) -> list[int]:
    """Which of `count` things step `step` takes: `size` at a time, each once an epoch, in a new order each epoch."""
    size = min(size, count)
    per_epoch = count // size
    order = step_rng(seed, stage + " order", step // per_epoch).permutation(count)
    first = step % per_epoch * size
    return order[first : first + size].tolist()


def pretraining_batches(clips: Sequence[Clip], config: HeroConfig, preset: Preset, seed: int) -> BatchSchedule:
    """One task a step, drawn by the preset's ratio."""
    tasks = [task for task, weight in preset.task_ratio.items() for _ in range(weight)]
    speaking = [clip for clip in clips if any(len(clip.sentences[s]) for s in clip.matched)]
    if not speaking:
        tasks = [task for task in tasks if task not in ("mlm", "vsm")]

    def batch(step: int) -> PretrainingBatch:
        rng = step_rng(seed, "pretraining", step)
        task = tasks[rng.integers(len(tasks))]
        candidates = speaking if task in ("mlm", "vsm") else clips
        chosen = [candidates[i] for i in epoch_indices(len(candidates), preset.pretraining.clips, seed, task, step)]
        return task_batch(task, chosen, config, rng)

    return batch


def task_batch(task: str, clips: Sequence[Clip], config: HeroConfig, rng: np.random.Generator) -> PretrainingBatch:
    """A batch of one pre-training task with fresh random choices. Raises ValueError for an unknown task."""
    if task == "mlm":
        masked = [masking.masked_words(clip.sentences, config, rng) for clip in clips]
        return collate.masked_word_batch(clips, [m[0] for m in masked], [m[1] for m in masked], config)
    if task in ("mnce", "mffr"):
        hidden = [masking.masked_frames(len(clip.features), config, rng) for clip in clips]
        return collate.masked_frame_batch(clips, hidden, config, contrast=task == "mnce")
    if task == "fom":
        moved = [masking.shuffled_frames(len(clip.features), config, rng) for clip in clips]
        return collate.frame_order_batch(clips, [m[0] for m in moved], [m[1] for m in moved], config)
    if task == "vsm":
        queries = [masking.query_sentences(clip, config, rng) for clip in clips]
        kept = [[s for s in picked if rng.random() < config.kept_query_share] for picked in queries]
        share = config.span_loss_share if config.span_loss_share is not None else 1.0
        return collate.subtitle_match_batch(clips, queries, config, rng.random() < share, kept)
    raise ValueError(f"no pre-training task {task!r}")


def moment_batches(
    clips: dict[str, Clip], queries: Sequence[Query], config: HeroConfig, stage: StageConfig, seed: int
) -> BatchSchedule:
    """Clips in turn, some queries of each; with subtitle_queries also sentences of its own, with their frames.

    The words of such a sentence stay in the clip: it teaches frames to carry what is said, which few written
    queries cannot.
    """
    by_clip = _by_clip(queries)
    names = sorted(by_clip)

    def batch(step: int) -> MatchBatch:
        rng = step_rng(seed, "moment", step)
        chosen = [names[i] for i in epoch_indices(len(names), stage.clips, seed, "moment", step)]
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
        )

    return batch


def question_batches(
    clips: dict[str, Clip], questions: Sequence[Question], config: HeroConfig, stage: StageConfig, seed: int
) -> BatchSchedule:
    """Questions in turn, each with its clip; the order of the answers is drawn anew, so that place tells nothing."""

    def batch(step: int) -> QuestionBatch:
        rng = step_rng(seed, "qa", step)
        chosen = [questions[i] for i in epoch_indices(len(questions), stage.clips * stage.per_clip, seed, "qa", step)]
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
