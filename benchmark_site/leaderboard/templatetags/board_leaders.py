"""`{% leaders_of release %}`: the page of a release stands below the boards and cannot import them."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from benchmark_site.leaderboard.boards.leaders import leaders
from benchmark_site.releases.models import Release

register = template.Library()


@register.inclusion_tag("leaderboard/_leaders.html")
def leaders_of(release: Release) -> dict[str, Any]:
    """A table of the boards of a release."""
    tracks = release.tracks.select_related("release")
    return {"boards": leaders(tracks, timezone.now()), "of_release": True}
