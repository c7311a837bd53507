"""Figures of what a batch collects, as the paper draws them of its data (4 to 8), counted by the database.

Bars drawn by a template: a page of them costs less than loading a chart library into the web server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.template.loader import render_to_string

from annotation.models import Batch
from annotation.models.crowd import MARKING, Kind

WIDTH, HEIGHT, LEFT, BOTTOM = 480, 200, 44, 36  # of the picture, and of its axes, in its own units
MOST_BARS = 24
ANSWERS = "FROM annotation_assignment a WHERE a.batch_id = %s AND a.payload IS NOT NULL"
WORDS = "(SELECT count(*) FROM regexp_split_to_table({}, '\\s+') AS word WHERE word ~ '\\w')::int"
OPTIONS = "(VALUES ('correct'), ('wrong_1'), ('wrong_2'), ('wrong_3')) AS o(name)"

Bars = list[tuple[Any, int]]


@dataclass(frozen=True)
class Figure:
    """A question about a batch, for the kinds of batch that it makes sense for."""

    title: str
    axis: str
    kinds: tuple[str, ...]
    count: Callable[[int], Bars]


def _query(sql: str, batch: int) -> Bars:
    with connection.cursor() as cursor:
        cursor.execute(sql, [batch])
        return list(cursor.fetchall())


def _grouped(value: str, extra: str = "", source: str = ANSWERS) -> Callable[[int], Bars]:
    sql = f"SELECT {value} AS bar, count(*) {source} {extra} GROUP BY bar ORDER BY bar"
    return lambda batch: _query(sql, batch)


LENGTH = "(a.payload->>'end')::float - (a.payload->>'start')::float"
OPTION_ROWS = ANSWERS.replace(" WHERE", f" CROSS JOIN {OPTIONS} WHERE")
RECEIPTS = (
    "FROM annotation_receipt r JOIN annotation_hit h ON h.id = r.hit_id WHERE h.batch_id = %s"
    " AND jsonb_typeof(r.conduct->'seconds') = 'number'"
    " AND EXISTS (SELECT FROM annotation_assignment a JOIN annotation_worker w ON w.id = a.worker_id"  # anybody sends
    " WHERE a.hit_id = r.hit_id AND a.assignment_id = r.assignment_id AND w.worker_id = r.worker_id)"
)
UNITS = "FROM annotation_hit h WHERE h.batch_id = %s AND h.agreement IS NOT NULL"
LEADING = "lower(substring(a.payload->>'question' from '\\w+'))"

FIGURES: dict[str, Figure] = {
    "lengths": Figure(
        "Length of segments", "seconds", MARKING,
        _grouped(f"round(({LENGTH}) / 2)::int * 2", "AND a.payload ? 'start'"),
    ),
    "query-words": Figure(
        "Words of a query", "words", (Kind.QUERY, Kind.COMBINED),
        _grouped(WORDS.format("a.payload->>'query'"), "AND a.payload ? 'query'"),
    ),
    "question-words": Figure(
        "Words of a question", "words", (Kind.QA,),
        _grouped(WORDS.format("a.payload->>'question'"), "AND a.payload ? 'question'"),
    ),
    "right-words": Figure(
        "Words of right answers", "words", (Kind.QA,),
        _grouped(WORDS.format("a.payload->>'correct'"), "AND a.payload ? 'correct'"),
    ),
    "wrong-words": Figure(
        "Words of wrong answers", "words", (Kind.QA,),
        _grouped(WORDS.format("a.payload->>o.name"), "AND o.name <> 'correct' AND a.payload ? o.name", OPTION_ROWS),
    ),
    "leading-words": Figure(
        "First word of questions", "word", (Kind.QA,),
        _grouped(LEADING, "AND a.payload ? 'question'"),
    ),
    "time": Figure("Time on task", "seconds", tuple(Kind.values), _grouped(
        "(floor(least((r.conduct->>'seconds')::float, 86400) / 15) * 15)::int", source=RECEIPTS)),
    "agreement": Figure("Agreement of a unit's answers", "mean tIoU", MARKING, _grouped(
        "(floor(h.agreement * 10) / 10)::numeric(3, 1)", source=UNITS)),
}  # fmt: skip


def names(batch: Batch) -> list[tuple[str, str]]:
    """Name and title of each figure of a batch."""
    return [(name, figure.title) for name, figure in FIGURES.items() if batch.kind in figure.kinds]


def draw(batch: Batch, name: str) -> str:
    """SVG. Raises KeyError where the batch has no such figure."""
    figure = FIGURES[name]
    if batch.kind not in figure.kinds:
        raise KeyError(name)
    bars = _shorten([(bar, count) for bar, count in figure.count(batch.pk) if bar is not None])
    return render_to_string("annotation/figure.svg", {"figure": figure, "batch": batch, **_places(bars)})


def _shorten(bars: Bars) -> Bars:
    """At most so many bars: of numbers the rest beyond the last, of words the rarest, in one."""
    if bars and isinstance(bars[0][0], str):
        bars = sorted(bars, key=lambda row: (-row[1], row[0]))
    if len(bars) <= MOST_BARS:
        return bars
    kept, rest = bars[: MOST_BARS - 1], bars[MOST_BARS - 1 :]
    return [*kept, ("more", sum(count for _, count in rest))]


def _places(bars: Bars) -> dict[str, Any]:
    most, total = max((count for _, count in bars), default=0), sum(count for _, count in bars)
    step = (WIDTH - LEFT) / max(len(bars), 1)
    high = HEIGHT - BOTTOM - 12
    every = -(-len(bars) // 12)  # a label for each, or for each second or third
    rows: Sequence[dict[str, Any]] = [
        {
            "label": bar if place % every == 0 else "",
            "said": f"{bar}: {count} of {total}",
            "x": round(LEFT + place * step + step * 0.1, 1),
            "middle": round(LEFT + place * step + step / 2, 1),
            "width": round(step * 0.8, 1),
            "height": round(high * count / most, 1),
            "y": round(HEIGHT - BOTTOM - high * count / most, 1),
        }
        for place, (bar, count) in enumerate(bars)
    ]
    return {"bars": rows, "most": most, "total": total, "width": WIDTH, "height": HEIGHT, "left": LEFT,
            "floor": HEIGHT - BOTTOM, "label_y": HEIGHT - BOTTOM + 14, "axis_y": HEIGHT - 4}  # fmt: skip
