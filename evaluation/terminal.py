"""The report as tables in a terminal."""

from rich.console import Console
from rich.table import Table

from evaluation.score import Report, ScoredMetric

MOST_MISSING_SHOWN = 20


def print_report(report: Report, console: Console) -> None:
    """Metrics with intervals, the blind bar beside each, notes below. Rounding happens here and nowhere before."""
    console.print(
        f"{report.task} on {report.split}, n = {report.n}, rules {report.rules}, seed {report.seed}; "
        f"evaluator {report.evaluator_version}"
    )
    for task in dict.fromkeys(metric.task for metric in report.metrics):
        console.print(_task_table(task, [metric for metric in report.metrics if metric.task == task]))
    if any(metric.beats_blind is False for metric in report.metrics):
        console.print("! does not beat the best blind baseline, which never looks at the query")
    for note in report.notes:
        console.print(f"note: {note.count} {note.message}", markup=False)


def print_refusal(report: Report, total: int, console: Console) -> None:
    problems = report.refused or []
    for problem in problems:
        console.print(str(problem), markup=False, soft_wrap=True)
    if total > len(problems):
        console.print(f"… and {total - len(problems)} more")
    console.print("refused: no score", style="bold")


def _task_table(task: str, metrics: list[ScoredMetric]) -> Table:
    table = Table(title=task, title_justify="left")
    for name in ("metric", "value", "95 % interval", "best blind"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for metric in metrics:
        mark = " !" if metric.beats_blind is False else ""
        table.add_row(
            metric.key.removeprefix(f"{task}."),
            f"{metric.value:.2f}{mark}",
            f"{metric.low:.2f} … {metric.high:.2f}",
            "" if metric.blind is None else f"{metric.blind:.2f}",
        )
    return table
