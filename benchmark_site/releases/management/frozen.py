"""What the commands on a release share: its two arguments, and finding it frozen."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from benchmark_site.releases.models import Release


def add_release_arguments(parser: CommandParser) -> None:
    """SLUG VERSION, as in `demo 1.0.0`."""
    parser.add_argument("slug", help="name of the release, as in demo")
    parser.add_argument("version", help="as in 1.0.0")


def find_frozen(options: dict[str, Any]) -> Release:
    """The frozen release of these arguments. Raises CommandError naming what there is."""
    release = Release.objects.filter(slug=options["slug"], version=options["version"]).first()
    if release is None:
        known = ", ".join(str(one) for one in Release.objects.all()[:20]) or "none"
        said = f"there is no release {options['slug']} {options['version']}; there are: {known}"
        raise CommandError(said, returncode=2)
    if release.state != Release.State.FROZEN:
        said = f"{release} is {release.get_state_display()}: a frozen release is expected"
        raise CommandError(said, returncode=2)
    return release
