"""A model as it is sent: a zip of configuration, weights and tokenizer, never code.

What `hero_model` writes as a model's folder. Only these files are taken out, each by a name of ours; who reads them
takes of the configuration and the tokenizer only what a model of this platform has (`python -m hero_model predict
--foreign`).
"""

from __future__ import annotations

import json
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")  # all that a foreign tokenizer is read from
FILES = (CONFIG, WEIGHTS, *TOKENIZER)
MOST_ENTRIES = 1000
MOST_JSON_BYTES = 64 * 2**20
_CODE = ("auto_map", "custom_pipelines")  # where the libraries look for names of code
_COPIED_BYTES = 2**20


class ModelFileError(Exception):
    """The file holds no model of this platform's kinds; the message says what was expected."""


def unpack(archive: Path, folder: Path, most_bytes: int) -> None:
    """Write the model's files into a new `folder`. Raises ModelFileError.

    They may lie in one folder of the zip; what else it holds is left there.
    """
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as opened:
            found = _members(opened)
            _check_sizes(found, most_bytes)
            for name, entry in found.items():
                with opened.open(entry) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, _COPIED_BYTES)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, OSError) as error:
        raise ModelFileError(f"the zip cannot be read: {error}") from error
    _check_no_code(folder)


def _members(opened: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files that are wanted, by name; all of the folder in which the configuration lies."""
    entries = opened.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ModelFileError(f"the zip holds {len(entries)} files: expected a model's few")
    plain = [entry for entry in entries if not entry.is_dir() and "__MACOSX" not in entry.filename]
    places = {PurePosixPath(entry.filename).parent for entry in plain if _name(entry) == CONFIG}
    if len(places) != 1:
        raise ModelFileError(f"expected one {CONFIG} in the zip, beside {WEIGHTS} and a tokenizer; found {len(places)}")
    (place,) = places
    inside = [entry for entry in plain if PurePosixPath(entry.filename).parent == place]
    found = {_name(entry): entry for entry in inside if _name(entry) in FILES}
    if WEIGHTS not in found:
        raise ModelFileError(f"expected {WEIGHTS} beside {CONFIG}: weights are taken as safetensors alone")
    if not all(name in found for name in TOKENIZER):
        raise ModelFileError(f"expected a tokenizer beside {CONFIG}: {' and '.join(TOKENIZER)}")
    return found


def _name(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename).name


def _check_sizes(found: Mapping[str, zipfile.ZipInfo], most_bytes: int) -> None:
    """By what the zip says; its reader stops where a file is longer."""
    for name, entry in found.items():
        most = most_bytes if name == WEIGHTS else MOST_JSON_BYTES
        if entry.file_size > most:
            raise ModelFileError(f"{name} holds {entry.file_size:,} bytes: at most {most:,} are taken")


def _check_no_code(folder: Path) -> None:
    """Raises ModelFileError."""
    for path in sorted(folder.glob("*.json")):
        try:
            said = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{path.name}: this is no JSON: {error}") from error
        for word in _CODE:
            if isinstance(said, dict) and word in said:
                raise ModelFileError(f"{path.name}: {word} names code, and a model is taken without code")
