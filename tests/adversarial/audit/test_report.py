"""The audit finds a planted artifact, and nothing where there is none."""

import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from adversarial.audit.report import audit_items, blind_chances, chances_from
from adversarial.data.errors import ItemError
from adversarial.data.schema import parse_rows
from adversarial.negatives.pipeline import match_items
from adversarial.relevance import likeness
from adversarial.relevance.likeness import Texts, texts_of
from adversarial.relevance.sentence_encoder import encode
from tests.adversarial.conftest import make_rows


def test_the_models_find_a_planted_cue() -> None:
    rows = make_rows(200)
    for row in rows:
        row["answers"] = [
            f"{answer} indeed" if at == row["answer_idx"] else answer for at, answer in enumerate(row["answers"])
        ]
    report = audit_items(rows)
    for name in ("answer_only", "question_answer", "option_set", "hashed_words"):
        assert report["panel"][name]["accuracy"] > 0.9
    assert report["panel"]["position"]["accuracy"] < 0.4


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A package that brings a blind model: its entry point, and the function's body."""

    def install(body: str) -> None:
        (tmp_path / "peeker.py").write_text(f"def scores(items, split, seed):\n    {body}\n")
        info = tmp_path / "peeker-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: peeker\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[adversarial.blind_models]\npeeker = peeker:scores\n")
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "peeker", raising=False)

    return install


def test_a_model_of_another_package_judges_with_the_panel(
    rows: list[dict[str, Any]], installed: Callable[[str], None]
) -> None:
    known = "[[float(at == items[row].answer_idx) * 9 for at in range(4)] for row in split.test]"
    installed(f"return {known}")
    report = audit_items(rows)
    assert report["strongest"] in ("peeker", "stacked")
    assert report["panel"]["peeker"]["accuracy"] == 1


def test_a_model_that_answers_something_else_is_named(
    rows: list[dict[str, Any]], installed: Callable[[str], None]
) -> None:
    installed("return [[0.0] * 4] * (len(split.test) - 1)")
    with pytest.raises(ItemError, match=r"blind model 'peeker': gave scores of shape .*, expected finite ones"):
        audit_items(rows)


def test_a_question_that_gives_itself_away_is_known_by_its_chance() -> None:
    rows = make_rows(200)
    for row in rows[::2]:
        row["answers"][row["answer_idx"]] += " indeed"
    chances = blind_chances(parse_rows(rows))
    assert chances.keys() == {row["qid"] for row in rows}
    easy, hard = ([chances[row["qid"]] for row in part] for part in (rows[::2], rows[1::2]))
    assert min(easy) > 0.5
    assert sum(hard) / len(hard) < 0.4
    with pytest.raises(ItemError, match="an audit needs 10 questions"):
        blind_chances(parse_rows(rows[:4]))


def test_hidden_questions_are_rated_by_models_of_the_labelled_ones() -> None:
    rows = make_rows(240)
    for row in rows[::2]:
        row["answers"][row["answer_idx"]] += " indeed"
    items = parse_rows(rows)
    videos = sorted({item.video_id for item in items})
    hidden = [item for item in items if item.video_id in videos[: len(videos) // 4]]
    labelled = [item for item in items if item.video_id in videos[len(videos) // 4 :]]
    chances = chances_from(labelled, hidden)
    assert chances.keys() == {item.qid for item in hidden}
    easy, hard = ([chance for qid, chance in chances.items() if qid % 2 == odd] for odd in (0, 1))
    assert min(easy) > 0.5
    assert sum(hard) / len(hard) < 0.4
    assert chances == chances_from(labelled[::-1], hidden)  # of the questions, not of their order
    with pytest.raises(ItemError, match="an audit needs 10 questions"):
        chances_from(labelled[:9], hidden)


def test_written_negatives_are_tried_with_the_training_of_the_matched(rows: list[dict[str, Any]]) -> None:
    report, alone = audit_items(match_items(rows, replace=2)[0]), audit_items(rows)
    assert report["trained_on"] < alone["trained_on"]  # a matched answer ties questions together
    assert report["before"]["panel"].keys() == alone["panel"].keys()
    assert report["before"]["panel"]["trees"] != alone["panel"]["trees"]


def test_what_was_read_before_is_not_encoded_again_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    items = parse_rows(make_rows(60))
    alone = blind_chances(items)
    read = Texts([*texts_of(items), "a text of another question"])
    encoded: list[str] = []

    def counting(texts: Sequence[str], *how: Any) -> Any:
        encoded.extend(texts)
        return encode(texts, *how)

    monkeypatch.setattr(likeness, "encode", counting)
    assert blind_chances(items, known=read) == pytest.approx(alone, abs=1e-3)
    assert encoded == []
    more = Texts([items[0].question, "a new one"], known=read)
    assert encoded == ["a new one"]
    assert (more.vectors([items[0].question]) == read.vectors([items[0].question])).all()
    assert more.vectors(["a new one"]) == pytest.approx(encode(["a new one"]), abs=1e-6)
    assert list(more.place) == sorted([items[0].question, "a new one"])  # words are weighed in these alone


def test_the_models_stay_near_chance_without_a_cue(rows: list[dict[str, Any]]) -> None:
    report = audit_items(rows)
    for name, numbers in report["panel"].items():
        assert numbers["low"] <= numbers["accuracy"] <= numbers["high"], name
        assert 0.1 < numbers["accuracy"] < 0.4, name
    assert report["chance"] == 0.25
    assert len(report["easiest"]) >= 50
    assert "before" not in report


def test_report_does_not_depend_on_row_order(rows: list[dict[str, Any]]) -> None:
    shuffled = random.Random(2).sample(rows, len(rows))
    first, second = audit_items(rows), audit_items(shuffled)
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_equal_options_are_suspects() -> None:
    rows = make_rows(20)
    rows[4] |= {"answers": ["2", "there are two", "7", "9"], "answer_idx": 0}
    suspects = audit_items(rows)["suspects"]
    assert [(entry["qid"], entry["option"]) for entry in suspects[:1]] == [(4, 1)]
    assert suspects[0]["reason"].startswith("says the same")


def test_too_little_to_audit_is_an_error() -> None:
    with pytest.raises(ItemError, match="needs 10 questions"):
        audit_items(make_rows(5))


def test_too_little_left_to_train_on_is_an_error() -> None:
    rows = [
        {
            "qid": at,
            "video_id": f"v{at % 2}",
            "question": f"what lies in box {at}?",
            "answers": [f"a {letter * 4} plank", "fir", "yew", "elm"],
            "answer_idx": 0,
        }
        for at, letter in enumerate("abcdefghijklmnopqrst")
    ]
    with pytest.raises(ItemError, match="questions to train on"):
        audit_items(match_items(rows, replace=2)[0])
