"""Moment predictions in JSON and JSONL, streamed through a window into `RankedLists`.

One JSON object (the field's forms: TVR with "video2idx", VALUE without), or JSONL of entries with a "task" key.
"""

import json
import math
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.ranked_lists import RETRIEVAL_TASKS, RankedLists
from evaluation.predictions.errors import Findings, PredictionError, Problem
from evaluation.predictions.file import PredictionFile
from evaluation.predictions.ids import QueryIds
from evaluation.predictions.json import scanner, strings
from evaluation.predictions.json.number import MORE
from evaluation.predictions.json.scanner import Columns, Progress, Window
from evaluation.predictions.windows import window_lists
from evaluation.release import VideoIndex

WINDOW = 4 << 20  # bytes; one query's entry must fit
ROWS_AT_ONCE = 1 << 18
ENTRIES_AT_ONCE = 1 << 15
FIXES_AT_ONCE = 1 << 14
COLUMN_NAMES = ("video idx", "start", "end", "score")
TOP_KEYS = ("video2idx", *RETRIEVAL_TASKS)
WINDOWS_KEYS = ("qid", "query", "vid", "pred_relevant_windows", "pred_saliency_scores")
ENTRY_KEYS = ("desc_id", "desc", "predictions", "task")

MESSAGES = {
    strings.BAD_BYTE: "not JSON of the expected form",
    scanner.BAD_KEY: "unknown key: expected desc_id, desc, predictions (and task in JSONL)",
    scanner.REPEATED_KEY: "key a second time in one entry",
    scanner.MISSING_KEY: "entry lacks desc_id or predictions (or task in JSONL)",
    strings.BAD_STRING: "expected a JSON string without control characters",
    strings.BAD_UTF8: "not UTF-8",
    strings.BAD_ESCAPE: "bad escape in a string (a lone surrogate, or no escape at all)",
    scanner.LONG_NUMBER: "number of more than 400 characters",
    scanner.MIXED_ROWS: "rows of different lengths: expected the same number of items in every row of a task",
    scanner.TOO_MANY_ROWS: f"more than {scanner.MOST_ROWS} rows",
    scanner.BAD_TASK: "unknown task: expected one of VCMR, SVMR, VR",
    scanner.EXPECTED_ENTRY: 'expected an entry {"desc_id": …, "predictions": …}',
    scanner.EXPECTED_COMMA: "expected , or ] after an entry",
}


