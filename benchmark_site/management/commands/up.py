"""`manage.py up`: the site for real use, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from benchmark_site.local import embedded
from benchmark_site.local.supervisor import Supervisor


class Command(BaseCommand):
    help = (
        "Start PostgreSQL, Valkey, the platform, the marketplace and the workers, and keep them running until Ctrl-C. "
        "Services whose address is set (DATABASE_URL, CELERY_BROKER_URL) are used, not started. The first start asks "
        "for an admin account, or takes it from DJANGO_SUPERUSER_USERNAME, _EMAIL and _PASSWORD. "
        "PORT and MARKETPLACE_PORT choose other ports than 8000 and 8001."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        supervisor = Supervisor(self.stdout.write)
        try:
            supervisor.run(ready=self._ready)
        except (embedded.EmbeddedError, RuntimeError) as error:
            raise CommandError(str(error)) from error

    def _ready(self) -> None:
        if not self._admin_exists():
            if os.environ.get("DJANGO_SUPERUSER_PASSWORD"):
                self._manage("createsuperuser", "--noinput")
            elif sys.stdin.isatty():
                self.stdout.write("There is no admin account yet. Please choose one.")
                self._manage("createsuperuser")
            else:
                self.stderr.write("No admin account yet: run `manage.py createsuperuser` while this keeps running.")
        self.stdout.write(
            f"Platform     {os.environ['SITE_URL']}\nMarketplace  {os.environ['MARKETPLACE_URL']}\n"
            f"State        {embedded.bench_home()}\nStop with Ctrl-C."
        )

    def _admin_exists(self) -> bool:
        from django.contrib.auth import get_user_model

        return get_user_model()._default_manager.filter(is_superuser=True).exists()

    def _manage(self, *arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], check=False)
