"""Files appear whole or not at all: written beside their place, then moved there."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from evaluation.lists import Lists


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def json_bytes(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"


def moment_submission(parts: Iterable[Lists], video2idx: dict[str, int]) -> Iterable[bytes]:
    """The field's JSON form, one query a line."""
    encode = msgspec.json.encode
    yield b'{"video2idx":' + encode(video2idx)
    task = None
    for lists in parts:
        if lists.task != task:
            yield (b"" if task is None else b"\n]") + b',\n"' + lists.task.encode() + b'":[\n'
            task, separator = lists.task, b""
        columns = (lists.video.tolist(), lists.start.tolist(), lists.end.tolist(), lists.score.tolist())
        rows = list(zip(*columns, strict=True))
        for desc_id, low, high in zip(
            lists.desc_ids.tolist(), lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True
        ):
            yield separator + encode({"desc_id": desc_id, "desc": "", "predictions": rows[low:high]})
            separator = b",\n"
    yield (b"" if task is None else b"\n]") + b"}\n"
