"""Opens a prediction file: plain, gzip, or a zip of one (and what macOS adds), always as a stream with a byte budget.

Nothing is ever extracted to disk, and neither a declared nor a read size may pass MAX_BYTES.
"""

import gzip
import hashlib
import io
import stat
import struct
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn

from evaluation.predictions.errors import PredictionError, Problem

MAX_BYTES = 1 << 30  # of the file, and of what it unpacks to
MAX_ZIP_DIRECTORY = 64 << 10  # bytes; one member needs about a hundred
END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
HASH_BLOCK = 1 << 20


class PredictionFile:
    """A prediction file being read: `readinto` gives its JSON text, `sha256` the hash of the file as it stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                self.refuse("expected a file")
            if status.st_size > MAX_BYTES:
                self.refuse(f"{status.st_size} bytes: expected at most {MAX_BYTES}")
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            self.refuse(error.strerror or str(error))
        magic = self._file.read(4)
        self._file.seek(0)
        self.is_parquet = magic == b"PAR1"
        self.is_packed = magic[:2] == b"\x1f\x8b" or magic[:2] == b"PK"
        self._hash = hashlib.sha256()
        self._read = 0
        self._stream: io.BufferedIOBase | None = None
        if magic[:2] == b"\x1f\x8b":
            self._stream = gzip.GzipFile(fileobj=self._file)
        elif magic[:2] == b"PK":
            self._stream = self._only_member()

    def refuse(self, message: str) -> NoReturn:
        raise PredictionError([Problem(self.name, None, None, None, None, message)])

    def readinto(self, view: memoryview) -> int:
        """Fill `view` with the next bytes of the text; 0 at its end. Raises PredictionError."""
        if self._stream is None:
            count = self._file.readinto(view) or 0
            self._hash.update(view[:count])
            return count
        try:
            count = self._stream.readinto(view)
        except (EOFError, zlib.error, OSError, zipfile.BadZipFile) as error:
            self.refuse(f"damaged archive: {error}")
        self._read += count
        if self._read > MAX_BYTES:
            self.refuse(f"unpacks to more than {MAX_BYTES} bytes")
        return count

    def read_all(self, limit: int) -> bytes:
        """The whole text of a small file. Raises PredictionError where it is longer than `limit` bytes."""
        text = bytearray(limit + 1)
        count = 0
        while got := self.readinto(memoryview(text)[count:]):
            count += got
        if count > limit:
            self.refuse(f"larger than {limit} bytes")
        return bytes(text[:count])

    def sha256(self) -> str:
        """Hash of the file; whatever of it was not read yet is read now."""
        if self._stream is not None or self.is_parquet:
            self._hash = hashlib.sha256()
            self._file.seek(0)
        while block := self._file.read(HASH_BLOCK):
            self._hash.update(block)
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _only_member(self) -> io.BufferedIOBase:
        try:
            check_zip_directory(self._file)
            archive = zipfile.ZipFile(self._file)
            members = [member for member in archive.infolist() if not _is_by_the_way(member)]
            if len(members) != 1:
                names = ", ".join(repr(member.filename[:40]) for member in members[:3])
                self.refuse(f"zip of {len(members)} members ({names}): expected exactly one")
            member = members[0]
            name = PurePosixPath(member.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts:
                self.refuse(f"zip member {member.filename[:80]!r}: expected a plain file name")
            if stat.S_ISLNK(member.external_attr >> 16):
                self.refuse(f"zip member {member.filename[:80]!r} is a link: expected a file")
            if member.file_size > MAX_BYTES:
                self.refuse(f"zip member declares {member.file_size} bytes: expected at most {MAX_BYTES}")
            return archive.open(member)  # type: ignore[return-value]
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
            self.refuse(f"damaged archive: {error}")


def check_zip_directory(file: BinaryIO, most_bytes: int = MAX_ZIP_DIRECTORY) -> None:
    """Refuse before zipfile builds an object for each of millions of declared members. Raises zipfile.BadZipFile.

    The file is at its start afterwards.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - END_OF_DIRECTORY.size))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + END_OF_DIRECTORY.size > len(tail):
        raise zipfile.BadZipFile("no zip directory")
    directory_bytes = END_OF_DIRECTORY.unpack_from(tail, at)[5]
    if directory_bytes > most_bytes or b"PK\x06\x07" in tail[max(0, at - 20) : at]:
        raise zipfile.BadZipFile(f"a very large directory: expected at most {most_bytes:,} bytes")


def _is_by_the_way(member: zipfile.ZipInfo) -> bool:
    """A folder, or what macOS and Windows put beside the files that people pack."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    beside = path.name.startswith("._") or path.name.casefold() in {".ds_store", "thumbs.db", "desktop.ini"}
    return member.is_dir() or beside or "__MACOSX" in path.parts[:1]
