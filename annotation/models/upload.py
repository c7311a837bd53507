"""Files on their way: what a requester sends in pieces, until it is whole and taken in."""

from __future__ import annotations

import uuid
from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Upload(models.Model):
    """A film, or a subtitle file of one, of which `offset` bytes have come. The bytes lie in `part`.

    A film that is whole is taken in at once; `result` says what became of it, and stays until the upload expires.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    film = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="subtitles", help_text="whose subtitles these are"
    )
    name = models.CharField(max_length=200, help_text="of the file, without folders")
    size = models.BigIntegerField(help_text="bytes of the whole file")
    offset = models.BigIntegerField(default=0, help_text="bytes that are here")
    about = models.JSONField(default=dict, help_text="source, licence and language of the film")
    result = models.JSONField(null=True, help_text="what became of it: name, word, reason of each file")
    touched_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["touched_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(offset__gte=0, offset__lte=F("size"), size__gt=0), name="upload_offset_within_size"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def part(self) -> Path:
        return parts_folder() / self.pk.hex

    @property
    def share(self) -> float:
        """How much of it is here, 0 to 1."""
        return self.offset / self.size


def parts_folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "uploads"
