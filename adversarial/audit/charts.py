"""The figures of matching and audit as Vega-Lite specs: plain dicts that a page, a report and the docs draw alike."""

from collections.abc import Sequence
from typing import Any

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_NAMES = {
    "answer_only": "answer only, words",
    "question_answer": "question + answer, network",
    "option_set": "all options, network",
    "hashed_words": "question x answer words",
    "sentence_set": "all options, sentence embeddings",
    "trees": "boosted trees on the set",
    "cross_encoder": "cross-encoder",
    "stacked": "all together",
}


def blind_accuracy(points: Sequence[dict[str, Any]], x: str, title: str, chance: float, log: bool = False) -> Spec:
    """Accuracy of the trained adversaries against ``x``, mean and range over seeds, with chance as a rule.

    ``points``: ``{x, "seed", "panel": {adversary: accuracy}}``, as the audits of filter_adversarially give them.
    """
    values = [
        {"x": point[x], "adversary": _NAMES[name], "accuracy": accuracy}
        for point in points
        for name, accuracy in point["panel"].items()
        if name in _NAMES
    ]
    scale = {"type": "symlog", "constant": 0.05} if log else {"zero": True}
    ticks = sorted({point[x] for point in points})
    horizontal = {
        "field": "x",
        "type": "quantitative",
        "title": title,
        "scale": scale,
        "axis": {"values": ticks, "format": "~g"},
    }
    colour = {"field": "adversary", "type": "nominal", "title": None, "legend": {"orient": "bottom", "columns": 2}}
    vertical = {"type": "quantitative", "title": "accuracy without the video", "scale": {"domain": [0.2, 0.65]}}
    accuracy = {"field": "accuracy", **vertical}
    return {
        "$schema": _SCHEMA,
        "width": 420,
        "height": 260,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "line", "point": True},
                "encoding": {"x": horizontal, "y": accuracy | {"aggregate": "mean"}, "color": colour},
            },
            {
                "mark": {"type": "errorband", "extent": "stdev", "opacity": 0.15},
                "encoding": {"x": horizontal, "y": accuracy, "color": colour},
            },
            {
                "data": {"values": [{"chance": chance}]},
                "mark": {"type": "rule", "strokeDash": [4, 4]},
                "encoding": {"y": {"field": "chance", **vertical}},
            },
        ],
    }
