"""Multiple-choice items: a row checked once and made an item, and an item made a row again.

Between the two, everything in this package takes and gives items.
"""

import dataclasses
import math
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from adversarial.data.errors import ItemError

MIN_OPTIONS, MAX_OPTIONS = 2, 8
MAX_UNWANTED = 100  # a question
MAX_DEPTH = 50  # lists and objects inside one another, far from where Python's own readers and writers give up

_SOURCES = ("correct", "human", "matched")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPR = reprlib.Repr()  # never looks at the whole of a large value
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60


@dataclass(frozen=True)
class Origin:
    """Where an option comes from; None is what nobody said. The fields are those of ``options`` in a row."""

    source: str | None = None  # correct, human (written) or matched (the right answer of another question)
    source_qid: str | int | None = None  # whose right answer a matched one is
    relevance: float | None = None  # P_rel(question, option), 0 to 1
    similarity: float | None = None  # P_sim(right answer, option), 0 to 1
    replaced: str | None = None  # the written answer that stood there


@dataclass(frozen=True)
class Item:
    """One question with its options; ``split`` is the row's ``fold`` (matching never leaves it).

    Where ``reserve`` is given, the fold is sealed: what is in the reserve lends right answers to what is not, and is
    neither changed nor given out.
    """

    qid: str | int
    video_id: str
    question: str
    answers: tuple[str, ...]
    answer_idx: int
    split: str
    reserve: bool | None = None
    origins: tuple[Origin, ...] = ()  # one for each of answers; none before anything is known of them
    fallback: str = ""  # why a written negative stayed that was to be replaced
    unwanted: tuple[str, ...] = ()  # wrong answers that a person refused: if written they go first, and none is lent
    annotator: str | int | None = None  # who wrote it, by any name; the audit never tests on whom it has learned from
    row: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False, compare=False)  # as it was read, if so

    @property
    def correct(self) -> str:
        return self.answers[self.answer_idx]

    @property
    def sort_key(self) -> tuple[bool, int, str]:
        """A total order over mixed int and str ids, so that the order of the input never matters."""
        number = self.qid if isinstance(self.qid, int) else 0
        return isinstance(self.qid, str), number, str(self.qid)


def item_of(row: Mapping[str, Any]) -> Item:
    """The item of a row that was checked before."""
    fallback = row.get("fallback")  # of an earlier match, or a field of the caller's
    return Item(
        qid=row["qid"],
        video_id=row["video_id"],
        question=row["question"],
        answers=tuple(row["answers"]),
        answer_idx=row["answer_idx"],
        split=str(row.get("fold", "")),
        reserve=row.get("reserve"),
        origins=tuple(_origin(entry) for entry in row.get("options") or ()),
        fallback=fallback if isinstance(fallback, str) else "",
        unwanted=tuple(row.get("unwanted") or ()),
        annotator=row.get("annotator"),
        row=row,
    )


def _origin(entry: Mapping[str, Any]) -> Origin:
    return Origin(*(entry.get(name) for name in ("source", "source_qid", "relevance", "similarity", "replaced")))


def row_of(item: Item) -> dict[str, Any]:
    """The row of an item: fields that were read beside it stay, and all stand in the order in which they were read."""
    row = {key: value for key, value in (item.row or _new_row(item)).items() if key != "fallback"}
    row["answers"], row["answer_idx"] = list(item.answers), item.answer_idx
    if item.origins:
        row["options"] = [_entry(origin) for origin in item.origins]
    if item.fallback:
        row["fallback"] = item.fallback
    return row


def _new_row(item: Item) -> dict[str, Any]:
    row = {name: getattr(item, name) for name in ("qid", "video_id", "question", "answers", "answer_idx")}
    if item.split:
        row["fold"] = item.split
    if item.reserve is not None:
        row["reserve"] = item.reserve
    if item.unwanted:
        row["unwanted"] = list(item.unwanted)
    if item.annotator is not None:
        row["annotator"] = item.annotator
    return row


def _entry(origin: Origin) -> dict[str, Any]:
    return {name: value for name, value in vars(origin).items() if value is not None}


def parse_rows(rows: Sequence[Mapping[str, Any]], where: str = "row", replace: int = 0) -> list[Item]:
    """Check every row and return its item, in the input's order; ``where`` and ``replace`` as in checked.

    Raises ItemError that names the row (``{where} 3``), the id and the field.
    """
    if not rows:
        raise ItemError("no questions: expected at least one row")
    return list(checked(enumerate(rows, 1), where, replace))


def checked(numbered: Iterable[tuple[int, Mapping[str, Any]]], where: str, replace: int = 0) -> Iterator[Item]:
    """The item of every numbered row, the rows checked one by one and against those before.

    With ``replace`` the rows are to be matched: none of them may be so already, and each must have as many wrong
    options. Raises ItemError that begins with ``{where} {number}`` and names the id and the field.
    """
    seen: dict[str | int, int] = {}
    labelled: bool | None = None
    for number, row in numbered:
        item = parse_row(row, f"{where} {number}")
        place = f"{where} {number} (qid {_brief(item.qid)})"
        if item.qid in seen:
            raise ItemError(f"{place}: field qid: was already used in {where} {seen[item.qid]}")
        if labelled is None:
            labelled = "fold" in row
        elif labelled != ("fold" in row):
            missing = "missing, though the rows before have" if labelled else "given, though the rows before lack"
            raise ItemError(f"{place}: field fold: {missing} it: expected in every row or in none")
        if replace and any(origin.source == "matched" for origin in item.origins):
            raise ItemError(f"{place}: field options: already matched; match the written questions")
        if len(item.answers) - 1 < replace:
            wrong = len(item.answers) - 1
            raise ItemError(
                f"{place}: field answers: has {wrong} wrong options, fewer than the {replace} to be replaced"
            )
        seen[item.qid] = number
        yield item


