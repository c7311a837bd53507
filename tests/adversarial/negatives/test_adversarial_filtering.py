"""Rounds of audit and replacement: when they stop and what they return."""

from typing import Any

import pytest

from adversarial.audit.partial_input import TRAINED
from adversarial.data.errors import ItemError
from adversarial.data.schema import Item, parse_rows
from adversarial.negatives import adversarial_filtering
from adversarial.negatives.adversarial_filtering import filter_adversarially
from adversarial.negatives.settings import MatchSettings
from tests.adversarial.conftest import make_rows


@pytest.mark.slow
def test_rounds_end_with_the_written_negatives() -> None:
    output, report = filter_adversarially(parse_rows(make_rows(80, options=3)), MatchSettings(), rounds=5, stop=-1.0)
    assert [audit["replaced"] for audit in report["audits"]] == [1, 2]
    assert "ran out" in report["stopped"]
    best = max(report["audits"], key=lambda audit: audit["fall"])
    assert report["rounds"] == best["replaced"]
    lent = sum(origin.source == "matched" for item in output for origin in item.origins)
    assert lent <= best["replaced"] * len(output)


@pytest.mark.slow
def test_rounds_stop_where_the_panel_gains_nothing() -> None:
    _, report = filter_adversarially(parse_rows(make_rows(80)), MatchSettings(), rounds=3, stop=1.0)
    assert len(report["audits"]) == 1
    assert "less than 1.0" in report["stopped"]


def test_no_rounds_is_an_error() -> None:
    with pytest.raises(ItemError, match="rounds"):
        filter_adversarially(parse_rows(make_rows(20)), MatchSettings(), rounds=0)


def test_the_deepest_fall_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The audits are made up: what is tested is which stage is returned."""
    falls = iter([0.10, 0.30, 0.05])

    def audit(items: list[Item], **_: Any) -> dict[str, Any]:
        accuracies = {name: {"accuracy": 0.6} for name in TRAINED}
        fallen = {name: {"accuracy": 0.6 - fall} for fall in [next(falls)] for name in TRAINED}
        before = {"panel": accuracies}
        return {"panel": fallen, "strongest": TRAINED[0], "before": before, "trained_on": 9, "easiest": []}

    monkeypatch.setattr(adversarial_filtering, "blind_report", audit)
    _, report = filter_adversarially(parse_rows(make_rows(60)), MatchSettings(), rounds=3, stop=-1.0)
    assert [round(entry["fall"], 2) for entry in report["audits"]] == [0.10, 0.30, 0.05]
    assert report["rounds"] == 2
