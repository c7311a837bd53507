"""What a board draws: how its best has risen, and a badge for somebody's own page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from benchmark_site.leaderboard.boards.ranking import Step

# Of the drawing's view box.
WIDTH, HEIGHT = 300.0, 60.0
_PIXELS_A_LETTER, _PADDING = 7, 10


@dataclass(frozen=True)
class Drawn:
    """A line of steps as an SVG path, and the values (percent) that it begins and ends with."""

    path: str
    first: float
    best: float


def draw_history(steps: Sequence[Step], until: datetime) -> Drawn | None:
    """The best value over time, from the first entry to `until`; None where there is none."""
    if not steps:
        return None
    first, low, best = steps[0].at, steps[0].value, steps[-1].value
    high = max(best, low + 1)  # of the drawing: a rise of less than a point is drawn as small as it is
    span = max((until - first).total_seconds(), 1.0)

    def x(at: datetime) -> float:
        return (at - first).total_seconds() / span * WIDTH

    def y(value: float) -> float:
        return HEIGHT - 2 - (value - low) / (high - low) * (HEIGHT - 4)

    path = f"M0 {y(steps[0].value):.1f}" + "".join(f"H{x(step.at):.1f}V{y(step.value):.1f}" for step in steps[1:])
    return Drawn(f"{path}H{WIDTH:.0f}", low, best)


def badge(label: str, message: str) -> str:
    """A small SVG with two fields of text, as README files have it."""
    left, right = (len(text) * _PIXELS_A_LETTER + _PADDING for text in (label, message))
    label, message = escape(label), escape(message)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" '
        f'aria-label="{label}: {message}"><title>{label}: {message}</title>'
        f'<rect width="{left}" height="20" fill="#444"/><rect x="{left}" width="{right}" height="20" fill="#0b6b46"/>'
        f'<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{label}</text><text x="{left + right / 2}" y="14">{message}</text></g></svg>\n'
    )
