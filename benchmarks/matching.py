"""How fast and how near the optimum the matching is, beside what bounds it.

    python -m benchmarks.matching                     n = 5,789 (3 rounds, against scipy's dense solver)
    python -m benchmarks.matching --n 40000 --rounds 1 --no-scipy --tolerance 2e-4
    python -m benchmarks.matching --n 1500 --backend ray    the same on a Ray cluster (pip install ray)

Embeddings: those of the questions in --items (as `python -m adversarial match` reads them), filled up to n with
generated questions and answers, encoded by the default model. CPU seconds of this process; memory above its start.
The GEMM bound is the time of the one matrix product that a pass over all pairs cannot do without, at the speed that
this machine's BLAS shows in the same run, on one thread.
"""

import argparse
import random
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from threadpoolctl import threadpool_limits

from adversarial.data.jsonl import read_rows
from adversarial.matching.column_generation import solve_matching
from adversarial.matching.pricing import BLOCK, dense_rows
from adversarial.matching.problem import MatchingProblem
from adversarial.negatives.peak_memory import PeakMemory
from adversarial.negatives.settings import TEMPERATURE
from adversarial.relevance import sentence_encoder
from adversarial.text import answer_equivalence
from adversarial.text.normalise import canonical


def _words(block: str) -> list[str]:
    return block.split()


SUBJECTS = _words("man woman girl boy cook gardener mechanic teacher dancer painter baker driver singer nurse tailor")
THINGS = _words(
    """
    onion carrot bowl pan knife dough cake shirt engine wall plant pot guitar camera brush rope box bottle shelf
    lamp ladder bicycle tire screw wire fabric needle soap towel basket hat shoe phone table chair garden kitchen
    """
)
DEEDS = _words("cutting washing painting fixing holding moving opening closing cleaning mixing drying folding lifting")
COLOURS = _words("red blue green yellow black white brown pink orange purple gray")


