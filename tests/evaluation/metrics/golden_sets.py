"""Finds golden sets in whatever folder BENCH_GOLDEN names, and compares metrics with them to the last digit."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARED = Path(os.environ.get("BENCH_SHARED", Path(__file__).parents[3] / "../shared"))
FOLDER = Path(os.environ.get("BENCH_GOLDEN", SHARED / "golden")) / "eval"
MISSING = f"no golden folder at {FOLDER} (BENCH_GOLDEN)"
UNKNOWN_DURATION = 1e6  # the folder gives durations only of videos that have queries; official rules use none


@dataclass(frozen=True)
class Variant:
    """A column of the golden metrics: the key's NMS state and the rows that enter NMS."""

    name: str
    nms: float | None
    rows_in: int = 200


VARIANTS = (
    Variant("raw", None),
    Variant("nms0.5", 0.5),
    Variant("nms0.7", 0.7),
    Variant("nms0.5_after_top100", 0.5, 100),
)


def set_names() -> list[str]:
    return sorted(path.name.removesuffix(".gt.jsonl") for path in FOLDER.glob("*.gt.jsonl"))


def survivor_files() -> list[Path]:
    return sorted(FOLDER.glob("*.nms0.5_rows.json"))


def wrong_survivors(path: Path, nms: Callable[..., NDArray[np.int64]]) -> list[Any]:
    """(task, desc_id) of the lists whose rows after NMS are not the golden ones, in the golden order."""
    golden = json.loads(path.read_text())
    submitted = json.loads((FOLDER / path.name.replace(".nms0.5_rows.", ".pred.")).read_text())
    wrong = []
    for task in ("VCMR", "SVMR"):
        rows_of = {entry["desc_id"]: entry["predictions"] for entry in submitted[task]}
        for entry in golden[task]:
            rows = np.array(rows_of[entry["desc_id"]])[:200]
            video = rows[:, 0] if task == "VCMR" else np.full(len(rows), rows[0, 0])
            survivors = np.column_stack([video, rows[:, 1:]])[nms(video, rows[:, 1:3], rows[:, 3])]
            if survivors.tolist() != entry["predictions"]:
                wrong.append((task, entry["desc_id"]))
    return wrong


def write_index(name: str, out: Path) -> Path:
    """The field's video2dur_idx.json for one set, from what the set itself holds."""
    truth = [json.loads(line) for line in (FOLDER / f"{name}.gt.jsonl").read_text().splitlines()]
    durations = {row["vid_name"]: row["duration"] for row in truth}
    video2idx = json.loads((FOLDER / f"{name}.pred.json").read_text())["video2idx"]
    index = {video: [durations.get(video, UNKNOWN_DURATION), idx] for video, idx in video2idx.items()}
    out.write_text(json.dumps({"val": index}))
    return out


def expected(name: str, variant: Variant) -> Iterator[tuple[str, str | None, float, float]]:
    """(metric key, query type or None, full value, rounded value) of every golden number; nan for absent types."""
    golden = json.loads((FOLDER / f"{name}.metrics.json").read_text())[variant.name]
    for table, numbers in golden["full"].items():
        task = table.removesuffix("_by_type")
        for label, full in numbers.items():
            if label != "desc_type_ratio":
                *parts, recall = label.split("-")
                kind = parts.pop(0) if table != task else None
                state = "raw" if variant.nms is None else f"nms{variant.nms:g}"
                at = "" if task == "VR" else f".tiou{parts[0]}.{state}"
                yield f"{task}.R@{recall[1:]}{at}", kind, full, golden["rounded"][table][label]


def disagreements(name: str, variant: Variant, values: dict[tuple[str, str | None], float]) -> list[Any]:
    """Golden numbers that `values`, by (key, type), does not reproduce in full and rounded."""
    return [
        (key, kind, full, values.get((key, kind)))
        for key, kind, full, rounded in expected(name, variant)
        if full == full
        and ((key, kind) not in values or values[key, kind] != full or round(values[key, kind], 2) != rounded)
    ]
