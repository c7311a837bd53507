"""The audit finds what only the set of options gives away: borrowed answers that go with the question too well."""

import random
from dataclasses import replace

import numpy as np

from adversarial.audit.lent_answers import lent_auc
from adversarial.audit.option_features import read
from adversarial.audit.partial_input import TRAINED, ensembles, predict
from adversarial.audit.report import blind_report
from adversarial.audit.set_features import set_features
from adversarial.audit.splits import AuditSplit
from adversarial.data.schema import Item, Origin
from adversarial.relevance.likeness import Texts, texts_of

THINGS = [
    "cup",
    "plate",
    "towel",
    "basket",
    "lamp",
    "chair",
    "bottle",
    "carpet",
    "mirror",
    "candle",
    "pillow",
    "bucket",
    "ladder",
    "curtain",
    "vase",
    "drum",
]


def too_good(count: int, first: int, rng: random.Random) -> list[Item]:
    """Two wrong options echo the question, the right one does not; any thing is right as often as it is wrong."""
    items = []
    for number in range(first, first + count):
        asked, other, right, wrong = rng.sample(THINGS, 4)
        options = [(right, True), (asked, False), (other, False), (wrong, False)]
        rng.shuffle(options)
        items.append(
            Item(
                qid=number,
                video_id=f"v{number}",
                question=f"what stands beside the {asked} and the {other}, far from the {wrong}?",
                answers=tuple(f"the {text}" for text, _ in options),
                answer_idx=[truth for _, truth in options].index(True),
                split="",
            )
        )
    return items


def test_trees_find_answers_that_are_too_good() -> None:
    report = blind_report(too_good(160, 0, random.Random(1)))
    assert report["panel"]["answer_only"]["accuracy"] < 0.4
    assert report["panel"]["trees"]["accuracy"] > 0.9
    assert report["panel"]["least: goes with the question, MiniLM"]["accuracy"] > 0.6
    assert report["panel"][report["strongest"]]["accuracy"] >= report["panel"]["trees"]["accuracy"]


def test_ensembles_weigh_what_helps() -> None:
    items = too_good(160, 0, random.Random(2))
    hidden = np.zeros((160, 4), bool)
    halves = np.arange(80), np.arange(80, 160)
    splits = [AuditSplit(train, test, hidden) for train, test in (halves, halves[::-1])]
    scores = predict(items, splits, 0, Texts(texts_of(items)))
    together = ensembles(scores, TRAINED, read(items), splits)
    right = np.array([item.answer_idx for item in items])
    assert (together["stacked"].argmax(axis=1) == right).mean() > 0.85
    assert (together["average"].argmax(axis=1) == right).mean() > 0.6


def test_fewer_options_than_others_are_read() -> None:
    items = too_good(40, 0, random.Random(3))
    short = [
        Item(item.qid, item.video_id, item.question, item.answers[:2], 0, "") if item.qid % 3 == 0 else item
        for item in items
    ]
    panel = blind_report(short)["panel"]
    assert all(0 <= numbers["accuracy"] <= 1 for numbers in panel.values())


def test_lent_answers_that_are_too_good_are_told_from_right_ones() -> None:
    rng = random.Random(4)
    marked = [Origin("matched", source_qid=f"lender {number}") for number in range(3)]
    items = [
        replace(
            item,
            origins=tuple(
                Origin("correct") if place == item.answer_idx else marked[place % 3]
                for place in range(len(item.answers))
            ),
        )
        for item in too_good(120, 0, rng)
    ]
    options = read(items)
    hidden = np.zeros((120, 4), bool)
    halves = np.arange(60), np.arange(60, 120)
    splits = [AuditSplit(train, test, hidden) for train, test in (halves, halves[::-1])]
    features = set_features(options, Texts(texts_of(items)))
    found = lent_auc(options, features, splits, 0)
    assert found is not None
    assert found > 0.9
    assert lent_auc(read(too_good(120, 0, rng)), features, splits, 0) is None