def parse_row(row: Mapping[str, Any], where: str) -> Item:
    """One checked row; raises ItemError that begins with ``where``."""
    if not isinstance(row, Mapping):
        raise ItemError(f"{where}: expected a JSON object, got {type(row).__name__}")
    qid = _qid(row.get("qid"), f"{where}: field qid")
    where = f"{where} (qid {_brief(qid)})"
    for check in (_check_writable, _check_texts, _check_answers, _check_options, _check_fold, _check_unwanted):
        check(row, where)
    return item_of(row)


def _check_writable(row: Mapping[str, Any], where: str) -> None:
    for field, value in row.items():
        name = field if isinstance(field, str) and field.isidentifier() else _brief(field)
        for part in (field, value):
            _refuse_unwritable(part, f"{where}: field {name}")


def _check_texts(row: Mapping[str, Any], where: str) -> None:
    for field in ("video_id", "question"):
        _text(row.get(field), f"{where}: field {field}")


def _check_answers(row: Mapping[str, Any], where: str) -> None:
    answers = row.get("answers")
    if not isinstance(answers, list | tuple) or not MIN_OPTIONS <= len(answers) <= MAX_OPTIONS:
        got = f"{len(answers)} options" if isinstance(answers, list | tuple) else _brief(answers)
        raise ItemError(f"{where}: field answers: expected {MIN_OPTIONS} to {MAX_OPTIONS} strings, got {got}")
    for position, answer in enumerate(answers):
        _text(answer, f"{where}: field answers[{position}]")
    index = row.get("answer_idx")
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(answers):
        raise ItemError(f"{where}: field answer_idx: expected 0 to {len(answers) - 1}, got {_brief(index)}")


def _check_options(row: Mapping[str, Any], where: str) -> None:
    """After _check_answers."""
    entries, count = row.get("options"), len(row["answers"])
    if entries is None:
        return
    if not isinstance(entries, list) or len(entries) != count:
        raise ItemError(f"{where}: field options: expected one object for each of the {count} answers")
    for position, entry in enumerate(entries):
        _check_option(entry, position == row["answer_idx"], f"{where}: field options[{position}]")


def _check_fold(row: Mapping[str, Any], where: str) -> None:
    split = row.get("fold", "")
    if isinstance(split, bool) or not isinstance(split, str | int):
        raise ItemError(f"{where}: field fold: expected a string or an integer, got {_brief(split)}")
    if "reserve" in row and not isinstance(row["reserve"], bool):
        raise ItemError(f"{where}: field reserve: expected true or false, got {_brief(row['reserve'])}")
    if row.get("annotator") is not None:
        _qid(row["annotator"], f"{where}: field annotator")


def _check_unwanted(row: Mapping[str, Any], where: str) -> None:
    unwanted = row.get("unwanted")
    if unwanted is None:
        return
    if not isinstance(unwanted, list | tuple) or len(unwanted) > MAX_UNWANTED:
        got = f"{len(unwanted)} of them" if isinstance(unwanted, list | tuple) else _brief(unwanted)
        raise ItemError(f"{where}: field unwanted: expected at most {MAX_UNWANTED} strings, got {got}")
    for position, answer in enumerate(unwanted):
        _text(answer, f"{where}: field unwanted[{position}]")


def _check_option(entry: object, correct: bool, where: str) -> None:
    """What matching says of one option, as far as it says anything."""
    if not isinstance(entry, Mapping):
        raise ItemError(f"{where}: expected an object, got {_brief(entry)}")
    if "source" in entry:
        source = entry["source"]
        if source not in _SOURCES or (source == "correct") != correct:
            wanted = "'correct' at answer_idx" if correct else "'human' or 'matched'"
            raise ItemError(f"{where}.source: expected {wanted}, got {_brief(source)}")
    if "source_qid" in entry:
        _qid(entry["source_qid"], f"{where}.source_qid")
    for field in ("relevance", "similarity"):
        share = entry.get(field, 0.0)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ItemError(f"{where}.{field}: expected a number from 0 to 1, got {_brief(share)}")
    if "replaced" in entry:
        _text(entry["replaced"], f"{where}.replaced")


def _brief(value: object) -> str:
    """A value in a message."""
    text = _REPR.repr(value)
    return text if len(text) <= 80 else text[:80] + "..."


def _qid(value: object, where: str) -> str | int:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ItemError(f"{where}: expected a non-empty string or an integer, got {_brief(value)}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ItemError(f"{where}: expected a non-blank string, got {_brief(value)}")
    return value


def _refuse_unwritable(value: object, where: str, depth: int = 0) -> None:
    """Raises ItemError for what JSON lines can say but a JSON file in UTF-8 cannot hold."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise ItemError(f"{where}: holds half of a surrogate pair, {_brief(value)}: expected Unicode text")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ItemError(f"{where}: {value} is no number that JSON knows")
    elif isinstance(value, Mapping | list | tuple):
        if depth > MAX_DEPTH:
            raise ItemError(f"{where}: lists and objects nested more than {MAX_DEPTH} deep")
        for part in chain(value, value.values()) if isinstance(value, Mapping) else value:
            _refuse_unwritable(part, where, depth + 1)
