"""What models without the video reach, item by item and with the whole file: How2QA, trained on videos matched apart.

    BENCH_SHARED=../shared python -m benchmarks.file_level --recipes balanced sealed all --drop 0.3 [--encoder]

The videos are cut into train, val and test; each goes through the recipe by itself, so that nothing which was learned
or lent on one side reaches the other. In a sealed recipe one half of a part lends to the other half. With `--encoder` a
fine-tuned text encoder is tried, too, alone and together with all others.
"""

import argparse
import csv
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from adversarial.audit.cross_encoder import cross_encoder
from adversarial.audit.splits import AuditSplit
from adversarial.data.schema import parse_rows, row_of
from adversarial.leaks.quiz import Quiz, flat, without_leaks
from adversarial.leaks.repeats import file_level
from adversarial.leaks.scoring import Values, score_answers
from adversarial.learning.group_kfold import group_folds
from adversarial.negatives.pipeline import ItemMatcher
from adversarial.negatives.set_aside import match_hardest
from adversarial.negatives.settings import MatchSettings
from adversarial.relevance.likeness import Texts
from evaluation.release import Questions

SPLITS = ("train", "val", "test")
REPLACED = {"written": 0, "balanced": 1, "sealed": 1, "all": 3}  # of three, a question on average
COLUMNS = ("trees", "sentence_set", "hashed_words", "all models", "mean of all models")
ENCODED = ("encoder", "all models and encoder")


def read_how2qa(path: Path, seed: int) -> list[dict[str, Any]]:
    """Rows for match_items: video, [start:end], three wrong answers, question, right answer."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if all(field.strip() for field in line)]
    third = group_folds([line[0] for line in lines], 3, seed)
    return [
        {
            "qid": number,
            "video_id": video,
            "question": question,
            "answers": [right, *wrong],
            "answer_idx": 0,
            "fold": SPLITS[part],
        }
        for number, ((video, _, *wrong, question, right), part) in enumerate(zip(lines, third, strict=True))
    ]


def as_questions(rows: list[dict[str, Any]]) -> Questions:
    """Matched rows as the reader of releases gives them, with truth."""
    return Questions(
        qids=np.array([row["qid"] for row in rows], np.int64),
        q=[row["question"] for row in rows],
        options=[tuple(row["answers"]) for row in rows],
        video=[row["video_id"] for row in rows],
        span=np.full((len(rows), 2), np.nan),
        answer=np.array([row["answer_idx"] for row in rows], np.int64),
    )


def through(recipe: str, rows: list[dict[str, Any]], seed: int, drop: float) -> list[list[dict[str, Any]]]:
    """The rows of train, val and test, each after the recipe; of a sealed test one half, of its labelled parts both."""

    def matched(own: list[dict[str, Any]]) -> list[dict[str, Any]]:
        items, settings = parse_rows(own), MatchSettings(replace=REPLACED[recipe], seed=seed)
        output, _ = match_hardest(items, settings, drop=drop) if drop else ItemMatcher(items, settings).match(settings)
        return [row_of(item) for item in output]

    if recipe == "written":
        order = np.random.default_rng(seed)
        return [[_shuffled(row, order) for row in rows if row["fold"] == split] for split in SPLITS]
    if recipe != "sealed":
        return [matched([row for row in rows if row["fold"] == split]) for split in SPLITS]
    half = dict(zip((row["qid"] for row in rows), group_folds([row["video_id"] for row in rows], 2, seed), strict=True))
    sides = [
        [matched([row | {"reserve": bool(half[row["qid"]] == side)} for row in rows if row["fold"] == split])
         for split in SPLITS]
        for side in (0, 1)
    ]  # fmt: skip
    return [sides[0][0] + sides[1][0], sides[0][1] + sides[1][1], sides[0][2]]


def _shuffled(row: dict[str, Any], order: np.random.Generator) -> dict[str, Any]:
    places = order.permutation(len(row["answers"])).tolist()
    answers = [row["answers"][place] for place in places]
    return row | {"answers": answers, "answer_idx": places.index(row["answer_idx"])}


def measure(recipe: str, source: Path, seed: int, drop: float, encoder: bool) -> dict[str, float]:
    """Accuracies in percent: of COLUMNS and ENCODED, the best item by item, and the best with the file."""
    splits = [as_questions(rows) for rows in through(recipe, read_how2qa(source, seed), seed, drop)]
    texts = Texts(text for split in splits for text in (*split.q, *flat(split.options)))
    quiz = Quiz(splits, splits[-1], texts, seed)
    values = without_leaks(quiz) | (_encoded(quiz) if encoder else {})
    alone = {name: 100 * float(found["QA.accuracy"].mean()) for name, found in values.items()}
    attacks = {attack.name: 100 * float(attack.values["QA.accuracy"].mean()) for attack in file_level(quiz)}
    best, worst = max(alone, key=lambda name: alone[name]), max(attacks, key=lambda name: attacks[name])
    print(
        f"{recipe} seed {seed}: n {len(quiz.test)}, {best} {alone[best]:.1f}, {worst} {attacks[worst]:.1f}", flush=True
    )
    named = {name: alone[name] for name in (*COLUMNS, *ENCODED) if name in alone}
    return named | {"best": alone[best], "with the file": attacks[worst]}


def _encoded(quiz: Quiz) -> dict[str, Values]:
    """What a text encoder reaches that is fine-tuned on the labelled splits, and all models together with it."""
    nothing = np.zeros(quiz.shape, bool)
    said = np.zeros(quiz.shape)
    for seen, tested in quiz.learn():
        said[tested] = log_softmax(cross_encoder(quiz.items, AuditSplit(seen, tested, nothing), quiz.seed), axis=1)
    scores = (said[quiz.test], quiz.stack(said))
    return {name: score_answers(quiz.choose(table), quiz.truth) for name, table in zip(ENCODED, scores, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=REPLACED, default=list(REPLACED))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--drop", type=float, default=0.0, help="share that is set aside, as of `match --drop`")
    parser.add_argument("--encoder", action="store_true", help="also fine-tune a text encoder (minutes a run)")
    options = parser.parse_args()
    started = time.process_time()
    source = Path(os.environ.get("BENCH_SHARED", "../shared")) / "data/how2/how2QA_val_release.csv"
    found = {
        recipe: [measure(recipe, source, seed, options.drop, options.encoder) for seed in options.seeds]
        for recipe in options.recipes
    }
    names = list(found[options.recipes[0]][0])
    print(f"| recipe | {' | '.join(names)} |\n{'|---' * (len(names) + 1)}|")
    for recipe, runs in found.items():
        cells = [[run[name] for run in runs] for name in names]
        print(f"| {recipe} | " + " | ".join(f"{np.mean(c):.1f} ({min(c):.1f}-{max(c):.1f})" for c in cells) + " |")
    print(f"{time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
