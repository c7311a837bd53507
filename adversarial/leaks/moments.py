"""Moments without a video: what subtitles and train allow, and what the other task's rows or other splits add."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from adversarial.leaks.scoring import Attack, Guess, Values, moment_values, score_moments
from adversarial.leaks.view import ClipFeatures, View
from adversarial.relevance.likeness import MEANING, SPACES, Floats, Texts
from evaluation.metrics.baselines import MOMENT_KINDS, NEEDS_TRAIN, fit_best_span, moment_baseline
from evaluation.release import MomentQueries, VideoIndex

LABELLED = ("train", "val")
NEAR = 0.8  # cosine from which two texts are near-equal
NEIGHBOURS = 20  # labelled queries whose times tell what is usual for such a query
# Of a very large release some hidden clips are attacked, and some labelled queries compared by what they mean (by their
# words all are): an interval of 2,000 queries is narrow enough, and a pair of texts costs what it costs.
MOST_HIDDEN, MOST_READ = 2_000, 10_000

Spans = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Labelled:
    """Queries whose truth is public: `names` of their clips, `shares` [L, 2] start and end as shares of the clip."""

    texts: list[str]
    names: list[str]
    shares: Spans


@dataclass(frozen=True)
class Hidden:
    """The hidden queries that are attacked: `truth` over the clips that they are in, `row` [N] their rows in the file,
    `place` [V] of each hidden clip among those clips, -1 of one that was not drawn.
    """

    truth: MomentQueries
    row: Places
    place: Places


def drawn(truth: MomentQueries, seed: int) -> Hidden:
    """All hidden queries, or those of so many clips, drawn by the seed, as have MOST_HIDDEN."""
    clips = truth.videos
    if len(truth) <= MOST_HIDDEN:
        return Hidden(truth, np.arange(len(truth)), np.arange(len(clips)))
    order = np.random.default_rng(seed).permutation(len(clips))
    queries = np.cumsum(np.bincount(truth.video, minlength=len(clips))[order])
    kept = np.sort(order[: max(1, np.searchsorted(queries, MOST_HIDDEN, side="right"))])
    place = np.full(len(clips), -1)
    place[kept] = np.arange(len(kept))
    row = np.flatnonzero(place[truth.video] >= 0)
    part = MomentQueries(
        desc_ids=truth.desc_ids[row],
        desc=[truth.desc[at] for at in row],
        types=truth.types[row],
        video=place[truth.video[row]],
        start=truth.start[row],
        end=truth.end[row],
        videos=VideoIndex([clips.names[at] for at in kept], clips.ids[kept], clips.durations[kept]),
    )
    return Hidden(part, row, place)


def labelled_rows(view: View, seed: int) -> dict[str, Places]:
    """Space -> rows of train and val, one after the other, that are compared in it."""
    every = np.arange(sum(len(view.moments[split]) for split in LABELLED if split in view.moments))
    some = np.random.default_rng(seed).permutation(every)[:MOST_READ]
    return {space: np.sort(some) if space == MEANING else every for space in SPACES}


def read_texts(view: View, hidden: Hidden, seed: int) -> set[str]:
    """The texts whose meaning is compared."""
    desc = [text for split in LABELLED if split in view.moments for text in view.moments[split].desc]
    said = (view.spoken(name) for name in hidden.truth.videos.names)
    return {*hidden.truth.desc, *said, *(desc[row] for row in labelled_rows(view, seed)[MEANING])}


@dataclass(frozen=True)
class Search:
    """The hidden queries with all that a participant may look them up in; their truth is for scoring and for SVMR."""

    view: View
    hidden: Hidden
    texts: Texts
    seed: int

    @property
    def truth(self) -> MomentQueries:
        return self.hidden.truth

    @property
    def queries(self) -> list[str]:
        return self.truth.desc

    @property
    def clips(self) -> VideoIndex:
        return self.truth.videos

    @cached_property
    def prior_share(self) -> Spans:
        """[2] start and end as shares of the clip that hit most of train; the whole clip without train."""
        train = self.view.moments.get("train")
        return fit_best_span(train).shares[0] if train else np.array([0.0, 1.0])

    def prior(self, clip: Places) -> Spans:
        """[N, 2] the prior's seconds in these clips."""
        return self.clips.durations[clip][:, None] * self.prior_share

    @cached_property
    def labelled(self) -> dict[str, Labelled]:
        """Space -> the queries of train and val that are compared in it; nothing without any."""
        rows = [self.view.moments[split] for split in LABELLED if split in self.view.moments]
        if not rows:
            return {}
        texts = [text for split in rows for text in split.desc]
        names = [split.videos.names[place] for split in rows for place in split.video]
        shares = np.concatenate(
            [np.stack([s.start, s.end], axis=1) / s.videos.durations[s.video][:, None] for s in rows]
        )
        return {
            space: Labelled([texts[at] for at in kept], [names[at] for at in kept], shares[kept])
            for space, kept in labelled_rows(self.view, self.seed).items()
        }

    @cached_property
    def spoken(self) -> dict[str, Floats]:
        """Space -> cosine [N, V] of every query with every clip's subtitles."""
        said = [self.view.spoken(name) for name in self.clips.names]
        return {space: self.texts.similarity(space, self.queries, said) for space in SPACES}

    def best_clip(self, scores: NDArray[np.floating]) -> Places:
        """[N] the clip with the highest of scores [N, V]; ties fall by lot."""
        lot = np.random.default_rng(self.seed).random(scores.shape)
        return (scores + 1e-9 * lot).argmax(axis=1)

    def guess(self, clip: Places) -> Guess:
        """These clips, times by the prior."""
        return Guess(clip, self.prior(clip))

    def attack(self, name: str, kind: str, guess: Guess, note: str = "") -> Attack:
        return Attack(name, kind, "moment", score_moments(guess, self.truth), note)


