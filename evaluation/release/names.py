"""What the files of a release are called: nobody else spells a path of the format."""

import re
from collections import defaultdict
from collections.abc import Iterable

from evaluation.release.schema import ReleaseError, Task

FORMAT = "hero-bench-release/2"  # what is written
FORMATS = {"hero-bench-release/1": 1, FORMAT: 2}  # what is read
MANIFEST = "MANIFEST.json"
PROVENANCE = "PROVENANCE.json"
CARD = "README.md"
SUBTITLES = "subtitles.jsonl"
SUMS = "SHA256SUMS"  # for sha256sum -c
CROISSANT = "croissant.json"
DATASHEET = "DATASHEET.md"
CITATION = "CITATION.cff"
LICENCE = "LICENSE"
LICENCES = "licences.jsonl"
CHANGES = "CHANGES.md"
FEATURES = "features"  # the folder of the feature sets
HELD_OUT = "held_out"
HELD_OUT_MANIFEST = f"{HELD_OUT}/{MANIFEST}"
FOLDERS: dict[Task, str] = {"moment": "moment/tvr", "qa": "qa/value"}
DIFFICULTY = f"{HELD_OUT}/{FOLDERS['qa']}/difficulty.jsonl"
LENT = f"{HELD_OUT}/{FOLDERS['qa']}/lent.jsonl"
HALVES = f"{HELD_OUT}/halves.jsonl"
SPLITS = ("train", "val", "test")
TEST_PUBLIC = "test_public"  # what the field calls test inside its files

_FEATURES = re.compile(r"features/[\w.-]+\.safetensors(\.index\.json)?")
_SHARD = re.compile(r"features/([\w.-]+)-\d{5}-of-\d{5}\.safetensors", re.ASCII)


def split_key(split: str) -> str:
    """The split's name inside files. Raises ReleaseError for none of SPLITS."""
    if split not in SPLITS:
        raise ReleaseError(f"split {split!r} is unknown: expected one of {', '.join(SPLITS)}")
    return TEST_PUBLIC if split == "test" else split


def rows_name(task: Task, split: str) -> str:
    """Path of the rows that everybody gets. Raises ReleaseError for an unknown split."""
    return f"{FOLDERS[task]}/{split_key(split)}.jsonl"


def truth_name(task: Task) -> str:
    """Path of the published rows of test with their truth."""
    return f"{HELD_OUT}/{rows_name(task, 'test')}"


def reserve_name(task: Task) -> str:
    """Path of the rows that are published nowhere."""
    return f"{HELD_OUT}/{FOLDERS[task]}/reserve.jsonl"


def index_name(task: Task) -> str:
    """Path of the video index of a task."""
    return f"{FOLDERS[task]}/video2dur_idx.json"


def table_name(task: Task, split: str) -> str:
    """Path of the Parquet file of the rows that everybody gets."""
    return f"parquet/{task}/{split}.parquet"


def how2_name(task: Task, split: str) -> str:
    """Path of the rows in How2R's or How2QA's CSV."""
    return f"how2/{'how2R' if task == 'moment' else 'how2QA'}_{split}.csv"


def highlights_name(split: str) -> str:
    """Path of the queries in QVHighlights' JSON Lines. Raises ReleaseError for an unknown split."""
    return f"qvhighlights/{split_key(split)}.jsonl"


def features_name(name: str) -> str:
    """Path of a feature set, whose name may hold anything, as models' do."""
    return f"features/{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.safetensors"


def features_shard_name(name: str, number: int, of: int) -> str:
    """Path of a shard, counted from 1, of a feature set that is too large for one file."""
    return f"{features_name(name).removesuffix('.safetensors')}-{number:05}-of-{of:05}.safetensors"


def features_index_name(name: str) -> str:
    """Path of the file that says which shard of a feature set holds a clip."""
    return f"{features_name(name)}.index.json"


def feature_set_files(paths: Iterable[str]) -> dict[str, list[str]]:
    """Name of each feature set, sorted -> the paths of its .safetensors files: one, or the shards of its index."""
    known = sorted(paths)
    sets: dict[str, list[str]] = defaultdict(list)
    for path in filter(is_features, known):
        shard = _SHARD.fullmatch(path)
        alone = path.removeprefix("features/").removesuffix(".safetensors")
        sets[shard[1] if shard and features_index_name(shard[1]) in known else alone].append(path)
    return dict(sorted(sets.items()))


def is_features(path: str) -> bool:
    """Whether a path is that of a feature file."""
    return path.startswith(f"{FEATURES}/") and path.endswith(".safetensors")


def is_held_out(path: str) -> bool:
    """Whether what lies at a path is never handed out."""
    return path.startswith(f"{HELD_OUT}/")


def is_public(path: str) -> bool:
    """Whether the format knows a file of this path that is handed out."""
    return path in _PUBLIC or _FEATURES.fullmatch(path) is not None


_PUBLIC = {
    *(MANIFEST, PROVENANCE, CARD, SUBTITLES, SUMS, CROISSANT, DATASHEET, CITATION, LICENCE, LICENCES, CHANGES),
    *(index_name(task) for task in FOLDERS),
    *(name(task, split) for name in (rows_name, table_name, how2_name) for task in FOLDERS for split in SPLITS),
    *map(highlights_name, SPLITS),
}
