"""Foreign files as people have them: packed with gzip or not, with a byte order mark or without."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from evaluation.io.errors import Refusal, opening, reason

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
_NO_TEXT = {
    b"PK\x03\x04": "is a zip archive: unpack it first",
    b"\xff\xfe": "is UTF-16, expected UTF-8",
    b"\xfe\xff": "is UTF-16, expected UTF-8",
}
"""How files begin that people take for text; read as such they would hold nothing, and nobody would be told."""


@contextmanager
def open_plain(path: Path, error: type[Refusal]) -> Iterator["io.BufferedReader[Any]"]:
    """The bytes of the text in `path`, unpacked, behind its byte order mark. Raises `error`, also while it is read."""
    with opening(path, error), path.open("rb") as file:
        packed = file.peek(len(_GZIP)).startswith(_GZIP)
        plain = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file))) if packed else file
        try:
            head = plain.peek(len(_GZIP))
            if why := next((why for mark, why in _NO_TEXT.items() if head.startswith(mark)), ""):
                raise error(f"{path}: {why}")
            if head.startswith(BYTE_ORDER_MARK):
                plain.read(len(BYTE_ORDER_MARK))
            yield plain
        except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
            raise error(f"{path}: damaged archive: {reason(cause)}") from cause