def without_leaks(search: Search) -> dict[str, Values]:
    """The evaluator's blind baselines, text-only retrieval over the subtitles, and times as such queries have them.

    A model that reads the query and sees nothing learns such times from train; that generalises and is no leak.
    """
    train = search.view.moments.get("train")
    found: dict[str, Values] = {
        kind: moment_values(moment_baseline(kind, search.truth, train, search.seed), search.truth)
        for kind in MOMENT_KINDS
        if train or kind not in NEEDS_TRAIN
    }
    for space, scores in search.spoken.items():
        guess = search.guess(search.best_clip(scores))
        found[f"subtitles, {space}"] = score_moments(guess, search.truth)
        if space in search.labelled:
            guess = _usual_times(search, search.labelled[space], space)
            found[f"reads the query, {space}"] = score_moments(guess, search.truth)
    return found


def _usual_times(search: Search, labelled: Labelled, space: str) -> Guess:
    """The clip by its subtitles, with the median times of the labelled queries that read most alike."""
    nearest, _ = search.texts.nearest(space, search.queries, labelled.texts, NEIGHBOURS)
    usual = np.median(labelled.shares[nearest], axis=1)
    clip, durations = search.best_clip(search.spoken[space]), search.clips.durations
    return Guess(clip, usual * durations[clip][:, None], usual * durations[search.truth.video][:, None])


def cross_task(search: Search) -> Iterator[Attack]:
    """Public questions of the hidden split: their clips and times, found by text."""
    asked = search.view.questions.get("test")
    if asked is None:
        return
    home = np.array([search.clips.position.get(name, -1) for name in asked.video])
    sibling = np.array([_sibling(name, search.clips) for name in asked.video])
    for space in SPACES:
        by_question = search.texts.similarity(space, search.queries, asked.q)
        by_option = [
            search.texts.similarity(space, search.queries, texts) for texts in zip(*asked.options, strict=True)
        ]
        said = {"question": by_question, "question and options": by_question + np.max(by_option, axis=0)}
        for what, table in said.items():
            if (home >= 0).any():
                name = f"QA rows: {what}, {space}"
                yield search.attack(name, "cross-task", _of_rows(search, table, home, asked.span))
                summed = _by_clip(table, home, len(search.clips)) + search.spoken[space]
                guess = _of_rows(search, table, home, asked.span, search.best_clip(summed))
                yield search.attack(f"{name}, with subtitles", "cross-task", guess)
            if (sibling >= 0).any():
                guess = search.guess(search.best_clip(_by_clip(table, sibling, len(search.clips))))
                yield search.attack(f"QA rows, another clip of the video: {what}, {space}", "cross-task", guess)


