"""`manage.py open_boards demo 1.0.0`: the four boards of a frozen release."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from benchmark_site.leaderboard.boards.tracks import create_tracks
from benchmark_site.releases.management.frozen import add_release_arguments, find_frozen


class Command(BaseCommand):
    help = "Open the boards of a frozen release: moment retrieval and question answering, on val and on test."

    def add_arguments(self, parser: CommandParser) -> None:
        add_release_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        for track in create_tracks(find_frozen(options)):
            self.stdout.write(f"{track.path}  {track.per_day} in 24 hours, {track.total} in all")
