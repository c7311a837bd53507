"""The plan of a match on files: questions dealt to one file a shard, so that any worker can take one."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from adversarial.data.errors import ItemError
from adversarial.data.jsonl import iterate_rows
from adversarial.data.schema import Item, checked, item_of
from adversarial.negatives import shard_folder
from adversarial.negatives.settings import MatchSettings
from adversarial.negatives.shards import MAX_SHARD, assign_shards
from evaluation.io.atomic import atomic_folder
from evaluation.io.digest import file_sha256
from evaluation.io.errors import refusing

_HELD = 2**26  # letters of rows in memory before they are dealt to the shards' files


class QuestionFile:
    """Questions in a file that may not fit into memory: read line by line each time they are gone through."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sha256(self) -> str:
        """Of the bytes. Raises ItemError where a second reading would find nothing."""
        if self._path.exists() and not self._path.is_file():
            raise ItemError(f"{self._path}: is read more than once, expected a regular file")
        return file_sha256(self._path)

    def checked(self, replace: int) -> Iterator[Item]:
        """Raises ItemError that names file and line for a row that cannot be matched."""
        return checked(iterate_rows(self._path), f"{self._path}: line", replace)

    def items(self) -> Iterator[Item]:
        """All of them once more, after checked."""
        return (item_of(row) for _, row in iterate_rows(self._path))

    def texts(self) -> Iterator[str]:
        """Their rows in JSON."""
        return (json.dumps(row, ensure_ascii=False) for _, row in iterate_rows(self._path))


class QuestionTable:
    """Questions in memory, checked by whoever made them items; each is put into JSON once."""

    def __init__(self, items: Sequence[Item]) -> None:
        if not items:
            raise ItemError("no questions: expected at least one")
        self._items = items
        self._texts = [shard_folder.text_of(item) for item in items]

    def sha256(self) -> str:
        """Of their rows."""
        return hashlib.sha256("\n".join(self._texts).encode()).hexdigest()

    def checked(self, replace: int) -> Iterator[Item]:
        """All of them; whether each has ``replace`` wrong options to give away, match_shard looks."""
        return iter(self._items)

    def items(self) -> Iterator[Item]:
        return iter(self._items)

    def texts(self) -> Iterator[str]:
        """Their rows in JSON."""
        return iter(self._texts)


@dataclass(frozen=True)
class Plan:
    """What plan.json holds: the input by its digest, how it was cut, and what every shard is matched with."""

    sha256: str
    max_fold: int
    settings: MatchSettings
    folds: int  # how many shards
    texts: str = ""  # the file of those that were encoded before, see likeness.Texts

    @classmethod
    def read(cls, work: Path) -> "Plan":
        """Raises ItemError, naming the file, where it was not written here, and FileNotFoundError where none lies."""
        path = work / "plan.json"
        found = shard_folder.read_object(path, "no plan of this program")
        with refusing(f"{path}: no plan of this program", ItemError):
            settings = MatchSettings(**found["settings"])
            plan = cls(found["sha256"], found["max_fold"], settings, found["folds"], found.get("texts", ""))
            range(plan.folds)  # raises unless it is a whole number
        return plan


def plan(
    questions: QuestionFile | QuestionTable,
    work: Path,
    settings: MatchSettings,
    max_fold: int = MAX_SHARD,
    texts: Path | None = None,
) -> int:
    """Cut the questions into shards under the folder ``work``; returns their number.

    ``texts`` is a file of texts that were encoded before by the model of ``settings``: every shard reads it.
    A folder that already holds this plan is taken as it is, so that a killed run goes on. Raises ItemError for bad
    rows, and where the folder holds another plan.
    """
    if work.exists() and not work.is_dir():
        raise ItemError(f"{work}: is no folder, expected one to keep the steps in")
    digest = questions.sha256()
    if (work / "plan.json").exists():
        found = Plan.read(work)
        if found != Plan(digest, max_fold, settings, found.folds, str(texts or "")):
            raise ItemError(f"{work}: holds the folds of another input or other settings: name another folder")
        return found.folds
    if next(work.glob("fold-[0-9]*"), None):
        raise ItemError(f"{work}: holds folds without their plan: name another folder, or empty this one")
    shards = _cut(questions, work, settings, max_fold)
    shard_folder.write_object(work / "plan.json", asdict(Plan(digest, max_fold, settings, shards, str(texts or ""))))
    return shards


def _cut(questions: QuestionFile | QuestionTable, work: Path, settings: MatchSettings, max_fold: int) -> int:
    """Deal the questions, a few fields of each in memory; the number of shards."""
    keys = [(item.split, item.video_id, item.reserve) for item in questions.checked(settings.replace)]
    reserved = {split for split, _, reserve in keys if reserve is not None}
    place = assign_shards([key[:2] for key in keys], max_fold, settings.seed, reserved).tolist()
    del keys
    work.mkdir(parents=True, exist_ok=True)
    with atomic_folder(work / shard_folder.ROWS, replace=True) as folder:
        _deal(questions.texts(), place, folder)
    return max(place) + 1


def _deal(texts: Iterable[str], place: Sequence[int], folder: Path) -> None:
    """Append every row to its shard's file, many rows at a time, so that one file is open and not one a shard."""
    held: dict[int, list[str]] = defaultdict(list)
    size = 0

    def append() -> None:
        for shard, lines in held.items():
            with (folder / shard_folder.input_name(shard)).open("a", encoding="utf-8") as out:
                out.writelines(lines)
        held.clear()

    for at, text in enumerate(texts):
        line = shard_folder.line_of(at, text)
        held[place[at]].append(line)
        size += len(line)
        if size >= _HELD:
            append()
            size = 0
    append()
