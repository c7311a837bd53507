"""Builds a small but complete release folder from a seed, as docs/release_format.md has it."""

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

OPTIONS = ("a dog", "two", "in the kitchen", "because the rain had started", "he opens the blue door", "a cup")
SPLITS = ("train", "val", "test_public")
FOLDERS = {"moment": "moment/tvr", "qa": "qa/value"}
HIDDEN = {"moment": ("vid_name", "duration", "ts"), "qa": ("answer_idx", "ts")}
HIDDEN_IN_VERSION_1 = {"moment": HIDDEN["moment"], "qa": ("answer_idx",)}

Rows = list[dict[str, Any]]


def write_release(
    root: Path,
    *,
    seed: int = 0,
    videos: int = 8,
    queries: int = 4,
    held_out: bool = True,
    version: int = 2,
    hidden: str = "sealed",
    options: int = 4,
) -> Path:
    """`videos` clips a split and task, `queries` moment queries and questions of `options` answers a clip, all
    three splits, both tasks.

    Where the release is sealed, test has other clips for either task; what the one does not use is its reserve.
    """
    rng = np.random.default_rng(seed)
    sealed = version == 2 and hidden == "sealed"
    files: dict[str, bytes] = {}
    index: dict[str, dict[str, dict[str, list[Any]]]] = {task: {} for task in FOLDERS}
    number, next_id, subtitles = 0, 100, []
    for split in SPLITS:
        rows: dict[str, Rows] = {"moment": [], "qa": []}
        for task in FOLDERS:
            index[task][split] = {}
        for v in range(videos * 2 if sealed and split == "test_public" else videos):
            name = f"{split[:2]}_video{v}_0_60"
            duration = round(float(rng.uniform(20, 60)), 2)
            for task in FOLDERS if not sealed or split != "test_public" else ("moment" if v < videos else "qa",):
                index[task][split][name] = [duration, number]
            number += 1
            subtitles.append({"vid_name": name, "sub": [{"text": "so here we go", "start": 1.0, "end": 3.5}]})
            for q in range(queries):
                start, end = np.sort(rng.uniform(0, duration, 2)).round(2).tolist()
                rows["moment"].append(
                    {
                        "vid_name": name,
                        "duration": duration,
                        "ts": [start, max(end, round(start + 0.1, 2))],
                        "desc": f"someone does thing {q} in clip {v}",
                        "type": ("v", "t", "vt")[q % 3],
                        "desc_id": next_id,
                    }
                )
                texts = rng.permutation(OPTIONS)[:options].tolist()
                rows["qa"].append(
                    {
                        "qid": next_id,
                        "vid_name": name,
                        "q": ("What is there?", "Who opens it?", "How many are there?", "Why?")[q % 4],
                        **{f"a{n}": text for n, text in enumerate(texts)},
                        "answer_idx": int(rng.integers(options)),
                        "ts": f"{start}-{end}",
                    }
                )
                next_id += 1
        for task, folder in FOLDERS.items():
            published = [row for row in rows[task] if row["vid_name"] in index[task][split]]
            reserve = [row for row in rows[task] if row["vid_name"] not in index[task][split]]
            if split == "test_public":
                files[f"held_out/{folder}/{split}.jsonl"] = jsonl(published)
                withheld = (HIDDEN if version == 2 else HIDDEN_IN_VERSION_1)[task]
                published = [{key: row[key] for key in row if key not in withheld} for row in published]
            files[f"{folder}/{split}.jsonl"] = jsonl(published)
            if reserve:
                files[f"held_out/{folder}/reserve.jsonl"] = jsonl(reserve)
    for task, folder in FOLDERS.items():
        if version == 2 or task == "moment":
            files[f"{folder}/video2dur_idx.json"] = json.dumps(index[task]).encode()
    files["subtitles.jsonl"] = jsonl(subtitles)
    return write_folder(root, files, name="small", seed=seed, held_out=held_out, version=version, hidden=hidden)


def write_folder(
    root: Path,
    files: dict[str, bytes],
    *,
    name: str,
    seed: int = 0,
    held_out: bool = True,
    version: int = 2,
    hidden: str = "sealed",
) -> Path:
    """The files and the manifests that list them; without held_out the copy that a participant has."""
    for path, raw in files.items():
        if held_out or not path.startswith("held_out/"):
            _write(root / path, raw)
    manifest: dict[str, Any] = {
        "format": f"hero-bench-release/{version}",
        "name": name,
        "version": "1.0.0",
        "seed": seed,
    }
    if version == 2:
        manifest["hidden"] = hidden
        secret = [entry(path, raw) for path, raw in sorted(files.items()) if path.startswith("held_out/")]
        inner = _canonical({"nonce": hashlib.sha256(b"nonce %d" % seed).hexdigest(), "files": secret})
        if held_out:
            _write(root / "held_out/MANIFEST.json", inner)
        files = {path: raw for path, raw in files.items() if not path.startswith("held_out/")}
        files["held_out/MANIFEST.json"] = inner
    manifest["files"] = [entry(path, raw) for path, raw in sorted(files.items())]
    _write(root / "MANIFEST.json", _canonical(manifest))
    return root


def entry(path: str, raw: bytes) -> dict[str, Any]:
    """The file's line in a manifest."""
    return {
        "path": path,
        "bytes": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "rows": raw.count(b"\n") if path.endswith(".jsonl") else None,
        "access": "held_out" if path.startswith("held_out/") else "public",
    }


def relist(root: Path, *manifests: str) -> Path:
    """Give the manifests (all) the sizes and hashes of the files as they lie there, as if they had been released so."""
    for name in manifests or ("held_out/MANIFEST.json", "MANIFEST.json"):
        if (root / name).exists():
            manifest = json.loads((root / name).read_text())
            manifest["files"] = [entry(line["path"], (root / line["path"]).read_bytes()) for line in manifest["files"]]
            _write(root / name, _canonical(manifest))
    return root


def edit_rows(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to every row of a jsonl file."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        change(row)
    path.write_bytes(jsonl(rows))


def _write(path: Path, raw: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)


def _canonical(value: object) -> bytes:
    return (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()


def jsonl(rows: Iterable[dict[str, Any]]) -> bytes:
    """One row a line."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()
