"""The scanner of moment predictions: a strict JSON parser for exactly this shape, over bytes, into columns.

It reads the entries {"desc_id": int, "desc": string, "predictions": [...]} of one task's array, or the lines of
JSONL with a "task" key, and nothing else: every other byte is an error with its place. It stops before an entry that
the buffer does not hold to its end, so a file of any size passes through a window.
"""

from typing import NamedTuple

import numpy as np

from evaluation.kernels.aot import helper, kernel
from evaluation.kernels.types import Bytes, Float64Table, Int8s, Int64s, Int64Table
from evaluation.predictions.json.number import INEXACT, MORE, OK, TOO_LONG, read_number
from evaluation.predictions.json.strings import BAD_BYTE, BAD_STRING, skip_blank, skip_string, starts_with

MOST_ROWS = 1000  # longer lists are refused: they cannot be meant, and they bound memory

# what scan() returns
NEED_MORE = 0  # the window ends before the next entry does
FULL = 1  # the columns are full
CLOSED = 2  # the array's bracket was passed
# BAD_BYTE (10) and on are errors; scan() leaves their place in `context`
BAD_KEY = 11
REPEATED_KEY = 12
MISSING_KEY = 13
BAD_NUMBER = 17
NOT_AN_INTEGER = 18
LONG_NUMBER = 19
LONG_INTEGER = 20
ROW_LENGTH = 21
MIXED_ROWS = 22
TOO_MANY_ROWS = 23
BAD_TASK = 24
EXPECTED_ENTRY = 25
EXPECTED_COMMA = 26

# `context`: what the scanner was at when it stopped
AT, ROW, COLUMN, DESC_ID, TASK, HAVE_ID = range(6)
NO_ID, NUMBER_ID, TEXT_ID = range(3)  # of HAVE_ID; DESC_ID is the number, or the first byte of the text
# `state`: kept between calls
ENTRIES, ROWS, FIXES, STARTED = range(4)
WIDTHS = 4  # .. 6: items a row of each task has, 0 before the first (1: a bare video idx)

DESC_ID_KEY, DESC_KEY, PREDICTIONS_KEY, TASK_KEY = 1, 2, 4, 8


class Window(NamedTuple):
    """The bytes before `end` that have been read; with `lines` they are JSONL."""

    buffer: Bytes
    end: int
    lines: bool


class Progress(NamedTuple):
    """What is kept between calls, and what the scanner was at when it stopped: places are named above."""

    state: Int64s
    context: Int64s


class Columns(NamedTuple):
    """What was read: E entries with the lengths of their lists, R rows, and numbers left for float().

    `floats` [3, R] are start, end, score; a row of `fixes` is (row, column, first byte, byte after). A row of
    `text_ids` [E, 2] is (first byte, byte after) of an id that stands there as a text, (0, 0) where it is a number.
    """

    desc_ids: Int64s
    text_ids: Int64Table
    tasks: Int8s
    lengths: Int64s
    video: Int64s
    floats: Float64Table
    fixes: Int64Table


def _bytes(text: str) -> Bytes:
    return np.frombuffer(text.encode(), np.uint8)


DESC_ID_TEXT, DESC_TEXT = _bytes('desc_id"'), _bytes('desc"')
PREDICTIONS_TEXT, TASK_TEXT = _bytes('predictions"'), _bytes('task"')
VCMR_TEXT, SVMR_TEXT, VR_TEXT = _bytes('"VCMR"'), _bytes('"SVMR"'), _bytes('"VR"')


@helper
def key_at(window: Window, at: int) -> tuple[int, int]:
    """(key, place after its closing quote); key 0 is an unknown one, -1 an early end."""
    for key, text in (
        (DESC_ID_KEY, DESC_ID_TEXT),
        (DESC_KEY, DESC_TEXT),
        (PREDICTIONS_KEY, PREDICTIONS_TEXT),
        (TASK_KEY, TASK_TEXT),
    ):
        if key == TASK_KEY and not window.lines:
            continue
        found = starts_with(window.buffer, at, window.end, text)
        if found < 0:
            return -1, at
        if found:
            return key, at + len(text)
    return 0, at


