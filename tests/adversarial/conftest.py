"""Small made-up corpora for the tests of matching and audit."""

import random
from typing import Any

import pytest

COLOURS = ["red", "blue", "green", "yellow", "black", "white", "brown", "pink"]
TOOLS = ["knife", "spoon", "whisk", "hammer", "scissors", "brush", "ladle", "drill", "spatula", "saw"]
PLACES = ["in the kitchen", "in a garden", "at the beach", "in a garage", "in an office", "on a street", "in a shop"]
DEEDS = ["cutting onions", "painting a wall", "washing rice", "fixing a bike", "planting seeds", "sewing a shirt"]
KINDS = [
    ("what color is the {}", COLOURS, ["bag", "cup", "hat", "car", "wall", "shirt"]),
    ("how many {} are there", [str(number) for number in range(1, 13)], ["plates", "people", "eggs", "books"]),
    ("which tool does the {} hold", TOOLS, ["man", "woman", "cook", "child"]),
    ("where is the {} standing", PLACES, ["man", "woman", "cook", "dog"]),
    ("what is the {} doing", DEEDS, ["man", "woman", "girl", "boy"]),
]


def make_rows(count: int, seed: int = 0, options: int = 4) -> list[dict[str, Any]]:
    """Questions about made-up videos; every right answer is one of a few dozen."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        pattern, values, things = rng.choice(KINDS)
        answers = rng.sample(values, min(options, len(values)))
        rows.append(
            {
                "qid": number,
                "video_id": f"v{number // 2}",
                "question": pattern.format(rng.choice(things)) + "?",
                "answers": answers,
                "answer_idx": rng.randrange(len(answers)),
            }
        )
    return rows


@pytest.fixture(scope="session")
def rows() -> list[dict[str, Any]]:
    return make_rows(160)
