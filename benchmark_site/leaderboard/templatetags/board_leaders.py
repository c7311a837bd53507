"""`{% leaders_of release %}`: the page of a release stands below the boards and cannot import them."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from benchmark_site.leaderboard.boards.leaders import leaders
from benchmark_site.leaderboard.boards.version import standings
from benchmark_site.releases.models import Release

register = template.Library()


@register.inclusion_tag("leaderboard/_leaders.html")
def leaders_of(release: Release) -> dict[str, Any]:
    """A table of the boards of a release."""
    now = timezone.now()
    found, _ = leaders(standings(release.tracks.all(), now), now)
    return {"boards": found, "of_release": True}
