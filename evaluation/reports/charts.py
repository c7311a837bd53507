"""The figures of a report as Vega-Lite specs, plain dicts: command, platform and docs draw the same ones.

They are made from `Report.as_dict()`, so whoever stores the JSON can draw them later. SVG comes from vl-convert.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

WIDTH, HEIGHT = 300, 200
COLOURS = ["#0b6e99", "#c2571a", "#4b7f3a"]
SHOWN_LENGTHS = ("short", "middle", "long")
LENGTH_KEYS = ("VCMR.R@1.tiou0.7.raw", "SVMR.R@1.tiou0.7.raw", "VR.R@1")


def chart_specs(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> spec, of those figures that the report has data for: recall_by_k, recall_by_tiou, recall_by_length."""
    curves = [point for point in report["curves"] if point["nms"] is None]
    by_k = [point for point in curves if point["by"] == "k"]
    by_tiou = [point for point in curves if point["by"] == "tiou"]
    by_length = [
        line | {"task": line["key"].split(".")[0]}
        for line in report["breakdowns"]
        if line["by"] == "length" and line["key"] in LENGTH_KEYS
    ]
    found = {}
    if by_k:
        x = alt.X("x:Q", title="K (rows of the list)", scale=alt.Scale(type="log"))
        found["recall_by_k"] = _lines(by_k, x, "Recall at K (%), tIoU 0.7")
    if by_tiou:
        x = alt.X("x:Q", title="tIoU threshold", axis=alt.Axis(values=[n / 10 for n in range(1, 10)]))
        found["recall_by_tiou"] = _lines(by_tiou, x, "Recall at 1 (%)")
    if by_length:
        found["recall_by_length"] = _bars(by_length)
    return found


def render_svg(spec: dict[str, Any]) -> str:
    """Draw a spec. Nothing is fetched: the specs carry their data."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def _lines(points: Sequence[dict[str, Any]], x: alt.X, title: str) -> dict[str, Any]:
    base = alt.Chart(alt.Data(values=list(points)), width=WIDTH, height=HEIGHT)
    colour = _colour()
    band = base.mark_area(opacity=0.2).encode(
        x=x, y=alt.Y("low:Q", title=title, scale=alt.Scale(zero=True)), y2="high:Q", color=colour
    )
    return (band + base.mark_line(point=True).encode(x=x, y="value:Q", color=colour)).to_dict()


def _bars(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    base = alt.Chart(alt.Data(values=list(lines)), width=WIDTH, height=HEIGHT)
    x = alt.X("group:N", title="length of the true segment", sort=list(SHOWN_LENGTHS), axis=alt.Axis(labelAngle=0))
    offset = alt.XOffset("task:N")
    bars = base.mark_bar().encode(
        x=x, xOffset=offset, y=alt.Y("value:Q", title="Recall at 1 (%), tIoU 0.7"), color=_colour()
    )
    rules = base.mark_rule(strokeWidth=2).encode(x=x, xOffset=offset, y="low:Q", y2="high:Q")
    return (bars + rules).to_dict()


def _colour() -> alt.Color:
    return alt.Color("task:N", title=None, scale=alt.Scale(domain=["VCMR", "SVMR", "VR"], range=COLOURS))
