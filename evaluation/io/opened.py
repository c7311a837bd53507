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


@contextmanager
def open_plain(path: Path, error: type[Refusal]) -> Iterator["io.BufferedReader[Any]"]:
    """The bytes of the text in `path`, unpacked, behind its byte order mark. Raises `error`, also while it is read."""
    with opening(path, error), path.open("rb") as file:
        packed = file.peek(len(_GZIP)).startswith(_GZIP)
        plain = io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=file))) if packed else file
        try:
            if plain.peek(len(BYTE_ORDER_MARK)).startswith(BYTE_ORDER_MARK):
                plain.read(len(BYTE_ORDER_MARK))
            yield plain
        except (EOFError, zlib.error, gzip.BadGzipFile) as cause:
            raise error(f"{path}: damaged archive: {reason(cause)}") from cause
