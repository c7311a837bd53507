"""The report as one self-contained HTML page: no script, no link, figures as inline SVG, every text escaped."""

from html import escape
from typing import Any

from evaluation.reports.charts import chart_specs, render_svg

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
td, th { padding: .2rem .7rem; border-bottom: 1px solid #bbb; text-align: right; }
th[scope=row], th:first-child { text-align: left; font-weight: 400; font-family: ui-monospace, monospace; }
.blind { color: #a33; } figure { display: inline-block; margin: 1rem 1rem 1rem 0; background: #fff; }
@media (prefers-color-scheme: dark) { body { background: #16181c; color: #e4e4e4; } .blind { color: #f99; } }
"""
CAPTIONS = {
    "recall_by_k": "Recall against K, raw lists; bands are 95 % intervals over videos",
    "recall_by_tiou": "Recall of the first row against the tIoU that counts as a hit",
    "recall_by_length": "Recall of the first row by length of the true segment (tertiles); lines are 95 % intervals",
}


def render_html(report: dict[str, Any]) -> str:
    """The page of `Report.as_dict()`, scored or refused."""
    title = f"{report['task']} on {report['split']}"
    body = [f"<h1>{escape(title)}</h1>", _provenance(report)]
    if report["refused"]:
        body.append("<h2>PredictionError: no score</h2><ul>")
        body += [f"<li>{escape(_place(problem))}</li>" for problem in report["refused"]]
        body.append("</ul>")
    if any(metric["beats_blind"] is False for metric in report["metrics"]):
        body.append(
            '<p class="blind">Numbers marked † do not beat the best blind baseline, which never looks at the query.</p>'
        )
    for task in dict.fromkeys(metric["task"] for metric in report["metrics"]):
        body.append(_metrics(task, [metric for metric in report["metrics"] if metric["task"] == task]))
    for name, spec in chart_specs(report).items():
        body.append(f"<figure>{render_svg(spec)}<figcaption>{escape(CAPTIONS[name])}</figcaption></figure>")
    body.append(_breakdowns(report["breakdowns"]))
    if report["notes"]:
        notes = "".join(f"<li>{note['count']} {escape(note['message'])}</li>" for note in report["notes"])
        body.append(f"<h2>Notes</h2><ul>{notes}</ul>")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _provenance(report: dict[str, Any]) -> str:
    keys = ("n", "rules", "seed", "evaluator_version", "predictions_sha256", "manifest_sha256")
    shown = report | {"manifest_sha256": report["manifest_sha256"] or "none: scored on a bare truth file"}
    rows = "".join(f'<tr><th scope="row">{key}</th><td>{escape(str(shown[key]))}</td></tr>' for key in keys)
    return f"<table><caption>What was scored</caption>{rows}</table>"


def _metrics(task: str, metrics: list[dict[str, Any]]) -> str:
    rows = []
    for metric in metrics:
        failed = metric["beats_blind"] is False
        value = f"{metric['value']:.2f}{' †' if failed else ''}"
        blind = "" if metric["blind"] is None else f"{metric['blind']:.2f}"
        rows.append(
            f"<tr{' class=blind' if failed else ''}>"
            f'<th scope="row">{escape(metric["key"].removeprefix(task + "."))}</th><td>{value}</td>'
            f"<td>{metric['low']:.2f} … {metric['high']:.2f}</td><td>{blind}</td></tr>"
        )
    head = "<tr><th>metric</th><th>value</th><th>95 % interval</th><th>best blind</th></tr>"
    return f"<table><caption>{escape(task)}</caption>{head}{''.join(rows)}</table>"


def _breakdowns(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(line["key"])}</th><td>{escape(line["by"])}</td><td>{escape(line["group"])}</td>'
        f"<td>{line['value']:.2f}</td><td>{line['low']:.2f} … {line['high']:.2f}</td><td>{line['n']}</td></tr>"
        for line in lines
    )
    head = "<tr><th>metric</th><th>by</th><th>group</th><th>value</th><th>95 % interval</th><th>n</th></tr>"
    return f"<details><summary>Breakdowns</summary><table>{head}{rows}</table></details>"


def _place(problem: dict[str, Any]) -> str:
    places = [f"{key} {problem[key]}" for key in ("task", "id", "row", "column") if problem[key] is not None]
    return f"{', '.join([problem['file'], *places])}: {problem['message']}"
