"""A release directory of the tiny world, written as docs/release_format.md says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from tests.evaluation.small_release import FOLDERS, HIDDEN, HIDDEN_IN_VERSION_1, jsonl, write_folder

INTERVAL, FRAMES, FEATURES = 1.5, 8, 24
THINGS = ("red circle", "blue square", "green star", "white heart", "black ring", "yellow cross")
SPLITS = {"train": 8, "val": 3, "test_public": 6}


def write_release(root: Path, seed: int = 0, version: int = 2, shards: int = 1) -> Path:
    """Clips of 12 s; things appear one after another and are named in the subtitles; half the queries each.

    In version 2 the clips of test serve moments and questions in turn. Features lie in so many files.
    """
    rng = np.random.default_rng(seed)
    looks = {thing: rng.normal(size=FEATURES) for thing in THINGS}
    index: dict[str, dict[str, dict[str, list[float]]]] = {task: {split: {} for split in SPLITS} for task in FOLDERS}
    rows: dict[str, dict[str, list[Any]]] = {task: {split: [] for split in SPLITS} for task in FOLDERS}
    features, subtitles = {}, []
    for split, count in SPLITS.items():
        for _ in range(count):
            number = len(features)
            name = f"tiny-{number:02d}_0.00_12.00"
            served = list(FOLDERS) if version == 1 or split != "test_public" else [list(FOLDERS)[number % 2]]
            for task in served:
                index[task][split][name] = [12.0, number]
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
                rows["moment"][split].append(moment | {"type": "v"})
            wrong = [thing for thing in THINGS if thing not in shown][:3]
            question = {"vid_name": name, "q": "What comes first?", "answer_idx": 0, "ts": "0-6"}
            answers = {f"a{i}": thing for i, thing in enumerate([shown[0], *wrong])}
            rows["qa"][split].append(question | answers)
    files = {"subtitles.jsonl": jsonl(subtitles), "README.md": b"tiny\n", **feature_files(features, shards)}
    for task, folder in FOLDERS.items():
        if version == 2 or task == "moment":
            files[f"{folder}/video2dur_idx.json"] = json.dumps(index[task]).encode()
        files |= row_files(task, rows[task], index[task], version)
    return write_folder(root, files, name="tiny", seed=seed, version=version)


def feature_files(features: dict[str, Any], shards: int) -> dict[str, bytes]:
    metadata = {"model": "tiny", "interval_s": str(INTERVAL), "dim": str(FEATURES)}
    if shards == 1:
        return {"features/tiny.safetensors": save(features, metadata)}
    file_of = {name: f"tiny-{1 + n % shards:05}-of-{shards:05}.safetensors" for n, name in enumerate(features)}
    index = {"metadata": {"total_size": sum(array.nbytes for array in features.values())}, "weight_map": file_of}
    files = {"features/tiny.safetensors.index.json": json.dumps(index).encode()}
    for file in file_of.values():
        part = {name: array for name, array in features.items() if file_of[name] == file}
        files[f"features/{file}"] = save(part, metadata)
    return files


def row_files(
    task: str, rows: dict[str, list[Any]], index: dict[str, dict[str, list[float]]], version: int
) -> dict[str, bytes]:
    """The jsonl files of a task, numbered from 0."""
    key, folder, number = {"moment": "desc_id", "qa": "qid"}[task], FOLDERS[task], 0
    withheld = (HIDDEN if version == 2 else HIDDEN_IN_VERSION_1)[task]
    files: dict[str, bytes] = {}
    for split, entries in rows.items():
        numbered = [entry | {key: number + i} for i, entry in enumerate(entries)]
        number += len(entries)
        published = [entry for entry in numbered if entry["vid_name"] in index[split]]
        if split == "test_public":
            files[f"held_out/{folder}/{split}.jsonl"] = jsonl(published)
            if len(published) < len(numbered):
                files[f"held_out/{folder}/reserve.jsonl"] = jsonl([e for e in numbered if e not in published])
            published = [{k: v for k, v in entry.items() if k not in withheld} for entry in published]
        files[f"{folder}/{split}.jsonl"] = jsonl(published)
    return files
