"""Which questions are easy and which of their negatives go first, by what blind models find."""

import numpy as np
import pytest

from adversarial.data.schema import Item
from adversarial.negatives import selection
from adversarial.relevance.likeness import Texts

WORDS = [
    "pan",
    "pot",
    "cup",
    "jar",
    "bowl",
    "dish",
    "knife",
    "fork",
    "spoon",
    "whisk",
    "ladle",
    "sieve",
    "grater",
    "peeler",
    "board",
    "towel",
    "apron",
    "oven",
]


def items_of(count: int, marked: np.ndarray) -> list[Item]:
    """Four options of one word; where `marked`, the right one begins with "the" and one wrong one is no word at all."""
    rng = np.random.default_rng(0)
    items = []
    for number in range(count):
        answers = [WORDS[at] for at in rng.permutation(len(WORDS))[:4]]
        right = int(rng.integers(4))
        if marked[number]:
            answers[right] = f"the {answers[right]}"
            answers[(right + 1) % 4] = "zzzz!!!"
        items.append(Item(number, f"v{number}", f"what is object {number}?", tuple(answers), right, ""))
    return items


def texts_of(items: list[Item]) -> Texts:
    return Texts(text for item in items for text in (item.question, *item.answers))


def test_a_habit_that_other_videos_teach_makes_a_question_easy_and_an_odd_negative_goes_first() -> None:
    marked = np.arange(240) % 2 == 0
    items = items_of(240, marked)
    scores = selection.option_scores(items, texts_of(items), 0)
    assert scores.shape == (240, 4)
    assert np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-4)
    ease = selection.ease(items, scores)
    assert ease[marked].min() > np.median(ease[~marked])
    first = selection.replacement_order(items, scores)[:, 0]
    odd = np.array([(item.answer_idx + 1) % 4 for item in items])
    assert (first[marked] == odd[marked]).mean() > 0.9


def test_a_question_is_read_by_models_that_never_saw_its_video() -> None:
    """All of one video say the opposite of the others: were they learned from, they would look right."""
    items = items_of(200, np.ones(200, bool))
    turned = [
        Item(item.qid, "odd one", item.question, item.answers, (item.answer_idx + 1) % 4, "") for item in items[:40]
    ]
    items = turned + items[40:]
    ease = selection.ease(items, selection.option_scores(items, texts_of(items), 0))
    assert ease[:40].max() < np.quantile(ease[40:], 0.1)


def test_of_few_questions_the_cosine_has_to_do_and_a_missing_option_has_none() -> None:
    items = items_of(10, np.zeros(10, bool))
    items[3] = Item(3, "v3", "what is it?", ("a cup", "a pan"), 0, "")
    texts = texts_of(items)
    scores = selection.option_scores(items, texts, 0)
    assert np.isnan(scores[3]).tolist() == [False, False, True, True]
    assert scores[0, 1] == texts.paired("MiniLM", [items[0].question], [items[0].answers[1]])[0]


def test_many_questions_learn_from_each_other_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    items = items_of(200, np.ones(200, bool))
    items[7] = Item(7, "v7", "what is it?", ("the cup", "zzzz!!!"), 0, "")
    monkeypatch.setattr(selection, "_LEARNED_TO", 100)
    scores = selection.option_scores(items, texts_of(items), 0)
    assert np.isnan(scores[7]).tolist() == [False, False, True, True]
    assert np.isfinite(np.delete(scores, 7, axis=0)).all()
    assert selection.ease(items, scores).min() > np.log(0.5)
