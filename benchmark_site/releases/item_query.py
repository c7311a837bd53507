"""A query over accepted items, as a release is asked for: words of their text, and `task:`, `type:`, `seconds:`.

`task:moment type:v seconds:5-30 "cutting board" or knife -onion`
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from annotation.models import Query

TASKS = ("moment", "qa")
_TOKEN = re.compile(r'-?"[^"]*"?|\S+')
_KEY = re.compile(r"([a-z]+):(\S*)")
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)?-(\d+(?:\.\d+)?)?", re.ASCII)


@dataclass
class ItemQuery:
    """What an item must be; what is empty asks nothing. `words` are those of a web search, seconds the segment's."""

    words: str = ""
    task: str = ""
    type: str = ""
    shortest: float = 0.0
    longest: float = math.inf


def parsed(text: str) -> ItemQuery:
    """Raises ValidationError that names the part and what was expected."""
    query, words = ItemQuery(), []
    seen: set[str] = set()
    for token in _TOKEN.findall(text):
        pair = _KEY.fullmatch(token)
        if pair is None:
            words.append(token)
            continue
        key, value = pair.groups()
        if key not in _PARTS:
            raise ValidationError(f"{token}: expected {', '.join(f'{name}:' for name in _PARTS)} or words")
        if key in seen:
            raise ValidationError(f"{token}: {key} stands twice")
        seen.add(key)
        _PARTS[key](query, value)
    query.words = " ".join(words)
    return query


def validate_item_query(text: str) -> None:
    """Raises ValidationError."""
    parsed(text)


def _task(query: ItemQuery, value: str) -> None:
    query.task = _one_of("task", value, TASKS)


def _type(query: ItemQuery, value: str) -> None:
    query.type = _one_of("type", value, Query.Type.values)


def _seconds(query: ItemQuery, value: str) -> None:
    found = _SECONDS.fullmatch(value)
    if found is None or not any(found.groups()):
        raise ValidationError(f"seconds:{value}: expected a range, as in seconds:5-30, seconds:5- or seconds:-30")
    query.shortest, query.longest = float(found[1] or 0), float(found[2] or math.inf)
    if query.shortest > query.longest:
        raise ValidationError(f"seconds:{value}: expected the shorter length first")


def _one_of(key: str, value: str, known: tuple[str, ...] | list[str]) -> str:
    if value not in known:
        raise ValidationError(f"{key}:{value}: expected one of {', '.join(known)}")
    return value


_PARTS = {"task": _task, "type": _type, "seconds": _seconds}
