"""Small raw folders as the field lays them out: annotations, index, subtitles, and two folders of npz files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

INTERVAL, FRAMES, SECONDS = 1.5, 8, 12.0
RESNET, SLOWFAST = 5, 3  # numbers a frame
SPLITS = {"train": 6, "val": 3, "test_public": 2}
THINGS = ("red circle", "blue square", "green star", "white heart", "black ring", "yellow cross")


def clips(split: str) -> list[str]:
    """The clips of a split, as TVR names them."""
    return [f"friends_s01e{list(SPLITS).index(split)}_seg02_clip_{n:02d}" for n in range(SPLITS[split])]


def features(name: str, dim: int, frames: int = FRAMES) -> NDArray[np.float32]:
    """What a model would give of a clip; the first frames are the same however many there are."""
    return np.random.default_rng([*name.encode(), dim]).normal(size=(frames, dim)).astype(np.float32)


def write_tv(root: Path) -> Path:
    """TVR's and TVQA's files, test without its truth; ResNet has a frame more than SlowFast, and float16."""
    index, number = {}, 500
    for split in SPLITS:
        index[split] = {}
        moments, questions = [], []
        for name in clips(split):
            index[split][name] = [SECONDS, number]
            number += 1
            shown = [THINGS[n] for n in np.random.default_rng(number).permutation(len(THINGS))]
            for place, thing in enumerate(shown[:2]):
                row: dict[str, Any] = {"desc": f"We see a {thing}.", "desc_id": 10 * number + place}
                told = {"vid_name": name, "duration": SECONDS, "ts": [6 * place, 6 * place + 6], "type": "v"}
                moments.append(row if split == "test_public" else told | row)
            options = {f"a{n}": thing for n, thing in enumerate(shown[:5])}
            asked = {"qid": number, "vid_name": name, "q": "What comes first?", "show_name": "Friends", **options}
            questions.append(asked if split == "test_public" else asked | {"answer_idx": 0, "ts": "0.5-6.25"})
            write_npz(root / "resnet_features/friends" / f"{name}.npz", features(name, RESNET, 9).astype(np.float16))
            write_npz(root / "slowfast_features/friends" / f"{name}.npz", features(name, SLOWFAST))
        write_lines(root / f"tvr_{split}_release.jsonl", moments)
        write_lines(root / f"tvqa_{split}.jsonl", questions)
    (root / "tvr_video2dur_idx.json").write_text(json.dumps(index))
    said = [{"text": f"Hello from {n}.", "start": 3.0 * n, "end": 3.0 * n + 2.5} for n in range(4)]
    everything = [name for split in SPLITS for name in clips(split)]
    write_lines(root / "tvqa_preprocessed_subtitles.jsonl", [{"vid_name": name, "sub": said} for name in everything])
    return root


def write_how2(root: Path) -> Path:
    """How2QA's CSV: clips are minutes of films, which the file does not name, and the right answer stands last."""
    for split, films in (("train", ["aaa", "bbb"]), ("val", ["ccc"])):
        lines = []
        for film in films:
            for begin in (0, 60):
                span = f"[{begin + 5}:{begin + 20}]"
                lines.append(f'{film},{span},"a cup, red",two,{begin},What is on the table of {film}?,a dog\n')
                write_npz(root / "clip_features" / f"{film}_{begin}_{begin + 60}.npz", features(film, 4, 40))
        (root / f"how2QA_{split}_release.csv").write_text("".join(lines))
    return root


def write_npz(path: Path, array: NDArray[Any], **others: Any) -> None:
    """As the authors save one, in the folder of its show."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, features=array, **others)


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def tvr(root: Path, out: Path, *more: object) -> list[str]:
    """The command that makes a release of TVR's files."""
    command = ["gather", out, "--interval", INTERVAL, "--video-index", root / "tvr_video2dur_idx.json"]
    command += ["--subtitles", root / "tvqa_preprocessed_subtitles.jsonl"]
    command += ["--features", root / "resnet_features", root / "slowfast_features"]
    for split in SPLITS:
        command += [f"--{split.removesuffix('_public')}", "tvr", root / f"tvr_{split}_release.jsonl"]
    return [str(part) for part in [*command, *more]]


def tvqa(root: Path) -> list[str]:
    """Its questions, for the same command."""
    files = [(split, str(root / f"tvqa_{split}.jsonl")) for split in SPLITS]
    return [part for split, file in files for part in (f"--{split.removesuffix('_public')}", "tvqa", file)]
