"""A file on its way: a row that counts its bytes, and the part that they lie in.

An offset is what the database says: a piece is written at exactly that place of the part, under the row's lock, and is
on the disk before the row counts it. Whatever lies beyond was never counted and is written over.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import F, Q


class WrongOffset(ValueError):
    """Another place than the next one."""


class Partial(models.Model):
    """A file of which `offset` bytes have come. The bytes lie in `part`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, help_text="of the file, without folders")
    size = models.BigIntegerField(help_text="bytes of the whole file")
    offset = models.BigIntegerField(default=0, help_text="bytes that are here")
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        ordering = ["touched_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(offset__gte=0, offset__lte=F("size"), size__gt=0), name="%(class)s_offset_within_size"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def folder(cls) -> Path:
        """Where the parts of this kind lie."""
        raise NotImplementedError

    @property
    def part(self) -> Path:
        return self.folder() / self.pk.hex

    @property
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return self.offset / self.size


Kind = TypeVar("Kind", bound=Partial)


@transaction.atomic
def append(kind: type[Kind], pk: uuid.UUID, offset: int, piece: bytes) -> int:
    """Write a piece at this offset and return the next one. Raises WrongOffset, and DoesNotExist of the kind."""
    upload = kind._default_manager.select_for_update().get(pk=pk)
    if offset != upload.offset:
        raise WrongOffset(f"{offset} where {upload.offset} is the next")
    if offset + len(piece) > upload.size:
        raise WrongOffset(f"more than the {upload.size} bytes of the file")
    upload.part.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(upload.part, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        _write(handle, offset, piece)
        os.fdatasync(handle)
    finally:
        os.close(handle)
    upload.offset += len(piece)
    upload.save(update_fields=["offset", "touched_at"])
    return upload.offset


def remove(parts: Iterable[Path]) -> None:
    """Forget parts, those that are gone already included."""
    for part in parts:
        part.unlink(missing_ok=True)


def remove_unknown(kind: type[Partial]) -> None:
    """Remove the parts that no row knows."""
    if kind.folder().is_dir():
        parts = list(kind.folder().iterdir())  # before the rows: a part is never older than its row
        known: set[Any] = {pk.hex for pk in kind._default_manager.values_list("pk", flat=True)}
        remove([part for part in parts if part.name not in known])


def _write(handle: int, offset: int, piece: bytes) -> None:
    left = memoryview(piece)
    while left:
        written = os.pwrite(handle, left, offset)
        left, offset = left[written:], offset + written
