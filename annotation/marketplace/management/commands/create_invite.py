"""Make an invitation to the worker site."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.urls import reverse

from annotation.marketplace import clock
from annotation.marketplace.models import Invite


class Command(BaseCommand):
    help = "Print links by which one person each can make a worker account, whether sign-up is open or not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--count", type=int, default=1, help="how many links (default %(default)s)")
        parser.add_argument("--days", type=int, default=14, help="days until they expire (default %(default)s)")
        parser.add_argument("--note", default="", help="for whom; shown in the administration")

    def handle(self, *args: Any, **options: Any) -> None:
        expires_at = clock.now() + dt.timedelta(days=options["days"])
        for _ in range(options["count"]):
            invite = Invite.objects.create(token=secrets.token_urlsafe(24), note=options["note"], expires_at=expires_at)
            self.stdout.write(f"{settings.MARKETPLACE_URL}{reverse('signup')}?invite={invite.token}")