@helper
def task_at(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    """(place in RETRIEVAL_TASKS of the task string at `at`, place after it); -1 is none of them, -2 an early end."""
    for code, text in ((0, VCMR_TEXT), (1, SVMR_TEXT), (2, VR_TEXT)):
        found = starts_with(buffer, at, end, text)
        if found < 0:
            return -2, at
        if found:
            return code, at + len(text)
    return -1, at


@helper
def stopped(context: Int64s, status: int, at: int) -> int:
    """Leave the place in `context` and hand the status on."""
    context[AT] = at
    return status


@helper
def scan_rows(window: Window, at: int, progress: Progress, columns: Columns) -> tuple[int, int, int]:
    """(status, place after the closing bracket, items a row) of the rows whose opening bracket stands before `at`.

    Rows go to state[ROWS] and on; `columns.floats` [3, R] takes start, end, score. A number that needs float() leaves
    (row, column, first byte, byte after) in `columns.fixes`.
    """
    buffer, end, (state, context) = window.buffer, window.end, progress
    first, row, width = state[ROWS], state[ROWS], 0
    at = skip_blank(buffer, at, end)
    if at < end and buffer[at] == 93:
        return OK, at + 1, 0
    while True:
        context[ROW], context[COLUMN] = row - first, -1
        if at == end:
            return MORE, at, width
        if row - first == MOST_ROWS:
            return stopped(context, TOO_MANY_ROWS, at), at, width
        bare = buffer[at] != 91
        column = 0
        if not bare:
            at = skip_blank(buffer, at + 1, end)
        while True:
            context[COLUMN] = column
            if at == end:
                return MORE, at, width
            if buffer[at] == 93 and not bare and column == 0:
                context[COLUMN] = -1
                return stopped(context, ROW_LENGTH, at), at, width
            if column == 4:
                return stopped(context, ROW_LENGTH, at), at, width
            begin = at
            status, at, whole, value, integer = read_number(buffer, at, end)
            if status == MORE:
                return MORE, at, width
            if status == TOO_LONG:
                return stopped(context, LONG_NUMBER, begin), at, width
            if status != OK and status != INEXACT:
                return stopped(context, BAD_NUMBER, begin), at, width
            if column == 0:
                if not whole:
                    return stopped(context, NOT_AN_INTEGER, begin), at, width
                if integer < 0:
                    return stopped(context, LONG_INTEGER, begin), at, width
                columns.video[row] = integer
            else:
                columns.floats[column - 1, row] = value
                if status == INEXACT:
                    n = state[FIXES]
                    fix = columns.fixes[n]
                    fix[0], fix[1], fix[2], fix[3] = row, column - 1, begin, at
                    state[FIXES] = n + 1
            column += 1
            if bare:
                break
            at = skip_blank(buffer, at, end)
            if at == end:
                return MORE, at, width
            if buffer[at] == 93:
                at += 1
                break
            if buffer[at] != 44:
                return stopped(context, BAD_BYTE, at), at, width
            at = skip_blank(buffer, at + 1, end)
        if column == 2:
            return stopped(context, ROW_LENGTH, at - 1), at, width
        if column < 4:
            columns.floats[2, row] = 0.0
            if column == 1:
                if not bare:
                    return stopped(context, ROW_LENGTH, at - 1), at, width
                columns.floats[0, row] = 0.0
                columns.floats[1, row] = 0.0
        if width == 0:
            width = column
        elif width != column:
            return stopped(context, MIXED_ROWS, at - 1), at, width
        row += 1
        at = skip_blank(buffer, at, end)
        if at == end:
            return MORE, at, width
        if buffer[at] == 93:
            state[ROWS] = row
            return OK, at + 1, width
        if buffer[at] != 44:
            return stopped(context, BAD_BYTE, at), at, width
        at = skip_blank(buffer, at + 1, end)


@helper
def scan_entry(window: Window, at: int, task: int, progress: Progress, columns: Columns) -> tuple[int, int]:
    """(status, place after the closing brace) of the entry at `at` < end."""
    buffer, end, (state, context) = window.buffer, window.end, progress
    if buffer[at] != 123:
        return stopped(context, EXPECTED_ENTRY, at), at
    seen, width, before = 0, 0, state[ROWS]
    at = skip_blank(buffer, at + 1, end)
    while True:
        context[ROW], context[COLUMN] = -1, -1
        if at == end:
            return MORE, at
        if buffer[at] != 34:
            return stopped(context, BAD_BYTE, at), at
        key, after = key_at(window, at + 1)
        if key < 0:
            return MORE, at
        if key == 0:
            status, _ = skip_string(buffer, at + 1, end)
            return (MORE if status == MORE else stopped(context, BAD_KEY, at)), at
        if seen & key:
            return stopped(context, REPEATED_KEY, at), at
        seen |= key
        at = skip_blank(buffer, after, end)
        if at == end:
            return MORE, at
        if buffer[at] != 58:
            return stopped(context, BAD_BYTE, at), at
        at = skip_blank(buffer, at + 1, end)
        if at == end:
            return MORE, at
        begin = at
        if key == DESC_ID_KEY and buffer[at] == 34:
            status, at = skip_string(buffer, at + 1, end)
            if status == MORE:
                return MORE, at
            if status != OK:
                return stopped(context, status, at), at
            columns.text_ids[state[ENTRIES], 0], columns.text_ids[state[ENTRIES], 1] = begin, at
            context[DESC_ID], context[HAVE_ID] = begin, TEXT_ID
        elif key == DESC_ID_KEY:
            status, at, whole, _, integer = read_number(buffer, at, end)
            if status == MORE:
                return MORE, at
            if status == TOO_LONG:
                return stopped(context, LONG_NUMBER, begin), at
            if (status != OK and status != INEXACT) or not whole:
                return stopped(context, NOT_AN_INTEGER, begin), at
            if integer < 0:
                return stopped(context, LONG_INTEGER, begin), at
            columns.desc_ids[state[ENTRIES]] = integer
            columns.text_ids[state[ENTRIES], 0], columns.text_ids[state[ENTRIES], 1] = 0, 0
            context[DESC_ID], context[HAVE_ID] = integer, NUMBER_ID
        elif key == DESC_KEY:
            if buffer[at] != 34:
                return stopped(context, BAD_STRING, at), at
            status, at = skip_string(buffer, at + 1, end)
            if status == MORE:
                return MORE, at
            if status != OK:
                return stopped(context, status, at), at
        elif key == PREDICTIONS_KEY:
            if buffer[at] != 91:
                return stopped(context, BAD_BYTE, at), at
            status, at, width = scan_rows(window, at + 1, progress, columns)
            if status != OK:
                return status, at
        else:
            task, at = task_at(buffer, at, end)
            if task == -2:
                return MORE, at
            if task == -1:
                return stopped(context, BAD_TASK, begin), at
            context[TASK] = task
        at = skip_blank(buffer, at, end)
        if at == end:
            return MORE, at
        if buffer[at] == 125:
            break
        if buffer[at] != 44:
            return stopped(context, BAD_BYTE, at), at
        at = skip_blank(buffer, at + 1, end)
    context[ROW], context[COLUMN] = -1, -1
    needed = DESC_ID_KEY | PREDICTIONS_KEY | (TASK_KEY if window.lines else 0)
    if seen & needed != needed:
        return stopped(context, MISSING_KEY, at), at
    if width:
        if state[WIDTHS + task] == 0:
            state[WIDTHS + task] = width
        elif state[WIDTHS + task] != width:
            return stopped(context, MIXED_ROWS, at), at
    columns.tasks[state[ENTRIES]] = task
    columns.lengths[state[ENTRIES]] = state[ROWS] - before
    state[ENTRIES] += 1
    return OK, at + 1


@kernel
def scan(window: Window, at: int, task: int, progress: Progress, columns: Columns) -> int:
    """Read entries from `at` until the window, the columns or the array end; returns a status.

    context[AT] is where it stopped; after NEED_MORE and FULL the next call must begin there, with the entry still
    whole in the window. Entries of JSONL stand one after another and name their task; else `task` is the array's code.
    """
    buffer, end, (state, context) = window.buffer, window.end, progress
    while True:
        context[ROW], context[COLUMN], context[HAVE_ID], context[TASK] = -1, -1, NO_ID, task
        at = skip_blank(buffer, at, end)
        safe = at
        if at == end:
            return stopped(context, NEED_MORE, safe)
        if not window.lines:
            if buffer[at] == 93:
                return stopped(context, CLOSED, at + 1)
            if state[STARTED]:
                if buffer[at] != 44:
                    return stopped(context, EXPECTED_COMMA, at)
                at = skip_blank(buffer, at + 1, end)
                if at == end:
                    return stopped(context, NEED_MORE, safe)
        if (
            state[ENTRIES] == len(columns.desc_ids)
            or state[ROWS] + MOST_ROWS > len(columns.video)
            or state[FIXES] + 3 * MOST_ROWS > len(columns.fixes)
        ):
            return stopped(context, FULL, safe)
        rows, fixed = state[ROWS], state[FIXES]
        status, at = scan_entry(window, at, task, progress, columns)
        if status != OK:
            state[ROWS], state[FIXES] = rows, fixed
            return stopped(context, NEED_MORE, safe) if status == MORE else status
        state[STARTED] = 1
