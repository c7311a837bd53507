"""Files on their way: what a requester sends in pieces, until it is whole and taken in."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models

from benchmark_site.tus.partial import Partial


class Upload(Partial):
    """A film, or a subtitle file of one.

    A film that is whole is taken in at once; `result` says what became of it, and stays until the upload expires.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="uploads")
    film = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, related_name="subtitles", help_text="whose subtitles these are"
    )
    about = models.JSONField(default=dict, help_text="source, licence and language of the film")
    result = models.JSONField(null=True, help_text="what became of it: name, word, reason of each file")

    class Meta(Partial.Meta):
        pass

    @classmethod
    def folder(cls) -> Path:
        return parts_folder()


def parts_folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "uploads"
