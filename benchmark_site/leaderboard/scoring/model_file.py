"""A model as it is sent: a zip of configuration, weights and tokenizer, never code.

What `hero_model` writes as a model's folder. Only these files are taken out, each by a name of ours; who reads them
takes of the configuration and the tokenizer only what a model of this platform has (`python -m hero_model predict
--foreign`).
"""

from __future__ import annotations

import errno
import json
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from evaluation.predictions.file import check_zip_directory

CONFIG, WEIGHTS = "config.json", "model.safetensors"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json")  # all that a foreign tokenizer is read from
FILES = (CONFIG, WEIGHTS, *TOKENIZER)
MOST_ENTRIES = 1000
MOST_DIRECTORY_BYTES = 256 * 2**10
MOST_BYTES = {CONFIG: 2**20, "tokenizer_config.json": 2**20, "tokenizer.json": 32 * 2**20}
_CODE = ("auto_map", "custom_pipelines")  # where the libraries look for names of code
_COPIED_BYTES = 2**20
_UNPACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others may ask for gigabytes before they give a byte


class ModelFileError(Exception):
    """The file holds no model of this platform's kinds; the message says what was expected."""


def unpack(archive: Path, folder: Path, most_bytes: int) -> None:
    """Write the model's files into a new `folder`. Raises ModelFileError, and OSError of what is no fault of the zip.

    They may lie in one folder of the zip; what else it holds is left there.
    """
    folder.mkdir()
    try:
        with archive.open("rb") as file:
            check_zip_directory(file, MOST_DIRECTORY_BYTES)
        with zipfile.ZipFile(archive) as opened:
            found = _members(opened)
            _check_members(found, most_bytes)
            for name, entry in found.items():
                with opened.open(entry) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, _COPIED_BYTES)
    # Of a wrong name or length the library says so in many ways: ValueError of an encoding, EOFError of a cut member.
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError, OSError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:  # what a place before the file's beginning says
            raise
        raise ModelFileError(f"the zip cannot be read: {str(error) or type(error).__name__}") from error
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


def _check_members(found: Mapping[str, zipfile.ZipInfo], most_bytes: int) -> None:
    """By what the zip says; its reader stops where a file is longer."""
    for name, entry in found.items():
        if entry.compress_type not in _UNPACKED:
            raise ModelFileError(f"{name} is packed in another way than a zip's usual one: expected deflate, or none")
        most = MOST_BYTES.get(name, most_bytes)
        if entry.file_size > most:
            raise ModelFileError(f"{name} holds {entry.file_size:,} bytes: at most {most:,} are taken")


def _check_no_code(folder: Path) -> None:
    """Of the small files; of tokenizer.json only words are read. Raises ModelFileError."""
    for path in (folder / CONFIG, folder / "tokenizer_config.json"):
        try:
            said = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ModelFileError(f"{path.name}: this is no JSON: {error}") from error
        for word in _CODE:
            if isinstance(said, dict) and word in said:
                raise ModelFileError(f"{path.name}: {word} names code, and a model is taken without code")
