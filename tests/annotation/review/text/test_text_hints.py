"""The rules of texts, in Python and in the page's language: both are held to the same cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser

from adversarial.text.normalise import canonical
from annotation.review.text.sketch import BANDS, sketch
from annotation.review.text.text_hints import alike, hints
from annotation.review.text.text_rules import RULES, normalise, words
from tests.leaderboard.conftest import REPOSITORY

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("text_rules_cases.json").read_text())
SCRIPT = REPOSITORY / "annotation/static/annotation/text_rules.js"


@pytest.mark.parametrize("case", CASES["hints"], ids=lambda case: next(iter(case["fields"].values()))[:40])
def test_hints_in_python(case: dict[str, Any]) -> None:
    assert [list(hint) for hint in hints(case["fields"], case["said"])] == case["hints"]


def test_the_parts_in_python() -> None:
    assert [canonical(text) for text, _ in CASES["canonical"]] == [expected for _, expected in CASES["canonical"]]
    assert [normalise(text) for text, _ in CASES["normalise"]] == [expected for _, expected in CASES["normalise"]]
    assert [len(words(text)) for text, _ in CASES["words"]] == [expected for _, expected in CASES["words"]]
    for one, other, expected in CASES["alike"]:
        assert alike(one, other) == pytest.approx(expected), (one, other)


@pytest.mark.e2e
def test_the_page_says_the_same(browser: Browser) -> None:
    page = browser.new_page()
    page.add_script_tag(content=SCRIPT.read_text().replace('"use strict";', "") + "\nwindow.textRules = textRules;")
    said = page.evaluate(
        """([rules, cases]) => {
          const { normalise, canonical, words, alike, hints } = textRules(rules);
          return {
            canonical: cases.canonical.map(([text]) => canonical(text)),
            normalise: cases.normalise.map(([text]) => normalise(text)),
            words: cases.words.map(([text]) => words(text).length),
            alike: cases.alike.map(([a, b]) => alike(a, b)),
            hints: cases.hints.map((one) => hints(one.fields, one.said)),
          };
        }""",
        [RULES, CASES],
    )
    page.close()
    assert said["canonical"] == [expected for _, expected in CASES["canonical"]]
    assert said["normalise"] == [expected for _, expected in CASES["normalise"]]
    assert said["words"] == [expected for _, expected in CASES["words"]]
    assert said["alike"] == pytest.approx([expected for *_, expected in CASES["alike"]])
    assert said["hints"] == [case["hints"] for case in CASES["hints"]]


@given(st.text(), st.text())
def test_likeness_is_symmetric_and_one_only_for_what_reads_the_same(a: str, b: str) -> None:
    assert alike(a, b) == alike(b, a)
    assert 0 <= alike(a, b) <= 1
    assert alike(a, a) == 1


def test_a_sketch_finds_what_is_nearly_equal_and_leaves_what_is_not() -> None:
    text = "a red ball rolls slowly over the green floor of the hall"
    near, far = text.replace("green", "brown"), "two men in the kitchen talk about their next holiday"
    assert alike(text, near) > 0.6
    assert len(sketch(text)) == len(set(sketch(text))) == BANDS
    assert set(sketch(text)) == set(sketch(text.upper() + "!"))
    assert set(sketch(text)) & set(sketch(near))
    assert not set(sketch(text)) & set(sketch(far))
    assert all(0 <= number < 2**63 for number in sketch(""))