def video_of(clip: str) -> str:
    """The video id in a clip's name `{video id}_{start}_{end}`."""
    return clip.rsplit("_", 2)[0]


def _sibling(name: str, clips: VideoIndex) -> int:
    """Place of the next clip of the same video, -1 for none."""
    places = [place for place, other in enumerate(clips.names) if video_of(other) == video_of(name) and other != name]
    return next((place for place in places if place > clips.position.get(name, -1)), places[0] if places else -1)


def _by_clip(table: Floats, place: Places, clips: int) -> Floats:
    """The highest cosine of any row of a clip, [N, clips] from [N, rows]; 0 for a clip without rows."""
    best = np.zeros((len(table), clips), np.float32)
    for clip in np.unique(place[place >= 0]):
        best[:, clip] = table[:, place == clip].max(axis=1)
    return best


def _of_rows(search: Search, table: Floats, place: Places, span: Spans, clip: Places | None = None) -> Guess:
    """The clip (that of the most similar row, unless given) with the times of its most similar row."""
    chosen = search.best_clip(_by_clip(table, place, len(search.clips))) if clip is None else clip
    times, own = (_row_times(search, table, place, span, where) for where in (chosen, search.truth.video))
    return Guess(chosen, times, own)


def _row_times(search: Search, table: Floats, place: Places, span: Spans, clip: Places) -> Spans:
    """[N, 2] times of the most similar row in each query's `clip`; the prior where none are public."""
    inside = np.where(place == clip[:, None], table, -np.inf)
    row = inside.argmax(axis=1)
    times = span[row]
    known = np.isfinite(inside.max(axis=1)) & np.isfinite(times).all(axis=1)
    return np.where(known[:, None], times, search.prior(clip))


def across_splits(search: Search) -> Iterator[Attack]:
    """The labelled query that reads most alike: its times, and the hidden clip that its clip is a twin of."""
    twin_of = _twins(search.view, search.clips, {name for one in search.labelled.values() for name in one.names})
    for space, labelled in search.labelled.items():
        shares, twin = labelled.shares, np.array([twin_of[name] for name in labelled.names])
        nearest, cosine = (found[:, 0] for found in search.texts.nearest(space, search.queries, labelled.texts))
        near, found = cosine >= NEAR, twin[nearest]
        clip = np.where(near & (found >= 0), found, search.best_clip(search.spoken[space]))
        copied = np.where(near[:, None], shares[nearest], search.prior_share)
        durations = search.clips.durations
        yield search.attack(
            f"nearest labelled query, {space}",
            "across splits",
            Guess(clip, copied * durations[clip][:, None], copied * durations[search.truth.video][:, None]),
            f"{int(near.sum())} queries have a near-equal one",
        )


def _twins(view: View, clips: VideoIndex, names: set[str]) -> dict[str, int]:
    """Place of the hidden clip with the same name, features, subtitles or video as each labelled clip, -1 for none."""
    marks = [
        lambda name: name,
        *(_feature_mark(features) for _, features in sorted(view.features.items())),
        lambda name: view.spoken(name),
        video_of,
    ]
    found = dict.fromkeys(sorted(names), -1)
    for mark in reversed(marks):  # the surest last: it overwrites
        seen = Counter(map(mark, clips.names))
        place = {mark(name): at for at, name in enumerate(clips.names) if mark(name)}
        for name in found:
            if mark is video_of or seen[mark(name)] == 1:
                found[name] = place.get(mark(name), found[name])
    return found


def _feature_mark(features: Mapping[str, ClipFeatures]) -> Callable[[str], str]:
    return lambda name: features[name].sha256 if name in features else ""
