"""Parameters out of range are refused by name, before anything is read or written."""

from pathlib import Path
from typing import Any

import pytest

from adversarial.audit.report import audit_items
from adversarial.cli.main import main
from adversarial.data.errors import ItemError
from adversarial.data.jsonl import write_rows
from adversarial.negatives.pipeline import match_items
from adversarial.negatives.settings import MatchSettings
from adversarial.relevance.sentence_encoder import encode
from tests.adversarial.conftest import make_rows

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("replace", [0, -1, 1.5, "1"]),
        ("seed", [-1, 2**32 - 1000, 0.5, None]),
        ("lam", [-1, NAN, INF, 1e30, "0.1"]),
        ("tolerance", [0, -1, NAN]),
        ("near", [NAN, -0.1, 2]),
        ("sim_slope", [-1, NAN]),
        ("sim_bias", [INF, NAN]),
        ("model", ["", " ", None]),
    ],
)
def test_settings_are_checked(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(ItemError, match=f"^{name}: expected "):
            MatchSettings(**{name: value})


def test_settings_at_their_limits() -> None:
    MatchSettings(replace=7, seed=2**32 - 1001, lam=5, tolerance=1e-9, near=1)
    MatchSettings(replace=1, seed=0, lam=0)


@pytest.mark.parametrize(
    "wish",
    [
        "match --replace 0", "match --replace -1", "match --replace x", "match --seed -1", "match --seed 5000000000",
        "match --lam nan", "match --lam inf", "match --lam 1e30", "match --lam -1", "match --jobs 0", "match --jobs -1",
        "match --max-fold 0", "match --max-fold -1", "match --max-fold 1", "match --rounds 0", "match --rounds -3",
        "match --stop nan", "match --stop x", "match --model=", "match --unknown 1",
        "audit --seed -1", "audit --seed 5000000000", "audit --jobs 0",
    ],
)  # fmt: skip
def test_wishes_that_cannot_be_met_are_one_line(wish: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.jsonl"
    write_rows(source, make_rows(12))
    command, option, *value = wish.split()
    paths = [str(source)] + ([str(tmp_path / "out.jsonl"), "--work", str(tmp_path / "work")] * (command == "match"))
    assert main([command, *paths, option, *value]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert option.strip("-=") in lines[0]
    assert list(tmp_path.iterdir()) == [source]


def test_python_calls_are_checked_too() -> None:
    with pytest.raises(ItemError, match=r"^seed: expected"):
        audit_items(make_rows(12), seed=-1)
    for most in (0, -1, 1):
        with pytest.raises(ItemError, match=f"^max_fold: expected 2 questions or more, got {most}"):
            match_items(make_rows(12), max_fold=most)


def test_a_folder_that_holds_no_model_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ItemError) as refused:
        encode(["a text"], str(tmp_path))
    assert str(refused.value).startswith(f"model {str(tmp_path)!r}: cannot be loaded: ")
    assert "\n" not in str(refused.value)
