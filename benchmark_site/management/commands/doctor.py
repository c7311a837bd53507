"""`manage.py doctor`: what of this installation works, and what is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from benchmark_site.jobs import child_process, landlock, listening

QUEUES = sorted(
    {settings.CELERY_TASK_DEFAULT_QUEUE, *(route["queue"] for route in settings.CELERY_TASK_ROUTES.values())}
)
LEAST_FREE_BYTES = 10 * 2**30
OK, NOTE, WRONG = "ok", "note", "WRONG"

Finding = tuple[str, str]


class Command(BaseCommand):
    help = (
        "Say what of this installation works: database, broker, queues, workers, disk, and whether what others send is "
        "read without a network and without other files. Ends with status 1 where something is broken."
    )
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        checks: list[Callable[[], Finding]] = [_database, _broker, _workers, _media, _network, _reach]
        found = [check() for check in checks]
        for state, line in found:
            self.stdout.write(f"{state:<6} {line}")
        if wrong := sum(state == WRONG for state, _ in found):
            raise CommandError(f"{wrong} of {len(found)} things are broken")


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            version = cursor.fetchone()[0]
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except Error as error:
        return WRONG, f"database: {' '.join(str(error).split())}"
    if waiting:
        return WRONG, f"database: PostgreSQL {version}, {waiting} migrations are to be made: manage.py migrate"
    return OK, f"database: PostgreSQL {version}, all migrations are made"


def _broker() -> Finding:
    try:
        with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=5) as broker:
            waiting = {queue: broker.llen(queue) for queue in QUEUES}
    except redis.RedisError as error:
        return WRONG, f"broker: {error}"
    told = ", ".join(f"{count} in {queue}" for queue, count in waiting.items() if count)
    return OK, f"broker: {told or 'nothing'} waits in {len(QUEUES)} queues"


def _workers() -> Finding:
    wanted = [queue for queue in QUEUES if queue != "blind" or settings.BLIND_IN_THE_LOOP]
    try:
        silent = listening.silent(wanted)
    except redis.RedisError as error:
        return WRONG, f"workers: {error}"
    if silent:
        return NOTE, f"workers: none listens to {', '.join(silent)}"
    return OK, f"workers: each of {len(wanted)} queues has one"


def _media() -> Finding:
    folder = Path(settings.MEDIA_ROOT)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return WRONG, f"files: {folder} is no folder that may be written in (MEDIA_ROOT)"
    free = shutil.disk_usage(folder).free
    return OK if free >= LEAST_FREE_BYTES else NOTE, f"files: {free / 2**30:.1f} GiB are free in {folder}"


def _network() -> Finding:
    if child_process.can_cut_off():
        return OK, "network: films, predictions and models of others are read without one"
    return NOTE, "network: this kernel lets nobody take it from a child that reads what others send"


def _reach() -> Finding:
    if landlock.version():
        return OK, "reach: what reads predictions and models of others can open no other files"
    return NOTE, "reach: without Landlock in the kernel, what reads predictions of others can open what the worker can"
