"""The losses of a run as a picture: a panel for each stage, a line for each objective, points for val."""

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from evaluation.reports.charts import COLOURS, render_svg
from hero_model.training.run_log import LogRow

WIDTH, HEIGHT = 620, 240  # of a panel
MOST_POINTS = 400  # of a line; of longer ones every n-th step is drawn
NEIGHBOURS = 20  # a point of the thick line is the mean over this part of its objective's steps
VAL, VAL_COLOUR = "val", "#222222"
PALETTE = [*COLOURS, "#8a4f9e", "#b08900"]  # as many as pre-training has objectives
LOG_TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]


def loss_curves(rows: Sequence[LogRow]) -> str:
    """SVG of a log's rows, of which there is at least one. The same rows give the same bytes."""
    stages = dict.fromkeys(row.stage for row in rows)
    panels = [_panel(stage, [row for row in rows if row.stage == stage]) for stage in stages]
    picture = alt.vconcat(*panels, bounds="flush", spacing=90).resolve_scale(color="independent")
    return render_svg(picture.configure(background="white").to_dict())


def _panel(stage: str, rows: Sequence[LogRow]) -> alt.LayerChart:
    tasks = list(dict.fromkeys(row.task for row in rows))
    steps = [point for task in tasks for point in _line([row for row in rows if row.task == task])]
    asked = [{"step": row.step, "of": VAL, "loss": row.val_loss} for row in rows if row.val_loss is not None]
    names = [*tasks, VAL] if asked else tasks
    colours = [*PALETTE[: len(tasks)], VAL_COLOUR][: len(names)]
    x = alt.X(
        "step:Q", title="step", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(tickMinStep=1, tickCount=10)
    )
    legend = alt.Legend(symbolOpacity=1, symbolStrokeWidth=2)  # as dark as the thick line
    colour = alt.Color("of:N", title=None, scale=alt.Scale(domain=names, range=colours), legend=legend)
    several = len(tasks) > 1  # objectives are of sizes of their own
    title = "loss, as log(1 + loss)" if several else "loss"
    scale = alt.Scale(type="symlog", constant=1) if several else alt.Scale()
    axis = alt.Axis(values=LOG_TICKS, tickCount=len(LOG_TICKS), labelOverlap=False) if several else alt.Axis()
    base = alt.Chart(alt.Data(values=steps), width=WIDTH, height=HEIGHT).mark_line(strokeCap="round")
    faint = base.encode(x=x, y=alt.Y("loss:Q", title=title, scale=scale, axis=axis), color=colour)
    thick = base.encode(x=x, y="smooth:Q", color=colour)
    layers = [faint.mark_line(strokeCap="round", strokeWidth=1, opacity=0.3), thick]
    if asked:
        points = alt.Chart(alt.Data(values=asked)).mark_point(shape="diamond", filled=True, size=60, opacity=1)
        layers.append(points.encode(x=x, y="loss:Q", color=colour))
    told = "thin: the steps; thick: the mean around each" + ("; points: the loss on val" if asked else "")
    return alt.layer(*layers, title=alt.TitleParams(stage, subtitle=told, anchor="start", frame="group"))


def _line(rows: Sequence[LogRow]) -> list[dict[str, Any]]:
    """The points of one objective."""
    losses = np.array([row.loss for row in rows])
    window = np.ones(2 * max(1, len(rows) // (2 * NEIGHBOURS)) + 1)
    smooth = np.convolve(losses, window, "same") / np.convolve(np.ones_like(losses), window, "same")
    places = range(0, len(rows), -(-len(rows) // MOST_POINTS))
    return [
        {"step": rows[i].step, "of": rows[i].task, "loss": rows[i].loss, "smooth": float(smooth[i])} for i in places
    ]