def generated(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Questions and right answers made of a few hundred words, a third of the answers short and common."""
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        who, thing, deed, colour = (rng.choice(words) for words in (SUBJECTS, THINGS, DEEDS, COLOURS))
        where = rng.choice(THINGS)
        question, answer = rng.choice(
            [
                (f"what color is the {thing} of the {who}?", colour),
                (f"how many {thing}s does the {who} have?", str(rng.randrange(1, 60))),
                (f"what is the {who} doing with the {thing}?", f"{deed} it beside the {colour} {where}"),
                (f"what does the {who} hold?", f"a {colour} {thing}"),
                (f"why is the {who} {deed} the {thing}?", f"to put it into the {where} of the {rng.choice(SUBJECTS)}"),
                (f"where is the {thing}?", f"behind the {colour} {where}"),
            ]
        )
        rows.append({"video": f"made-{number // 2}", "question": question, "answer": answer})
    return rows


def load(path: Path | None, n: int) -> list[dict[str, Any]]:
    known = read_rows(path) if path else []
    rows = [
        {"video": row["video_id"], "question": row["question"], "answer": row["answers"][row["answer_idx"]]}
        for row in known[:n]
    ]
    return rows + generated(n - len(rows))


def build(rows: list[dict[str, Any]], temperature: float = TEMPERATURE) -> MatchingProblem:
    """The weight of the reference measurement, calibrated MiniLM cosines and lambda 0.5, with the recipe's draw."""
    n = len(rows)
    texts = [row["question"] for row in rows] + [row["answer"] for row in rows]
    vectors = sentence_encoder.encode(texts)
    questions, answers = np.ascontiguousarray(vectors[:n]), np.ascontiguousarray(vectors[n:])

    def ids(values: list[str]) -> np.ndarray:
        return np.unique(np.array(values, object), return_inverse=True)[1].astype(np.int32)

    return MatchingProblem(
        questions=np.float32(11.6) * questions,
        answers=answers[None],
        traits=np.zeros((n, 0), np.float32),
        fold=np.zeros(n, np.int32),
        embeddings=answers,
        bias=-2.67,
        temperature=temperature,
        similarity_slope=12.0,
        similarity_bias=-7.2,
        lambda_=0.5,
        same_answer_cosine=0.85,
        video=ids([row["video"] for row in rows]),
        question_id=ids([canonical(row["question"]) for row in rows]),
        answer_id=ids([canonical(row["answer"]) for row in rows]),
        asks_for=np.array([answer_equivalence.asks_for(row["question"]) for row in rows], np.int32),
        accepts=np.ones(n, np.int32),
        kind=np.zeros(n, np.int32),
        profiles=answer_equivalence.profiles([row["answer"] for row in rows] + [row["question"] for row in rows]),
        question_profile=np.arange(n, 2 * n, dtype=np.int32),
        kept_negatives=np.zeros((n, 0), np.int32),
        assigned=np.zeros((n, 0), np.int32),
        recipients=np.arange(n, dtype=np.int32),
        lenders=np.arange(n, dtype=np.int32),
    )


def gemm_seconds(problem: MatchingProblem) -> float:
    """CPU seconds of the relevance product of all pairs at the speed of this machine's BLAS."""
    rows = min(1024, problem.size)
    started = time.process_time()
    problem.questions[:rows] @ problem.answers[0].T
    return (time.process_time() - started) * problem.size / rows


def dense(problem: MatchingProblem) -> tuple[float, float, float]:
    """(optimum in nats per question, CPU seconds to build the matrix, CPU seconds to solve it)."""
    started = time.process_time()
    rows = np.arange(problem.size, dtype=np.int32)
    matrix = np.vstack([dense_rows(problem, rows[start : start + BLOCK]) for start in range(0, problem.size, BLOCK)])
    matrix[~np.isfinite(matrix)] = -1e4
    built = time.process_time()
    row, column = linear_sum_assignment(matrix, maximize=True)
    return float(matrix[row, column].mean()), built - started, time.process_time() - built


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=Path, help="questions to use first (JSON lines)")
    parser.add_argument("--n", type=int, default=5789)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=5e-5, help="nats per question (default 5e-5)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=TEMPERATURE,
        help="of the draw, in nats (default %(default)s, the recipe's)",
    )
    parser.add_argument("--no-scipy", action="store_true", help="leave out the dense solver")
    parser.add_argument("--backend", help="joblib backend for the passes: threading, loky, ray, dask (default: none)")
    parser.add_argument("--jobs", type=int, default=2, help="workers of the backend (default 2)")
    options = parser.parse_args()
    if options.backend == "ray":
        from ray.util.joblib import register_ray

        register_ray()
    problem = build(load(options.items, options.n), options.temperature)
    solve_matching(build(generated(64)))  # compile before the clock runs
    table = Table(title=f"n = {problem.size}, {problem.embeddings.shape[1]}-d, one thread")
    for name in ("what", "nats / question", "certified gap", "passes", "edges", "CPU s", "peak MB", "against dense"):
        table.add_column(name, justify="right" if name != "what" else "left")
    optimum = dense_seconds = None
    workers = joblib.parallel_config(backend=options.backend, n_jobs=options.jobs) if options.backend else nullcontext()
    with threadpool_limits(1), workers:
        table.add_row("GEMM bound of a pass", "", "", "1", "", f"{gemm_seconds(problem):.2f}", "", "")
        if not options.no_scipy:
            optimum, built, solved = dense(problem)
            dense_seconds = built + solved
            table.add_row("dense matrix", "", "", "", "", f"{built:.1f}", f"{problem.size**2 * 4 / 1e6:.0f}", "")
            table.add_row("scipy on it", f"{optimum:.6f}", "0", "", f"{problem.size**2}", f"{solved:.1f}", "", "1.0 x")
        prices = None
        for number in range(options.rounds):
            started = time.process_time()
            with PeakMemory() as peak:
                found = solve_matching(problem, options.tolerance, prices)
            seconds = time.process_time() - started
            ratio = f"{dense_seconds / seconds:.1f} x" if dense_seconds and number == 0 else ""
            value = found.value / problem.size
            table.add_row(
                f"round {number + 1}", f"{value:.6f}", f"{found.gap:.1e}", str(found.passes), str(found.edges),
                f"{seconds:.1f}", f"{peak.bytes / 1e6:.0f}", ratio,
            )  # fmt: skip
            if optimum is not None and number == 0:
                table.caption = f"round 1 is {optimum - value:.1e} nats per question below scipy's optimum"
            prices, problem = found.prices, problem.after(found.columns)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
