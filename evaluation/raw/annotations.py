"""The annotation files of a raw folder: the queries and questions of each split, in any form of the field."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evaluation.forms.records import Fault, Record
from evaluation.forms.table import FORMS, Form


@dataclass(frozen=True)
class Source:
    """An annotation file of a split ("train", "val" or "test"), in a form by its name in FORMS."""

    split: str
    form_name: str
    path: Path

    @property
    def form(self) -> Form:
        """How it is read."""
        return FORMS[self.form_name]


class Row(NamedTuple):
    """A query or question, and the file that it stands in."""

    source: Source
    record: Record


class Problem(NamedTuple):
    """What is wrong, and in which file; where its line is 0, with the file as a whole or the features of a video."""

    file: str
    fault: Fault


def read_rows(sources: Sequence[Source]) -> tuple[list[Row], list[Problem]]:
    """The rows of all files, in their order, no id twice in a split; what is wrong with others. Raises FormError."""
    rows: list[Row] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, type[Record], str], Source] = {}
    for source in sources:
        for found in source.form.read(source.path):
            if isinstance(found, Fault):
                problems.append(Problem(source.path.name, found))
                continue
            other = seen.setdefault((source.split, type(found), str(found.id)), source)
            if other is source:
                rows.append(Row(source, found))
            else:
                twice = Fault(found.line, "id", f"{found.id!r} a second time, first in {other.path.name}")
                problems.append(Problem(source.path.name, twice))
    return rows, problems
