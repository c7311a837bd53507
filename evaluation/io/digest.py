"""What identifies a file: the hash of its content."""

import hashlib
from pathlib import Path


def file_sha256(path: Path) -> str:
    """sha256 of the content, in hexadecimal digits. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
