"""Names of people and of files."""

from __future__ import annotations

import unicodedata

import pytest
import regex
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from benchmark_site.leaderboard.submissions.uploads import suffix
from benchmark_site.leaderboard.text import one_script, plain_lines, plain_text


@given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Z"]), max_size=40))
def test_whatever_shows_is_plain(value: str) -> None:
    if not any(unicodedata.category(character)[0] == "C" for character in value):
        value = regex.sub(r"\p{Default_Ignorable_Code_Point}|\u2800", "", value)
        plain_lines(value)
        if not set(value) & {"\u2028", "\u2029"}:
            plain_text(value)


@pytest.mark.parametrize("blank", ["\u3164", "\u115f", "\uffa0", "\u034f", "\ufe0f", "\u2800", "\u180b"])
@pytest.mark.parametrize("before", ["", "Ada", "Ada1"])
def test_what_leaves_the_line_as_it_was_is_refused(before: str, blank: str) -> None:
    with pytest.raises(ValidationError, match=rf"character {len(before) + 1} is U\+{ord(blank):04X}, which cannot"):
        plain_text(before + blank)


@pytest.mark.parametrize("value", ["I \u2764\ufe0f HERO", "\u8fbb\U000e0100", "서울 \u1112\u1161\u11ab"])
def test_a_selector_passes_behind_what_it_changes(value: str) -> None:
    plain_text(value)


@given(
    st.text(max_size=10),
    st.characters(categories=["Cc", "Cf", "Cs"], exclude_characters="\n\r\t"),
    st.text(max_size=10),
)
def test_what_does_not_show_is_refused(before: str, hidden: str, after: str) -> None:
    for check in (plain_text, plain_lines):
        with pytest.raises(ValidationError, match="cannot be seen"):
            check(before + hidden + after)


@pytest.mark.parametrize("between", ["\n", "\r\n", "\t", "\u2028", "\u2029"])
def test_a_name_is_of_one_line(between: str) -> None:
    plain_lines(f"a{between}b")
    with pytest.raises(ValidationError, match=rf"character 2 is U\+{ord(between[0]):04X}"):
        plain_text(f"a{between}b")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("p.json", ".json"),
        ("p.JSON", ".json"),
        ("a.b.json.gz", ".json.gz"),
        ("p.tar.zip", ".zip"),
        ("p", ""),
        (".json", ""),
        ("p.json\0", ""),
        ("p.ÿ", ""),
        ("p." + "x" * 20, ""),
        ("../../p.json", ".json"),
        ("p./etc/passwd", ""),
    ],
)
def test_only_the_ending_of_a_file_name_is_used(name: str, expected: str) -> None:
    assert suffix(name) == expected


@given(st.text(max_size=60))
def test_an_ending_never_leads_anywhere(name: str) -> None:
    found = suffix(name)
    assert len(found) <= 12
    assert found.isascii()
    assert not set(found) & set("/\\ \0")
    assert ".." not in found


@pytest.mark.parametrize(
    "value",
    ["می\u200cخواهم", "क्\u200dष", "क्\u200cष", "بنیان\u200cگذار", "東京のLab", "서울 Team", "Ångström-3",
     "Team Τεχνολογία"],
)  # fmt: skip
def test_names_of_every_script_pass_with_the_joiners_they_need(value: str) -> None:
    plain_text(value)
    one_script(value)


@pytest.mark.parametrize(
    "value", ["Te\u200cam", "Te\u200dam", "\u200cم", "م\u200c", "त\u200dम", "می\u200c\u200cخ", "a\u200bb"]
)
def test_joiners_that_change_nothing_but_the_name_are_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="cannot be seen"):
        plain_text(value)


@pytest.mark.parametrize("value", ["Τeam", "Tеam", "HERO Bеnch", "Օpen", "ᏟLIP"])
def test_a_word_of_two_scripts_is_refused(value: str) -> None:
    with pytest.raises(ValidationError, match="mixes"):
        one_script(value)
