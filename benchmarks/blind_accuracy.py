"""How far blind accuracy falls: over negatives replaced, over lambda, over seeds. Prints the table, draws the plots.

    python -m benchmarks.blind_accuracy questions.jsonl --results blind.jsonl --plots docs/adversarial

Every measurement is a line of --results; a run that was stopped goes on with the lines that are missing.
"""

import argparse
import json
import time
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from adversarial.audit.charts import blind_accuracy
from adversarial.audit.partial_input import TRAINED
from adversarial.audit.report import blind_report
from adversarial.data.item_files import read_items, write_items
from adversarial.data.jsonl import read_rows
from adversarial.data.schema import Item
from adversarial.negatives.pipeline import ItemMatcher
from adversarial.negatives.settings import LAMBDA, MatchSettings

LAMBDAS = (0.0, LAMBDA, 0.1, 0.5, 1.0, 5.0)


def measure(items: list[Item], seeds: list[int], most: int, results: Path, keep: Path | None) -> None:
    done = {_key(point) for point in _points(results)}
    wanted = [{"seed": seed, "replaced": count, "lam": LAMBDA} for seed in seeds for count in range(most + 1)]
    wanted += [{"seed": seeds[0], "replaced": 1, "lam": lam} for lam in LAMBDAS if lam != LAMBDA]
    for seed, points in groupby(wanted, key=itemgetter("seed")):
        batch: ItemMatcher | None = None
        for point in points:
            if _key(point) in done:
                continue
            started = time.process_time()
            output, certificate = items, {}
            if point["replaced"]:
                settings = MatchSettings(seed=seed, replace=int(point["replaced"]), lam=point["lam"])
                batch = batch or ItemMatcher(items, replace(settings, replace=1))
                output, certificate = batch.match(settings)
                if keep:
                    write_items(keep / f"items-{point['replaced']}-{point['lam']}-{seed}.jsonl", output)
            audit = blind_report(output, seed=seed)
            same = audit.get("before", audit)
            line = point | {
                "panel": _accuracies(audit),
                "same_training": _accuracies(same),
                "trained_on": audit["trained_on"],
                "cues": audit["cues"],
                "cpu_seconds": time.process_time() - started,
                **{key: certificate.get(key) for key in ("value", "certified_gap", "fallbacks", "most_uses")},
            }
            with results.open("a", encoding="utf-8") as out:
                out.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def _accuracies(audit: dict[str, Any]) -> dict[str, float]:
    return {name: numbers["accuracy"] for name, numbers in audit["panel"].items()}


def _key(point: dict[str, Any]) -> tuple[int, int, float]:
    return point["seed"], point["replaced"], point["lam"]


def _points(results: Path) -> list[dict[str, Any]]:
    return read_rows(results) if results.exists() else []


def table(points: list[dict[str, Any]], chance: float) -> str:
    """Markdown: mean over seeds (lowest to highest) of every trained adversary, and the fall of the strongest."""
    lines = [
        "| replaced | lambda | seeds | " + " | ".join(TRAINED) + " | strongest | fall | written, same training | fall |"
    ]
    lines.append("|---" * (7 + len(TRAINED)) + "|")
    written = np.mean([_strongest(point["panel"]) for point in points if point["replaced"] == 0])
    for replaced, lam in sorted({(point["replaced"], point["lam"]) for point in points}):
        group = [point for point in points if (point["replaced"], point["lam"]) == (replaced, lam)]
        cells = [f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})" for values in _columns(group)]
        top = float(np.mean([_strongest(point["panel"]) for point in group]))
        same = float(np.mean([_strongest(point["same_training"]) for point in group]))
        ways = [f"{(start - top) / (start - chance):.0%}" for start in (written, same)]
        cells += [f"{top:.3f}", ways[0], f"{same:.3f}", ways[1]]
        lines.append(f"| {replaced} | {lam} | {len(group)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _columns(group: list[dict[str, Any]]) -> list[list[float]]:
    return [[point["panel"][name] for point in group] for name in TRAINED]


def _strongest(panel: dict[str, float]) -> float:
    return max(panel[name] for name in TRAINED)


def main() -> None:
    import vl_convert

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--most", type=int, default=3, help="negatives replaced at most (default 3)")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--plots", type=Path, help="folder for the SVG files")
    parser.add_argument("--keep", type=Path, help="folder for the matched items")
    options = parser.parse_args()
    items = read_items(options.items, replace=1)
    measure(items, options.seeds, options.most, options.results, options.keep)
    points = _points(options.results)
    chance = float(np.mean([1 / len(item.answers) for item in items]))
    print(table(points, chance))
    if options.plots:
        options.plots.mkdir(parents=True, exist_ok=True)
        over_rounds = [point for point in points if point["lam"] == LAMBDA]
        over_lambda = [point for point in points if point["replaced"] == 1 and point["seed"] == options.seeds[0]]
        for name, spec in {
            "rounds": blind_accuracy(over_rounds, "replaced", "written negatives replaced", chance),
            "lambda": blind_accuracy(over_lambda, "lam", "lambda", chance, log=True),
        }.items():
            (options.plots / f"{name}.svg").write_text(vl_convert.vegalite_to_svg(spec), encoding="utf-8")


if __name__ == "__main__":
    main()
