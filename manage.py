#!/usr/bin/env python
"""Django's command line. Where DATABASE_URL or CELERY_BROKER_URL is not set, the embedded services stand in."""

import os
import sys

from django.core.management import execute_from_command_line

from benchmark_site.local import embedded
from benchmark_site.local.supervisor import MARKETPLACE_SETTINGS, site_environment

SUPERVISING = {"up", "demo"}  # start the services themselves, under supervision, and keep them


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
    if SUPERVISING & set(sys.argv[1:2]):
        os.environ.update(site_environment())
        execute_from_command_line(sys.argv)
    else:
        if MARKETPLACE_SETTINGS in sys.argv or f"--settings={MARKETPLACE_SETTINGS}" in sys.argv:
            os.environ.update(site_environment())  # the address and key of the marketplace that `make up` runs
        with embedded.running():
            execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
