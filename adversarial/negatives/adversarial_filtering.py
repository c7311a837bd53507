"""Adversarial filtering (Zellers et al. 2018) by matching: replace one more written negative, audit, and go on while
the models without the video get worse at guessing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adversarial.audit.partial_input import TRAINED
from adversarial.audit.report import blind_report
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item
from adversarial.negatives.pipeline import ItemMatcher
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shards import MAX_SHARD
from adversarial.progress import Progress, within


def filter_adversarially(
    items: Sequence[Item],
    settings: MatchSettings,
    *,
    rounds: int,
    stop: float = 0.005,
    max_fold: int = MAX_SHARD,
    progress: Progress | None = None,
) -> tuple[list[Item], dict[str, Any]]:
    """Match with ``settings.replace`` negatives replaced, then with one more, for at most ``rounds`` rounds.

    A round's ``fall`` is how much worse the strongest adversary does than on the written answers when trained on the
    same questions (each round ties more questions together, so each audit trains on fewer). Stops when the fall grows
    by less than ``stop`` or the written negatives run out, and returns the items of the deepest fall as ItemMatcher
    does; the report also holds ``audits`` (one a round), ``stopped`` and ``rewrite``, the items that are still
    answered with confidence.
    """
    if rounds < 1:
        raise ItemError(f"rounds: expected 1 or more, got {rounds}")
    matcher = ItemMatcher(items, settings, max_fold)
    wrong = min(len(item.answers) for item in matcher.items) - 1
    audits: list[dict[str, Any]] = []
    best = None
    stopped = f"all {rounds} rounds done"
    for number in range(1, rounds + 1):
        count = settings.replace + number - 1
        if count > wrong:
            stopped = f"the written negatives ran out: some questions have {wrong}"
            break
        output, report = matcher.match(replace(settings, replace=count), within(progress, f"round {number}"))
        audit = blind_report(output, seed=settings.seed, progress=within(progress, f"audit {number}"))
        deepest = max((entry["fall"] for entry in audits), default=0.0)
        audits.append(_summary(count, audit))
        gain = audits[-1]["fall"] - deepest
        if best is None or gain > 0:
            best = output, report, [entry for entry in audit["easiest"] if entry["rewrite"]]
        if gain < stop:
            stopped = f"round {number} took {gain:.4f} more from the strongest adversary, less than {stop}"
            break
    if best is None:
        raise ItemError(f"replace: {settings.replace} negatives are to go, but some questions have {wrong}")
    output, report, rewrite = best
    return output, report | {"audits": audits, "stopped": stopped, "rewrite": rewrite}


def _summary(count: int, audit: dict[str, Any]) -> dict[str, Any]:
    """One audit in the report: how many negatives were replaced and what the strongest model then reached."""
    accuracy = _strongest(audit["panel"])
    written = _strongest(audit["before"]["panel"])
    return {
        "replaced": count,
        "strongest": audit["strongest"],
        "accuracy": accuracy,
        "written": written,
        "fall": written - accuracy,
        "trained_on": audit["trained_on"],
        "panel": {name: audit["panel"][name]["accuracy"] for name in TRAINED},
    }


def _strongest(panel: dict[str, dict[str, float]]) -> float:
    return max(panel[name]["accuracy"] for name in TRAINED)
