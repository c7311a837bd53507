"""The field's own scorers beside ours on the same files: do the figures agree, and what does each take?

    python -m benchmarks.peers --tvr ../TVRetrieval --moment-detr ../moment_detr --value ../EvaluationTools

Each path is a checkout of the peer (jayleicn/TVRetrieval, jayleicn/moment_detr or line/lighthouse,
VALUE-Leaderboard/EvaluationTools); nothing is fetched. The truth is what it carries, the predictions are its samples
or made here; or both are given, --truth and --predictions, of the one peer that is named. Every scorer runs in a
process of its own, under names of numpy that its year still had. Exit status 1 where figures differ beyond rounding.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
OLD_NUMPY = "import numpy, runpy, sys; numpy.int, numpy.float = int, float; "  # gone since 1.24; bool is back in 2
ROUNDING = 0.00501  # per cent: two digits


@dataclass(frozen=True)
class Run:
    """What one process took: CPU seconds and peak MB."""

    cpu: float
    peak: float


@dataclass(frozen=True)
class Files:
    """What both score: truth and predictions, the video index where the form has one, our flags."""

    truth: Path
    predictions: Path
    flags: list[str]


@dataclass(frozen=True)
class Peer:
    """A scorer: its files in a checkout, its command, and its figures by our names."""

    files: Callable[[Path], Files]
    command: Callable[[Path, Files, Path], list[str]]
    figures: Callable[[Path], Iterator[tuple[str, float]]]


def tvr_files(folder: Path) -> Files:
    truth, index = folder / "data/tvr_val_release.jsonl", folder / "data/tvr_video2dur_idx.json"
    return Files(truth, _made("tvr", truth, index), ["--video-index", str(index)])


def standalone(folder: Path, files: Files, out: Path) -> list[str]:
    """TVR's and moment_detr's scripts have the same arguments."""
    script = folder / "standalone_eval/eval.py"
    arguments = ["--submission_path", files.predictions, "--gt_path", files.truth, "--save_path", out, "--not_verbose"]
    return _script(script, [str(argument) for argument in arguments])


def tvr_figures(out: Path) -> Iterator[tuple[str, float]]:
    """`VCMR: {"0.5-r1": …}` and `VR: {"r1": …}`."""
    found = json.loads(out.read_text())
    for task in ("VCMR", "SVMR", "VR"):
        for name, value in found.get(task, {}).items():
            threshold, _, recall = name.rpartition("-")
            yield f"{task}.R@{recall[1:]}" + (f".tiou{threshold}.raw" if threshold else ""), value


def highlights_files(folder: Path) -> Files:
    flags = ["--truth-form", "qvhighlights"]
    predictions = folder / "standalone_eval/sample_val_preds.jsonl"
    return Files(folder / "data/highlight_val_release.jsonl", predictions, flags)


def highlights_figures(out: Path) -> Iterator[tuple[str, float]]:
    """`brief: {"MR-full-mAP": …, "MR-full-R1@0.5": …}`."""
    for name, value in json.loads(out.read_text())["brief"].items():
        if name.startswith("MR-full-"):
            yield f"SVMR.QVHighlights.{name.removeprefix('MR-full-')}", value


def value_files(folder: Path) -> Files:
    """How2QA's validation rows, answered by their numbers."""
    truth = folder / "reference_data/how2qa/how2qa_val_release.jsonl"
    rows = map(json.loads, truth.read_text().splitlines())
    path = Path(tempfile.gettempdir()) / "hero-bench-peers-how2qa.json"
    path.write_text(json.dumps({str(row["qid"]): row["qid"] // 3 % 4 for row in rows}))
    return Files(truth, path, ["--task", "qa", "--truth-form", "value"])


def _made(name: str, truth: Path, index: Path) -> Path:
    """Predictions made here, where a peer carries none: a hundred moments a query, the right one among them.

    Written list by list: what this process holds would count as its children's memory.
    """
    videos = json.loads(index.read_text())["val"]
    path = Path(tempfile.gettempdir()) / f"hero-bench-peers-{name}.json"
    with path.open("w") as out:
        out.write('{"video2idx": ' + json.dumps({video: number for video, (_, number) in videos.items()}))
        for task in ("VCMR", "SVMR", "VR"):
            out.write(f', "{task}": [')
            for at, line in enumerate(truth.read_text().splitlines()):
                out.write(", " * bool(at) + json.dumps(_list(task, at, json.loads(line), videos)))
            out.write("]")
        out.write("}")
    return path


def _list(task: str, at: int, row: dict[str, Any], videos: dict[str, list[Any]]) -> dict[str, Any]:
    number, numbers = videos[row["vid_name"]][1], [number for _, number in videos.values()]
    wrong = [number if task == "SVMR" else numbers[(at * 7 + k) % len(numbers)] for k in range(99)]
    rows = [[video, 5.0 * (k % 9), 5.0 * (k % 9) + 9] for k, video in enumerate(wrong)]
    rows.insert(at * at % 40, [number, row["ts"][0] + at % 5 / 2, row["ts"][1] + at % 3])
    ranked = [[*moment, 1.0 - k / 100] for k, moment in enumerate(rows)]
    return {"desc_id": row["desc_id"], "desc": row["desc"], "predictions": ranked}


def value_command(folder: Path, files: Files, out: Path) -> list[str]:
    """VALUE's scripts take folders and names of their own."""
    sent = out.parent / "sent"
    sent.mkdir(exist_ok=True)
    (sent / "how2qa_val_predictions.json").write_bytes(files.predictions.read_bytes())
    script = folder / "scoring_program/evaluate_how2qa.py"
    named = ["--submission_dir", sent, "--gt_dir", files.truth.parent, "--output_dir", out.parent]
    return _script(script, [str(argument) for argument in named])


def value_figures(out: Path) -> Iterator[tuple[str, float]]:
    """`val: accuracy`."""
    yield "QA.accuracy", json.loads((out.parent / "how2qa_metrics.json").read_text())["val"]


PEERS = {
    "tvr": Peer(tvr_files, standalone, tvr_figures),
    "moment_detr": Peer(highlights_files, standalone, highlights_figures),
    "value": Peer(value_files, value_command, value_figures),
}


def _script(script: Path, arguments: list[str]) -> list[str]:
    code = f"{OLD_NUMPY}sys.argv[:] = {[str(script), *arguments]!r}; sys.path.insert(0, {str(script.parent)!r}); "
    return [sys.executable, "-c", f"{code}runpy.run_path({str(script)!r}, run_name='__main__')"]


def measured(command: list[str], folder: Path) -> Run:
    """Run to the end. Raises SystemExit where it fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    child = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[:3]} … ended with {child.returncode}")
    return Run(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def compare(name: str, folder: Path, given: dict[str, Path]) -> int:
    """Run both on the same files and print figures and costs; how many figures differ."""
    peer = PEERS[name]
    files = peer.files(folder)
    files = Files(given.get("truth", files.truth), given.get("predictions", files.predictions), files.flags)
    with tempfile.TemporaryDirectory() as scratch:
        theirs_out, ours_out = Path(scratch) / "theirs.json", Path(scratch) / "ours.json"
        theirs = measured(peer.command(folder, files, theirs_out), folder)
        truth = ["--truth", str(files.truth), *files.flags, "--rules", "official"]
        ours = measured(
            [sys.executable, "-m", "evaluation", "score", *truth, str(files.predictions), "--json", str(ours_out)],
            REPOSITORY,
        )
        figures = {metric["key"]: metric["value"] for metric in json.loads(ours_out.read_text())["metrics"]}
        differing = 0
        for key, value in peer.figures(theirs_out):
            differs = abs(figures[key] - value) > ROUNDING
            differing += differs
            print(f"  {key:<34} theirs {value:7.2f}  ours {figures[key]:9.4f}{'  DIFFERS' if differs else ''}")
    print(
        f"{name}: {differing} figures differ; CPU {theirs.cpu:.2f} s and ours {ours.cpu:.2f} s "
        f"({theirs.cpu / ours.cpu:.1f} times), peak {theirs.peak:.0f} MB and ours {ours.peak:.0f} MB"
    )
    return differing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in PEERS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=Path, metavar="CHECKOUT")
    parser.add_argument("--truth", type=Path, help="of the one peer that is named, instead of its own")
    parser.add_argument("--predictions", type=Path, help="as --truth")
    options = vars(parser.parse_args())
    named = {name: options[name].resolve() for name in PEERS if options[name]}
    given = {name: options[name].resolve() for name in ("truth", "predictions") if options[name]}
    if not named or (given and len(named) > 1):
        parser.error("expected a checkout, and one alone beside --truth and --predictions")
    began = time.perf_counter()
    differing = sum(compare(name, folder, given) for name, folder in named.items())
    print(f"{time.perf_counter() - began:.0f} s")
    raise SystemExit(1 if differing else 0)


if __name__ == "__main__":
    main()
