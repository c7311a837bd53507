"""Bookkeeping of moments: what the order of rows, clips, ids, files and subtitles, and how many there are, tell."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from adversarial.leaks.joint import assign, follow, ranks
from adversarial.leaks.moments import Places, Search, Spans
from adversarial.leaks.scoring import Attack, Guess
from adversarial.relevance.likeness import MEANING, SPACES

KIND = "bookkeeping"
_WINDOW = 0.05  # shares of train on both sides of a rank whose mean is the guess
_LEEWAY = 0.05  # how far a path leaves the straight line before it costs as much as a text is worth
_LINE = 0.02
_CANDIDATES = 50  # clips a query that an assignment may choose from


def bookkeeping(search: Search) -> Iterator[Attack]:
    """Every attack of this module; an order of clips that equals an earlier one is tried once."""
    yield from _clip_orders(search)
    yield from _id_modulo(search)
    yield from _time_orders(search)
    yield from _gaps(search)
    yield from _shares_of_queries(search)


def row_orders(search: Search) -> dict[str, Places]:
    """Name -> rank of every hidden row [N], each order once."""
    rows = search.truth
    return _different(
        {
            "file": np.arange(len(rows)),
            "id": ranks(rows.desc_ids.tolist()),
            "length of text": ranks([len(text) for text in rows.desc]),
            "alphabet": ranks(rows.desc),
        }
    )


def clip_orders(search: Search) -> dict[str, Places]:
    """Name -> places of the hidden clips in that order [V], each order once."""
    names, view = search.clips.names, search.view
    keys: dict[str, Sequence[float | int | str]] = {
        "index": range(len(names)),
        "idx": search.clips.ids.tolist(),
        "name": names,
        "duration": search.clips.durations.tolist(),
        "number of subtitles": [len(view.subtitles.get(name, [])) for name in names],
        "place of subtitles": ranks_in(list(view.subtitles), names),
    }
    for label, features in view.features.items():
        if all(name in features for name in names):
            keys[f"frames of {label}"] = [features[name].frames for name in names]
            keys[f"place in {label}"] = [features[name].offset for name in names]
    if all(name in view.files for name in names):
        keys["file size"] = [view.files[name][0] for name in names]
        keys["file time"] = [view.files[name][1] for name in names]
    return _different({label: np.argsort(ranks(key)) for label, key in keys.items() if len(set(key)) > 1})


def _different(orders: dict[str, Places]) -> dict[str, Places]:
    """Without those that equal an earlier one."""
    first: dict[bytes, str] = {}
    for name, order in orders.items():
        first.setdefault(order.tobytes(), name)
    return {name: orders[name] for name in first.values()}


def ranks_in(listed: Sequence[str], names: Sequence[str]) -> list[int]:
    """Where each name stands in a list, behind its end where it does not."""
    place = {name: index for index, name in enumerate(listed)}
    return [place.get(name, len(place)) for name in names]


def _clip_orders(search: Search) -> Iterator[Attack]:
    """Rows in one order, clips in another: aligned rank by rank, and as the best path by text that keeps both."""
    alike = np.sum([search.spoken[space] for space in SPACES], axis=0)
    n, v = len(search.truth), len(search.clips)
    line = (np.arange(v) + 0.5) / v - (np.arange(n)[:, None] + 0.5) / n
    near_line = -_LINE * (line / _LEEWAY) ** 2
    for (rows, rank), (clips, order), down in product(
        row_orders(search).items(), clip_orders(search).items(), (False, True)
    ):
        places = order[::-1] if down else order
        name = f"rows by {rows}, clips by {clips}{' falling' if down else ''}"
        yield search.attack(name, KIND, search.guess(places[rank * v // n]))
        if rows in ("file", "id"):
            by_rank = np.argsort(rank)
            path = follow(alike[by_rank][:, places] + near_line)
            clip = np.empty(n, np.int64)
            clip[by_rank] = places[path]
            yield search.attack(f"{name}, with subtitles", KIND, search.guess(clip))


def _id_modulo(search: Search) -> Iterator[Attack]:
    place = search.hidden.place
    for what, number in (("id", search.truth.desc_ids), ("row number", search.hidden.row)):
        found = place[number % len(place)]
        clip = np.where(found >= 0, found, search.best_clip(search.spoken[MEANING]))  # a clip that was not drawn
        yield search.attack(f"{what} modulo the number of clips", KIND, search.guess(clip))


def _time_orders(search: Search) -> Iterator[Attack]:
    """Rows sorted by time, in the whole file or within each clip: the span of train at the same rank."""
    train = search.view.moments.get("train")
    if train is None:
        return
    seconds = np.stack([train.start, train.end], axis=1)
    durations = search.clips.durations[search.truth.video][:, None]
    orders = row_orders(search)
    for rows, down in product([name for name in ("file", "id") if name in orders], (False, True)):
        rank = -orders[rows] if down else orders[rows]
        name = f"rows by {rows}, times {'falling' if down else 'rising'}"
        whole = _at_quantile(seconds, _quantiles(rank, np.zeros(len(rank), np.int64)))
        yield search.attack(name, KIND, Guess(own=np.minimum(whole, durations)))
        shares = seconds / train.videos.durations[train.video][:, None]
        within = _at_quantile(shares, _quantiles(rank, search.truth.video))
        yield search.attack(f"{name} within the clip", KIND, Guess(own=within * durations))


def _quantiles(rank: Places, group: Places) -> NDArray[np.float64]:
    """[N] where each rank stands among those of its group, 0 to 1."""
    found = np.empty(len(rank))
    for one in np.unique(group):
        inside = group == one
        found[inside] = (np.argsort(np.argsort(rank[inside])) + 0.5) / inside.sum()
    return found


def _at_quantile(spans: Spans, quantile: NDArray[np.float64]) -> Spans:
    """[N, 2] the mean of the spans [S, 2] whose start ranks near each quantile."""
    ordered = spans[np.argsort(spans[:, 0], kind="stable")]
    sums = np.concatenate([np.zeros((1, 2)), np.cumsum(ordered, axis=0)])
    low = np.maximum(np.floor((quantile - _WINDOW) * len(ordered)), 0).astype(np.int64)
    high = np.minimum(np.ceil((quantile + _WINDOW) * len(ordered)), len(ordered)).astype(np.int64)
    return np.asarray((sums[high] - sums[low]) / (high - low)[:, None], np.float64)


def _gaps(search: Search) -> Iterator[Attack]:
    """The longest silence of the clip, its longest line, its longest line without a word (music, applause)."""
    longest: dict[str, Callable[[str, float], Spans]] = {
        "longest gap between subtitles": lambda clip, end: _longest(_silences(search, clip, end)),
        "longest subtitle": lambda clip, end: _longest(_lines(search, clip)),
        "subtitle without words": lambda clip, end: _longest(_wordless(search, clip)),
    }
    for name, span_of in longest.items():
        spans = np.array(
            [span_of(clip, end) for clip, end in zip(search.clips.names, search.clips.durations, strict=True)]
        )
        known = np.isfinite(spans).all(axis=1)
        if known.any():
            spans = np.where(known[:, None], spans, search.prior(np.arange(len(search.clips))))
            yield search.attack(name, KIND, Guess(own=spans[search.truth.video]))


def _lines(search: Search, clip: str) -> Spans:
    return np.array([(line.start, line.end) for line in search.view.subtitles.get(clip, [])]).reshape(-1, 2)


def _wordless(search: Search, clip: str) -> Spans:
    lines = [line for line in search.view.subtitles.get(clip, []) if not any(map(str.isalnum, line.text))]
    return np.array([(line.start, line.end) for line in lines]).reshape(-1, 2)


def _silences(search: Search, clip: str, end: float) -> Spans:
    lines = _lines(search, clip)
    if not len(lines):
        return lines
    lines = lines[np.argsort(lines[:, 0], kind="stable")]
    heard = np.maximum.accumulate(lines[:, 1])
    return np.stack([np.append(0.0, heard), np.append(lines[:, 0], end)], axis=1)


def _longest(spans: Spans) -> Spans:
    """[2] nan where there is none."""
    if not len(spans):
        return np.full(2, np.nan)
    return np.asarray(spans[np.argmax(spans[:, 1] - spans[:, 0])], np.float64)


def _shares_of_queries(search: Search) -> Iterator[Attack]:
    """Each clip has equally many queries: the assignment that most resembles the subtitles."""
    n, v = len(search.truth), len(search.clips)
    each = -(-n // v)
    for space, scores in search.spoken.items():
        kept = min(v, _CANDIDATES)
        clips = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
        rows = np.repeat(np.arange(n), kept * each)
        slots = (clips[:, :, None] * each + np.arange(each)).reshape(-1)
        lot = 1e-6 * np.random.default_rng(search.seed).random((n, kept))  # or ties would fall in the index's order
        worth = np.repeat((np.take_along_axis(scores, clips, axis=1) + lot).reshape(-1), each)
        entry = assign(rows, slots, worth, n)
        clip = np.where(entry >= 0, slots[entry] // each, search.best_clip(scores))
        yield search.attack(f"{each} queries a clip, {space}", KIND, search.guess(clip))
