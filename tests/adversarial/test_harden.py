"""Rounds of audit and replacement: when they stop and what they return."""

import pytest

from adversarial.borrow import Settings
from adversarial.harden import harden_items
from adversarial.items import ItemError

from .conftest import make_rows


def test_rounds_end_with_the_written_negatives() -> None:
    output, report = harden_items(make_rows(80, options=3), Settings(), rounds=5, stop=-1.0)
    assert [audit["replaced"] for audit in report["audits"]] == [0, 1, 2]
    assert "ran out" in report["stopped"]
    best = min(report["audits"][1:], key=lambda audit: audit["accuracy"])
    assert report["rounds"] == best["replaced"]
    assert sum(option["source"] == "matched" for option in output[0]["options"]) <= best["replaced"]


def test_rounds_stop_where_the_panel_gains_nothing() -> None:
    _, report = harden_items(make_rows(80), Settings(), rounds=3, stop=1.0)
    assert len(report["audits"]) == 2
    assert "less than 1.0" in report["stopped"]


def test_no_rounds_is_an_error() -> None:
    with pytest.raises(ItemError, match="rounds"):
        harden_items(make_rows(20), Settings(), rounds=0)