class MomentJsonReader:
    """Reads one source. Raises PredictionError at the first byte that is not of the form."""

    def __init__(self, source: PredictionFile, videos: VideoIndex | None, findings: Findings, ids: QueryIds) -> None:
        self.source, self.videos, self.findings, self.ids = source, videos, findings, ids
        self.buffer = np.empty(WINDOW, np.uint8)
        self.at = self.end = self.offset = 0  # window [at, end); `offset` bytes of the text lie before the buffer
        self.progress = Progress(np.zeros(scanner.WIDTHS + len(RETRIEVAL_TASKS), np.int64), np.zeros(6, np.int64))
        self.columns = Columns(
            desc_ids=np.empty(ENTRIES_AT_ONCE, np.int64),
            text_ids=np.zeros((ENTRIES_AT_ONCE, 2), np.int64),
            tasks=np.empty(ENTRIES_AT_ONCE, np.int8),
            lengths=np.empty(ENTRIES_AT_ONCE, np.int64),
            video=np.empty(ROWS_AT_ONCE, np.int64),
            floats=np.empty((3, ROWS_AT_ONCE), np.float64),
            fixes=np.empty((FIXES_AT_ONCE, 4), np.int64),
        )

    def lists(self) -> Iterator[RankedLists]:
        """The lists in file order; their arrays are overwritten when the next are read."""
        self._start()
        if self._next() != ord("{"):
            self._refuse('expected one JSON object {"VCMR": […], …}, or JSONL')
        first_key = self._first_key()
        if first_key in ENTRY_KEYS:
            yield from self._entries(task=-1)
            return
        if first_key in WINDOWS_KEYS and self.videos is not None:
            yield from window_lists(self._lines(), self.videos, self.findings, self.ids)
            return
        self.at += 1
        yield from self._members()
        if self._next() is not None:
            self._refuse("something follows the end of the JSON object")

    def _first_key(self) -> str | None:
        """The first key of the object that begins here, which tells lines of JSONL; None where there is none."""
        while True:
            key = strings.skip_blank(self.buffer, self.at + 1, self.end)
            if key < self.end:
                if self.buffer[key] != ord('"'):
                    return None
                after = strings.string_end(self.buffer, key + 1, self.end)
                if after > 0:
                    first: str = json.loads(bytes(self.buffer[key:after]).decode())
                    return first
                if after != -MORE:
                    return None
            if not self._refill():
                return None

    def _lines(self) -> Iterator[bytes]:
        """The lines from here to the end of the file, each within the window."""
        more = True
        while more:
            text = bytes(self.buffer[self.at : self.end])
            whole = text.rfind(b"\n") + 1
            yield from text[:whole].split(b"\n")[:-1]
            self.at += whole
            more = self._refill()
        yield bytes(self.buffer[self.at : self.end])

    def _members(self) -> Iterator[RankedLists]:
        """The keys and values of the outer object, whose brace was passed."""
        seen: set[str] = set()
        if self._next() == ord("}"):
            self.at += 1
            return
        while True:
            if self._next() != ord('"'):
                self._refuse("expected a key in quotes")
            begin = self.at
            key = self._string()
            if key not in TOP_KEYS or key in seen:
                self.at = begin
                what = "a second time" if key in seen else f"is unknown: expected one of {', '.join(TOP_KEYS)}"
                self._refuse(f"key {key[:40]!r} {what}")
            seen.add(key)
            self._expect(":")
            if key == "video2idx":
                self._check_video_index()
            else:
                if self._next() != ord("["):
                    self._refuse("expected an array of entries", task=key)
                self.at += 1
                yield from self._entries(RETRIEVAL_TASKS.index(key))
                self._check_width(key)
            if self._next() == ord("}"):
                self.at += 1
                break
            self._expect(",")
        if "video2idx" in seen:
            for key in seen & set(RETRIEVAL_TASKS):
                if self.progress.state[scanner.WIDTHS + RETRIEVAL_TASKS.index(key)] not in (0, 4):
                    self.findings.refuse("rows are not [video_idx, start, end, score]: expected 4 items", task=key)

    def _entries(self, task: int) -> Iterator[RankedLists]:
        """Entries of one array (task 0..2, closing bracket included), or of JSONL to its end (task -1)."""
        lines = task < 0
        self.progress.state[scanner.STARTED] = 0
        while True:
            window = Window(self.buffer, self.end, lines)
            status = scanner.scan(window, self.at, task, self.progress, self.columns)
            self._finish_numbers()
            self.at = int(self.progress.context[scanner.AT]) if status < strings.BAD_BYTE else self.at
            yield from self._take()
            if status == scanner.CLOSED:
                return
            if status == scanner.NEED_MORE:
                if not self._refill():
                    if lines and self.at == self.end:
                        for name in RETRIEVAL_TASKS:
                            self._check_width(name)
                        return
                    self._refuse_context("the file ends in the middle of the predictions (truncated?)")
            elif status != scanner.FULL:
                self._refuse_scan(status)

    def _take(self) -> Iterator[RankedLists]:
        """What the columns hold, as one `RankedLists` per task; empties them."""
        entries, rows = int(self.progress.state[scanner.ENTRIES]), int(self.progress.state[scanner.ROWS])
        self.progress.state[scanner.ENTRIES] = self.progress.state[scanner.ROWS] = 0
        if not entries:
            return
        codes = self.columns.tasks[:entries]
        self._resolve_ids(codes)
        lengths = self.columns.lengths[:entries]
        for code in np.unique(codes).tolist():
            mine = codes == code
            part = slice(0, rows) if mine.all() else np.flatnonzero(np.repeat(mine, lengths))
            start, end, score = self.columns.floats[:, :rows][:, part]
            yield RankedLists(
                task=RETRIEVAL_TASKS[code],
                desc_ids=self.columns.desc_ids[:entries][mine],
                offsets=np.concatenate([[0], np.cumsum(lengths[mine])]),
                video=self.columns.video[:rows][part],
                start=start,
                end=end,
                score=score,
                has_score=int(self.progress.state[scanner.WIDTHS + code]) == 4,
            )

    def _resolve_ids(self, codes: NDArray[np.int8]) -> None:
        """Put numbers for the ids that are texts, and for all where the truth's are."""
        texts = self.columns.text_ids[: len(codes)]
        for entry in range(len(codes)) if self.ids.names else np.flatnonzero(texts[:, 1]).tolist():
            begin, after = texts[entry].tolist()
            task = RETRIEVAL_TASKS[codes[entry]]
            self.columns.desc_ids[entry] = (
                self.ids.of_text(json.loads(bytes(self.buffer[begin:after]).decode()), task)
                if after
                else self.ids.of_number(int(self.columns.desc_ids[entry]), task)
            )

    def _finish_numbers(self) -> None:
        """Let float() convert what the scanner could not, and refuse what is beyond float64."""
        for row, column, begin, end in self.columns.fixes[: self.progress.state[scanner.FIXES]].tolist():
            value = float(bytes(self.buffer[begin:end]))
            if math.isinf(value):
                ends = np.cumsum(self.columns.lengths[: self.progress.state[scanner.ENTRIES]])
                entry = int(np.searchsorted(ends, row, side="right"))
                first = int(ends[entry - 1]) if entry else 0
                self.findings.refuse(
                    f"{COLUMN_NAMES[column + 1]} {self._excerpt(begin)!r} is beyond float64",
                    task=RETRIEVAL_TASKS[self.columns.tasks[entry]],
                    id=int(self.columns.desc_ids[entry]),
                    row=row - first,
                    column=column + 1,
                )
                self.findings.raise_if_any()
            self.columns.floats[column, row] = value
        self.progress.state[scanner.FIXES] = 0

    def _check_width(self, task: str) -> None:
        if task != "VR" and self.progress.state[scanner.WIDTHS + RETRIEVAL_TASKS.index(task)] == 1:
            self._refuse("rows are bare numbers: expected [video_idx, start, end, score]", task=task)

    def _check_video_index(self) -> None:
        """The submitter's video2idx is never used; where it contradicts the release's the rows mean something else."""
        if self._next() != ord("{"):
            self._refuse('video2idx: expected an object {"vid_name": idx}')
        while True:
            after = strings.flat_object_end(self.buffer, self.at + 1, self.end)
            if after > 0:
                break
            if after != -MORE or not self._refill():
                self._refuse("video2idx is not an object of names and numbers, or does not end")
        try:
            pairs = json.loads(
                bytes(self.buffer[self.at : after]).decode(), object_pairs_hook=list, parse_constant=_no_constant
            )
        except ValueError as error:
            self._refuse(f"video2idx: {error}")
        self.at = after
        ours = self.videos.id_of if self.videos else {}
        seen: set[str] = set()
        for name, idx in pairs:
            if name in seen:
                self.findings.refuse(f"video2idx: {name[:80]!r} a second time")
            elif type(idx) is not int:
                self.findings.refuse(f"video2idx: idx of {name[:80]!r} is {str(idx)[:20]!r}: expected a whole number")
            elif ours.get(name, idx) != idx:
                self.findings.refuse(f"video2idx: idx of {name[:80]!r} is {idx}, the video index has {ours[name]}")
            seen.add(name)

    def _start(self) -> None:
        self._refill()
        head = bytes(self.buffer[: min(self.end, 4)])
        if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head:
            self._refuse("looks like UTF-16 or UTF-32: expected UTF-8")
        if head[:3] == b"\xef\xbb\xbf":
            self.findings.note("byte_order_mark", 1)
            self.at = 3
        if self._next() is None:
            self._refuse("empty file")

    def _refill(self) -> bool:
        """Move what is left to the front and read on; False where nothing more came or the window is full."""
        left = self.end - self.at
        if self.at:
            self.buffer[:left] = self.buffer[self.at : self.end]
            self.offset += self.at
            self.at, self.end = 0, left
        if self.end == WINDOW:
            self._refuse_context(f"one query's entry is larger than {WINDOW} bytes")
        count = self.source.readinto(self.buffer[self.end :].data)
        self.end += count
        return count > 0

    def _next(self) -> int | None:
        """The next byte that is not blank, not passed yet; None at the end of the file."""
        while True:
            self.at = strings.skip_blank(self.buffer, self.at, self.end)
            if self.at < self.end:
                return int(self.buffer[self.at])
            if not self._refill():
                return None

    def _expect(self, character: str) -> None:
        if self._next() != ord(character):
            self._refuse(f"expected {character}")
        self.at += 1

    def _string(self) -> str:
        """Pass and return the string whose opening quote is the next byte."""
        while True:
            after = strings.string_end(self.buffer, self.at + 1, self.end)
            if after > 0:
                text: str = json.loads(bytes(self.buffer[self.at : after]).decode())
                self.at = after
                return text
            if after != -MORE or not self._refill():
                self._refuse("expected a JSON string")

    def _excerpt(self, at: int) -> str:
        """What stands at `at`, for a message: up to the next separator, at most 24 characters."""
        text = bytes(self.buffer[at : min(self.end, at + 24)]).decode("utf-8", "replace")
        for stop in ",]}\n ":
            text = text.split(stop)[0] or text[:1]
        return text

    def _refuse(self, message: str, task: str | None = None) -> NoReturn:
        found = "" if self.at >= self.end else f", found {self._excerpt(self.at)!r}"
        place = f"{message}{found} (byte {self.offset + self.at})"
        raise PredictionError([*self.findings.problems, Problem(self.source.name, task, None, None, None, place)])

    def _refuse_scan(self, status: int) -> NoReturn:
        at = int(self.progress.context[scanner.AT])
        found, column = self._excerpt(at), int(self.progress.context[scanner.COLUMN])
        if status == scanner.BAD_NUMBER:
            message = f"{COLUMN_NAMES[column]} is {_describe(found)}: expected a number"
        elif status in (scanner.NOT_AN_INTEGER, scanner.LONG_INTEGER) and column >= 0:
            message = f"video idx {found} is not a video of this split: expected a whole number"
        elif status in (scanner.NOT_AN_INTEGER, scanner.LONG_INTEGER):
            message = f"desc_id is {_describe(found)}: expected a whole number of at most 18 digits"
        elif status == scanner.ROW_LENGTH:
            message = f"row of {column + (column < 4)} items: expected [video_idx, start, end, score]"
            if column == 4:
                message = "row of more than 4 items: expected [video_idx, start, end, score]"
        else:
            message = f"{MESSAGES[status]}, found {found!r}"
        self._refuse_context(message, self.offset + at)

    def _refuse_context(self, message: str, at: int | None = None) -> NoReturn:
        row, column, have_id = (int(self.progress.context[n]) for n in (scanner.ROW, scanner.COLUMN, scanner.HAVE_ID))
        task = int(self.progress.context[scanner.TASK])
        problem = Problem(
            self.source.name,
            RETRIEVAL_TASKS[task] if task >= 0 else None,
            self._id_at(have_id),
            row if row >= 0 else None,
            column if column >= 0 else None,
            f"{message} (byte {self.offset + self.end if at is None else at})",
        )
        raise PredictionError([*self.findings.problems, problem])

    def _id_at(self, kind: int) -> int | str | None:
        """The id of the entry at which the scanner stopped, as it stands there."""
        value = int(self.progress.context[scanner.DESC_ID])
        if kind == scanner.TEXT_ID:
            after = strings.string_end(self.buffer, value + 1, self.end)
            return repr(json.loads(bytes(self.buffer[value:after]).decode())[:80])[1:-1]
        return value if kind == scanner.NUMBER_ID else None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _describe(found: str) -> str:
    """Name the kind of a value that is not a number."""
    kinds = {'"': "a text", "[": "an array", "{": "an object", "n": "null", "t": "a boolean", "f": "a boolean"}
    return f"{kinds[found[0]]} ({found})" if found and found[0] in kinds else repr(found)
