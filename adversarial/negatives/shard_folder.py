"""The folder of a match on files: what lies where, and how a question stands in it.

A line is ``[place in the input, row]``, so that the shards' lines are joined again without reading their rows. The
files call a shard a fold.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from adversarial.data.errors import ItemError
from adversarial.data.paths import write_output
from adversarial.data.schema import Item, item_of, row_of
from evaluation.io.errors import refusing

ROWS = "fold-rows"  # the folder of the shards' input; a killed plan is made anew


def input_name(shard: int) -> str:
    return f"fold-{shard:05}.jsonl"


def output(work: Path, shard: int) -> Path:
    return work / f"fold-{shard:05}.out.jsonl"


def done(work: Path, shard: int) -> Path:
    """The shard's numbers, written last: where they lie the shard is done."""
    return work / f"fold-{shard:05}.json"


def line_of(place: int, text: str) -> str:
    """A line of a shard's file; ``text`` is the row in JSON."""
    return f"[{place}, {text}]\n"


def place_and_text(line: bytes) -> tuple[int, bytes]:
    """What line_of was given, the text in UTF-8."""
    place, _, text = line.partition(b", ")
    return int(place[1:]), text[:-2]


def read_items(path: Path) -> list[tuple[int, Item]]:
    """(place, item) of every line, checked before it was written. Raises ItemError, naming the file, if broken."""
    with path.open("rb") as lines, refusing(f"{path}: broken, name another folder", ItemError):
        return [(place, item_of(row)) for place, row in map(json.loads, lines)]


def write_items(path: Path, items: Iterable[tuple[int, Item]]) -> None:
    """One line each, whole or not at all."""
    write_output(path, (line_of(place, text_of(item)).encode() for place, item in items))


def text_of(item: Item) -> str:
    """The item's row in JSON."""
    return json.dumps(row_of(item), ensure_ascii=False)


def read_object(path: Path, otherwise: str) -> dict[str, Any]:
    """The JSON object in a file; raises ItemError with ``otherwise`` where it holds none."""
    content = path.read_bytes()
    with refusing(f"{path}: {otherwise}", ItemError):
        found: dict[str, Any] = json.loads(content)
    return found


def write_object(path: Path, content: dict[str, Any]) -> None:
    """Indented, whole or not at all."""
    write_output(path, [json.dumps(content, indent=1).encode(), b"\n"])
