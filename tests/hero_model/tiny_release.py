"""A release directory of the tiny world, written as docs/release_format.md says."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

INTERVAL, FRAMES, FEATURES = 1.5, 8, 24
THINGS = ("red circle", "blue square", "green star", "white heart", "black ring", "yellow cross")
SPLITS = {"train": 8, "val": 3, "test_public": 3}


def write_release(root: Path, seed: int = 0) -> Path:
    """Clips of 12 s; things appear one after another and are named in the subtitles; half the queries each."""
    rng = np.random.default_rng(seed)
    looks = {thing: rng.normal(size=FEATURES) for thing in THINGS}
    index: dict[str, dict[str, list[float]]] = {}
    features, subtitles = {}, []
    rows: dict[str, list[Any]] = {}
    for split, count in SPLITS.items():
        index[split] = {}
        for _ in range(count):
            number = len(features)
            name = f"tiny-{number:02d}_0.00_12.00"
            index[split][name] = [12.0, number]
            shown = [THINGS[i] for i in rng.permutation(len(THINGS))[:2]]
            frames = np.repeat(np.stack([looks[thing] for thing in shown]), FRAMES // 2, axis=0)
            features[name] = (frames + rng.normal(scale=0.1, size=frames.shape)).astype(np.float32)
            spans = [(0.0, 6.0), (6.0, 12.0)]
            subtitles.append(
                {
                    "vid_name": name,
                    "sub": [
                        {"text": f"Look at the {thing}.", "start": start + 0.5, "end": end - 0.5}
                        for thing, (start, end) in zip(shown, spans, strict=True)
                    ],
                }
            )
            for thing, span in zip(shown, spans, strict=True):
                moment = {"vid_name": name, "duration": 12.0, "ts": list(span), "desc": f"We see a {thing}."}
                rows.setdefault(f"moment/tvr/{split}", []).append(moment | {"type": "v"})
            wrong = [thing for thing in THINGS if thing not in shown][:3]
            question = {"vid_name": name, "q": "What comes first?", "answer_idx": 0, "ts": "0-6"}
            answers = {f"a{i}": thing for i, thing in enumerate([shown[0], *wrong])}
            rows.setdefault(f"qa/value/{split}", []).append(question | answers)
    files: dict[str, str] = {
        "moment/tvr/video2dur_idx.json": json.dumps(index),
        "subtitles.jsonl": lines(subtitles),
        "README.md": "tiny\n",
    }
    number = 0
    for path, entries in rows.items():
        key = "desc_id" if path.startswith("moment") else "qid"
        numbered = [entry | {key: number + i} for i, entry in enumerate(entries)]
        number += len(entries)
        if path.endswith("test_public"):
            files[f"held_out/{path}.jsonl"] = lines(numbered)
            hidden = {"vid_name", "duration", "ts"} if key == "desc_id" else {"answer_idx"}
            numbered = [{k: v for k, v in entry.items() if k not in hidden} for entry in numbered]
        files[f"{path}.jsonl"] = lines(numbered)
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "features").mkdir()
    metadata = {"model": "tiny", "interval_s": str(INTERVAL), "dim": str(FEATURES)}
    save_file(features, root / "features/tiny.safetensors", metadata=metadata)
    listed = [entry(root, path) for path in [*files, "features/tiny.safetensors"]]
    manifest = {"format": "hero-bench-release/1", "name": "tiny", "version": "1.0.0", "seed": seed, "files": listed}
    (root / "MANIFEST.json").write_text(json.dumps(manifest, sort_keys=True, separators=(",", ":")) + "\n")
    return root


def lines(entries: list[Any]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def entry(root: Path, path: str) -> dict[str, Any]:
    content = (root / path).read_bytes()
    return {
        "path": path,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": content.count(b"\n") if path.endswith(".jsonl") else None,
        "access": "held_out" if path.startswith("held_out") else "public",
    }
