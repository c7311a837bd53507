"""Plain numbers of a whole set of options, for trees: likeness to the question and the others, style."""

import warnings

import numpy as np
from numpy.typing import NDArray

from adversarial.audit.option_features import STYLE, OptionTable
from adversarial.relevance.likeness import SPACES, Texts

Features = NDArray[np.float64]

_COSINES = ("goes with the question", "like the others", "likest", "least like", "central")
# what a person would try first, both ways
_RULES = {"length": 0} | {f"{name}, {space}": STYLE + 2 * len(_COSINES) * i + 2 * j
          for i, space in enumerate(SPACES) for j, name in enumerate(_COSINES[:2])}  # fmt: skip


def set_features(options: OptionTable, texts: Texts) -> Features:
    """[n, o, F], NaN where an item has fewer options: style, then in each of SPACES the cosines, each with its rank."""
    style = np.full((*options.present.shape, STYLE), np.nan)
    style[options.present] = options.surface
    return np.concatenate([style, *(_cosine_features(options, texts, space) for space in SPACES)], axis=2)


def rules(features: Features) -> dict[str, Features]:
    """Guesses [n, o] that need no training: the most and the least of a column of set_features."""
    found = {}
    for name, column in _RULES.items():
        guess = features[:, :, column]
        for sign, how in ((1, "most"), (-1, "least")):
            found[f"{how}: {name}"] = np.where(np.isnan(guess), -np.inf, sign * guess)
    return found


def _cosine_features(options: OptionTable, texts: Texts, space: str) -> Features:
    """[n, o, 10] an option with the question, with the others (mean, most, least), with their centre; and ranks."""
    fit, alike = _cosines(options, texts, space)
    others = np.where(np.eye(alike.shape[1], dtype=bool), np.nan, alike)
    length = np.sqrt(np.nansum(alike, axis=(1, 2)))[:, None]  # of the sum of the option vectors
    centre = np.nansum(alike, axis=2) / np.maximum(length, 1e-6)
    with warnings.catch_warnings():  # of places where no option is
        warnings.simplefilter("ignore", RuntimeWarning)
        columns = [fit, np.nanmean(others, 2), np.nanmax(others, 2), np.nanmin(others, 2), centre]
    return np.stack([part for column in columns for part in (column, _rank(column))], axis=2)


def _rank(column: Features) -> Features:
    """How many of the set lie below."""
    return (column[:, :, None] > column[:, None, :]).sum(axis=2).astype(float)


def _cosines(options: OptionTable, texts: Texts, space: str) -> tuple[Features, Features]:
    """Question with option [n, o], option with option [n, o, o]; NaN where there is no option."""
    asked = [item.question for item in options.items]
    columns = [
        [item.answers[place if place < len(item.answers) else 0] for item in options.items]
        for place in range(options.present.shape[1])
    ]
    fit = np.stack([texts.paired(space, asked, column) for column in columns], axis=1).astype(float)
    alike = np.array([[texts.paired(space, one, other) for other in columns] for one in columns], float)
    absent = ~options.present
    fit[absent] = np.nan
    return fit, np.where(absent[:, :, None] | absent[:, None, :], np.nan, np.moveaxis(alike, -1, 0))
