"""What the whole file gives away: How2QA with one of three written answers replaced, item by item and with the file.

    BENCH_SHARED=../shared python -m benchmarks.file_level

Videos are cut into train, val and test; negatives are matched inside each, as releases did before they were sealed.
"""

import argparse
import csv
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from adversarial import match_items
from adversarial.leaks.quiz import Quiz, flat, without_leaks
from adversarial.leaks.repeats import file_level
from adversarial.leaks.scoring import Trial, best_of, compare, video_clusters
from adversarial.learning.group_kfold import video_folds
from adversarial.relevance.likeness import Texts
from evaluation.release import Questions

SHARES = {"train": range(0, 6), "val": range(6, 8), "test": range(8, 10)}  # tenths of the videos


def read_how2qa(path: Path, seed: int) -> list[dict[str, Any]]:
    """Rows for match_items: video, [start:end], three wrong answers, question, right answer."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = [line for line in csv.reader(file) if all(field.strip() for field in line)]
    tenth = video_folds([line[0] for line in lines], 10, seed)
    fold_of = {part: split for split, parts in SHARES.items() for part in parts}
    return [
        {
            "qid": number,
            "video_id": video,
            "question": question,
            "answers": [right, *wrong],
            "answer_idx": 0,
            "fold": fold_of[int(part)],
        }
        for number, ((video, _, *wrong, question, right), part) in enumerate(zip(lines, tenth, strict=True))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replace", type=int, default=1, help="written answers replaced (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    started = time.process_time()
    source = Path(os.environ.get("BENCH_SHARED", "../shared")) / "data/how2/how2QA_val_release.csv"
    rows, _ = match_items(read_how2qa(source, options.seed), replace=options.replace, seed=options.seed)
    splits = [as_questions([row for row in rows if row["fold"] == split]) for split in SHARES]
    texts = Texts(text for split in splits for text in (*split.q, *flat(split.options)))
    quiz = Quiz(splits, splits[-1], texts, options.seed)
    trial = Trial(video_clusters(quiz.truth), best_of(without_leaks(quiz)), list(file_level(quiz)))
    for row in compare([trial], options.seed):
        print(
            f"{'!' if row['blocks'] else ' '} {row['attack']:<64} item by item {row['without']:.1f} "
            f"({row['without_by']}), with the file {row['value']:.1f}, {row['difference']:+.1f} "
            f"({row['difference_low']:+.1f} … {row['difference_high']:+.1f})"
        )
    print(f"{len(splits[-1])} questions, {time.process_time() - started:.0f} CPU seconds")


if __name__ == "__main__":
    main()
