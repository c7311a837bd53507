"""The marketplace's clock as a process."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, close_old_connections

from annotation.marketplace import clock
from annotation.marketplace.work import due_transitions, notices

log = logging.getLogger("marketplace.clock")


class Command(BaseCommand):
    help = "Do what `tick` does, again and again, until the process is asked to stop."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between passes (default %(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()

        def on_signal(number: int, frame: FrameType | None) -> None:
            stop.set()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        while not stop.is_set():
            try:
                now = clock.now()
                due_transitions.apply_due(now)
                due_transitions.forget_dead_tokens(now)
                notices.deliver_due(now)
            except DatabaseError:
                log.exception("the database does not answer; trying again in %s s", options["every"])
            close_old_connections()
            stop.wait(options["every"])
