#!/usr/bin/env python
"""Django's command line. Where DATABASE_URL or CELERY_BROKER_URL is not set, the embedded services stand in."""

import os
import sys

from django.core.management import execute_from_command_line

from benchmark_site.local import embedded
from benchmark_site.local.supervisor import site_environment

SUPERVISING = {"up", "demo"}  # start the services themselves, under supervision, and keep them


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmark_site.settings")
    if SUPERVISING & set(sys.argv[1:2]):
        os.environ.update(site_environment())
        execute_from_command_line(sys.argv)
    else:
        with embedded.running():
            execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
