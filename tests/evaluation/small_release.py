"""Builds a small but complete release folder from a seed, as docs/release_format.md has it."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

OPTIONS = ("a dog", "two", "in the kitchen", "because the rain had started", "he opens the blue door", "a cup")


def write_release(root: Path, *, seed: int = 0, videos: int = 8, queries: int = 4, held_out: bool = True) -> Path:
    """`videos` clips a split, `queries` moment queries and questions a clip, all three splits, both tasks."""
    rng = np.random.default_rng(seed)
    index: dict[str, dict[str, list[Any]]] = {}
    files: dict[str, tuple[list[dict[str, Any]] | None, bytes]] = {}
    next_idx, next_id, subtitles = 0, 100, []
    for split in ("train", "val", "test_public"):
        index[split], moments, questions = {}, [], []
        for v in range(videos):
            name = f"{split[:2]}_video{v}_0_60"
            duration = round(float(rng.uniform(20, 60)), 2)
            index[split][name] = [duration, next_idx]
            next_idx += 1
            subtitles.append({"vid_name": name, "sub": [{"text": "so here we go", "start": 1.0, "end": 3.5}]})
            for q in range(queries):
                start, end = np.sort(rng.uniform(0, duration, 2)).round(2).tolist()
                moments.append(
                    {
                        "vid_name": name,
                        "duration": duration,
                        "ts": [start, max(end, round(start + 0.1, 2))],
                        "desc": f"someone does thing {q} in clip {v}",
                        "type": ("v", "t", "vt")[q % 3],
                        "desc_id": next_id,
                    }
                )
                options = rng.permutation(OPTIONS)[:4].tolist()
                questions.append(
                    {
                        "qid": next_id,
                        "vid_name": name,
                        "q": ("What is there?", "Who opens it?", "How many are there?", "Why?")[q % 4],
                        **{f"a{n}": option for n, option in enumerate(options)},
                        "answer_idx": int(rng.integers(4)),
                        "ts": f"{start}-{end}",
                    }
                )
                next_id += 1
        for folder, rows, hidden in (
            ("moment/tvr", moments, ("vid_name", "duration", "ts")),
            ("qa/value", questions, ("answer_idx",)),
        ):
            path = f"{folder}/{split}.jsonl"
            if split == "test_public":
                files[f"held_out/{path}"] = rows, _jsonl(rows)
                rows = [{key: row[key] for key in row if key not in hidden} for row in rows]
            files[path] = rows, _jsonl(rows)
    files["moment/tvr/video2dur_idx.json"] = None, json.dumps(index).encode()
    files["subtitles.jsonl"] = subtitles, _jsonl(subtitles)
    manifest = {
        "format": "hero-bench-release/1",
        "name": "small",
        "version": "1.0.0",
        "seed": seed,
        "files": [
            {
                "path": path,
                "bytes": len(raw),
                "sha256": hashlib.sha256(raw).hexdigest(),
                "rows": None if rows is None else len(rows),
                "access": "held_out" if path.startswith("held_out/") else "public",
            }
            for path, (rows, raw) in sorted(files.items())
        ],
    }
    for path, (_, raw) in files.items():
        if held_out or not path.startswith("held_out/"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(raw)
    (root / "MANIFEST.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    return root


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
